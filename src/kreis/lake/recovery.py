"""After a crash or a damaged disk: the log is brought back to what the ledger acknowledged.

The ledger holds every commit's text and digest. A commit file that is lost or differs is written anew from it;
one that the ledger does not know is adopted if it is whole, and else set aside: it was never acknowledged.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from kreis.digests import digest_of, digest_of_file
from kreis.durable import fsync_directory, make_directory, write_durably
from kreis.errors import ProjectError
from kreis.lake.layout import TableFolder
from kreis.lake.log import Commit, parse
from kreis.lake.report import FindingKind, LakeFinding
from kreis.lake.schema import compare
from kreis.lake.state import TableState, following, replay
from kreis.ledger.records import LakeFile, TableVersion
from kreis.ledger.runs import get_run
from kreis.ledger.store import Ledger
from kreis.ledger.tables import add_table_version

__all__ = ["damaged_checkpoints", "damaged_commits", "settle", "unacknowledged"]

_NEWEST = 16
"""So many commits are digested at opening; of older ones the size is compared. A check digests all."""


def settle(
    folder: TableFolder, versions: list[TableVersion], ledger: Ledger, *, thorough: bool = False
) -> list[LakeFinding]:
    """Bring the log back to what was acknowledged; the caller holds the table's lock.

    Args:
        folder: the table's folder.
        versions: all its acknowledged versions, read under the lock.
        ledger: where repairs and adoptions are recorded.
        thorough: digest every commit file, not the newest alone.
    """
    repaired = [_restore(folder, version) for version in damaged_commits(folder, versions, all_of_them=thorough)]
    repaired += [_delete(folder, path) for path in damaged_checkpoints(folder, versions)]
    repaired += _reconcile(folder, versions, ledger)
    outputs = {"findings": [msgspec.to_builtins(finding) for finding in repaired if finding.done != "adopted"]}
    if outputs["findings"]:
        reason = "the log differed from what was acknowledged"
        with ledger.record(event="lake.repaired", subject=folder.table, actor="kreis", reason=reason, outputs=outputs):
            pass
    return repaired


def damaged_commits(folder: TableFolder, versions: list[TableVersion], *, all_of_them: bool) -> list[TableVersion]:
    """The acknowledged versions whose commit file is lost or differs."""
    sizes = folder.commits()
    from_here = 0 if all_of_them else len(versions) - _NEWEST
    return [
        version
        for position, version in enumerate(versions)
        if sizes.get(version.version) != len(version.commit.encode())
        or (position >= from_here and digest_of_file(folder.commit(version.version)) != version.commit_sha256)
    ]


def unacknowledged(folder: TableFolder, versions: list[TableVersion]) -> list[int]:
    """The numbers of the commits that the ledger does not know."""
    return sorted(folder.commits().keys() - {version.version for version in versions})


def damaged_checkpoints(folder: TableFolder, versions: list[TableVersion]) -> list[Path]:
    """Checkpoints of other writers that do not say what the ledger says, and pointers to nothing whole."""
    bad: list[Path] = []
    whole: set[int] = set()
    for path in folder.checkpoints():
        if path.name == "_last_checkpoint":
            continue
        if (number := _agrees(path, versions)) is None:
            bad.append(path)
        else:
            whole.add(number)
    pointer = folder.log / "_last_checkpoint"
    if pointer.exists():
        try:
            number = msgspec.json.decode(pointer.read_bytes())["version"]
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
            number = None
        if number not in whole:
            bad.append(pointer)
    return bad


def _agrees(path: Path, versions: list[TableVersion]) -> int | None:
    """The version of a checkpoint that names exactly the files of that version; None for any other."""
    number, _, rest = path.name.partition(".")
    state = replay(None, [version for version in versions if version.version <= int(number)])
    if rest != "checkpoint.parquet" or state is None or state.version.version != int(number):
        return None
    try:
        added = pl.read_parquet(path, glob=False).get_column("add").struct.unnest().filter(pl.col("path").is_not_null())
        named = set(added.select("path", "size").iter_rows())
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException):
        return None
    return int(number) if named == {(data.file.path, data.file.size) for data in state.files} else None


def _restore(folder: TableFolder, version: TableVersion) -> LakeFinding:
    path = folder.commit(version.version)
    kind: FindingKind = "commit damaged" if path.exists() else "commit lost"
    make_directory(folder.log)
    write_durably(path, version.commit.encode())
    return LakeFinding(
        table=folder.table, path=str(path), kind=kind, version=version.version, done="restored from the ledger"
    )


def _delete(folder: TableFolder, path: Path) -> LakeFinding:
    path.unlink()
    fsync_directory(folder.log)
    return LakeFinding(table=folder.table, path=str(path), kind="checkpoint damaged", done="deleted")


def _reconcile(folder: TableFolder, versions: list[TableVersion], ledger: Ledger) -> list[LakeFinding]:
    """Adopt the commits that follow the acknowledged ones as far as they are whole; set the others aside."""
    findings = []
    state = replay(None, versions)
    expected = state.version.version + 1 if state else 0
    for number in unacknowledged(folder, versions):
        path = folder.commit(number)
        adopted = _adopt(folder, number, state, ledger) if number == expected else None
        if adopted is None:
            done = f"set aside as {_set_aside(folder, path)}"
        else:
            done, state, expected = "adopted", replay(state, [adopted]), number + 1
        findings.append(
            LakeFinding(table=folder.table, path=str(path), kind="commit unacknowledged", version=number, done=done)
        )
    return findings


def _set_aside(folder: TableFolder, path: Path) -> str:
    make_directory(folder.aside)
    target = folder.aside / f"{path.name}.{secrets.token_hex(4)}"
    path.rename(target)
    fsync_directory(folder.aside)
    fsync_directory(folder.log)
    return str(target)


def _adopt(folder: TableFolder, number: int, state: TableState | None, ledger: Ledger) -> TableVersion | None:
    """Finish a commit that was not acknowledged; None if it is not whole or does not follow from the state."""
    path = folder.commit(number)
    data = path.read_bytes()
    try:
        text = data.decode()
        commit = parse(text)
        schema = _schema_after(commit, state)
        files = [_looked_at(folder, file, schema) for file in commit.added]
    except (ValueError, msgspec.ValidationError, pl.exceptions.PolarsError, FileNotFoundError):
        return None
    for file in files:
        with open(folder.path / file.path, "rb") as handle:
            os.fsync(handle.fileno())
    for directory in (folder.path, folder.log):
        fsync_directory(directory)
    facts: dict[str, Any] = {"version": number, "step": commit.step, "run": commit.run}
    reason = "a commit was in the log that the ledger did not know: a crash came between, or another writer"
    run = _known_run(ledger, commit.run)
    with ledger.record(event="lake.adopted", subject=folder.table, actor="kreis", reason=reason, outputs=facts) as tx:
        whole = msgspec.structs.replace(commit, added=files, run=run)
        version = following(state, folder.table, whole, text, step=commit.step or digest_of(data), at=tx.now)
        add_table_version(tx, version)
    return version


def _schema_after(commit: Commit, state: TableState | None) -> pl.Schema:
    """The schema that the table has after the commit.

    Raises:
        ValueError: the commit does not follow from the state.
    """
    names = {file.path for file in commit.added}
    if state is None:
        if commit.schema is None or commit.removed:
            raise ValueError("a first commit without a schema")
        return commit.schema
    if names & state.names or commit.removed not in (frozenset(), state.names):
        raise ValueError("only whole appends and overwrites can be adopted")
    if commit.mode == "overwrite":
        if commit.removed != state.names:
            raise ValueError("an overwrite that leaves files behind")
        return commit.schema or state.schema
    if (
        commit.schema is not None
        and (change := compare(state.schema, commit.schema))
        and (change.removed or change.retyped)
    ):
        raise ValueError(f"an append that changes the schema: {change}")
    return commit.schema or state.schema


def _looked_at(folder: TableFolder, file: LakeFile, schema: pl.Schema) -> LakeFile:
    """The file's entry with digest and rows, both from the bytes.

    Raises:
        ValueError: it is a link, is not what the commit says, or has columns that the table lacks.
        FileNotFoundError: it is not there.
    """
    path = folder.path / file.path
    if path.is_symlink() or path.stat().st_size != file.size:
        raise ValueError(f"{path} is not the file that the commit names")
    digest = digest_of_file(path)
    if file.sha256 not in ("", digest):
        raise ValueError(f"{path} is not the file that the commit names")
    frame = pl.read_parquet(path, glob=False)
    change = compare(schema, frame.schema)
    if change.added or change.retyped:
        raise ValueError(f"{path} does not fit the table: {change}")
    return LakeFile(path=file.path, sha256=digest, size=file.size, rows=frame.height)


def _known_run(ledger: Ledger, run: str | None) -> str | None:
    if run is None:
        return None
    with ledger.read() as connection:
        try:
            return run if get_run(connection, run).id == run else None
        except ProjectError:
            return None
