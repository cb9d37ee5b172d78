"""Collects a source into the lake: reads what became known, checks it, keeps the good and sets the bad aside.

Collection is incremental: `bronze/NAME` remembers until when everything known has been collected. Each collection
reads what became known since, and the last span before it once more, for rows that reached the source late. A window
whose contract is broken leaves bronze as it was, so the circle stays at collection until the source is right; its bad
rows stand in `quarantine/NAME` either way.

Bronze holds every version of a row: with a primary key, a later known-at for a key is a correction. Which version
counts is decided where rows are read, by what was known at the moment asked for.

What survives a crash: quarantine is written first and bronze, which marks the window as done, last. Repeating
the window finds its bad rows in quarantine and does not write them twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
import polars as pl

from kreis.collection.contracts.columns import read
from kreis.collection.contracts.keys import Held
from kreis.collection.contracts.report import CheckResult, ContractReport
from kreis.collection.history import thin_days
from kreis.collection.sources import SUPERSEDED_AT, Source, Window
from kreis.errors import KreisError
from kreis.lake.store import Lake
from kreis.ledger.records import TableVersion
from kreis.texts import counted

__all__ = ["Collected", "collect", "has_corrections", "latest_versions", "read_bronze"]

_VERSIONS = "__versions"
"""A column of bronze, there once a key has come with several versions: true for such rows."""
_REMEMBERED = timedelta(days=60)
"""So far back bronze is looked at for how many rows a day has."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What one collection left behind."""

    table: TableVersion | None
    """Bronze after it; None only where the very first batch broke its contract."""
    quarantine: TableVersion | None
    """The quarantine after it; None where there never was a bad row."""
    report: ContractReport
    window: Window
    not_yet_known: int = 0
    """Rows that the source gave although they were known only after the window; dropped."""
    anew: bool = False
    """Whether everything was collected from the beginning, whatever was there."""
    again: bool = False
    """Whether everything was read from the beginning and compared, because the data outside had changed."""
    changed_since: datetime | None = None
    """Rows known from this moment on may differ from the version before. None: that version's rows all stand, and every
    new row became known after it."""
    came: Mapping[str, str] = field(default_factory=dict)
    """The columns as the source gave them, and their types."""


class _Batch(NamedTuple):
    rows: pl.DataFrame
    early: int
    came: dict[str, str]


class _Marks(NamedTuple):
    """What the step of a version of bronze says of how its rows came about."""

    generation: str
    identity: str | None

    @classmethod
    def of(cls, step: str) -> _Marks:
        generation, _, identity = step.rpartition("@")[2].partition("#")
        return cls(generation, identity or None)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a source's rows go, and how the writes are recorded."""

    lake: Lake
    source: Source
    actor: str
    run: str | None
    key: str
    accept: bool

    @property
    def bronze(self) -> str:
        return f"bronze/{self.source.name}"

    @property
    def quarantine(self) -> str:
        return f"quarantine/{self.source.name}"


def collect(
    source: Source,
    *,
    until: datetime,
    lake: Lake,
    actor: str,
    step: str,
    run: str | None = None,
    generation: str = "",
    identity: str = "-",
    recompute: bool = False,
    accept: bool = False,
) -> Collected:
    """Bring bronze up to `until`.

    Args:
        source: What to collect.
        until: All that was known by then is collected. Nothing happens where that is so already.
        lake: Where the tables are.
        actor: Who, for the record.
        step: The key of this step; repeating a step changes nothing.
        run: The run it belongs to.
        generation: A digest of what gives the rows their meaning (the contract, the source's code). Where it
            differs from that of the rows in bronze, everything is collected anew; old versions stay readable.
        identity: A digest of the data outside (its files, its probe). Where it differs, everything is read from the
            beginning and compared: what is new is added; rows that are gone or changed are replaced, as
            `Source.changed` says.
        recompute: Collect everything anew in any case, as after rows in bronze were damaged.
        accept: The actor accepts that more of the rows collected before are gone or changed than the contract's
            `kreis.changes.at_most` lets be at once; without this nothing is taken then, and the report says so.

    Raises:
        ServiceError: the source could not be read.
        ProjectError: the source's function gave no frame.
        StoreError: the lake could not be written; nothing is acknowledged.
    """
    marks = _Marks(generation[:16], identity[:16])
    key = f"{step}@{marks.generation}#{marks.identity}"
    place = _Place(lake=lake, source=source, actor=actor, run=run, key=key, accept=accept)
    latest = lake.latest(place.bronze)
    start = _start(place, latest)
    reached = None if start is None else start.known_until
    if recompute or start is None or reached is None or _Marks.of(start.step).generation != marks.generation:
        return _collect_anew(place, until, latest, start)
    again = _Marks.of(start.step).identity != marks.identity
    if until <= reached and not again:
        quarantine = lake.latest(place.quarantine)
        return Collected(table=latest, quarantine=quarantine, report=_nothing(source), window=Window(reached, until))
    return _collect_more(place, max(until, reached), start, reached, again=again)


