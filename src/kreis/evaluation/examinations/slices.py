"""Whom does it fail: slices of the rows that judge in which the model does worse than elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes
from kreis.errors import ProjectError
from kreis.evaluation.calibration.questions import overall_question
from kreis.evaluation.examinations.examination import Examined, FeatureRows, Finding, Subject, Tell
from kreis.evaluation.intervals import Estimate, gap_estimate
from kreis.evaluation.slices import Groups, group_codes
from kreis.evaluation.slicing.columns import Column, category_column, group_column, number_column
from kreis.evaluation.slicing.measured import Measured, measured, row_metric, validated
from kreis.evaluation.slicing.search import Cell, Searched, search
from kreis.evaluation.slicing.sums import Loss
from kreis.tasks.metrics.alarms import AlarmRows
from kreis.tasks.metrics.classes import ClassRows
from kreis.tasks.metrics.metric import Metric
from kreis.texts import counted, number

__all__ = ["Slices"]

_SERIOUS = 0.4
"""Standard deviations of a row's loss: such a gap is worth a look (Chung et al. 2019, "Slice Finder", section 2.3)."""
_GAP = "slice_gap"
_LEAST_LEVEL = 0.95


@dataclass(frozen=True)
class Slices:
    """Looks for slices of the rows in which a metric is worse than elsewhere, over all columns and their pairs.

    Each slice that is found stands for itself: none is the shadow of another. How much worse it is has an interval that
    allows for the choice: as wide as the test of that slice is strict, so that all slices that were looked at, not only
    those that are shown, are above their lower ends together, but for the rate.

    Example:

    >>> Slices(support=0.1, metric="value").rate
    0.1
    """

    name: ClassVar[str] = "slices"
    asks: ClassVar[str] = "Where does it do worse than elsewhere?"
    by_default: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = (_GAP,)

    metric: str | None = None
    """A metric of the task that is a mean over rows; if not given, how many are right, or how far numbers are off."""
    support: float = 0.05
    """The least share of the rows that a slice has."""
    rate: float = 0.1
    """The share of false ones among those found, at most, on average."""
    most: int = 5
    """How many are shown."""

    def __post_init__(self) -> None:
        for name, share in (("support", self.support), ("rate", self.rate)):
            if not 0 < share < 0.5:
                hint = f"write Slices({name}=0.05)"
                raise ProjectError(f"{name} must be between 0 and 0.5, not {share}", where="Slices", hint=hint)

    def lacks(self, subject: Subject) -> str | None:
        """Why it cannot be asked: there are no columns, or too few rows."""
        if subject.features is None and not subject.groups:
            return "there are no columns by which rows could be told apart"
        metric = row_metric(subject, self.metric, where="Slices")
        found = measured(metric, subject)
        if found is None:
            return f"{metric.name} is no mean over rows: name another metric"
        if len(found.values) // found.rows.repeats < 4 * subject.goal.least:
            return f"{counted(len(found.values) // found.rows.repeats, 'row is', 'rows are')} too few"
        return None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """Search, then measure what was found with the intervals that all metrics have."""
        rows = measured(row_metric(subject, self.metric, where="Slices"), subject)
        assert rows is not None
        before = _Before.of(subject, rows.metric)
        columns, notes = _columns(subject, rows, before, self.support)
        by_row = rows.rows.blocks_are == "rows" and rows.rows.repeats == 1
        loss = Loss.of(rows.losses, None if by_row else rows.blocks)
        earlier = None if before is None else Loss.of(before.rows.losses, None if by_row else before.rows.blocks)
        least = subject.goal.least * rows.rows.repeats
        searched = search(
            columns, loss, support=self.support, rate=self.rate, most=self.most, least=least, before=earlier
        )
        chosen = [self._slice(cell, columns, rows) for cell in searched.found]
        in_days = rows.rows.blocks_are == "days"
        shown = [each for each in chosen if each.gap.low > 0 or not in_days]
        if len(shown) < len(chosen):
            notes.append(f"{len(chosen) - len(shown)} more are not shown: days that hang together could have made them")
        findings = [each.finding(serious=not place and self._news(subject, each)) for place, each in enumerate(shown)]
        if not shown and (doubtful := searched.suspect or next(iter(searched.found), None)):
            findings = [self._slice(doubtful, columns, rows).finding(shown=False)]
        tables = {"slices": [each.document for each in shown]} if shown else {}
        notes += self._told(searched, rows, before)
        return Examined(examination=self.name, findings=findings, tables=tables, notes=notes)

    def _news(self, subject: Subject, found: _Slice) -> bool:
        """Whether a great gap is worth a warning: the project names the metric, or it is astonishing."""
        return self.metric is not None or _astonishing(subject, found)

    def _slice(self, cell: Cell, columns: list[Column], rows: Measured) -> _Slice:
        level = max(1 - 2 * cell.bar, _LEAST_LEVEL)
        gap = gap_estimate(rows.losses, cell.inside, rows.blocks, rows.rows, level=level)
        return _Slice(cell, " and ".join(columns[place].name for place in cell.columns), cell.inside, gap, rows)

    def _told(self, searched: Searched, rows: Measured, before: _Before | None) -> list[str]:
        if not sum(searched.looked_at):
            return ["no slice is large enough, and varies enough, to be looked at"]
        found = [
            f"{sum(searched.looked_at):,} slices of at least {self.support:.0%} of the rows were looked at; of those"
            f" that are shown, {self.rate:.0%} are there by chance at most, on average",
            f"one of the smallest slices would have been shown if its gap in {rows.name} were at least about"
            f" {number(searched.detectable)}",
        ]
        if before is not None:
            found.append(
                f"{len(before.rows.values):,} validation rows said where to look: a slice that is worse there, too,"
                " needs a smaller gap; the gaps and their intervals are those of the test rows alone"
            )
        if isinstance(rows.rows, AlarmRows):
            found.append("only rows whose outcome is known were looked at: those that somebody looked into")
        if rows.metric.name == "value":
            found.append("how much a slice is worth also depends on how much can be gained there, whatever the model")
        if len(rows.values) < rows.of:
            found.append(f"{len(rows.values):,} of {rows.of:,} rows were looked at, evenly taken")
        return found


