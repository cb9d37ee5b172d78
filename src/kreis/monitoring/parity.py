"""Proof that training and serving agree: served requests are replayed from the data, and compared.

Logged features are compared with those that the point-in-time join computes for the same keys at the same
moment; then the package's scorer is given the logged features and must give the logged scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.kinds import as_said
from kreis.models.answer_parts.sets import CoverageSet
from kreis.models.scoring import Scorer, Texts
from kreis.monitoring.traffic import feature_matrix, logged_texts
from kreis.texts import counted

__all__ = ["BeforeCorrection", "FeatureDifference", "ParityReport", "agree", "disagreeing", "parity"]

RELATIVE = 1e-9
SCORES_WITHIN = 1e-6
_EXAMPLES = 5


class FeatureDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that was served otherwise than the data say."""

    feature: str
    rows: int
    """How many rows differ."""
    worst: float | None
    """Largest relative difference; null if only missing values differ."""
    examples: list[dict[str, Any]]
    """Prediction id, served and recomputed value; null is missing."""


class BeforeCorrection(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions that were right by the data of their day; rows of these tables came late or were corrected since."""

    rows: int
    tables: dict[str, int]
    """Table to the version that was current when they were answered, and that they agree with."""
    examples: list[str]
    """Prediction ids."""


class ParityReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the replay found."""

    rows: int
    features: int
    differing: list[FeatureDifference]
    unmatched: list[str]
    """Ids of predictions that the recomputation lacks; the first of them."""
    unmatched_rows: int
    scores_checked: int
    scores_differing: int
    worst_score: float
    """Largest difference of scores; relative, of scores beyond 1."""
    covered_checked: int = 0
    """Answers whose set or interval was made again from what was logged, at the level that they name."""
    covered_differing: int = 0
    corrected: list[BeforeCorrection] = []
    """Predictions that agree with the tables as they were then, and not as they are now: no difference between
    training and serving."""

    @property
    def corrected_rows(self) -> int:
        """How many predictions were answered before their data were corrected."""
        return sum(each.rows for each in self.corrected)

    @property
    def ok(self) -> bool:
        """Whether everything agrees, and something was compared."""
        return self.rows > 0 and not (
            self.differing or self.unmatched_rows or self.scores_differing or self.covered_differing
        )

    @property
    def summary(self) -> str:
        """One sentence."""
        since = f"; {self._corrected()}" if self.corrected else ""
        if self.ok:
            agree = f"{counted(self.rows, 'prediction')} x {counted(self.features, 'feature agrees', 'features agree')}"
            return f"{agree}; scores within {self.worst_score:.1e}{since}"
        differing = self.covered_differing
        covered = f"; differing sets or intervals: {differing:,}" if differing else ""
        names = ", ".join(f"{each.feature} ({each.rows:,} rows)" for each in self.differing[:5]) or "none"
        return (
            f"of {self.rows:,} predictions, differing features: {names}; without a counterpart: "
            f"{self.unmatched_rows:,}; differing scores: {self.scores_differing:,}{covered}{since}"
        )

    def _corrected(self) -> str:
        versions = sorted({f"{table}@{version}" for each in self.corrected for table, version in each.tables.items()})
        return (
            f"{self.corrected_rows:,} of them were answered before rows of their tables were corrected or came late:"
            f" they agree with {', '.join(versions[:5])}{' …' if len(versions) > 5 else ''}, which was current then"
        )


def agree(served: Floats, recomputed: Floats) -> Booleans:
    """Where two arrays hold the same feature values.

    Both missing; or within a relative 1e-9 (sums in another order differ in the last digits); or the same as
    float32, which is all that a model sees.
    """
    scale = np.maximum(np.abs(served), np.abs(recomputed))
    with np.errstate(over="ignore", invalid="ignore"):
        near = np.abs(served - recomputed) <= RELATIVE * scale
        single = served.astype(np.float32) == recomputed.astype(np.float32)
    same: Booleans = near | single | (np.isnan(served) & np.isnan(recomputed))
    return same


def disagreeing(
    predictions: pl.DataFrame, recomputed: pl.DataFrame, *, model: str, features: Sequence[str]
) -> pl.Series:
    """The ids of one model's predictions with a feature that is not as recomputed.

    Args:
        predictions: Rows of `log/predictions`: `id` and `features`.
        recomputed: `id` and the features as columns.
        model: The model's digest.
        features: The model's features in order.
    """
    joined = predictions.select("id", "model", "features").join(recomputed.select("id", *features), on="id")
    served, _ = feature_matrix(joined, features, {model: features})
    same = agree(served, joined.select(pl.col(features).cast(pl.Float64)).to_numpy())
    return joined["id"].filter(pl.Series(~same.all(axis=1)))


def parity(
    predictions: pl.DataFrame,
    recomputed: pl.DataFrame,
    *,
    model: str,
    features: Sequence[str],
    scorer: Scorer | None = None,
    texts: Mapping[str, str] | None = None,
    covers: CoverageInterval | CoverageSet | None = None,
) -> ParityReport:
    """Compare one model's logged predictions with what the data say.

    Args:
        predictions: Rows of `log/predictions`: `id`, `model`, `features`, `score`, and `scores` where the raw output is
            several numbers. Other models' rows are left out.
        recomputed: `id` and the features as columns, from the point-in-time join over the predictions' keys,
            fields and times.
        model: The model's digest.
        features: The model's features in order, from its manifest.
        scorer: The package's; without one, scores are not compared.
        texts: The features that it reads as texts, and the field of each; then `predictions` has `fields`.
        covers: What makes its sets or intervals; then `predictions` has `keys`, `fields` and, where any were logged,
            `parts`.

    Raises:
        ProjectError: the recomputation lacks a feature or has an id twice.
    """
    for name in ("id", *features):
        if name not in recomputed.columns:
            raise ProjectError.unknown_name("column", name, recomputed.columns, where="recomputed features")
    if recomputed["id"].is_duplicated().any():
        raise ProjectError("an id occurs twice", where="recomputed features")
    own = predictions.filter(pl.col("model") == model).select(
        "id", "model", "features", cs.by_name("score", "scores", "fields", require_all=False)
    )
    joined = own.join(recomputed.select("id", *features), on="id", how="inner", maintain_order="left")
    unmatched = own.join(recomputed, on="id", how="anti")["id"]
    served, _ = feature_matrix(joined, features, {model: features})
    differences = [
        found
        for place, name in enumerate(features)
        if (found := _difference(name, joined["id"], served[:, place], joined[name]))
    ]
    checked, differing = (0, 0) if covers is None else _made_again(predictions.filter(pl.col("model") == model), covers)
    gaps = _score_gaps(joined, served, scorer, logged_texts(joined, texts or {}))
    return ParityReport(
        rows=len(joined),
        features=len(features),
        differing=differences,
        unmatched=unmatched.head(_EXAMPLES).to_list(),
        unmatched_rows=len(unmatched),
        scores_checked=len(gaps),
        scores_differing=int((~(gaps <= SCORES_WITHIN)).sum()),
        worst_score=float(gaps.max()) if len(gaps) else 0.0,
        covered_checked=checked,
        covered_differing=differing,
    )


@dataclass(frozen=True)
class _Asked:
    keys: dict[str, str]
    fields: dict[str, Any]


def _made_again(own: pl.DataFrame, covers: CoverageInterval | CoverageSet) -> tuple[int, int]:
    """How many sets or intervals were made again, each at the level that it names, and how many are not as logged."""
    if "parts" not in own.columns:
        return 0, 0
    checked = differing = 0
    decode, nothing = msgspec.json.decode, np.empty(0, dtype=np.float32)
    for row in own.filter(pl.col("parts").is_not_null()).iter_rows(named=True):
        value = decode(row["parts"]).get(covers.name)
        if value is not None:
            asked = _Asked(decode(row["keys"]), decode(row["fields"]))
            score = row["score"] if row.get("scores") is None else row["scores"]
            checked += 1
            differing += as_said(covers, value).one(nothing, score, asked) != value
    return checked, differing


def _difference(name: str, ids: pl.Series, served: Floats, column: pl.Series) -> FeatureDifference | None:
    recomputed: Floats = column.cast(pl.Float64).to_numpy().astype(np.float64)
    places = np.flatnonzero(~agree(served, recomputed))
    if not len(places):
        return None
    scale = np.maximum(np.abs(served[places]), np.abs(recomputed[places]))
    relative = np.abs(served[places] - recomputed[places]) / scale
    present = relative[np.isfinite(relative)]
    return FeatureDifference(
        feature=name,
        rows=len(places),
        worst=float(present.max()) if len(present) else None,
        examples=[
            {"id": ids[int(row)], "served": _or_null(served[row]), "recomputed": _or_null(recomputed[row])}
            for row in places[:_EXAMPLES]
        ],
    )


def _or_null(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _score_gaps(joined: pl.DataFrame, served: Floats, scorer: Scorer | None, texts: Texts | None) -> Floats:
    if scorer is None or not len(joined):
        return np.empty(0)
    again: npt.NDArray[np.float32] = scorer.score(served.astype(np.float32), texts)
    logged = joined["score"].to_numpy() if again.ndim == 1 else _matrix(joined["scores"], again.shape[1])
    gaps: Floats = np.abs(again.astype(np.float64) - logged) / np.maximum(np.abs(logged), 1.0)
    return gaps if again.ndim == 1 else gaps.max(axis=1)


def _matrix(lists: pl.Series, width: int) -> Floats:
    """Lists of numbers as rows; one of another length, or that is not there, as NaN."""
    rows = np.full((len(lists), width), np.nan)
    for place, row in enumerate(lists):
        if row is not None and len(row) == width:
            rows[place] = row.to_numpy()
    return rows
