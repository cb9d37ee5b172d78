"""An erasure: whatever held the person holds nothing any more, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import lmdb
import polars as pl
import pytest

from kreis.actions import erase as erasing
from kreis.actions.erase import Subject, erase, find
from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.deployment.predictions.shipping import OUTCOMES, PREDICTIONS, ship
from kreis.errors import ProjectError
from kreis.governance.damage import removals_told
from kreis.ledger import audit, models, runs, steps
from kreis.ledger.records import Run, RunStep, Step
from kreis.workspace import Workspace

T0 = datetime(2024, 3, 1, tzinfo=UTC)
TOKEN = "C-4711-zyxwv"
ANN = Subject("customer", TOKEN)
BY: dict[str, Any] = {"actor": "ann", "reason": "test"}


def predicted(number: int, customer: str) -> PredictionRecord:
    return PredictionRecord(
        id=f"p{number}", at=microseconds(T0 + timedelta(hours=number)), release="r", model="m",
        keys={"customer": customer}, fields={"email": f"{customer}@example"}, features=[1.0], score=0.5, decision=True,
        latency_us=1, reference=f"order-{customer}-{number}",
    )  # fmt: skip


def log(workspace: Workspace, *customers: str, start: int) -> None:
    journal = Journal(workspace.journal_folder, workspace.clock)
    asked = [predicted(start + number, customer) for number, customer in enumerate(customers)]
    known = microseconds(T0 + timedelta(days=3))
    journal.append([*asked, *(OutcomeRecord(outcome=1.0, known_at=known, reference=each.reference) for each in asked)])
    journal.close()


def learn(workspace: Workspace, table: str, version: int) -> str:
    """A registered model whose run used a version of a table."""
    with workspace.ledger.record(event="e", subject="s", **BY) as tx:
        run = Run(id="r1", project="p", as_of=T0, status="running", trigger="manual", started_at=T0, goal="g")
        runs.start_run(tx, run)
        outputs = {"table": table, "version": version}
        steps.add_step(tx, Step(key="k", discipline="preparation", name="n", inputs={}, outputs=outputs, seconds=0.0,
                                finished_at=T0))  # fmt: skip
        steps.use_step(tx, RunStep(run="r1", key="k", position=0, remembered=False))
        model = models.register_model(tx, digest="d" * 64, project="p", candidate="c", run="r1", signature="{}")
    return model.digest


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A folder in which one customer of three stands everywhere."""
    (tmp_path / "kreis.toml").write_text("")
    found = Workspace(tmp_path, clock=SimulatedClock(T0 + timedelta(days=4)))
    people = pl.DataFrame({"customer": ["a", TOKEN, "b"], "city": ["x", f"home of {TOKEN}", "z"]})
    found.lake.append("bronze/people", people[:1], step="1", **BY)
    found.lake.append("bronze/people", people[1:], step="2", **BY)
    found.lake.overwrite("silver/people", people, step="1", **BY)
    found.lake.overwrite("silver/people", people.with_columns(more=pl.lit(1)), step="2", **BY)
    found.lake.append("quarantine/people", people[1:2], step="1", **BY)
    found.lake.append("gold/cities", pl.DataFrame({"city": ["x"]}), step="1", **BY)
    log(found, "a", TOKEN, start=0)
    ship(found.journal_folder, found.lake, "ann")
    log(found, TOKEN, "b", start=10)
    online = found.state / "online"
    online.mkdir()
    with lmdb.open(str(online)) as env, env.begin(write=True) as transaction:
        transaction.put(TOKEN.encode(), b"features")
    return found


