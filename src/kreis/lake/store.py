"""The lake: Delta tables whose every acknowledged commit is on disk, recorded, and verified when it is read.

Reading asks the ledger which files a version consists of, compares each with its digest, and hands them to
Polars; so a reader sees one whole version, whatever happens beside it. Other Delta readers find the same rows
through the log.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from kreis.durable import storing
from kreis.errors import KreisError, ProjectError, StoreError
from kreis.lake import inspection
from kreis.lake.checkpoint import is_due, write_checkpoint
from kreis.lake.commit import Intent, commit_frame
from kreis.lake.files import Verifier
from kreis.lake.folder import FolderStorage
from kreis.lake.layout import TableFolder, tables_in
from kreis.lake.recovery import read_log, settle
from kreis.lake.report import LakeFinding, LakeReport
from kreis.lake.schema import conform
from kreis.lake.state import DataFile, TableState
from kreis.lake.states import States
from kreis.lake.storage import LakeStorage
from kreis.ledger.records import Removal, TableVersion
from kreis.ledger.runs import get_run
from kreis.ledger.store import Ledger
from kreis.ledger.tables import (
    checkpoint_of,
    farthest_version,
    find_version_by_step,
    get_version,
    latest_version,
    list_tables,
    refuse_removed,
    removals_of,
)
from kreis.locks import holding, holding_if_free

__all__ = ["Lake"]

_DAY = timedelta(days=1)
_ATTEMPTS = 100
"""So often a commit is tried anew because a writer that is not kreis was faster."""


class Lake:
    """Versioned tables, named `layer/name`, in a storage. Safe between threads and processes."""

    def __init__(self, storage: LakeStorage | Path, ledger: Ledger) -> None:
        """The tables of a storage; a path stands for a folder of this machine."""
        self.storage: LakeStorage = FolderStorage(storage) if isinstance(storage, Path) else storage
        self.ledger = ledger
        self._states = States()
        self._verifier = Verifier()
        self._settled: set[str] = set()

    def append(
        self,
        table: str,
        frame: pl.DataFrame,
        *,
        step: str,
        actor: str,
        reason: str,
        run: str | None = None,
        known_until: datetime | None = None,
        evolve: bool = False,
        day_of: str | None = None,
    ) -> TableVersion:
        """Add rows. On disk, and in the ledger, when it returns; a step that has done it already does nothing.

        Args:
            table: `layer/name`.
            frame: the rows. Categories are stored as strings, datetimes in UTC µs, unsigned integers as signed.
            step: key of the step that made the rows; once per table.
            actor: who, for the record.
            reason: why, for the record.
            run: the run that it belongs to, which the ledger must know.
            known_until: all that was known by then is in the table.
            evolve: let new columns be added; rows before read as null.
            day_of: a column of times: rows of different days (UTC) go into different files, so that a reader of a
                day reads only its files, and whole days can be dropped.

        Raises:
            ContractError: the frame does not have the table's schema, or cannot be stored; names the columns.
            ProjectError: the run is not known, or actor, reason or step is blank.
            StoreError: the disk or the ledger refused; the table is as before.
        """
        intent = Intent(
            mode="append",
            step=step,
            actor=actor,
            reason=reason,
            run=run,
            known_until=known_until,
            evolve=evolve,
            day_of=day_of,
        )
        return self._write(table, frame, intent)

    def overwrite(
        self,
        table: str,
        frame: pl.DataFrame,
        *,
        step: str,
        actor: str,
        reason: str,
        run: str | None = None,
        known_until: datetime | None = None,
    ) -> TableVersion:
        """Replace all rows, and the schema with them; earlier versions stay readable. Else as `append`."""
        intent = Intent(mode="overwrite", step=step, actor=actor, reason=reason, run=run, known_until=known_until)
        return self._write(table, frame, intent)

    def scan(
        self,
        table: str,
        version: int | None = None,
        *,
        known_since: datetime | None = None,
        known_before: datetime | None = None,
    ) -> pl.LazyFrame:
        """The rows of a version, by default the newest, in the order in which they were written.

        Every file is compared with its acknowledged digest before this returns, once in this `Lake` as long as
        its size, time and inode stay. Selections and filters on the result are pushed into the files.

        Args:
            table: `layer/name`.
            version: its number.
            known_since: leave out the files all of whose rows were known before: a log's newest days cost the same
                however long it is.
            known_before: leave out the files of later days, in a table that is kept by day.

        Raises:
            CorruptionError: a file is gone or damaged; names it, the table and the version.
            ProjectError: there is no such table or version, or it was removed; says when and why.
        """
        folder = TableFolder(self.storage, table)
        self._settle_for_reading(folder)
        state = self._state(folder, version)
        sources: list[Any] = []
        for data in state.files:
            if not _may_hold(data, known_since, known_before):
                continue
            with storing(f"lake {table}"):
                self._verifier.verify(folder, data.file, where=f"lake {table}, version {data.version}")
                sources.append(self.storage.source(folder.file(data.file.path)))
        if not sources:
            return pl.LazyFrame(schema=state.schema)
        return pl.scan_parquet(sources, schema=state.schema, missing_columns="insert", glob=False)

    def latest(self, table: str) -> TableVersion | None:
        """The newest acknowledged version; None if the table was never written."""
        folder = TableFolder(self.storage, table)
        self._settle_for_reading(folder)
        with self.ledger.read() as connection:
            return latest_version(connection, table)

    def farthest(self, table: str) -> TableVersion | None:
        """The version whose rows were known until latest, the newest of several; None if the table was never written.

        It is the newest but for runs as of an earlier day, which write a table as it was then.
        """
        folder = TableFolder(self.storage, table)
        self._settle_for_reading(folder)
        with self.ledger.read() as connection:
            return farthest_version(connection, table)

    def version(self, table: str, number: int) -> TableVersion:
        """One acknowledged version.

        Raises:
            ProjectError: there is no such table or version.
        """
        TableFolder(self.storage, table)
        with self.ledger.read() as connection:
            return get_version(connection, table, number)

    def holds(self, table: str, step: str) -> bool:
        """Whether a step's write is acknowledged: after a crash, whoever planned it asks before going on."""
        folder = TableFolder(self.storage, table)
        with storing(f"lake {table}"):
            if self.storage.entries(folder.log):
                with holding(self.storage.lock(table)):
                    self._settle(folder)
        with self.ledger.read() as connection:
            return find_version_by_step(connection, table, step) is not None

    def schema(self, table: str, version: int | None = None) -> pl.Schema:
        """The columns and types of a version, by default the newest; no file is opened.

        Raises:
            ProjectError: there is no such table or version.
        """
        return self._state(TableFolder(self.storage, table), version).schema

    def files(self, table: str, version: int | None = None) -> list[str]:
        """The names of the data files of a version, by default the newest.

        Raises:
            ProjectError: there is no such table or version.
        """
        return [data.file.path for data in self._state(TableFolder(self.storage, table), version).files]

    def tables(self) -> list[str]:
        """The names of all acknowledged tables, sorted."""
        with self.ledger.read() as connection:
            return list_tables(connection)

    def check(self, *, deep: bool = False) -> LakeReport:
        """Compare all tables with the ledger; changes nothing.

        Args:
            deep: digest every data file anew; otherwise their sizes are compared.
        """
        findings: list[LakeFinding] = []
        removed: list[Removal] = []
        files = 0
        for name in self._all_tables():
            folder = TableFolder(self.storage, name)
            with storing(f"lake {name}"):
                log, removals = read_log(folder, self.ledger, whole=True), self._removals(name)
                files += sum(len(version.added) for version in log.versions)
                findings += inspection.inspect_log(log)
                findings += inspection.inspect_files(folder, log.versions, removals, self._verifier, deep=deep)
                findings += inspection.inspect_rest(log, removals)
                removed += removals
        return LakeReport(findings=findings, tables=len(self.tables()), files=files, removals=removed)

    def repair(self) -> LakeReport:
        """Bring every log back to what was acknowledged, and delete what interrupted writes left.

        A damaged data file cannot be repaired from the ledger; the report names it. A table that a writer
        holds at this moment is left out ("busy").

        Raises:
            StoreError: the disk or the ledger refused.
        """
        findings: list[LakeFinding] = []
        for name in self._all_tables():
            folder = TableFolder(self.storage, name)
            with storing(f"lake {name}"), holding_if_free(self.storage.lock(name)) as held:
                if not held:
                    findings.append(LakeFinding(table=name, path=self.storage.place(name), kind="busy"))
                    continue
                findings += settle(folder, self.ledger, thorough=True)[0]
                findings += self._sweep(folder)
        after = self.check()
        return msgspec.structs.replace(after, findings=findings + after.findings)

    def _write(self, table: str, frame: pl.DataFrame, intent: Intent) -> TableVersion:
        folder = TableFolder(self.storage, table)
        if not intent.step.strip():
            raise ProjectError("a write needs the key of its step", where=f"lake {table}")
        frame = conform(frame, table)
        with storing(f"lake {table}"), holding(self.storage.lock(table)):
            if table not in self._settled:
                self._settle(folder)
            for _ in range(_ATTEMPTS):
                state, done = self._begin(folder, intent)
                if done is not None:
                    return done
                try:
                    state = commit_frame(folder, self.ledger, state, frame, intent)
                except FileExistsError:
                    self._settle(folder)
                    continue
                self._note(folder, state)
                return state.version
        raise StoreError("other writers were always faster", where=f"lake {table}", hint="write through kreis only")

    def _note(self, folder: TableFolder, state: TableState) -> None:
        """Remember a state that was acknowledged, and sum the log up from time to time."""
        if is_due(state):
            with self.ledger.read() as connection:
                recorded = checkpoint_of(connection, folder.table)
            state = msgspec.structs.replace(state, checkpoint=-1 if recorded is None else recorded.version)
            reason = f"{state.version.version - state.checkpoint} commits since the last one"
            if is_due(state) and write_checkpoint(folder, self.ledger, state, reason=reason):
                state = msgspec.structs.replace(state, checkpoint=state.version.version)
        self._states.note(state)

    def _begin(self, folder: TableFolder, intent: Intent) -> tuple[TableState | None, TableVersion | None]:
        """The table as it is, and the version that the step has made already, if it has."""
        table = folder.table
        with self.ledger.read() as connection:
            if (done := find_version_by_step(connection, table, intent.step)) is not None:
                return None, done
            if intent.run is not None and get_run(connection, intent.run).id != intent.run:
                raise ProjectError(f"{intent.run!r} is not a whole run id", where=f"lake {table}")
            return self._states.newest(connection, folder), None

    def _state(self, folder: TableFolder, version: int | None) -> TableState:
        with self.ledger.read() as connection:
            if version is not None:
                state = self._states.at(connection, folder, version)
                refuse_removed(connection, state.version)
                return state
            newest = self._states.newest(connection, folder)
            if newest is None:
                raise ProjectError.unknown_name("table", folder.table, list_tables(connection), where="lake")
            return newest

    def _removals(self, table: str) -> list[Removal]:
        with self.ledger.read() as connection:
            return removals_of(connection, table)

    def _all_tables(self) -> list[str]:
        return sorted({*self.tables(), *tables_in(self.storage)})

    def _settle(self, folder: TableFolder) -> None:
        _, state = settle(folder, self.ledger)
        if state is not None:
            self._states.note(state)
        self._settled.add(folder.table)

    def _settle_for_reading(self, folder: TableFolder) -> None:
        """Finish or undo what a crash left, if that is possible now. Reading does not depend on it: the ledger
        says which files to read, so on a read-only disk, or while a writer is at work, it goes on without.
        """
        try:
            if not self._unsettled(folder):
                return
            with holding_if_free(self.storage.lock(folder.table)) as held:
                if held:
                    self._settle(folder)
        except (OSError, KreisError):
            return

    def _unsettled(self, folder: TableFolder) -> bool:
        if folder.table not in self._settled:
            return folder.table.rpartition("/")[2] in self.storage.folders(folder.table.partition("/")[0])
        with self.ledger.read() as connection:
            latest = latest_version(connection, folder.table)
        return self.storage.stat(folder.commit(latest.version + 1 if latest else 0)) is not None

    def _sweep(self, folder: TableFolder) -> list[LakeFinding]:
        log = read_log(folder, self.ledger, whole=True)
        swept = inspection.sweep(log, self._removals(folder.table))
        if swept:
            outputs = {"deleted": [finding.path for finding in swept]}
            reason = "interrupted work had left files that no version names"
            with self.ledger.record(
                event="lake.swept", subject=folder.table, actor="kreis", reason=reason, outputs=outputs
            ):
                pass
        return swept


def _may_hold(data: DataFile, since: datetime | None, before: datetime | None) -> bool:
    """Whether a file may hold rows that were known from a moment on and before another."""
    if since is not None and data.known_until is not None and data.known_until < since:
        return False
    if data.file.day is None:
        return True
    first = datetime.fromisoformat(data.file.day).replace(tzinfo=UTC)
    return (since is None or since < first + _DAY) and (before is None or first < before)