def _collect_anew(place: _Place, until: datetime, latest: TableVersion | None, start: TableVersion | None) -> Collected:
    source, window, replaces = place.source, Window(None, until), start is not None
    batch = _read(source, window)
    result = source.contract.check(batch.rows.lazy(), at=until, known_at=source.known_at)
    report = _complete(place, result, batch, window, None)
    if start is not None and start.known_until is not None and until >= start.known_until:
        known = result.good.filter(pl.col(source.known_at) <= start.known_until).height
        report = _weighed(place, report, known=start.rows, undone=start.rows - known)
    quarantine = _set_aside(place, result, window, report, replaces=True)
    if report.passed:
        latest = _write(place, _stored(result, None), window, report, overwrite=replaces)
    return Collected(
        table=latest, quarantine=quarantine, report=report, window=window, not_yet_known=batch.early, anew=True,
        changed_since=_BEGINNING if replaces else None, came=batch.came,
    )  # fmt: skip


def _collect_more(place: _Place, until: datetime, start: TableVersion, reached: datetime, *, again: bool) -> Collected:
    source, contract = place.source, place.source.contract
    window = Window(None if again else reached - source.late, until)
    batch = _read(source, window)
    held = Held(
        rows=place.lake.scan(place.bronze, start.version),
        since=window.after,
        until=reached,
        known_at=source.known_at,
        quarantine=_accepted(place),
        replace=source.changed == "replace",
        standing=source.whole,
    )
    result = contract.check(batch.rows.lazy(), at=until, known_at=source.known_at, held=held)
    report = _complete(place, result, batch, window, held)
    undone = report.replaced + (report.vanished if again and held.replace else 0)
    report = _weighed(place, report, known=start.rows, undone=undone)
    changed_since = _changed_since(result, held)
    anew = again and held.replace and bool(report.vanished or report.replaced)
    if anew:
        result = contract.check(batch.rows.lazy(), at=until, known_at=source.known_at)
        frame, changed_since = _stored(result, None), _BEGINNING
    else:
        frame = _stored(result, place.lake.schema(place.bronze, start.version))
        if report.replaced:
            frame = pl.concat([_without(held, contract.primary_key, result), frame], how="diagonal")
    quarantine = _set_aside(place, result, window, report, replaces=anew)
    table: TableVersion | None = start
    if report.passed:
        table = _write(place, frame, window, report, overwrite=anew or bool(report.replaced))
    return Collected(
        table=table, quarantine=quarantine, report=report, window=window, not_yet_known=batch.early, again=again,
        changed_since=changed_since, came=batch.came,
    )  # fmt: skip


def read_bronze(
    lake: Lake, source: Source, as_of: datetime, version: int | None = None, *, corrections: bool = False
) -> pl.LazyFrame:
    """The rows of a source that were known at a moment, from the newest version of bronze or a given one.

    Args:
        lake: Where the table is.
        source: Whose rows.
        as_of: The moment: of several versions of a row the one known last by then counts.
        version: Of the table.
        corrections: Give all versions known by then, with the column `superseded_at`; only with a primary key.

    Raises:
        ProjectError: nothing was ever collected, or there is no such version.
    """
    rows = lake.scan(f"bronze/{source.name}", version).filter(pl.col(source.known_at) <= as_of)
    corrections = corrections and bool(source.contract.primary_key)
    if not has_corrections(lake, source, version):
        never = pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(SUPERSEDED_AT)
        return rows.with_columns(never) if corrections else rows
    rows = rows.drop(_VERSIONS)
    return _superseding(rows, source) if corrections else latest_versions(rows, source)