def everywhere(folder: Path, token: str) -> list[str]:
    """Files in which the token stands, in their bytes or, of Parquet, in any value."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and token.encode() in path.read_bytes():
            found.append(str(path))
        if path.suffix == ".parquet" and token in str(pl.read_parquet(path, glob=False).to_dicts()):
            found.append(f"{path}, decoded")
    return found


def test_an_erased_person_stands_nowhere(workspace: Workspace) -> None:
    model = learn(workspace, "silver/people", 0)
    assert len(everywhere(workspace.folder, TOKEN)) > 8
    done = erase(workspace, ANN, because="asked for it")
    assert everywhere(workspace.folder, TOKEN) == []
    assert done.left == []
    assert done.models == [model]
    lake = workspace.lake
    assert lake.scan("bronze/people").collect()["customer"].to_list() == ["a", "b"]
    assert lake.scan("silver/people").collect()["customer"].to_list() == ["a", "b"]
    assert sorted(lake.scan(PREDICTIONS).collect()["id"]) == ["p0", "p11"]
    assert sorted(lake.scan(OUTCOMES).collect()["reference"]) == ["order-a-0", "order-b-11"]
    assert lake.check(deep=True).findings == []
    told = removals_told(workspace.ledger)
    assert (
        f"bronze/people, versions 1 and 1 file, 2024-03-05: the rows of subject {done.subject[:16]} were erased" in told
    )
    assert lake.scan("bronze/people", 0).collect().height == 1, "what never held the rows stays"
    assert [each for each in find(workspace, ANN) if each.place != "online store"] == []


def test_a_column_that_only_earlier_versions_have_is_looked_at_too(workspace: Workspace) -> None:
    lake = workspace.lake
    lake.overwrite("silver/old", pl.DataFrame({"customer": ["a", TOKEN]}), step="1", **BY)
    lake.overwrite("silver/old", pl.DataFrame({"n": [1, 2]}), step="2", **BY)
    assert [each for each in find(workspace, ANN) if each.where == "silver/old"]
    erase(workspace, ANN, because="asked for it")
    assert everywhere(workspace.folder, TOKEN) == []
    assert lake.scan("silver/old").collect()["n"].to_list() == [1, 2]
    assert lake.check(deep=True).findings == []


def test_a_column_that_changed_its_type_is_looked_at_in_both(workspace: Workspace) -> None:
    lake = workspace.lake
    lake.overwrite(
        "silver/old", pl.DataFrame({"record": ['{"customer":"4711"}'], "customer": ["4711"]}), step="1", **BY
    )
    lake.overwrite("silver/old", pl.DataFrame({"record": [1, 2], "customer": [4711, 1]}), step="2", **BY)
    erase(workspace, Subject("customer", "4711"), because="asked for it")
    assert lake.scan("silver/old").collect()["customer"].to_list() == [1]
    assert len(list((workspace.folder / ".kreis/lake/silver/old").glob("*.parquet"))) == 1


def test_the_record_keeps_a_keyed_digest(workspace: Workspace) -> None:
    done = erase(workspace, ANN, because="asked for it")
    with workspace.ledger.read() as connection:
        assert audit.verify(connection).ok
        entry = list(audit.entries(connection))[-1]
    assert (entry.event, entry.subject, entry.reason) == ("subject.erased", done.subject, "asked for it")
    assert (workspace.state / "keys" / "erasure.key").stat().st_mode & 0o77 == 0


def test_erasing_twice_does_nothing_more(workspace: Workspace) -> None:
    first = erase(workspace, ANN, because="asked for it")
    versions = {table: workspace.lake.latest(table) for table in workspace.lake.tables()}
    again = erase(workspace, ANN, because="asked for it")
    assert again.subject == first.subject
    assert {table: workspace.lake.latest(table) for table in workspace.lake.tables()} == versions


def test_what_is_cut_off_is_finished_by_the_next(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("kreis.lake.maintenance.remove", crash)
        with pytest.raises(KeyboardInterrupt):
            erase(workspace, ANN, because="asked for it")
    assert everywhere(workspace.folder, TOKEN) != []
    erase(workspace, ANN, because="asked for it")
    assert everywhere(workspace.folder, TOKEN) == []


def test_a_value_under_another_name_is_told(workspace: Workspace) -> None:
    workspace.lake.append("bronze/bills", pl.DataFrame({"payer": [TOKEN, "a"]}), step="1", **BY)
    done = erase(workspace, ANN, because="asked for it")
    assert "column 'payer' of bronze/bills (1 row): --entity payer=…" in done.left
    assert erase(workspace, Subject("payer", TOKEN), because="asked for it").left == []
    assert everywhere(workspace.folder, TOKEN) == []


def test_a_later_part_registers_its_place(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    class Notes:
        held: ClassVar[set[str]] = {TOKEN}

        def __init__(self, workspace: Workspace) -> None: ...

        def find(self, subject: Subject) -> list[erasing.Found]:
            return [erasing.Found(place="notes", where="notes", rows=1)] if subject.value in self.held else []

        def erase(self, subject: Subject, reason: str) -> None:
            assert TOKEN not in reason
            self.held.discard(subject.value)

    monkeypatch.setitem(erasing.PLACES, "notes", Notes)
    assert "notes" in [each.place for each in erase(workspace, ANN, because="asked for it").erased]
    assert Notes.held == set()


@pytest.mark.parametrize(
    ("subject", "because"), [(Subject("", "x"), "y"), (Subject("k", " "), "y"), (ANN, f"of {TOKEN}")]
)
def test_what_cannot_be_erased_is_refused(workspace: Workspace, subject: Subject, because: str) -> None:
    with pytest.raises(ProjectError):
        erase(workspace, subject, because=because)


def test_a_key_that_nothing_has_is_refused_and_nothing_is_thrown_away(workspace: Workspace) -> None:
    with pytest.raises(ProjectError, match="custmer"):
        find(workspace, Subject("custmer", "C-none"))
    with pytest.raises(ProjectError, match="custmer"):
        erase(workspace, Subject("custmer", "C-none"), because="asked for it")
    assert workspace.online.exists()


def test_after_an_erasure_a_plan_says_what_is_computed_again(released: Any) -> None:
    assert "check the value" in released.kreis("erase", "--entity", "customer=c99999", "--dry-run")
    released.kreis("erase", "--entity", "customer=c042", "--because", "asked for it")
    planned = {each["name"]: each for each in released.document("run", "--plan")["steps"]}
    for name in ("orders", "settlements", "settled"):
        assert planned[name]["fate"] == "computed"
        assert planned[name]["why"] == ["the table that it left was erased or deleted"]
