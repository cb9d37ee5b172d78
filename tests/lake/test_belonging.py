"""One ledger, one project, one lake: what does not belong together is refused when it is opened."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kreis.actions.migrate import migrate
from kreis.clock import SimulatedClock, parse_time
from kreis.deployment.pointer import Pointer, PointerFile, read_pointer, write_pointer
from kreis.deployment.releases import Releases
from kreis.deployment.signing import FileKeys
from kreis.errors import CorruptionError, ProjectError, StoreError
from kreis.lake.belonging import check_belonging, settle_belonging
from kreis.lake.mark import FILE, read_mark
from kreis.ledger import models, runs
from kreis.ledger.identity import identity_of
from kreis.ledger.records import Run
from kreis.settings import LedgerSettings, Settings
from kreis.workspace import Workspace

T0 = parse_time("2026-01-01")


def opened(folder: Path, **settings: object) -> Workspace:
    folder.mkdir(exist_ok=True)
    chosen = Settings(**settings)  # type: ignore[arg-type]
    return Workspace(folder, settings=chosen, clock=SimulatedClock(T0))


def settle(workspace: Workspace, project: str = "shop") -> None:
    settle_belonging(workspace.ledger, workspace.lake_storage, project, actor="ann")


def a_table(workspace: Workspace, step: str = "step") -> None:
    import polars as pl

    frame = pl.DataFrame({"x": [1]})
    workspace.lake.append("bronze/rows", frame, step=step, actor="ann", reason="test", known_until=T0)


def a_run(workspace: Workspace, project: str) -> None:
    with workspace.ledger.record(event="run.started", subject=project, actor="ann", reason="test") as tx:
        run = Run(id=project, project=project, as_of=T0, status="running", trigger="manual", started_at=T0, goal="g")
        runs.start_run(tx, run)


def test_ledger_lake_and_project_are_settled_once(tmp_path: Path) -> None:
    workspace = opened(tmp_path / "one")
    settle(workspace)
    settle(workspace)
    with workspace.ledger.read() as connection:
        identity = identity_of(connection)
    mark = read_mark(workspace.lake_storage)
    assert identity is not None
    assert mark is not None
    assert (mark.ledger, mark.lake, mark.project) == (identity.ledger, identity.lake, "shop")
    check_belonging(opened(tmp_path / "one").ledger, workspace.lake_storage)


def test_another_project_is_refused(tmp_path: Path) -> None:
    workspace = opened(tmp_path / "one")
    settle(workspace)
    with pytest.raises(StoreError, match="belongs to project 'shop', not 'returns'"):
        settle(workspace, "returns")


def test_a_second_folder_on_the_same_ledger_is_refused(tmp_path: Path) -> None:
    shared = LedgerSettings(url=str(tmp_path / "shared.db"))
    first = opened(tmp_path / "one", ledger=shared)
    settle(first)
    a_table(first)
    with pytest.raises(StoreError, match="belongs to project 'shop' and its lake, which is not in"):
        _ = opened(tmp_path / "two", ledger=shared).ledger
    settled = opened(tmp_path / "three")
    settle(settled)
    a_table(settled)
    with pytest.raises(StoreError, match="belongs to another ledger"):
        _ = opened(tmp_path / "three", ledger=shared).ledger


def test_a_lake_whose_ledger_is_elsewhere_is_refused(tmp_path: Path) -> None:
    workspace = opened(tmp_path / "one")
    settle(workspace)
    a_table(workspace)
    with pytest.raises(StoreError, match=r"is new, but the lake in .* belongs to a ledger of project 'shop'"):
        _ = opened(tmp_path / "one", ledger=LedgerSettings(url=str(tmp_path / "new.db"))).ledger


def test_a_folder_without_ids_gets_them_and_keeps_its_lake(tmp_path: Path) -> None:
    """As kreis 0.1.0 left it, or after a crash between the ledger's id and the lake's mark."""
    workspace = opened(tmp_path / "one")
    a_run(workspace, "shop")
    a_table(workspace)
    assert read_mark(workspace.lake_storage) is None
    assert migrate(workspace).project == "shop"
    mark = read_mark(workspace.lake_storage)
    (workspace.lake_folder / FILE).unlink()
    again = opened(tmp_path / "one")
    settle(again)
    assert read_mark(workspace.lake_storage) == mark


def test_an_older_backup_of_the_ledger_belongs_to_its_lake(tmp_path: Path) -> None:
    """The ledger from before it had an id, put back beside the lake that is marked already."""
    workspace = opened(tmp_path / "one")
    a_run(workspace, "shop")
    a_table(workspace)
    workspace.ledger.close()
    shutil.copyfile(workspace.state / "ledger.db", tmp_path / "backup.db")
    settle(opened(tmp_path / "one"))
    mark = read_mark(workspace.lake_storage)
    restored = opened(tmp_path / "one", ledger=LedgerSettings(url=str(tmp_path / "backup.db")))
    settle(restored)
    assert read_mark(workspace.lake_storage) == mark
    with restored.ledger.read() as connection:
        identity = identity_of(connection)
    assert identity is not None
    assert mark is not None
    assert (identity.ledger, identity.lake) == (mark.ledger, mark.lake)


def test_a_ledger_of_several_projects_is_given_to_one(tmp_path: Path) -> None:
    workspace = opened(tmp_path / "one")
    a_run(workspace, "shop")
    a_run(workspace, "returns")
    with pytest.raises(StoreError, match="holds runs of other projects: returns") as caught:
        settle(workspace)
    assert "kreis migrate --project shop" in str(caught.value.hint)
    with pytest.raises(ProjectError, match="returns, shop"):
        migrate(workspace)
    assert migrate(workspace, project="shop").project == "shop"
    settle(workspace)


def test_a_damaged_mark_is_named(tmp_path: Path) -> None:
    workspace = opened(tmp_path / "one")
    settle(workspace)
    path = workspace.lake_folder / FILE
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CorruptionError, match="mark is damaged") as caught:
        _ = opened(tmp_path / "one").ledger
    assert str(path) in str(caught.value)


def test_a_pointer_of_another_ledger_is_not_overwritten(tmp_path: Path) -> None:
    folder, keys = tmp_path / "service", FileKeys(tmp_path / "keys")
    published = []
    for name in ("one", "two"):
        workspace = opened(tmp_path / name)
        settle(workspace)
        a_run(workspace, "shop")
        with workspace.ledger.record(event="e", subject="s", actor="ann", reason="r") as tx:
            model = models.register_model(
                tx, digest=name * 16, project="shop", candidate="c", run="shop", signature="{}"
            )
        releases = Releases(workspace.ledger, "shop", PointerFile(folder), keys)
        if name == "two":
            with pytest.raises(StoreError, match="holds a release of project 'shop' from another ledger"):
                releases.release(model.digest, actor="ann", reason="r")
        else:
            releases.release(model.digest, actor="ann", reason="r")
        published.append(releases.current())
    pointer = read_pointer(PointerFile(folder), keys.trusted())
    assert pointer is not None
    assert pointer.release.id == published[0].id
    write_pointer(
        PointerFile(folder), Pointer(release=pointer.release, models=pointer.models), keys
    )  # as an older kreis wrote it
    releases.publish()
    pointer = read_pointer(PointerFile(folder), keys.trusted())
    assert pointer is not None
    assert pointer.release.id == published[1].id
