"""After a crash or a damaged disk: the log is brought back to what the ledger acknowledged.

The ledger holds every commit's text and digest. At opening, what follows the checkpoint on record is looked at, or all
where there is none; a check looks at all. A commit file that is lost or differs is written anew from it;
one that the ledger does not know is adopted if it is whole, and else set aside: it was never acknowledged.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import msgspec
import polars as pl

from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.lake.checkpoint import point_at, recorded_state, write_checkpoint
from kreis.lake.files import digest_at
from kreis.lake.layout import TableFolder, checkpoints_in, commits_in
from kreis.lake.log import Commit, parse
from kreis.lake.report import FindingKind, LakeFinding
from kreis.lake.schema import compare
from kreis.lake.state import TableState, following, replay
from kreis.ledger.records import Checkpoint, LakeFile, TableVersion
from kreis.ledger.runs import get_run
from kreis.ledger.store import Ledger
from kreis.ledger.tables import add_table_version, checkpoint_of, removals_of, versions_of

__all__ = ["Log", "read_log", "settle"]

_NEWEST = 16
"""So many commits are digested at opening; of older ones the size is compared. A check digests all."""


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of a table's log, or of its end, beside what lies there."""

    folder: TableFolder
    base: TableState | None
    """The table at the checkpoint on record, if its bytes are those on record."""
    recorded: Checkpoint | None
    versions: list[TableVersion]
    """The acknowledged versions: those after the checkpoint, or all."""
    gone: frozenset[int]
    """Those of them that were removed on record."""
    commits: dict[int, int]
    """The commits that are there, and their sizes."""
    checkpoints: list[str]
    """The names of the checkpoints that are there."""

    @property
    def start(self) -> TableState | None:
        """The state before `versions`."""
        return (
            self.base if self.versions and self.base and self.versions[0].version > self.base.version.version else None
        )

    def damaged_commits(self, *, newest: int | None = None) -> list[TableVersion]:
        """The acknowledged versions whose commit is lost or differs.

        Args:
            newest: Digest only so many; of the others compare the sizes.
        """
        digested = 0 if newest is None else len(self.versions) - newest
        return [
            version
            for position, version in enumerate(self.versions)
            if version.version not in self.gone
            and (
                self.commits.get(version.version) != len(version.commit.encode())
                or (position >= digested and self._digest(version.version) != version.commit_sha256)
            )
        ]

    def unacknowledged(self) -> list[int]:
        """The numbers of the commits that the ledger does not know."""
        known = {version.version for version in self.versions}
        if self.base is not None:
            known.add(self.base.version.version)
        return sorted(self.commits.keys() - known)

    def damaged_checkpoints(self) -> list[str]:
        """Keys of checkpoints that do not say what the ledger says, and of a pointer to nothing whole."""
        bad: list[str] = []
        whole: set[int] = set()
        for name in self.checkpoints:
            number = self._whole(name)
            if number is None:
                bad.append(f"{self.folder.log}/{name}")
            else:
                whole.add(number)
        if self._pointed_at() not in {None, *whole}:
            bad.append(self.folder.pointer)
        return bad

    def lost_checkpoint(self) -> bool:
        """Whether the checkpoint on record is not there as it was written."""
        return self.recorded is not None and self.base is None

    def _digest(self, version: int) -> str:
        try:
            return digest_at(self.folder.storage, self.folder.commit(version))
        except OSError:
            return ""

    def _pointed_at(self) -> int | None:
        try:
            said = msgspec.json.decode(self.folder.storage.get(self.folder.pointer))
            return int(said["version"])
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError):
            return -1

    def _whole(self, name: str) -> int | None:
        """The version of a checkpoint that says what the ledger says; None for any other."""
        digits, _, rest = name.partition(".")
        if rest != "checkpoint.parquet" or not digits.isdecimal():
            return None
        number = int(digits)
        if self.recorded is not None and number == self.recorded.version:
            return number if self.base is not None else None
        state = replay(self.start, [version for version in self.versions if version.version <= number])
        if state is None or state.version.version != number:
            return None
        try:
            frame = pl.read_parquet(self.folder.storage.get(f"{self.folder.log}/{name}"))
            added = frame.get_column("add").struct.unnest().filter(pl.col("path").is_not_null())
            named = set(added.select("path", "size").iter_rows())
        except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException):
            return None
        return number if named == {(data.file.path, data.file.size) for data in state.files} else None


