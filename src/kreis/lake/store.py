"""The lake: Delta tables whose every acknowledged commit is on disk, recorded, and verified when it is read.

Reading asks the ledger which files a version consists of, compares each with its digest, and hands them to
Polars; so a reader sees one whole version, whatever happens beside it. Other Delta readers find the same rows
through the log.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from kreis.durable import make_directory, storing
from kreis.errors import KreisError, ProjectError, StoreError
from kreis.lake import inspection
from kreis.lake.commit import Intent, commit_frame
from kreis.lake.files import Verifier
from kreis.lake.layout import TableFolder, tables_on_disk
from kreis.lake.recovery import settle
from kreis.lake.report import LakeFinding, LakeReport
from kreis.lake.schema import conform
from kreis.lake.state import States, TableState
from kreis.ledger.records import TableVersion
from kreis.ledger.runs import get_run
from kreis.ledger.store import Ledger
from kreis.ledger.tables import (
    farthest_version,
    find_version_by_step,
    get_version,
    latest_version,
    list_tables,
    versions_of,
)

__all__ = ["Lake"]

_ATTEMPTS = 100
"""So often a commit is tried anew because a writer that is not kreis was faster."""


class Lake:
    """Versioned tables, named `layer/name`, in a folder. Safe between threads and processes."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self._root = root
        self._ledger = ledger
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

        Raises:
            ContractError: the frame does not have the table's schema, or cannot be stored; names the columns.
            ProjectError: the run is not known, or actor, reason or step is blank.
            StoreError: the disk or the ledger refused; the table is as before.
        """
        intent = Intent(
            mode="append", step=step, actor=actor, reason=reason, run=run, known_until=known_until, evolve=evolve
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

    def scan(self, table: str, version: int | None = None, *, known_since: datetime | None = None) -> pl.LazyFrame:
        """The rows of a version, by default the newest, in the order in which they were written.

        Every file is compared with its acknowledged digest before this returns, once in this `Lake` as long as
        its size, time and inode stay. Selections and filters on the result are pushed into the files.

        Args:
            table: `layer/name`.
            version: its number.
            known_since: leave out the files all of whose rows were known before: a log's newest days cost the same
                however long it is.

        Raises:
            CorruptionError: a file is gone or damaged; names it, the table and the version.
            ProjectError: there is no such table or version.
        """
        folder = TableFolder(self._root, table)
        self._settle_for_reading(folder)
        state = self._state(table, version)
        paths = []
        for data in state.files:
            if known_since is not None and data.known_until is not None and data.known_until < known_since:
                continue
            path = folder.path / data.file.path
            with storing(f"lake {table}"):
                self._verifier.verify(path, data.file, where=f"lake {table}, version {data.version}")
            paths.append(path)
        if not paths:
            return pl.LazyFrame(schema=state.schema)
        return pl.scan_parquet(paths, schema=state.schema, missing_columns="insert", glob=False)

    def latest(self, table: str) -> TableVersion | None:
        """The newest acknowledged version; None if the table was never written."""
        folder = TableFolder(self._root, table)
        self._settle_for_reading(folder)
        with self._ledger.read() as connection:
            return latest_version(connection, table)

    def farthest(self, table: str) -> TableVersion | None:
        """The version whose rows were known until latest, the newest of several; None if the table was never written.

        It is the newest but for runs as of an earlier day, which write a table as it was then.
        """
        folder = TableFolder(self._root, table)
        self._settle_for_reading(folder)
        with self._ledger.read() as connection:
            return farthest_version(connection, table)

    def version(self, table: str, number: int) -> TableVersion:
        """One acknowledged version.

        Raises:
            ProjectError: there is no such table or version.
        """
        TableFolder(self._root, table)
        with self._ledger.read() as connection:
            return get_version(connection, table, number)

    def holds(self, table: str, step: str) -> bool:
        """Whether a step's write is acknowledged: after a crash, whoever planned it asks before going on."""
        folder = TableFolder(self._root, table)
        with storing(f"lake {table}"):
            if folder.path.is_dir():
                with folder.locked():
                    self._settle(folder)
        with self._ledger.read() as connection:
            return find_version_by_step(connection, table, step) is not None

    def schema(self, table: str, version: int | None = None) -> pl.Schema:
        """The columns and types of a version, by default the newest; no file is opened.

        Raises:
            ProjectError: there is no such table or version.
        """
        TableFolder(self._root, table)
        return self._state(table, version).schema

    def tables(self) -> list[str]:
        """The names of all acknowledged tables, sorted."""
        with self._ledger.read() as connection:
            return list_tables(connection)

    def check(self, *, deep: bool = False) -> LakeReport:
        """Compare all tables with the ledger; changes nothing.

        Args:
            deep: digest every data file anew; otherwise their sizes are compared.
        """
        findings: list[LakeFinding] = []
        files = 0
        for name in self._all_tables():
            folder = TableFolder(self._root, name)
            versions = self._versions(name)
            files += sum(len(version.added) for version in versions)
            with storing(f"lake {name}"):
                findings += inspection.inspect_log(folder, versions)
                findings += inspection.inspect_files(folder, versions, self._verifier, deep=deep)
                findings += inspection.inspect_rest(folder, versions)
        return LakeReport(findings=findings, tables=len(self.tables()), files=files)

    def repair(self) -> LakeReport:
        """Bring every log back to what was acknowledged, and delete what interrupted writes left.

        A damaged data file cannot be repaired from the ledger; the report names it. A table that a writer
        holds at this moment is left out ("busy").

        Raises:
            StoreError: the disk or the ledger refused.
        """
        findings: list[LakeFinding] = []
        for name in self._all_tables():
            folder = TableFolder(self._root, name)
            with storing(f"lake {name}"):
                make_directory(folder.path)
                with folder.locked_if_free() as free:
                    if not free:
                        findings.append(LakeFinding(table=name, path=str(folder.path), kind="busy"))
                        continue
                    findings += settle(folder, self._versions(name), self._ledger, thorough=True)
                    findings += self._sweep(folder)
        after = self.check()
        return LakeReport(findings=findings + after.findings, tables=after.tables, files=after.files)

    def _write(self, table: str, frame: pl.DataFrame, intent: Intent) -> TableVersion:
        folder = TableFolder(self._root, table)
        if not intent.step.strip():
            raise ProjectError("a write needs the key of its step", where=f"lake {table}")
        frame = conform(frame, table)
        with storing(f"lake {table}"):
            make_directory(folder.path)
            with folder.locked():
                if table not in self._settled:
                    self._settle(folder)
                for _ in range(_ATTEMPTS):
                    state, done = self._begin(table, intent)
                    if done is not None:
                        return done
                    try:
                        return commit_frame(folder, self._ledger, state, frame, intent)
                    except FileExistsError:
                        self._settle(folder)
        raise StoreError("other writers were always faster", where=f"lake {table}", hint="write through kreis only")

    def _begin(self, table: str, intent: Intent) -> tuple[TableState | None, TableVersion | None]:
        """The table as it is, and the version that the step has made already, if it has."""
        with self._ledger.read() as connection:
            if (done := find_version_by_step(connection, table, intent.step)) is not None:
                return None, done
            if intent.run is not None and get_run(connection, intent.run).id != intent.run:
                raise ProjectError(f"{intent.run!r} is not a whole run id", where=f"lake {table}")
            return self._states.newest(connection, table), None

    def _state(self, table: str, version: int | None) -> TableState:
        with self._ledger.read() as connection:
            if version is not None:
                return self._states.at(connection, table, version)
            state = self._states.newest(connection, table)
            if state is None:
                raise ProjectError.unknown_name("table", table, list_tables(connection), where="lake")
            return state

    def _versions(self, table: str) -> list[TableVersion]:
        with self._ledger.read() as connection:
            return versions_of(connection, table)

    def _all_tables(self) -> list[str]:
        return sorted({*self.tables(), *tables_on_disk(self._root)})

    def _settle(self, folder: TableFolder) -> None:
        settle(folder, self._versions(folder.table), self._ledger)
        self._settled.add(folder.table)

    def _settle_for_reading(self, folder: TableFolder) -> None:
        """Finish or undo what a crash left, if that is possible now. Reading does not depend on it: the ledger
        says which files to read, so on a read-only disk, or while a writer is at work, it goes on without.
        """
        try:
            if not self._unsettled(folder):
                return
            with folder.locked_if_free() as free:
                if free:
                    self._settle(folder)
        except (OSError, KreisError):
            return

    def _unsettled(self, folder: TableFolder) -> bool:
        if not folder.path.is_dir():
            return False
        if folder.table not in self._settled:
            return True
        with self._ledger.read() as connection:
            latest = latest_version(connection, folder.table)
        return folder.commit(latest.version + 1 if latest else 0).exists()

    def _sweep(self, folder: TableFolder) -> list[LakeFinding]:
        swept = inspection.sweep(folder, self._versions(folder.table))
        if swept:
            outputs = {"deleted": [finding.path for finding in swept]}
            reason = "interrupted writes had left files that no commit names"
            with self._ledger.record(
                event="lake.swept", subject=folder.table, actor="kreis", reason=reason, outputs=outputs
            ):
                pass
        return swept
