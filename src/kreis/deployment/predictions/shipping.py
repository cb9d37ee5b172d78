"""Moves closed segments of the prediction log into the lake, exactly once. Not on the server's path: uses Polars.

A batch of segments is first written down as a plan (names and contents), then appended under step keys that
are digests of the plan, then deleted, then the plan is removed. Whoever crashes in between finds the plan, and asks
the lake which of its appends it holds: nothing is deleted because something else is missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import msgspec

from kreis.clock import moment
from kreis.deployment.predictions.frames import (
    FAILURES,
    OUTCOMES,
    PREDICTIONS,
    QUARANTINE,
    failures_frame,
    outcomes_frame,
    predictions_frame,
    quarantine_frame,
    unusable,
)
from kreis.deployment.predictions.journal import SUFFIX, TWIN
from kreis.deployment.predictions.reader import (
    LARGEST_SEGMENT,
    NOT_CLOSED,
    Segment,
    closed_segments,
    inspect_journal,
    lock_closed,
    parse_segment,
)
from kreis.digests import digest_of, digest_of_document
from kreis.durable import fsync_directory, read_regular, write_durably
from kreis.errors import CorruptionError, StoreError
from kreis.locks import FileLock, holding_if_free
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["FAILURES", "OUTCOMES", "PREDICTIONS", "QUARANTINE", "Damaged", "Shipped", "inspect_log", "ship"]

_PLAN = "shipping.json"
_PLAN_TWIN = "shipping.twin.json"
_LARGEST_PLAN = 16 * 1024 * 1024
_SEGMENTS = 256
_BYTES = 16 * 1024 * 1024
"""Of one commit: so the memory that shipping takes does not depend on how much waits."""


_TIMES = {PREDICTIONS: "at", OUTCOMES: "known_at", FAILURES: "at"}
"""The time that says to which day a row of a table belongs."""

_Rows: TypeAlias = "dict[str, tuple[pl.DataFrame, int]]"


class TableAppender(Protocol):
    """What shipping needs of the lake (`kreis.lake`): an append that takes each step key once."""

    def append(
        self,
        table: str,
        frame: pl.DataFrame,
        *,
        step: str,
        actor: str,
        reason: str,
        known_until: datetime,
        evolve: bool,
        day_of: str | None,
    ) -> Any:
        """Append rows in one acknowledged commit, each day's in a file of its own; with a known step key nothing
        happens.
        """
        ...

    def holds(self, table: str, step: str) -> bool:
        """Whether an append under this step key is acknowledged."""
        ...


class Damaged(msgspec.Struct, frozen=True):
    """A file that is not as it was written; `path` is where it lies now."""

    path: Path
    reason: str


class Shipped(msgspec.Struct, frozen=True, kw_only=True):
    """What `ship` moved, and what it met."""

    predictions: int = 0
    outcomes: int = 0
    failures: int = 0
    segments: int = 0
    torn: int = 0
    """Bytes of unfinished writes (never acknowledged) that were dropped."""
    quarantined: int = 0
    """Records that cannot be used; they are in `log/quarantine`, with the reason."""
    damaged: list[Damaged] = []
    """Files that were damaged or gone. What was whole in them has been moved."""
    unclosed: list[Damaged] = []
    """Segments without an end: the service was killed, or the end was cut off."""

    def __add__(self, other: Shipped) -> Shipped:
        return Shipped(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    @property
    def warnings(self) -> list[str]:
        """What a person should know, in sentences; `damaged` comes first."""
        said = [f"prediction log, {each.path.name}: {each.reason}" for each in [*self.damaged, *self.unclosed]]
        if self.quarantined:
            said.append(
                f"prediction log: {counted(self.quarantined, 'record')} cannot be used; see the table {QUARANTINE}"
            )
        return said


class _Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Segment file name to the SHA-256 of its bytes, and what will be done with them."""

    segments: dict[str, str]
    tables: list[str] = []
    """That the segments have rows for; unknown in a plan of versions before 0.2."""
    done: list[str] = []
    """Of these, the ones that hold the rows by an earlier plan."""
    check: str = ""
    """Digest of the rest."""

    @property
    def key(self) -> str:
        return digest_of_document(self.segments)

    def step(self, table: str) -> str:
        return digest_of_document([table, self.key])

    def sealed(self) -> _Plan:
        return msgspec.structs.replace(self, check=digest_of_document([self.segments, self.tables, self.done]))