def read_log(folder: TableFolder, ledger: Ledger, *, whole: bool) -> Log:
    """What the ledger says of a table's log, and what lies there.

    Args:
        folder: The table's.
        ledger: The ledger.
        whole: All of it, not what follows the checkpoint alone.
    """
    with ledger.read() as connection:
        base = recorded_state(connection, folder)
        after = -1 if whole or base is None else base.version.version
        versions = versions_of(connection, folder.table, after=after)
        recorded = checkpoint_of(connection, folder.table)
        removals = removals_of(connection, folder.table) if after < 0 else []
    entries = folder.log_entries(after)
    return Log(
        folder=folder,
        base=base,
        recorded=recorded,
        versions=versions,
        gone=frozenset(
            number for removal in removals for first, last in removal.versions for number in range(first, last + 1)
        ),
        commits=commits_in(entries),
        checkpoints=checkpoints_in(entries),
    )


def settle(
    folder: TableFolder, ledger: Ledger, *, thorough: bool = False
) -> tuple[list[LakeFinding], TableState | None]:
    """Bring the log back to what was acknowledged; the caller holds the table's lock.

    Args:
        folder: the table's folder.
        ledger: where repairs and adoptions are recorded.
        thorough: digest every commit, not the newest alone.

    Returns:
        What was found and done, and the table's newest state, if it was ever written.
    """
    log = read_log(folder, ledger, whole=thorough)
    repaired = [_restore(log, version) for version in log.damaged_commits(newest=None if thorough else _NEWEST)]
    repaired += _mend_checkpoints(log, ledger)
    adopted, state = _reconcile(log, ledger)
    repaired += adopted
    outputs = {"findings": [msgspec.to_builtins(finding) for finding in repaired if finding.done != "adopted"]}
    if outputs["findings"]:
        reason = "the log differed from what was acknowledged"
        with ledger.record(event="lake.repaired", subject=folder.table, actor="kreis", reason=reason, outputs=outputs):
            pass
    return repaired, state


def _restore(log: Log, version: TableVersion) -> LakeFinding:
    key, storage = log.folder.commit(version.version), log.folder.storage
    kind: FindingKind = "commit damaged" if version.version in log.commits else "commit lost"
    storage.put(key, version.commit.encode())
    return LakeFinding(
        table=log.folder.table,
        path=storage.place(key),
        kind=kind,
        version=version.version,
        done="restored from the ledger",
    )


def _mend_checkpoints(log: Log, ledger: Ledger) -> list[LakeFinding]:
    """Delete the checkpoints that are not whole; write the one on record again, of the table as it is now."""
    folder, bad = log.folder, log.damaged_checkpoints()
    folder.storage.delete(bad)
    findings = [
        LakeFinding(table=folder.table, path=folder.storage.place(key), kind="checkpoint damaged", done="deleted")
        for key in bad
    ]
    if log.lost_checkpoint():
        state = replay(None, log.versions)
        reason = "the checkpoint on record was gone or damaged"
        if state is not None and write_checkpoint(folder, ledger, state, reason=reason):
            place = folder.storage.place(folder.checkpoint(state.version.version))
            findings.append(
                LakeFinding(table=folder.table, path=place, kind="checkpoint damaged", done="written again")
            )
    elif log.base is not None and (folder.pointer in bad or not _has_pointer(folder)):
        point_at(folder, log.base.version.version, len(log.base.files))
    return findings