@dataclass(frozen=True, eq=False)
class _Before:
    """The validation rows, which the test rows do not depend on: they say where to look."""

    rows: Measured
    places: npt.NDArray[np.intp]
    """Which of the validation rows these are, shape (v,)."""

    @classmethod
    def of(cls, subject: Subject, metric: Metric) -> _Before | None:
        """None where there are none."""
        found = validated(subject)
        rows = None if found is None else measured(metric, found[0])
        return None if found is None or rows is None else cls(rows, found[1][rows.places])

    def groups(self, name: str, labels: list[str], behind: FeatureRows) -> Codes:
        """Of which group each is, as codes of the test rows' groups, shape (v,); -1 where it is of none of these."""
        codes = {label: code for code, label in enumerate(labels)}
        if name not in behind.validation_groups:
            return np.full(len(self.places), -1, dtype=np.int64)
        texts = group_codes(behind.validation_groups[name][self.places])
        return np.array([codes.get(label, -1) for label in texts.labels], dtype=np.int64)[texts.codes]


@dataclass(frozen=True, eq=False)
class _Slice:
    """A slice, measured."""

    cell: Cell
    column: str
    inside: Booleans
    gap: Estimate
    rows: Measured

    @property
    def document(self) -> dict[str, Any]:
        """As a row of a table."""
        within, elsewhere = self.rows.told(self.inside)
        return {
            "slice": self.cell.said(),
            "rows": self.cell.rows // self.rows.rows.repeats,
            "share": self.cell.rows / len(self.inside),
            "metric": self.rows.metric.name,
            "value": within,
            "elsewhere": elsewhere,
            "gap": self.gap.value,
            "low": self.gap.low if math.isfinite(self.gap.low) else None,
            "high": self.gap.high if math.isfinite(self.gap.high) else None,
            "expected_gap": self.cell.expected,
        }

    def finding(self, *, serious: bool = False, shown: bool = True) -> Finding:
        """What is said of it."""
        share = self.cell.rows / len(self.inside)
        where = f"here {self.cell.said()} ({share:.0%} of rows), {self.rows.said(self.inside)}"
        said = f"W{where}." if shown else f"No slice is shown to be worse. The most suspect one: w{where}."
        great = shown and self.cell.expected >= _SERIOUS * float(self.rows.losses.std())
        return Finding(
            measure=_GAP,
            said=said,
            estimate=self.gap,
            column=self.column,
            group=self.cell.said(),
            serious=serious and great,
            detail={**self.document, "shown": shown},
        )


def _astonishing(subject: Subject, found: _Slice) -> bool:
    """Whether a slice is worth a warning: it is one of people by whom the project looks, or the model is surer of it
    than it is right, which makes up most of the gap. Every model has rows that are harder than others; where its
    probabilities say so, that is no news.
    """
    if any(name in subject.judge_by for name in found.column.split(" and ")):
        return True
    question = overall_question(subject.rows, subject.decision.names)
    if question is None or found.rows.metric.name != "accuracy":
        return False
    of_classes, rows = isinstance(subject.rows, ClassRows), found.rows
    said = np.where(question.decisions | of_classes, question.scores, 1 - question.scores)
    surer = said[rows.places] - rows.values
    unknown = gap_estimate(surer, found.inside, rows.blocks, rows.rows, level=found.gap.level)
    return unknown.low > 0 and unknown.value > found.gap.value / 2


def _columns(
    subject: Subject, rows: Measured, before: _Before | None, support: float
) -> tuple[list[Column], list[str]]:
    """Features and columns of groups, and which features cannot be looked at."""
    found: dict[str, Column] = {}
    texts: list[str] = []
    behind = subject.features
    if behind is not None:
        test = behind.test
        earlier = behind.validation.matrix[[] if before is None else before.places]
        for place, name in enumerate(test.features):
            column = rows.column(test.matrix[:, place], subject.rows)
            if name in test.text_fields:
                texts.append(name)
            elif column is not None:
                values, others = column.astype(np.float64), earlier[:, place].astype(np.float64)
                kinds = test.categories.get(name)
                found[name] = (
                    number_column(name, values, support, others)
                    if kinds is None
                    else category_column(name, values, kinds, support, others)
                )
    for name, groups in subject.groups.items():
        if name == subject.outcome_column:
            continue
        codes = rows.column(groups.codes, subject.rows)
        if codes is not None:
            same = None if before is None or behind is None else before.groups(name, groups.labels, behind)
            found[name] = group_column(name, Groups(groups.labels, codes), support, same)
    notes = [f"texts are no slices: {', '.join(texts)}"] if texts else []
    return list(found.values()), notes
