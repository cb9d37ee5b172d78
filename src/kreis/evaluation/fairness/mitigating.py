"""Ways to treat groups more alike, each as a row of settings: taught by the fit rows, chosen on the validation rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.evaluation.examinations.examination import FeatureRows, Subject, Tell
from kreis.evaluation.slices import Groups, group_codes
from kreis.models.scoring import Scorer
from kreis.tasks.decisions import Cut
from kreis.training.data import TrainingData
from kreis.training.mitigations.choosing import best_thresholds
from kreis.training.mitigations.reweighed import reweighing

__all__ = ["METHODS", "Option", "Trial", "options"]

METHODS = ("thresholds by group", "reweighing", "constrained training")
_RATIOS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_STRENGTHS = (0.25, 0.5, 0.75, 1.0)
_SLACKS = (0.1, 0.05, 0.02)
_ROUNDS = 8
_TAUGHT = 8_000
"""Constrained training fits some twenty models: on at most so many rows each."""

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False, kw_only=True)
class Option:
    """One setting of one way."""

    method: str
    setting: str
    says_yes: Callable[[Places], Floats]
    """The chance of yes for rows of the data by their places, shape (n,): 0 or 1 unless it is drawn by lot."""
    by_lot: bool = False
    """Whether it is a mixture of models, one of which is drawn for each answer."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A candidate, the group of each row, and what decisions are worth."""

    subject: Subject
    behind: FeatureRows
    by: str
    of: str

    @property
    def positive(self) -> bool:
        """Whether yes is the good decision."""
        return self.subject.goal.favourable != "negative"

    @cached_property
    def groups(self) -> Groups:
        """Of all rows; in none where a group has too few rows that validate or test."""
        groups = group_codes(self.behind.data.columns[self.by])
        enough = np.ones(len(groups.labels), dtype=bool)
        for part in (self.behind.split.validation, self.behind.split.test):
            enough &= np.bincount(groups.codes[part], minlength=len(enough)) >= self.subject.goal.least
        codes = np.where(enough, np.cumsum(enough) - 1, -1)[groups.codes]
        return Groups([label for label, kept in zip(groups.labels, enough, strict=True) if kept], codes)

    @cached_property
    def gains(self) -> tuple[Floats, Floats]:
        """What yes and no are worth for each row, per decision."""
        outcomes, metric = self.behind.data.outcomes, self.subject.goal.metric
        yes, no = (metric.values(outcomes, np.full(len(outcomes), each)) for each in (True, False))
        return yes, no

    @cached_property
    def counted(self) -> Booleans:
        """The rows among which rates are counted."""
        outcomes = self.behind.data.outcomes
        return np.ones(len(outcomes), bool) if self.of == "selection" else (outcomes > 0.5) == self.positive

    def value(self, says_yes: Floats, places: Places) -> Floats:
        """What decisions on some rows are worth, in the goal's unit, shape (n,)."""
        yes, no = self.gains
        return (says_yes * yes[places] + (1 - says_yes) * no[places]) * self.subject.goal.metric.per

    @property
    def costs(self) -> dict[str, float]:
        """What errors cost in mean, to who takes the good decision for 1: to give it wrongly, and not to give it."""
        metric = self.subject.goal.metric
        happened, sides = np.array([1.0, 0.0]), (np.array([True, False]), np.array([False, True]))
        missed, wrong = np.maximum(metric.values(happened, sides[0]) - metric.values(happened, sides[1]), 1e-9)
        return {"fp": float(wrong), "fn": float(missed)} if self.positive else {"fp": float(missed), "fn": float(wrong)}

    def good(self, says_yes: Floats) -> Floats:
        """The chance of the good decision."""
        return says_yes if self.positive else 1 - says_yes

    def ratio(self, says_yes: Floats, places: Places) -> float:
        """The lowest group's rate of the good decision over the highest one's."""
        codes, counted = self.groups.codes[places], self.counted[places]
        good = self.good(says_yes)
        rates = [good[counted & (codes == code)] for code in range(len(self.groups.labels))]
        means = [float(each.mean()) for each in rates if len(each)]
        return min(means) / max(means) if len(means) > 1 and max(means) > 0 else float("nan")

    def scores(self, scorer: Scorer, places: Places) -> Floats:
        """Of some rows."""
        rows = self.behind.data.take(places)
        return self.subject.task.answers(scorer.score(rows.matrix, rows.texts))

    def decided(self, scorer: Scorer) -> Callable[[Places], Floats]:
        """A model with the cut that is best on the validation rows."""
        validation = self.behind.split.validation
        found = self.subject.task.fit_decision(self.scores(scorer, validation), self.behind.data.outcomes[validation])
        return lambda places: found.decision.many(self.scores(scorer, places)).astype(np.float64)