def _has_pointer(folder: TableFolder) -> bool:
    return folder.storage.stat(folder.pointer) is not None


def _reconcile(log: Log, ledger: Ledger) -> tuple[list[LakeFinding], TableState | None]:
    """Adopt the commits that follow the acknowledged ones as far as they are whole; set the others aside."""
    folder, findings = log.folder, []
    state = replay(log.start, log.versions) if log.versions else log.base
    expected = state.version.version + 1 if state else 0
    for number in log.unacknowledged():
        key = folder.commit(number)
        adopted = _adopt(folder, number, state, ledger) if number == expected else None
        if adopted is None:
            done = f"set aside as {_set_aside(folder, number)}"
        else:
            done, state, expected = "adopted", replay(state, [adopted]), number + 1
        findings.append(
            LakeFinding(
                table=folder.table,
                path=folder.storage.place(key),
                kind="commit unacknowledged",
                version=number,
                done=done,
            )
        )
    return findings, state


def _set_aside(folder: TableFolder, number: int) -> str:
    key, storage = folder.commit(number), folder.storage
    target = f"{folder.aside}/{number:020}.json.{secrets.token_hex(4)}"
    storage.put_if_absent(target, storage.get(key))
    storage.delete([key])
    return storage.place(target)


def _adopt(folder: TableFolder, number: int, state: TableState | None, ledger: Ledger) -> TableVersion | None:
    """Finish a commit that was not acknowledged; None if it is not whole or does not follow from the state."""
    data = folder.storage.get(folder.commit(number))
    try:
        text = data.decode()
        commit = parse(text)
        schema = _schema_after(commit, state)
        files = [_looked_at(folder, file, schema) for file in commit.added]
    except (ValueError, msgspec.ValidationError, pl.exceptions.PolarsError, FileNotFoundError):
        return None
    _bring_to_disk(folder, number, data, files)
    facts: dict[str, Any] = {"version": number, "step": commit.step, "run": commit.run}
    reason = "a commit was in the log that the ledger did not know: a crash came between, or another writer"
    run = _known_run(ledger, commit.run)
    with ledger.record(event="lake.adopted", subject=folder.table, actor="kreis", reason=reason, outputs=facts) as tx:
        whole = msgspec.structs.replace(commit, added=files, run=run)
        version = following(state, folder.table, whole, text, step=commit.step or digest_of(data), at=tx.now)
        add_table_version(tx, version)
    return version


def _bring_to_disk(folder: TableFolder, number: int, commit: bytes, files: Iterable[LakeFile]) -> None:
    """Whoever wrote them may not have waited for the disk: write them once more."""
    for file in files:
        folder.storage.put(folder.file(file.path), folder.storage.get(folder.file(file.path)))
    folder.storage.put(folder.commit(number), commit)


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
    if commit.mode == "rewrite":
        if names & state.names or not commit.removed <= state.names or commit.schema not in (None, state.schema):
            raise ValueError("a rewrite of files that the table does not have")
        return state.schema
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
    key, storage = folder.file(file.path), folder.storage
    found, place = storage.stat(key), storage.place(key)
    if found is None or found.size != file.size:
        raise ValueError(f"{place} is not the file that the commit names")
    data = storage.get(key)
    digest = digest_of(data)
    if file.sha256 not in ("", digest):
        raise ValueError(f"{place} is not the file that the commit names")
    frame = pl.read_parquet(data)
    change = compare(schema, frame.schema)
    if change.added or change.retyped:
        raise ValueError(f"{place} does not fit the table: {change}")
    return msgspec.structs.replace(file, sha256=digest, rows=frame.height)


def _known_run(ledger: Ledger, run: str | None) -> str | None:
    if run is None:
        return None
    with ledger.read() as connection:
        try:
            return run if get_run(connection, run).id == run else None
        except ProjectError:
            return None
