"""Moves closed segments of the prediction log into the lake, exactly once. Not on the server's path: uses Polars.

A batch of segments is first written down as a plan (names and contents), then appended under step keys that
are digests of the plan, then deleted, then the plan is removed. Whoever crashes in between finds the plan: with
all its segments there, the appends are repeated under the same keys, which the lake takes once; with some gone,
they had all been acknowledged.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from kreis.clock import moment
from kreis.deployment.predictions.journal import SUFFIX
from kreis.deployment.predictions.reader import Segment, closed_segments, parse_segment
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.digests import digest_of, digest_of_document
from kreis.durable import fsync_directory, write_durably
from kreis.errors import CorruptionError, StoreError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["OUTCOMES", "PREDICTIONS", "Damaged", "Shipped", "outcomes_frame", "predictions_frame", "ship"]

PREDICTIONS = "log/predictions"
OUTCOMES = "log/outcomes"
_PLAN = "shipping.json"
_BATCH = 256
"""Segments in one commit at most."""


class Appending(Protocol):
    """What shipping needs of the lake (`kreis.lake`): an append that takes each step key once."""

    def append(
        self, table: str, frame: pl.DataFrame, *, step: str, actor: str, reason: str, known_until: datetime
    ) -> Any:
        """Append rows in one acknowledged commit; with a known step key nothing happens."""
        ...


class Damaged(msgspec.Struct, frozen=True):
    """A segment that could not be read; it has been set aside as it is, under `path`."""

    path: Path
    reason: str


class Shipped(msgspec.Struct, frozen=True):
    """What `ship` moved."""

    predictions: int = 0
    outcomes: int = 0
    segments: int = 0
    torn: int = 0
    """Bytes of unfinished writes (never acknowledged) that were dropped."""
    damaged: list[Damaged] = []

    def __add__(self, other: Shipped) -> Shipped:
        return Shipped(
            self.predictions + other.predictions,
            self.outcomes + other.outcomes,
            self.segments + other.segments,
            self.torn + other.torn,
            [*self.damaged, *other.damaged],
        )


class _Plan(msgspec.Struct, frozen=True):
    """Segment file name to the SHA-256 of its bytes."""

    segments: dict[str, str]

    @property
    def key(self) -> str:
        return digest_of_document(self.segments)


def ship(folder: Path, lake: Appending, actor: str) -> Shipped:
    """Move every closed or orphaned segment into `log/predictions` and `log/outcomes`.

    Segments that a running server still writes to stay; ask it to close them first (`POST /v1/flush`).

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
        total = _finish(folder, lake, actor)
        while True:
            with closed_segments(folder, _BATCH) as paths:
                if not paths:
                    return total
                total += _ship_batch(folder, paths, lake, actor)


def _ship_batch(folder: Path, paths: list[Path], lake: Appending, actor: str) -> Shipped:
    digests: dict[str, str] = {}
    segments: list[Segment] = []
    damaged: list[Damaged] = []
    for path in paths:
        data = path.read_bytes()
        try:
            segments.append(parse_segment(path, data))
            digests[path.name] = digest_of(data)
        except CorruptionError as error:
            damaged.append(Damaged(path.rename(path.with_suffix(".damaged")), str(error)))
    if damaged:
        fsync_directory(folder)
    moved = Shipped(damaged=damaged)
    if segments:
        plan = _Plan(digests)
        write_durably(folder / _PLAN, msgspec.json.encode(plan))
        moved += _append(plan, segments, lake, actor)
        _clear(folder, plan)
    return moved


def _finish(folder: Path, lake: Appending, actor: str) -> Shipped:
    """Take up the batch of a shipper that did not come to its end."""
    try:
        plan = msgspec.json.decode((folder / _PLAN).read_bytes(), type=_Plan)
    except FileNotFoundError:
        return Shipped()
    except msgspec.MsgspecError as error:
        raise CorruptionError(f"the plan cannot be read: {error}", where=str(folder / _PLAN)) from error
    moved = Shipped()
    paths = [folder / name for name in plan.segments]
    if all(path.exists() for path in paths):
        segments = [_as_planned(path, plan.segments[path.name]) for path in paths]
        moved = _append(plan, segments, lake, actor)
    _clear(folder, plan)
    return moved