def options(trial: Trial, methods: tuple[str, ...], tell: Tell) -> Iterator[Option]:
    """All settings of some ways, the candidate as it is first.

    Args:
        trial: What is tried on.
        methods: Which ways.
        tell: Told of each.
    """
    behind = trial.behind
    fit = behind.data.take(behind.split.fit)
    plain = behind.refit(fit)
    yield Option(method="as it is", setting="", says_yes=trial.decided(plain))
    if METHODS[0] in methods:
        yield from _thresholds(trial, plain)
    if METHODS[1] in methods:
        for number, strength in enumerate(_STRENGTHS):
            tell("reweighing", number, len(_STRENGTHS))
            yield _reweighed(trial, fit, strength)
    if METHODS[2] in methods:
        for number, slack in enumerate(_SLACKS):
            tell("constrained training", number, len(_SLACKS))
            yield _constrained(trial, slack)


def _thresholds(trial: Trial, plain: Scorer) -> Iterator[Option]:
    """Thresholds of each group that are worth most on the validation rows and reach a ratio there."""
    validation = trial.behind.split.validation
    known = validation[trial.groups.codes[validation] >= 0]
    scores, codes = trial.scores(plain, known), trial.groups.codes[known]
    gains = trial.gains[0][known] - trial.gains[1][known]
    all_scores = trial.scores(plain, validation)
    common = trial.subject.task.fit_decision(all_scores, trial.behind.data.outcomes[validation]).decision
    other = common.at if isinstance(common, Cut) else 0.5
    for ratio in _RATIOS:
        at = best_thresholds(scores, gains, codes, trial.counted[known], at_least=ratio, positive=trial.positive)
        cuts = np.append(at, other)  # of rows in no group, whose code is -1

        def says_yes(places: Places, cuts: Floats = cuts) -> Floats:
            return (trial.scores(plain, places) >= cuts[trial.groups.codes[places]]).astype(np.float64)

        yield Option(method=METHODS[0], setting=f"ratio at least {ratio:g}", says_yes=says_yes)


def _reweighed(trial: Trial, fit: TrainingData, strength: float) -> Option:
    labels = trial.subject.task.labels(fit.outcomes)
    _, groups = np.unique(fit.columns[trial.by].astype(str), return_inverse=True)
    weights = 1 + strength * (reweighing(groups, labels) - 1)
    weights = weights if fit.weights is None else weights * fit.weights
    scorer = trial.behind.refit(msgspec.structs.replace(fit, weights=weights))
    return Option(method=METHODS[1], setting=f"strength {strength:g}", says_yes=trial.decided(scorer))


def _constrained(trial: Trial, slack: float) -> Option:
    """A mixture of models whose rates differ by at most `slack` on the rows that teach (Agarwal et al. 2018)."""
    from fairlearn.reductions import DemographicParity, ErrorRate, ExponentiatedGradient, TruePositiveRateParity

    data, fit, codes = trial.behind.data, trial.behind.split.fit, trial.groups.codes
    taught = fit[codes[fit] >= 0]
    if len(taught) > _TAUGHT:
        taught = taught[np.linspace(0, len(taught) - 1, _TAUGHT).astype(np.intp)]
    # The good decision is 1 to fairlearn, which then also finds those who deserve it.
    deserved = ((data.outcomes[taught] > 0.5) == trial.positive).astype(int)
    parity = DemographicParity if trial.of == "selection" else TruePositiveRateParity
    bound, objective = parity(difference_bound=slack), ErrorRate(costs=trial.costs)
    mixture = ExponentiatedGradient(_Learner(trial), bound, objective=objective, eps=slack, max_iter=_ROUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fairlearn's, of how pandas will be
        mixture.fit(taught[:, None].astype(np.float64), deserved, sensitive_features=codes[taught])
    used = [
        (float(weight), predictor)
        for weight, predictor in zip(mixture.weights_, mixture.predictors_, strict=True)
        if weight > 0
    ]

    def says_yes(places: Places) -> Floats:
        given = places[:, None].astype(np.float64)
        good = sum(weight * np.asarray(each.predict(given), dtype=np.float64) for weight, each in used)
        return trial.good(np.asarray(good))

    return Option(method=METHODS[2], setting=f"difference at most {slack:g}", says_yes=says_yes, by_lot=True)


class _Learner:
    """The candidate, as fairlearn takes a classifier: rows are said by their places, 1 is the good decision."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What scikit-learn copies it by."""
        return {"trial": self.trial}

    def __sklearn_clone__(self) -> _Learner:
        return _Learner(self.trial)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _Learner:  # noqa: N803 (its names)
        """Learn from weighed and relabelled rows."""
        places = np.asarray(X, dtype=np.float64).ravel().astype(np.intp)
        rows = self.trial.behind.data.take(places)
        good = np.asarray(y, dtype=np.float64).ravel()
        outcomes = good if self.trial.positive else 1 - good
        weights = np.ones(len(places)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        weights = np.maximum(weights, 1e-9)
        weights = weights if rows.weights is None else weights * rows.weights
        self.scorer = self.trial.behind.refit(msgspec.structs.replace(rows, outcomes=outcomes, weights=weights))
        return self

    def predict(self, X: Any) -> Codes:  # noqa: N803 (its names)
        """1 where the good decision is the likelier one."""
        places = np.asarray(X, dtype=np.float64).ravel().astype(np.intp)
        yes: Booleans = self.trial.scores(self.scorer, places) >= 0.5
        good: Codes = (yes == self.trial.positive).astype(np.int64)
        return good
