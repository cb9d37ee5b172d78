"""30 metrics of 1,000,000 rows, overall and in 10 slices, each with an interval of 1,000 resamples and more.

    python benchmarks/evaluation.py [rows] [rounds]

kreis: each metric's influence on each row, summed by day, and a studentised bootstrap of the 90 days with 1,999 draws
(the interval of `kreis.evaluation`, which knows that rows of one day belong together). The other side is the loop that
people write: draw the rows with replacement 1,000 times, and call scikit-learn for each metric and slice. Of that loop
one resample is run in each round, and multiplied by 1,000. Both in turn, in one process; CPU seconds, and the most
memory that kreis's rounds took beyond the rows.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
from sklearn import metrics as sk

from kreis.evaluation.intervals import estimate
from kreis.evaluation.slices import group_codes, slices
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.metrics.accuracy import Accuracy
from kreis.tasks.metrics.alarms import AveragePrecision
from kreis.tasks.metrics.auc import Auc
from kreis.tasks.metrics.brier import Brier
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.calibration_error import CalibrationError
from kreis.tasks.metrics.log_loss import LogLoss
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.metrics.positive_rate import PositiveRate
from kreis.tasks.metrics.precision import Precision
from kreis.tasks.metrics.recall import Recall
from kreis.tasks.metrics.yes_no import DecidedShare, YesNoRows

ROWS, ROUNDS, DAYS, RESAMPLES = 1_000_000, 3, 90, 1_000
CUTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


@dataclass(frozen=True)
class AtCut(DecidedShare):
    """A share, had a score of so much been decided positively."""

    share: DecidedShare
    cut: float
    name: str  # type: ignore[misc]
    better = "higher"

    def terms(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        return self.share.terms(replace(rows, decisions=rows.scores >= self.cut))


VALUE = BusinessValue(DecisionValue("EUR", per=1, true_positive=6, false_positive=-2))
CUT: list[Metric] = [
    AtCut(each, cut, f"{each.name} at {cut}")
    for cut in CUTS
    for each in (Precision(), Recall(), PositiveRate(), Accuracy())
]
METRICS: list[Metric] = [VALUE, Auc(), AveragePrecision(), Brier(), LogLoss(), CalibrationError(), *CUT]


def drawn(count: int) -> tuple[YesNoRows, np.ndarray, np.ndarray]:
    """Rows with scores, their days, and the slice of each."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(count, 20)).astype(np.float32)
    logit = features @ rng.normal(size=20).astype(np.float32) / 4 - 1.0
    scores = (1 / (1 + np.exp(-logit))).astype(np.float64)
    outcomes = rng.random(count) < scores
    days = np.sort(rng.integers(0, DAYS, count))
    return YesNoRows(outcomes, scores, scores >= 0.25), days, rng.integers(0, 10, count)


def with_kreis(rows: YesNoRows, days: np.ndarray, parts: np.ndarray) -> int:
    """All intervals; how many there are."""
    found = [estimate(each, rows, days) for each in METRICS]
    by_part = slices(METRICS, rows, days, column="part", groups=group_codes(parts.astype(str)), least=30)
    return len(found) + sum(len(each.metrics) for each in by_part)


def one_resample(rows: YesNoRows, parts: np.ndarray, rng: np.random.Generator) -> None:
    """The rows drawn once with replacement, and scikit-learn's functions on them."""
    places = rng.integers(0, len(rows), len(rows))
    outcomes, scores, decisions, part = (
        rows.outcomes[places],
        rows.scores[places],
        rows.decisions[places],
        parts[places],
    )
    for mask in (slice(None), *(part == each for each in range(10))):
        y, s, d = outcomes[mask], scores[mask], decisions[mask]
        (6 * (y & d) - 2 * (~y & d)).mean()
        sk.roc_auc_score(y, s)
        sk.average_precision_score(y, s)
        sk.brier_score_loss(y, s)
        sk.log_loss(y, s)
        bins = np.digitize(s, np.quantile(s, np.linspace(0.1, 0.9, 9)))
        np.abs(np.bincount(bins, weights=y - s)).sum()
        for cut in CUTS:
            at = s >= cut
            sk.precision_score(y, at, zero_division=0)
            sk.recall_score(y, at)
            sk.accuracy_score(y, at)
            at.mean()


def main() -> None:
    """Both in turn."""
    count, rounds = (
        int(sys.argv[place]) if len(sys.argv) > place else given for place, given in ((1, ROWS), (2, ROUNDS))
    )
    rows, days, parts = drawn(count)
    rng, before = np.random.default_rng(1), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{count:,} rows, {len(METRICS)} metrics, 10 slices, {DAYS} days")
    for number in range(rounds):
        start, wall = time.process_time(), time.perf_counter()
        made = with_kreis(rows, days, parts)
        own, took = time.process_time() - start, time.perf_counter() - wall
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        one_resample(rows, parts, rng)
        loop = (time.process_time() - start) * RESAMPLES
        memory = f", {most / 1e6:.2f} GB at most ({before / 1e6:.2f} GB before)" if number == 0 else ""
        print(
            f"kreis: {made} intervals in {own:.1f} s of CPU ({took:.1f} s){memory}; the loop of scikit-learn:"
            f" {loop:,.0f} s of CPU for {RESAMPLES:,} resamples (one run, multiplied): {loop / own:,.0f} times as long",
            flush=True,
        )


if __name__ == "__main__":
    main()
