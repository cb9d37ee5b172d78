"""How much evidence rows hold about a metric: the rows that count towards it."""

from __future__ import annotations

import numpy as np

from kreis.tasks.metrics.metric import Metric, Rows
from kreis.texts import counted

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
    if not found:
        return f"{metric.name} rests on 0 rows{' ' if what else ''}{what}, {least} are asked for"
    share = (least - found) / found
    more = f"about {int(np.ceil(share * max(days, 1) - 1e-9)):,} more {rows.blocks_are} at the present rate"
    when = rows.coming.when(share) if rows.coming else ""
    return (
        f"{metric.name} rests on {counted(found, 'row')}{' ' if what else ''}{what}, {least} are asked"
        f" for, {more}{when}"
    )