def ship(folder: Path, lake: TableAppender, actor: str) -> Shipped:
    """Move every closed or orphaned segment into the tables `log/predictions`, `log/outcomes` and `log/failures`.

    Segments that a running server still writes to stay; ask it to close them first (`POST /v1/flush`). A damaged
    segment gives the records that are whole, and is set aside as `NAME.damaged`.

    Args:
        folder: the journal's.
        lake: appends are idempotent by step key.
        actor: who ships, for the ledger.

    Raises:
        StoreError: the lake did not take them; everything stays for the next call.
    """
    if not folder.is_dir():
        return Shipped()
    with _only_one(folder):
        shipper = _Shipper(folder, lake, actor)
        total = _restore(folder) + shipper.finish()
        while True:
            with closed_segments(folder, _SEGMENTS, _BYTES) as paths:
                if not paths:
                    return total
                total += shipper.take(paths)


class _Shipper:
    """One shipment at a time, under the folder's lock."""

    def __init__(self, folder: Path, lake: TableAppender, actor: str) -> None:
        self._folder = folder
        self._lake = lake
        self._actor = actor

    def take(self, paths: Sequence[Path], done: Sequence[str] = ()) -> Shipped:
        """Move these segments, but for the tables that hold their rows already."""
        digests: dict[str, str] = {}
        segments: list[Segment] = []
        lost: list[Damaged] = []
        for path in paths:
            try:
                data = read_regular(path, LARGEST_SEGMENT)
            except CorruptionError as error:
                lost.append(Damaged(_set_aside(path), error.message))
                continue
            digests[path.name] = digest_of(data)
            segments.append(parse_segment(path, data))
        moved = Shipped(damaged=lost)
        if segments:
            rows = _rows(segments)
            plan = _Plan(segments=digests, tables=list(rows), done=list(done)).sealed()
            document = msgspec.json.encode(plan)
            write_durably(self._folder / _PLAN_TWIN, document)
            write_durably(self._folder / _PLAN, document)
            moved += self._append(plan, segments, rows) + self._clear(plan, segments)
        return moved

    def finish(self) -> Shipped:
        """Take up the batch of a shipper that did not come to its end."""
        plan, damaged = _read_plan(self._folder)
        if plan is None:
            return damaged
        paths = [self._folder / name for name in plan.segments]
        found = {path.name: _digest(path) for path in paths if path.exists()}
        segments = [
            parse_segment(path, read_regular(path, LARGEST_SEGMENT))
            for path in paths
            if found.get(path.name) == plan.segments[path.name]
        ]
        if len(segments) == len(paths):
            return damaged + self._append(plan, segments, _rows(segments)) + self._clear(plan, segments)
        wanted = plan.tables if plan.check else list(_rows(segments)) or [PREDICTIONS]
        held = [name for name in wanted if name in plan.done or self._lake.holds(name, plan.step(name))]
        changed = [path for path in paths if path.name in found and found[path.name] != plan.segments[path.name]]
        if held:  # what changed is not the planned segment: no part of it is deleted, or taken for another's rows
            aside = [Damaged(_set_aside(each), "it changed while it was moved into the lake") for each in changed]
            damaged += Shipped(damaged=aside)
        if held == wanted:
            return damaged + self._clear(plan, segments)
        gone = [Damaged(path, "it is gone, and was not in the lake yet") for path in paths if path.name not in found]
        damaged += Shipped(damaged=gone)
        if held:
            intact = [segment.path for segment in segments]
            return damaged + (self.take(intact, held) if intact else self._clear(plan, []))
        self._remove_plan()
        return damaged

    def _append(self, plan: _Plan, segments: Sequence[Segment], rows: _Rows) -> Shipped:
        reason = f"{counted(len(segments), 'segment')} of the prediction log"
        for table, (frame, latest) in rows.items():
            if table not in plan.done:
                self._lake.append(
                    table,
                    frame,
                    step=plan.step(table),
                    actor=self._actor,
                    reason=reason,
                    known_until=moment(latest),
                    evolve=True,
                    day_of=_TIMES.get(table),
                )
        counts = {table: len(frame) for table, (frame, _) in rows.items()}
        return Shipped(
            predictions=counts.get(PREDICTIONS, 0),
            outcomes=counts.get(OUTCOMES, 0),
            failures=sum(each.count for segment in segments for each in segment.failures),
            segments=len(segments),
            torn=sum(segment.torn for segment in segments),
            quarantined=counts.get(QUARANTINE, 0),
        )

    def _clear(self, plan: _Plan, segments: Sequence[Segment]) -> Shipped:
        """Delete what the lake holds now; what was damaged stays, under another name."""
        damaged = [
            Damaged(_set_aside(each.path), f"{each.damage}; its whole records are in the lake")
            for each in segments
            if each.damage is not None
        ]
        unclosed = [Damaged(each.path, NOT_CLOSED) for each in segments if each.damage is None and not each.closed]
        for name in plan.segments:
            (self._folder / name).with_suffix(TWIN).unlink(missing_ok=True)
        for segment in segments:
            if segment.damage is None:
                segment.path.unlink(missing_ok=True)
        fsync_directory(self._folder)
        self._remove_plan()
        return Shipped(damaged=damaged, unclosed=unclosed)

    def _remove_plan(self) -> None:
        for name in (_PLAN, _PLAN_TWIN):
            (self._folder / name).unlink(missing_ok=True)
        fsync_directory(self._folder)


