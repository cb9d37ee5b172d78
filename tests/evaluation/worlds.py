"""Small worlds whose truth is known, and how often the intervals of kreis hold it: `coverage.md` is written from this.

KREIS_SIMULATIONS=2000 python -m tests.evaluation.worlds
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.evaluation.gates import decide
from kreis.evaluation.intervals import estimate, paired_difference
from kreis.evaluation.support import missing_rows
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.metrics.accuracy import Accuracy
from kreis.tasks.metrics.alarms import AveragePrecision
from kreis.tasks.metrics.auc import Auc
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.classes import ClassRows
from kreis.tasks.metrics.correlation import Correlation
from kreis.tasks.metrics.errors import MeanAbsoluteError, RootMeanSquaredError
from kreis.tasks.metrics.log_loss import LogLoss
from kreis.tasks.metrics.macro_recall import MacroRecall
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.metrics.quantiles import PinballLoss
from kreis.tasks.metrics.ranked import Ndcg, RankedRows
from kreis.tasks.metrics.recall import Recall
from kreis.tasks.metrics.scaled_error import ScaledError
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.tasks.regression.error_cost import ErrorCost

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "coverage.md"
MONTE_CARLO = 2.6
NORMAL = NormalDist()
Draw = Callable[[np.random.Generator, int], tuple[Rows, Codes]]


@dataclass(frozen=True)
class Case:
    """A metric in a world."""

    what: str
    metric: Metric
    draw: Draw
    """Takes how many blocks are drawn."""
    blocks: int
    truth: float | None = None
    """None where a large draw says it."""

    @property
    def true(self) -> float:
        return _truth(self) if self.truth is None else self.truth


@dataclass(frozen=True)
class Covered:
    """How often the interval held the truth."""

    what: str
    held: int
    warned: int
    """Of those that did not hold it, how many said that they decide nothing."""
    runs: int

    @property
    def error(self) -> float:
        return (0.95 * 0.05 / self.runs) ** 0.5

    @property
    def missed(self) -> bool:
        """Whether it is off by more than the simulation's own error, and does not say so."""
        return (self.held + self.warned) / self.runs < 0.95 - MONTE_CARLO * self.error

    @property
    def wide(self) -> bool:
        return self.held / self.runs > 0.95 + MONTE_CARLO * self.error