def has_corrections(lake: Lake, source: Source, version: int | None = None) -> bool:
    """Whether bronze holds several versions of a row."""
    return _VERSIONS in lake.schema(f"bronze/{source.name}", version)


def latest_versions(rows: pl.LazyFrame, source: Source) -> pl.LazyFrame:
    """Of each key of a source's primary key the version known last; all rows where it has none."""
    if not source.contract.primary_key:
        return rows
    return _superseding(rows, source).filter(pl.col(SUPERSEDED_AT).is_null()).drop(SUPERSEDED_AT)


def _superseding(rows: pl.LazyFrame, source: Source) -> pl.LazyFrame:
    """The versions of a source's rows, each with the moment from which the next one was known."""
    following = pl.col(source.known_at).shift(-1).over(source.contract.primary_key, order_by=source.known_at)
    return rows.with_columns(following.alias(SUPERSEDED_AT))


def _start(place: _Place, latest: TableVersion | None) -> TableVersion | None:
    """The version that the step begins with. One that the step itself wrote, before it was cut off, is not it: the
    window is read again, so that the report tells of it, and the rows stand as they are.
    """
    if latest is None or latest.step != place.key:
        return latest
    return place.lake.version(place.bronze, latest.version - 1) if latest.version else None


def _accepted(place: _Place) -> pl.LazyFrame | None:
    """The quarantine as the last passed collection left it: what a broken one set aside is judged again."""
    version = place.lake.latest(place.quarantine)
    while version is not None and (version.step.endswith("!") or version.step == place.key):
        version = place.lake.version(place.quarantine, version.version - 1) if version.version else None
    return None if version is None else place.lake.scan(place.quarantine, version.version)


def _nothing(source: Source) -> ContractReport:
    contract = source.contract
    return ContractReport(
        table=contract.name, contract=contract.digest, rows=0, good=0, quarantined=0, at_most=contract.plan.at_most
    )


def _read(source: Source, window: Window) -> _Batch:
    """The source's rows, less those that are known later. Rows without a readable time are left to the contract."""
    frame = source.rows(window)
    try:
        rows = frame.collect()
    except KreisError:
        raise
    except Exception as error:
        raise source.unreadable(error) from error
    came = {name: str(kind) for name, kind in rows.schema.items() if not name.startswith("__")}
    column = next(each for each in source.contract.plan.columns if each.name == source.known_at)
    if column.source_name not in rows.columns:
        return _Batch(rows, 0, came)
    known_at = rows.select(read(column, rows.schema[column.source_name], column.name).value.alias("at")).to_series()
    early = (known_at > window.until).fill_null(False)
    if column.ahead is not None:  # so far ahead that it is a mistake: the contract sets it aside
        early &= (known_at <= window.until + column.ahead).fill_null(True)
    return _Batch(rows.filter(~early) if early.any() else rows, int(early.sum()), came)


def _complete(place: _Place, result: CheckResult, batch: _Batch, window: Window, held: Held | None) -> ContractReport:
    """The report with what only collection knows: rows of another time, rows that are gone, days with few rows."""
    report, plan = result.report, place.source.contract.plan
    warnings, failures = list(report.warnings), list(report.table_failures)
    if batch.early:
        warnings.append(
            f"{counted(batch.early, 'row was', 'rows were')} not yet known at {window.until.isoformat()} and dropped"
        )
    if report.vanished:
        done = "are gone with it" if window.after is None and held is not None and held.replace else "are kept"
        warnings.append(
            f"{counted(report.vanished, 'collected row is', 'collected rows are')} no longer given by the"
            f" source; they {done}"
        )
    if window.after is None and not batch.rows.height and not plan.may_be_empty:
        failures.append("the source gave no rows at all (kreis.empty: allow, where that may be)")
    known_at = [result.good.get_column(place.source.known_at)]
    if held is not None:
        recent = held.rows.filter(pl.col(held.known_at) > held.until - _REMEMBERED).select(held.known_at)
        known_at.append(recent.collect().to_series())
    thin = thin_days(pl.concat(known_at), None if held is None else held.until, window.until)
    warnings += [thin] if thin else []
    late = 0 if place.source.whole else report.late
    return msgspec.structs.replace(report, late=late, warnings=warnings, table_failures=failures)


