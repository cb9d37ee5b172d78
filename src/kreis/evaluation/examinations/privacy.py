"""Does it give away who taught it? What the model says of rows that taught it, beside what it says without them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.evaluation.confident_learning import probabilities_of
from kreis.evaluation.crossfit import blocks_of, on_its_own, scores_of, unseen_scores
from kreis.evaluation.examinations.examination import Examined, Finding, Subject, Tell
from kreis.evaluation.intervals import mean_estimate, share_estimate
from kreis.texts import number

__all__ = ["Memorising"]

_SHOWN = 20
_MEMORISED = 0.5
"""From this difference of probability on, a row counts as memorised."""


@dataclass(frozen=True, kw_only=True)
class Memorising:
    """Whether somebody who knows a row can tell from the model that it was among those that taught it, and which rows
    it knows by heart.

    Each row that taught is asked about twice: to the model as packaged, and to one fitted without the row. The attack
    is that of Yeom et al. 2018 ("Privacy Risk in Machine Learning", section 3.2): who sees a small loss takes the row
    for a member. Its advantage is how much more often it says so of members than of others; the loss from which on it
    says so is chosen on half of the rows and measured on the others. A row is memorised where its outcome is at least
    0.5 more probable to the model that has seen it (Feldman and Zhang 2020, "What Neural Networks Memorize", equation
    1, from one fold each).

    Args:
        folds: How many models are fitted, each without a part of the rows.

    Example:

    >>> Memorising(folds=3).folds
    3
    """

    folds: int = 5

    name: ClassVar[str] = "privacy"
    asks: ClassVar[str] = "Does it give away who taught it?"
    by_default: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("membership_advantage", "memorised_rows")

    def lacks(self, subject: Subject) -> str | None:
        """It needs rows that taught, and outcomes that are classes or numbers."""
        if subject.features is None:
            return "it reads no features"
        if np.isnan(subject.features.train.outcomes).any():
            return "some outcomes are not known"
        labels = subject.task.labels(subject.features.test.outcomes)
        return None if _losses(subject.rows.scores, labels) is not None else "its outcome is neither class nor number"

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """The attack's advantage, and the rows that the model knows by heart."""
        features = subject.behind
        rows = features.train
        labels = subject.task.labels(rows.outcomes)
        seen = _losses(scores_of(subject, features.scorer, rows), labels)
        unseen = _losses(unseen_scores(subject, features, self.folds, tell), labels)
        assert seen is not None
        assert unseen is not None
        blocks = blocks_of(subject, rows)
        chosen = blocks % 2 == 0
        at = _threshold(seen[chosen], unseen[chosen])
        told = (seen[~chosen] <= at).astype(np.float64) - (unseen[~chosen] <= at)
        _, others = np.unique(blocks[~chosen], return_inverse=True)
        own = on_its_own(told, subject.rows.blocks_are)
        advantage = mean_estimate(told, others.astype(np.int64), bounds=(-1.0, 1.0), level=subject.level, rows=own)
        findings = [
            Finding(
                measure="membership_advantage",
                estimate=advantage,
                said="who knows a row and its outcome can tell from the model whether it was taught with it"
                f" {number(max(advantage.value, 0.0))} more often than by guessing (0: not at all, 1: always)",
                serious=advantage.low > _SERIOUS,
            )
        ]
        tables = {}
        if labels.dtype.kind in "bi":
            learned = np.exp(-seen) - np.exp(-unseen)
            by_heart = learned >= _MEMORISED
            own = on_its_own(by_heart, subject.rows.blocks_are)
            share = share_estimate(by_heart, blocks, own, level=subject.level)
            said = f"{int(by_heart.sum()):,} of {len(rows):,} rows that taught it are known by heart"
            findings.append(Finding(measure="memorised_rows", estimate=share, said=said))
            tables["memorised"] = _shown(features.ids()[features.split.train], learned, by_heart)
        note = "models without a part of the rows have learned from fewer, so the advantage is rather overestimated"
        return Examined(examination=self.name, findings=findings, tables=tables, notes=[note])


_SERIOUS = 0.1
"""An advantage that is surely greater is said as a warning."""


def _losses(scores: Floats, labels: npt.NDArray[Any]) -> Floats | None:
    """How far off each answer is, shape (n,): -log of the probability of what happened, or the distance in numbers."""
    if (found := probabilities_of(scores, labels)) is not None:
        places, probabilities = found
        losses: Floats = -np.log(np.maximum(probabilities[np.arange(len(places)), places], 1e-15))
        return losses
    if labels.dtype.kind == "f" and scores.ndim == 1 and labels.shape == scores.shape:
        return np.abs(labels - scores)
    return None


def _threshold(seen: Floats, unseen: Floats) -> float:
    """The loss up to which a row is taken for a member, so that the attack is best on these rows."""
    values = np.unique(np.concatenate([seen, unseen]))
    if not len(values):
        return 0.0
    members = np.searchsorted(np.sort(seen), values, side="right")
    others = np.searchsorted(np.sort(unseen), values, side="right")
    return float(values[np.argmax(members - others)])


def _shown(ids: npt.NDArray[np.object_], learned: Floats, by_heart: Booleans) -> list[dict[str, Any]]:
    order = np.argsort(-learned, kind="stable")[: min(_SHOWN, int(by_heart.sum()))]
    return [{"row": str(ids[place]), "more_probable": round(float(learned[place]), 6)} for place in order]
