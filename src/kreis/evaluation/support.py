"""How much evidence rows hold about a metric: the rows that count towards it."""

from __future__ import annotations

import numpy as np

from kreis.tasks.metrics.metric import Metric, Rows

__all__ = ["missing_rows", "support"]


def support(metric: Metric, rows: Rows) -> int:
    """How many rows count towards a metric."""
    return int(metric.counting(rows.once).sum())


def missing_rows(metric: Metric, rows: Rows, least: int, days: int) -> str | None:
    """What rows lack, in words, before the metric may decide: None if it has `least` of those that count."""
    found = support(metric, rows)
    if found >= least:
        return None
    what = rows.evidence_is if metric.rests_on is None else metric.rests_on
    rate = found / max(days, 1)
    more = f"{int(np.ceil((least - found) / rate)):,} more {rows.blocks_are}" if found else ""
    when = f", about {more} at the present rate" if found else ""
    return f"{metric.name} rests on {found} rows{' ' if what else ''}{what}, {least} are asked for{when}"