def _weighed(place: _Place, report: ContractReport, *, known: int, undone: int) -> ContractReport:
    """Note on a report that more of the rows collected before are gone or changed than may be at once."""
    if undone <= place.source.contract.plan.changes_at_most * known:
        return report
    weighed = msgspec.structs.replace(report, known=known, undone=undone)
    if not place.accept:
        return weighed
    accepted = f"{place.actor} accepts that {weighed.changes}"
    return msgspec.structs.replace(weighed, accepted_by=place.actor, warnings=[*report.warnings, accepted])


def _changed_since(result: CheckResult, held: Held) -> datetime | None:
    known_at = result.good.get_column(held.known_at)
    earliest = known_at.filter(known_at <= held.until).min()
    return earliest if isinstance(earliest, datetime) else None


def _stored(result: CheckResult, before: pl.Schema | None) -> pl.DataFrame:
    """The good rows as bronze keeps them. Columns that bronze has and that did not come are null."""
    good = result.good
    if result.versions.any() or (before is not None and _VERSIONS in before):
        good = good.with_columns(result.versions.alias(_VERSIONS))
    gone = {name: kind for name, kind in (before or {}).items() if name not in good.columns}
    return good.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in gone.items())


def _without(held: Held, keys: Sequence[str], result: CheckResult) -> pl.DataFrame:
    """Bronze without the rows that others take the place of."""
    place = [*keys, held.known_at]
    replacing = result.good.filter(result.replacing).select(place).lazy()
    return held.rows.join(replacing, on=place, how="anti", maintain_order="left").collect()


def _write(
    place: _Place, frame: pl.DataFrame, window: Window, report: ContractReport, *, overwrite: bool
) -> TableVersion:
    """Write bronze. With no rows, an empty append still records until when everything is known."""
    reason = ", ".join(
        [f"collected {counted(report.good, 'row')} known until {window.until.isoformat()}", *report.taken]
    )
    if overwrite:
        return place.lake.overwrite(
            place.bronze, frame, step=place.key, actor=place.actor, reason=reason, run=place.run,
            known_until=window.until,
        )  # fmt: skip
    evolve = place.source.contract.plan.keep_extra or _VERSIONS in frame.columns
    return place.lake.append(
        place.bronze, frame, step=place.key, actor=place.actor, reason=reason, run=place.run,
        known_until=window.until, evolve=evolve,
    )  # fmt: skip


def _set_aside(
    place: _Place, result: CheckResult, window: Window, report: ContractReport, *, replaces: bool
) -> TableVersion | None:
    """Write the bad rows that quarantine does not hold yet. Collected anew, earlier ones make room."""
    rows = result.quarantined
    latest = place.lake.latest(place.quarantine)
    if latest is not None and replaces and report.passed:
        return place.lake.overwrite(
            place.quarantine, rows, step=place.key, actor=place.actor, reason="collected anew", run=place.run,
            known_until=window.until,
        )  # fmt: skip
    if latest is not None and rows.height:
        earlier = place.lake.scan(place.quarantine)
        present = earlier.collect_schema()
        if all(name in present for name in rows.columns):
            rows = rows.join(earlier.select(rows.columns).collect(), on=rows.columns, how="anti", nulls_equal=True)
    if not rows.height and (latest is None or not report.passed or not latest.step.endswith("!")):
        return latest  # else an empty append says that what a broken collection set aside stays there
    return place.lake.append(
        place.quarantine, rows, step=place.key if report.passed else f"{place.key}!", actor=place.actor,
        reason=f"{counted(rows.height, 'row breaks', 'rows break')} {result.report.table}'s contract", run=place.run,
        known_until=window.until if report.passed else window.after, evolve=True,
    )  # fmt: skip
