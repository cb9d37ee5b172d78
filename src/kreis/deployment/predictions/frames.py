"""The log's tables in the lake, as Polars frames of records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.deployment.predictions.records import FailureRecord, OutcomeRecord, PredictionRecord, Several

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "FAILURES",
    "OUTCOMES",
    "PREDICTIONS",
    "QUARANTINE",
    "failures_frame",
    "outcomes_frame",
    "predictions_frame",
    "quarantine_frame",
    "unusable",
]

PREDICTIONS = "log/predictions"
OUTCOMES = "log/outcomes"
FAILURES = "log/failures"
"""Requests that ended in a server error: at, route, status, code, count."""
QUARANTINE = "log/quarantine"
"""Records that cannot be used: segment, kind, reason, record (as JSON text)."""
_YEAR_10000 = 253_402_300_800_000_000
"""Microseconds since 1970 UTC."""
_LARGEST = 2**63


def unusable(record: PredictionRecord | OutcomeRecord | FailureRecord) -> str | None:
    """Why a record cannot be used; None where it can. One that cannot be used must not keep the others back."""
    at = record.known_at if isinstance(record, OutcomeRecord) else record.at
    if not 0 <= at < _YEAR_10000:
        return "its moment lies outside the years 1970 to 9999"
    if isinstance(record, OutcomeRecord) and record.is_early:
        return "it was known before its prediction was asked"
    if isinstance(record, PredictionRecord) and not -_LARGEST <= record.latency_us < _LARGEST:
        return "its latency does not fit into 64 bits"
    if isinstance(record, FailureRecord) and not max(abs(record.count), abs(record.status)) < _LARGEST:
        return "its count does not fit into 64 bits"
    return None


def predictions_frame(records: Sequence[PredictionRecord]) -> pl.DataFrame:
    """The rows of `log/predictions`; keys, fields and shadow scores as JSON text, missing features as null.

    `extra` and `parts` are null where a row has none, `flags` an empty list. Of a raw output of several numbers,
    `score` is the one that monitoring looks at, and `scores` are all; it is null where there is one.
    """
    import polars as pl

    encode = msgspec.json.Encoder(order="sorted").encode
    flags = [record.flags for record in records]
    columns: dict[str, Any] = {
        "id": [record.id for record in records],
        "at": _moments("at", [record.at for record in records]),
        "release": [record.release for record in records],
        "model": [record.model for record in records],
        "keys": [encode(record.keys).decode() for record in records],
        "fields": [encode(record.fields).decode() for record in records],
        "features": _features([record.features for record in records]),
        "score": pl.Series("score", [_kept(record.score) for record in records], dtype=pl.Float64),
        "decision": _decisions([record.decision for record in records]),
        "latency_us": pl.Series("latency_us", [record.latency_us for record in records], dtype=pl.Int64),
        "reference": pl.Series("reference", [record.reference for record in records], dtype=pl.String),
        "shadow": [encode(record.shadow).decode() for record in records],
        "extra": pl.Series("extra", [encode(r.extra).decode() if r.extra else None for r in records], dtype=pl.String),
        "flags": pl.Series("flags", flags, dtype=pl.List(pl.String)),
        "scores": pl.Series("scores", [_all(record.score) for record in records], dtype=pl.List(pl.Float64)),
        "parts": pl.Series("parts", [encode(r.parts).decode() if r.parts else None for r in records], dtype=pl.String),
    }
    return pl.DataFrame(columns)


def _kept(score: float | Several) -> float:
    return score.kept if isinstance(score, Several) else score


def _all(score: float | Several) -> list[float] | None:
    return score.all if isinstance(score, Several) else None


def _decisions(decided: list[bool | float]) -> pl.Series:
    """Booleans, or numbers where the model predicts one."""
    import polars as pl

    kind = pl.Boolean if all(each is True or each is False for each in decided) else pl.Float64
    return pl.Series("decision", decided, dtype=kind)


def _features(rows: list[list[float | None]]) -> pl.Series:
    """A column of lists; ten times quicker by way of one flat column where all rows are of one width."""
    import polars as pl

    widths = {len(row) for row in rows}
    if len(widths) != 1 or 0 in widths:
        return pl.Series("features", rows, dtype=pl.List(pl.Float64))
    flat = pl.Series("features", [value for row in rows for value in row], dtype=pl.Float64)
    return flat.reshape((len(rows), widths.pop())).arr.to_list()


def outcomes_frame(records: Sequence[OutcomeRecord]) -> pl.DataFrame:
    """The rows of `log/outcomes`; `comment` is null where there is none."""
    import polars as pl

    return pl.DataFrame(
        {
            "prediction": pl.Series("prediction", [record.prediction for record in records], dtype=pl.String),
            "reference": pl.Series("reference", [record.reference for record in records], dtype=pl.String),
            "outcome": pl.Series("outcome", [record.outcome for record in records], dtype=pl.Float64),
            "known_at": _moments("known_at", [record.known_at for record in records]),
            "comment": pl.Series("comment", [record.comment or None for record in records], dtype=pl.String),
        }
    )


def failures_frame(records: Sequence[FailureRecord]) -> pl.DataFrame:
    """The rows of `log/failures`."""
    import polars as pl

    return pl.DataFrame(
        {
            "at": _moments("at", [record.at for record in records]),
            "route": [record.route for record in records],
            "status": pl.Series("status", [record.status for record in records], dtype=pl.Int64),
            "code": [record.code for record in records],
            "count": pl.Series("count", [record.count for record in records], dtype=pl.Int64),
        }
    )


def quarantine_frame(rows: Sequence[tuple[str, str, str, str]]) -> pl.DataFrame:
    """The rows of `log/quarantine`, of (segment, kind, reason, record)."""
    import polars as pl

    return pl.DataFrame(rows, schema=dict.fromkeys(("segment", "kind", "reason", "record"), pl.String), orient="row")


def _moments(name: str, microseconds: list[int]) -> pl.Series:
    import polars as pl

    return pl.Series(name, microseconds, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
