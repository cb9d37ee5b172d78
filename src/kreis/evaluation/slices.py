"""A metric in each group of a column."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes
from kreis.evaluation.group_order import in_order
from kreis.evaluation.intervals import Estimate, estimate
from kreis.evaluation.support import missing_rows
from kreis.tasks.metrics.metric import Metric, Rows

__all__ = ["Groups", "Slice", "group_codes", "slices"]

_MISSING = "(missing)"


class Groups(msgspec.Struct, frozen=True):
    """A column as groups: `codes`, shape (n,), number the `labels`; -1 is in none."""

    labels: list[str]
    codes: Codes


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One group's metrics. Metrics with too few rows are left out and named in `too_few`."""

    column: str
    group: str
    n: int
    metrics: dict[str, Estimate]
    too_few: list[str] = []
    missing: dict[str, str] = {}
    """What each of these lacks, and by when there will be enough."""


def group_codes(column: npt.ArrayLike | Groups) -> Groups:
    """A column's values as groups, in the order of what their texts say (`in_order`), else of the texts; None and NaN
    are the group "(missing)". Groups are taken as they are.
    """
    if isinstance(column, Groups):
        return column
    values = np.asarray(column)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), _MISSING, values.astype(str))
    elif values.dtype.kind == "O":
        values = np.array([_MISSING if each is None or each != each else str(each) for each in values], dtype=str)
    found, codes = np.unique(values.astype(str), return_inverse=True)
    labels = [str(label) for label in found]
    order = in_order(labels)
    if order is None:
        return Groups(labels, codes.astype(np.int64))
    return Groups([labels[place] for place in order], np.argsort(order)[codes].astype(np.int64))


def slices(
    metrics: Sequence[Metric],
    rows: Rows,
    blocks: Codes,
    *,
    column: str,
    groups: Groups,
    least: int,
    level: float = 0.95,
) -> list[Slice]:
    """Metrics of each group with their intervals: in the order of what the groups' names say, else the largest first.

    Args:
        metrics: What to measure.
        rows: All rows, n of them.
        blocks: Day codes, shape (n,).
        column: The column's name, for the result.
        groups: The column.
        least: Rows that must count towards a metric for it to be shown.
        level: Of the intervals.
    """
    found, count = [], int(blocks.max()) + 1
    for code, label in enumerate(groups.labels):
        mask = groups.codes == code
        part, days = rows.where(mask), blocks[mask]
        missing = {metric.name: missing_rows(metric, part, least, count) for metric in metrics}
        lacking = {name: said for name, said in missing.items() if said}
        found.append(
            Slice(
                column=column,
                group=label,
                n=len(part.once),
                metrics={m.name: estimate(m, part, days, level=level) for m in metrics if m.name not in lacking},
                too_few=list(lacking),
                missing=lacking,
            )
        )
    order = in_order(groups.labels)
    if order is not None:
        return [found[place] for place in order]
    return sorted(found, key=lambda each: (-each.n, each.group))