@cache
def _truth(case: Case) -> float:
    rows, _ = case.draw(np.random.default_rng(99), case.blocks * (4_000_000 // (case.blocks * 10)))
    return case.metric.value(rows)


def by_row(make: Callable[[np.random.Generator, int], Rows]) -> Draw:
    """Each row stands for itself."""

    def draw(rng: np.random.Generator, count: int) -> tuple[Rows, Codes]:
        return make(rng, count), np.arange(count)

    return draw


def right_or_wrong(rng: np.random.Generator, count: int) -> Rows:
    outcomes = rng.random(count) < 0.4
    return YesNoRows(outcomes, np.full(count, 0.5), outcomes ^ (rng.random(count) < 0.15), blocks_are="rows")


def ordered(share: float) -> Callable[[np.random.Generator, int], Rows]:
    """Scores of positives lie one standard deviation above those of negatives."""

    def make(rng: np.random.Generator, count: int) -> Rows:
        outcomes = rng.random(count) < share
        signal = rng.normal(outcomes.astype(float), 1.0)
        logit = signal - 0.5 + math.log(share / (1 - share))
        return YesNoRows(outcomes, 1 / (1 + np.exp(-logit)), signal > 1.0, blocks_are="rows")

    return make


def numbers(rng: np.random.Generator, count: int) -> Rows:
    outcomes = rng.normal(size=count)
    return Rows(outcomes, np.zeros(count), np.zeros(count), blocks_are="rows")


def quantiles(rng: np.random.Generator, count: int) -> Rows:
    outcomes = rng.gamma(2.0, size=count)
    return Rows(outcomes, np.tile([0.5, 1.6, 4.0], (count, 1)), outcomes, blocks_are="rows")


def heavy(sigma: float) -> Callable[[np.random.Generator, int], Rows]:
    """Errors that are mostly small and sometimes huge (log-normal)."""

    def make(rng: np.random.Generator, count: int) -> Rows:
        errors = rng.lognormal(0.0, sigma, count) * np.where(rng.random(count) < 0.5, 1, -1)
        return Rows(errors, np.zeros(count), np.zeros(count), blocks_are="rows")

    return make


def noisy(rng: np.random.Generator, count: int) -> Rows:
    """Decisions that miss by half as much as a plain answer does."""
    outcomes: Floats = rng.normal(size=count)
    reference: Floats = outcomes + rng.normal(size=count)
    return Rows(outcomes, outcomes, outcomes + rng.normal(0.0, 0.5, count), reference=reference, blocks_are="rows")


def of_three(rng: np.random.Generator, count: int) -> Rows:
    """Three classes, of which the rarest is found least often."""
    happened = rng.choice(3, p=[0.6, 0.3, 0.1], size=count)
    right = rng.random(count) < np.array([0.9, 0.7, 0.5])[happened]
    chosen = np.where(right, happened, (happened + 1) % 3).astype(float)
    numbers = np.arange(3.0)
    return ClassRows(happened.astype(float), np.zeros((count, 3)), chosen, blocks_are="rows", numbers=numbers)


def ranked(rng: np.random.Generator, count: int) -> tuple[Rows, Codes]:
    """Groups of ten rows with grades 0, 1 and 2."""
    grades = rng.choice([0.0, 1.0, 2.0], p=[0.7, 0.2, 0.1], size=(count, 10))
    scores = grades + rng.normal(size=(count, 10))
    places = (-scores).argsort(axis=1).argsort(axis=1) + 1
    groups = np.repeat(np.arange(count), 10)
    rows = RankedRows(grades.ravel(), scores.ravel(), places.ravel(), blocks_are="groups", queries=groups)
    return rows, groups


def clustered(each: int) -> Draw:
    """Rows of one cluster are right more or less often together."""

    def draw(rng: np.random.Generator, count: int) -> tuple[Rows, Codes]:
        sizes = rng.poisson(each, count) + 1
        clusters = np.repeat(np.arange(count), sizes)
        level = rng.normal(size=count)[clusters]
        outcomes = rng.random(len(clusters)) < 1 / (1 + np.exp(1.0 - level))
        signal = rng.normal(outcomes + 0.5 * level, 1.0)
        scores = 1 / (1 + np.exp(0.5 - signal))
        return YesNoRows(outcomes, scores, signal > 0.7, blocks_are="groups"), clusters

    return draw


def cases() -> Iterator[Case]:
    """What is measured."""
    costs = BusinessValue(ErrorCost("EUR", per=1, over=1.0, under=2.0))
    gains = Ndcg(
        lambda grade: 2 ** np.asarray(grade, dtype=float) - 1, lambda place: 1 / np.log2(np.asarray(place) + 1)
    )
    yield Case("accuracy, 500 rows", Accuracy(), by_row(right_or_wrong), 500, 0.85)
    yield Case("AUC, 500 rows", Auc(), by_row(ordered(0.3)), 500, NORMAL.cdf(1 / math.sqrt(2)))
    yield Case("mean absolute error, 500 rows", MeanAbsoluteError(), by_row(numbers), 500, math.sqrt(2 / math.pi))
    yield Case("root mean squared error, 500 rows", RootMeanSquaredError(), by_row(numbers), 500, 1.0)
    yield Case("pinball loss, 500 rows", PinballLoss((0.1, 0.5, 0.9)), by_row(quantiles), 500)
    yield Case("correlation, 500 rows", Correlation(), by_row(noisy), 500, 1 / math.sqrt(1.25))
    yield Case("scaled error, 500 rows", ScaledError(), by_row(noisy), 500, 0.5)
    yield Case("macro recall, 500 rows", MacroRecall(), by_row(of_three), 500, 0.7)
    yield Case("average precision, 500 rows", AveragePrecision(), by_row(ordered(0.3)), 500)
    yield Case("NDCG, 200 groups of 10 rows", gains, ranked, 200)
    for sigma, count in ((1.0, 500), (1.0, 5_000), (1.5, 5_000)):
        mean = -1.5 * math.exp(sigma**2 / 2)
        what = f"business metric, heavy-tailed (log-normal, {sigma}), {count:,} rows"
        yield Case(what, costs, by_row(heavy(sigma)), count, mean)
    for metric, truth in ((Auc(), NORMAL.cdf(1 / math.sqrt(2))), (Recall(), 0.5), (LogLoss(), None)):
        yield Case(f"{metric.name}, a class of 1%, 6,000 rows", metric, by_row(ordered(0.01)), 6_000, truth)
    for count in (8, 30):
        for each in (Accuracy(), Auc(), LogLoss()):
            yield Case(f"{each.name}, {count} clusters of some 40 rows", each, clustered(40), count)


def covered(case: Case, runs: int) -> Covered:
    """How often its interval holds the truth."""
    rng, held, warned = np.random.default_rng(7), 0, 0
    for _ in range(runs):
        rows, blocks = case.draw(rng, case.blocks)
        found = estimate(case.metric, rows, blocks)
        inside = found.low <= case.true <= found.high
        held += inside
        warned += not inside and found.warning is not None
    return Covered(case.what, held, warned, runs)


def alike(runs: int, *, rows: int = 300) -> tuple[int, int]:
    """Of two models that are alike, how often one is said to be worth more: of yes and no, and of numbers."""
    rng = np.random.default_rng(11)
    value = BusinessValue(DecisionValue("EUR", per=1, true_positive=6, false_positive=-2))
    error, wrong = MeanAbsoluteError(), [0, 0]
    blocks = np.arange(rows)
    for _ in range(runs):
        outcomes = rng.random(rows) < 0.3
        signals = rng.normal(outcomes.astype(float), 1.0, (2, rows)) * 0.5 + rng.normal(outcomes, 1.0, rows) * 0.5
        pair = [YesNoRows(outcomes, each, each > 0.6, blocks_are="rows") for each in signals]
        wrong[0] += _apart(value, pair, blocks)
        happened: Floats = rng.normal(size=rows)
        said = happened + rng.normal(size=(2, rows))
        wrong[1] += _apart(error, [Rows(happened, each, each, blocks_are="rows") for each in said], blocks)
    return wrong[0], wrong[1]


def _apart(metric: Metric, pair: list[Rows] | list[YesNoRows], blocks: Codes) -> bool:
    found = paired_difference(metric, pair[0], pair[1], blocks)
    return found.low > 0 or found.high < 0


def undecided(runs: int) -> int:
    """Of 200 rows with a class of 1%: how often a gate on the AUC decides nothing."""
    rng, found, open_ = np.random.default_rng(5), Auc(), 0
    for _ in range(runs):
        rows, blocks = by_row(ordered(0.01))(rng, 200)
        few = missing_rows(found, rows, 30, 200)
        open_ += decide(estimate(found, rows, blocks), at_least=0.5, missing=few, blocks_are="rows")[0] == "undecided"
    return open_


def page(runs: int) -> str:
    """What was measured, as a page."""
    lines = [
        "# Intervals: measured",
        "",
        "How often the 95% intervals hold the truth in worlds where it is known. Written by",
        "`KREIS_SIMULATIONS=2000 python -m tests.evaluation.worlds`. `make simulate` runs the same worlds, and fails",
        "where a rate is off by more than 2.6 standard errors of the simulation itself, warnings aside. Days that hang",
        "together, splits and canaries: [simulations](simulations.md).",
        "",
        f"| 95% interval of, {runs:,} runs each | held the truth | did not, and warned |",
        "|---|---|---|",
    ]
    found = [covered(each, runs) for each in cases()]
    lines += [f"| {each.what} | {each.held / runs:.2%} | {each.warned / runs:.2%} |" for each in found]
    few, many = undecided(runs), 5 * runs
    value, error = alike(many)
    lines += [
        "",
        f"With {runs:,} runs the simulation itself is off by up to {MONTE_CARLO * found[0].error:.2%}"
        f" ({0.95 - MONTE_CARLO * found[0].error:.2%} to {0.95 + MONTE_CARLO * found[0].error:.2%}).",
        "",
        f"- Two models that are alike, compared row by row on 300 rows, {many:,} times: told apart in"
        f" {value / many:.2%} by what their decisions are worth, and in {error / many:.2%} by the absolute"
        " error (5% is stated).",
        f"- 200 rows with a class of 1%: a gate on the AUC is undecided in {few / runs:.1%}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(int(os.environ.get("KREIS_SIMULATIONS", "2000"))), encoding="utf-8")