def _as_planned(path: Path, digest: str) -> Segment:
    data = path.read_bytes()
    if digest_of(data) != digest:
        raise CorruptionError("the segment has changed since its shipping began", where=str(path))
    return parse_segment(path, data)


def _append(plan: _Plan, segments: list[Segment], lake: Appending, actor: str) -> Shipped:
    predictions = [record for segment in segments for record in segment.predictions]
    outcomes = [record for segment in segments for record in segment.outcomes]
    reason = f"{len(segments)} segments of the prediction log"
    frames = []
    if predictions:
        frames.append((PREDICTIONS, predictions_frame(predictions), max(each.at for each in predictions)))
    if outcomes:
        frames.append((OUTCOMES, outcomes_frame(outcomes), max(each.known_at for each in outcomes)))
    for table, frame, latest in frames:
        key = digest_of_document([table, plan.key])
        lake.append(table, frame, step=key, actor=actor, reason=reason, known_until=moment(latest))
    return Shipped(len(predictions), len(outcomes), len(segments), sum(segment.torn for segment in segments))


def _clear(folder: Path, plan: _Plan) -> None:
    for name in plan.segments:
        (folder / name).unlink(missing_ok=True)
    fsync_directory(folder)
    (folder / _PLAN).unlink()
    fsync_directory(folder)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    handle = os.open(folder / "shipping.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError("another process ships this log already", where=str(folder)) from error
        yield
    finally:
        os.close(handle)


def predictions_frame(records: list[PredictionRecord]) -> pl.DataFrame:
    """The rows of `log/predictions`; keys, fields and shadow scores as JSON text, missing features as null."""
    import polars as pl

    encode = msgspec.json.Encoder(order="sorted").encode
    columns: dict[str, Any] = {
        "id": [record.id for record in records],
        "at": pl.Series("at", [record.at for record in records], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
        "release": [record.release for record in records],
        "model": [record.model for record in records],
        "keys": [encode(record.keys).decode() for record in records],
        "fields": [encode(record.fields).decode() for record in records],
        "features": _features([record.features for record in records]),
        "score": pl.Series("score", [record.score for record in records], dtype=pl.Float64),
        "decision": pl.Series("decision", [record.decision for record in records], dtype=pl.Boolean),
        "latency_us": pl.Series("latency_us", [record.latency_us for record in records], dtype=pl.Int64),
        "reference": pl.Series("reference", [record.reference for record in records], dtype=pl.String),
        "shadow": [encode(record.shadow).decode() for record in records],
    }
    return pl.DataFrame(columns)


def _features(rows: list[list[float | None]]) -> pl.Series:
    """A column of lists; ten times quicker by way of one flat column where all rows are of one width."""
    import polars as pl

    widths = {len(row) for row in rows}
    if len(widths) != 1 or 0 in widths:
        return pl.Series("features", rows, dtype=pl.List(pl.Float64))
    flat = pl.Series("features", [value for row in rows for value in row], dtype=pl.Float64)
    return flat.reshape((len(rows), widths.pop())).arr.to_list()


def outcomes_frame(records: list[OutcomeRecord]) -> pl.DataFrame:
    """The rows of `log/outcomes`."""
    import polars as pl

    known_at = pl.Series("known_at", [record.known_at for record in records], dtype=pl.Int64)
    return pl.DataFrame(
        {
            "prediction": pl.Series("prediction", [record.prediction for record in records], dtype=pl.String),
            "reference": pl.Series("reference", [record.reference for record in records], dtype=pl.String),
            "outcome": pl.Series("outcome", [record.outcome for record in records], dtype=pl.Float64),
            "known_at": known_at.cast(pl.Datetime("us", "UTC")),
        }
    )


def unshipped(folder: Path) -> int:
    """Bytes of the log that are not yet in the lake."""
    return sum(path.stat().st_size for path in folder.glob(f"[0-9a-f]*{SUFFIX}"))
