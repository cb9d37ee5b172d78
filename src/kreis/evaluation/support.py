"""How much evidence rows hold about a metric: the rows that count towards it."""

from __future__ import annotations

import numpy as np

from kreis.tasks.metrics.metric import Booleans, Metric, Rows
from kreis.tasks.metrics.positive_rate import PositiveRate
from kreis.tasks.metrics.precision import Precision
from kreis.tasks.metrics.recall import Recall

__all__ = ["counting_rows", "missing_rows", "rarer_outcome", "support"]


def rarer_outcome(rows: Rows) -> Booleans:
    """The rows with the outcome that occurs less often, as a mask of shape (n,)."""
    positives = rows.outcomes
    return positives if 2 * int(positives.sum()) <= len(rows) else ~positives


def counting_rows(metric: Metric, rows: Rows) -> Booleans:
    """The rows that a metric rests on, as a mask of shape (n,).

    Of a share of decisions (recall, precision, positive rate) those that it is a share of; of every other metric
    those of the rarer outcome: 1,000 rows with two positives say as little about an AUC or a value as two rows.
    """
    if isinstance(metric, Recall | Precision | PositiveRate):
        counted: Booleans = metric.terms(rows)[1] > 0
        return counted
    return rarer_outcome(rows)


def support(metric: Metric, rows: Rows) -> int:
    """How many rows count towards a metric."""
    return int(counting_rows(metric, rows).sum())


def missing_rows(metric: Metric, rows: Rows, least: int, days: int) -> str | None:
    """What rows lack, in words, before the metric may decide: None if it has `least` of those that count."""
    found = support(metric, rows)
    if found >= least:
        return None
    what = {Recall.name: "with a positive outcome", Precision.name: "that were decided positively"}.get(metric.name, "")
    if not what and metric.name != PositiveRate.name:
        what = "with the rarer outcome"
    rate = found / max(days, 1)
    when = f", about {int(np.ceil((least - found) / rate)):,} more days at the present rate" if found else ""
    return f"{metric.name} rests on {found} rows{' ' if what else ''}{what}, {least} are asked for{when}"