def _rows(segments: Sequence[Segment]) -> _Rows:
    """The rows of each table, with the latest moment of each, in the order in which they are appended."""
    unfit: list[tuple[str, str, str, str]] = []
    latest = 0
    found: _Rows = {}
    kinds: tuple[tuple[str, str, Callable[[list[Any]], pl.DataFrame]], ...] = (
        (PREDICTIONS, "predictions", predictions_frame),
        (OUTCOMES, "outcomes", outcomes_frame),
        (FAILURES, "failures", failures_frame),
    )
    for table, name, frame in kinds:
        good = []
        for segment in segments:
            for record in getattr(segment, name):
                reason = unusable(record)
                if reason is None:
                    good.append(record)
                else:
                    unfit.append((segment.path.name, name, reason, msgspec.json.encode(record).decode()))
        if table == OUTCOMES:  # segments of several workers lie beside each other in time
            good.sort(key=lambda outcome: outcome.received)
        if good:
            last = max(getattr(each, _TIMES[table]) for each in good)
            latest = max(latest, last)
            found[table] = frame(good), last
    if unfit:
        found[QUARANTINE] = quarantine_frame(unfit), latest
    return found


def _digest(path: Path) -> str:
    try:
        return digest_of(read_regular(path, LARGEST_SEGMENT))
    except CorruptionError:
        return ""


def _read_plan(folder: Path) -> tuple[_Plan | None, Shipped]:
    """The plan, from whichever of its two copies is whole; the other, if it is damaged, is set aside."""
    plan: _Plan | None = None
    wrong: list[tuple[Path, str]] = []
    for path in (folder / _PLAN, folder / _PLAN_TWIN):
        read, reason = _open_plan(path)
        plan = plan or read
        if reason is not None:
            wrong.append((path, reason))
    if wrong and plan is None:
        raise CorruptionError(
            f"{wrong[0][1]}, and there is no other copy: it is not known what of the segments is in the lake already",
            where=str(wrong[0][0]),
            hint=f"compare the ids in {PREDICTIONS} with the segments (`kreis.deployment.predictions.reader`), delete"
            " those that it holds, then the plan, and go on with `kreis watch`",
        )
    return plan, Shipped(damaged=[Damaged(_set_aside(path), reason) for path, reason in wrong])


def _open_plan(path: Path) -> tuple[_Plan | None, str | None]:
    """A copy of the plan, and what is wrong with it; neither where there is none."""
    try:
        plan = msgspec.json.decode(read_regular(path, _LARGEST_PLAN), type=_Plan)
    except FileNotFoundError:
        return None, None
    except (msgspec.MsgspecError, UnicodeError) as error:
        return None, f"the plan of a shipment is damaged ({error})"
    except CorruptionError as error:
        return None, f"the plan of a shipment cannot be read ({error.message})"
    if plan.check and plan != plan.sealed():
        return None, "the plan of a shipment is damaged (its digest does not match)"
    return plan, None


def _restore(folder: Path) -> Shipped:
    """Give back its name to a segment that was removed: its second name still holds it."""
    restored = []
    for twin in sorted(folder.glob(f"*{TWIN}")):
        path = twin.with_suffix(SUFFIX)
        hidden = path.with_name(f".{path.stem}.new")
        if hidden.exists():  # a service is opening it, or was killed before it wrote anything
            if (handle := lock_closed(hidden)) is not None:
                twin.unlink(missing_ok=True)
                hidden.unlink(missing_ok=True)
                os.close(handle)
            continue
        if not path.exists():
            os.link(twin, path)
            restored.append(Damaged(path, "it was gone; it was restored from its second name"))
    return Shipped(damaged=restored)


def _set_aside(path: Path) -> Path:
    """Keep a damaged file as it is, out of the way."""
    aside = path.with_name(f"{path.name}.damaged")
    while aside.exists():
        aside = aside.with_name(f"{aside.name}.damaged")
    path.with_suffix(TWIN).unlink(missing_ok=True)
    path.rename(aside)
    fsync_directory(path.parent)
    return aside


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with holding_if_free(FileLock(folder / "shipping.lock")) as held:
        if not held:
            raise StoreError("another process ships this log already", where=str(folder))
        yield


def inspect_log(folder: Path) -> Iterator[tuple[Path, str]]:
    """What is damaged, cut off or gone in the prediction log's folder, its plan included: path and problem.

    Changes nothing.
    """
    yield from inspect_journal(folder)
    for path in (folder / _PLAN, folder / _PLAN_TWIN):
        _, reason = _open_plan(path)
        if reason is not None:
            yield path, reason
