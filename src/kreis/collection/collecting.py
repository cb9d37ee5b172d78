"""Collects a source into the lake: reads what became known, checks it, keeps the good and sets the bad aside.

Collection is incremental: `bronze/NAME` remembers until when everything known has been collected, and only what
became known since is read. A window whose contract is broken leaves bronze as it was, so the circle stays at
collection until the source is right; its bad rows stand in `quarantine/NAME` either way.

What survives a crash: quarantine is written first and bronze, which marks the window as done, last. Repeating
the window finds its bad rows in quarantine and does not write them twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import polars as pl

from kreis.collection.contracts.checking import latency_failures
from kreis.collection.contracts.columns import read
from kreis.collection.contracts.report import CheckResult, ContractReport
from kreis.collection.sources import Source, Window
from kreis.errors import KreisError, ServiceError
from kreis.lake.store import Lake
from kreis.ledger.records import TableVersion

__all__ = ["Collected", "collect", "read_bronze"]

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
    """Whether everything was collected from the beginning."""


@dataclass(frozen=True)
class _Batch:
    rows: pl.DataFrame
    early: int
    stale: int


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a source's rows go, and how the writes are recorded."""

    lake: Lake
    source: Source
    actor: str
    run: str | None
    key: str

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
    afresh: bool = False,
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
        afresh: collect everything anew in any case, as after rows in bronze were damaged.

    Raises:
        ServiceError: the source could not be read.
        StoreError: the lake could not be written; nothing is acknowledged.
    """
    mark = f"@{generation[:16]}"
    place = _Place(lake=lake, source=source, actor=actor, run=run, key=step + mark)
    latest = lake.latest(place.bronze)
    start = _start(place, latest)
    anew = afresh or start is None or not start.step.endswith(mark)
    window = Window(None if anew or start is None else start.known_until, until)
    if window.after is not None and until <= window.after:
        return Collected(table=latest, quarantine=lake.latest(place.quarantine), report=_nothing(source), window=window)
    batch = _read(source, window)
    known = None if anew or start is None else lake.scan(place.bronze, start.version)
    result = source.contract.check(batch.rows.lazy(), at=until, collected=known)
    report = _complete(result.report, source, batch, until, known)
    quarantine = _set_aside(place, result, window, report, anew=anew)
    table = latest
    if report.passed:
        table = _keep(place, result.good, window, anew=anew and start is not None)
    return Collected(
        table=table, quarantine=quarantine, report=report, window=window, not_yet_known=batch.early, anew=anew
    )


def read_bronze(lake: Lake, source: Source, as_of: datetime, version: int | None = None) -> pl.LazyFrame:
    """The rows of a source that were known at a moment, from the newest version of bronze or a given one.

    Raises:
        ProjectError: nothing was ever collected, or there is no such version.
    """
    return lake.scan(f"bronze/{source.name}", version).filter(pl.col(source.known_at) <= as_of)


def _start(place: _Place, latest: TableVersion | None) -> TableVersion | None:
    """The version that the step begins with. One that the step itself wrote, before it was cut off, is not it: the
    window is read again, so that the report tells of it, and the rows stand as they are.
    """
    if latest is None or latest.step != place.key:
        return latest
    return place.lake.version(place.bronze, latest.version - 1) if latest.version else None


def _nothing(source: Source) -> ContractReport:
    contract = source.contract
    return ContractReport(
        table=contract.name, contract=contract.digest, rows=0, good=0, quarantined=0, at_most=contract.plan.at_most
    )


def _read(source: Source, window: Window) -> _Batch:
    """The source's rows, less those outside the window. Rows whose time cannot be read are left to the contract."""
    try:
        rows = source.read(window).collect()
    except KreisError:
        raise
    except Exception as error:
        raise ServiceError(
            f"the source could not be read: {type(error).__name__}: {error}",
            where=f"source {source.name!r}",
            hint="nothing was collected; run again when it is back, or correct its function",
        ) from error
    column = next(each for each in source.contract.plan.columns if each.name == source.known_at)
    if column.source_name not in rows.columns:
        return _Batch(rows, 0, 0)
    known_at = rows.select(read(column, rows.schema[column.source_name], column.name).value.alias("at")).to_series()
    early = (known_at > window.until).fill_null(False)
    stale = (known_at <= (window.after or _BEGINNING)).fill_null(False)
    inside = ~(early | stale)
    return _Batch(rows if inside.all() else rows.filter(inside), int(early.sum()), int(stale.sum()))


def _complete(
    report: ContractReport, source: Source, batch: _Batch, until: datetime, known: pl.LazyFrame | None
) -> ContractReport:
    """The report with what only collection knows: rows outside the window, and latency when nothing new came."""
    warnings = list(report.warnings)
    if batch.early:
        warnings.append(f"{batch.early:,} rows were not yet known at {until.isoformat()} and were dropped")
    if batch.stale:
        warnings.append(f"{batch.stale:,} rows were known before the window began and were dropped")
    failures = list(report.table_failures)
    latency = source.contract.plan.latency
    if latency and not batch.rows.height and known is not None:
        newest = known.select(pl.col({rule.column for rule in latency}).max()).collect().row(0, named=True)
        failures += latency_failures(source.contract.plan, newest, until)
    return msgspec.structs.replace(report, warnings=warnings, table_failures=failures)


def _keep(place: _Place, good: pl.DataFrame, window: Window, *, anew: bool) -> TableVersion:
    """Write the good rows. With none, an empty append still records until when everything is known."""
    reason = f"collected {good.height:,} rows known until {window.until.isoformat()}"
    if anew:
        return place.lake.overwrite(
            place.bronze, good, step=place.key, actor=place.actor, reason=f"{reason}, anew", run=place.run,
            known_until=window.until,
        )  # fmt: skip
    return place.lake.append(
        place.bronze, good, step=place.key, actor=place.actor, reason=reason, run=place.run,
        known_until=window.until, evolve=place.source.contract.plan.keep_extra,
    )  # fmt: skip


def _set_aside(
    place: _Place, result: CheckResult, window: Window, report: ContractReport, *, anew: bool
) -> TableVersion | None:
    """Write the bad rows that quarantine does not hold yet. Collected anew, earlier ones make room."""
    rows = result.quarantined
    latest = place.lake.latest(place.quarantine)
    if latest is not None and anew and report.passed:
        return place.lake.overwrite(
            place.quarantine, rows, step=place.key, actor=place.actor, reason="collected anew", run=place.run,
            known_until=window.until,
        )  # fmt: skip
    if latest is not None and rows.height:
        earlier = place.lake.scan(place.quarantine)
        present = earlier.collect_schema()
        if all(name in present for name in rows.columns):
            rows = rows.join(earlier.select(rows.columns).collect(), on=rows.columns, how="anti", nulls_equal=True)
    if not rows.height:
        return latest
    held = report.passed
    return place.lake.append(
        place.quarantine, rows, step=place.key if held else f"{place.key}!", actor=place.actor,
        reason=f"{rows.height:,} rows break {result.report.table}'s contract", run=place.run,
        known_until=window.until if held else window.after, evolve=True,
    )  # fmt: skip
