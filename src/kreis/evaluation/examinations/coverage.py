"""Do prediction sets and intervals hold what happens as often as they say? Measured on the rows that judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.evaluation.answer_parts.coverage import Coverage
from kreis.evaluation.coverage.fit import Covering, Method
from kreis.evaluation.examinations.examination import Examined, Finding, Subject, Tell
from kreis.evaluation.intervals import Estimate, mean_estimate, share_estimate
from kreis.models.answer_parts.sets import CoverageSet
from kreis.texts import number

__all__ = ["MeasuredCoverage"]

_MOST_GROUPS = 12
_STRETCHES = 10
_SERIOUS = 0.05
"""Coverage that is shown to be so much below what is asked for is worth a person's look."""


@dataclass(frozen=True, kw_only=True)
class MeasuredCoverage:
    """How often what happened lay in the set or interval that `Coverage` makes from the validation rows: in all, in
    each group, and over time; and how large these are.

    A project that declares `Coverage` to go with its answers is asked this with the same level and groups.

    Example:

    >>> MeasuredCoverage(level=0.95).level
    0.95
    """

    level: float = 0.9
    by: str | None = None
    method: Method = "lac"

    name: ClassVar[str] = "coverage"
    asks: ClassVar[str] = "Do its prediction sets or intervals hold what happens as often as they say?"
    by_default: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = ("coverage", "coverage_lately", "set_size", "interval_width")

    @property
    def _part(self) -> Coverage:
        return Coverage(self.level, by=self.by, method=self.method)

    def lacks(self, subject: Subject) -> str | None:
        """As `Coverage` does."""
        return self._part.lacks(subject)

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """What is fitted on the validation rows, on the rows that judge."""
        part = self._part.fit(subject, lambda content: "")
        groups = None
        if self.by is not None and subject.features is not None and subject.features.column is not None:
            texts = subject.features.column(self.by)
            groups = [texts[place] for place in subject.features.split.judging.tolist()]
        held, sizes = _measured(part, subject, groups)
        whole = share_estimate(held, subject.blocks, subject.rows, level=subject.level)
        findings = [
            _finding("coverage", f"{_what(part)} what happened", whole, self.level),
            *self._by_group(subject, held, _what(part)),
            *self._lately(subject, held, _what(part)),
            _size(part, sizes, subject),
        ]
        tables = {"over_time": _over_time(subject, held)} if subject.rows.blocks_are == "days" else {}
        notes = [f"made from {part.rows:,} validation rows, by the scores of what had learned from the others"]
        return Examined(examination=self.name, findings=findings, tables=tables, notes=notes)

    def _by_group(self, subject: Subject, held: Booleans, what: str) -> Iterator[Finding]:
        for column, groups in subject.groups.items():
            counts = np.bincount(groups.codes[groups.codes >= 0], minlength=len(groups.labels))
            for code in np.argsort(-counts, kind="stable")[:_MOST_GROUPS].tolist():
                inside = groups.codes == code
                if not subject.goal.least <= int(counts[code]) / subject.rows.repeats < len(subject.rows.once):
                    continue
                found = _held(subject, held, inside)
                label = groups.labels[code]
                said = f"for {column} {label!r} {what} what happened"
                yield _finding("coverage", said, found, self.level, column=column, group=label)

    def _lately(self, subject: Subject, held: Booleans, what: str) -> Iterator[Finding]:
        """The last third of the days: whether it wears off as the world goes on."""
        if subject.rows.blocks_are != "days":
            return
        inside = subject.blocks > subject.blocks.max() * 2 // 3
        if int(inside.sum()) >= subject.goal.least:
            found = _held(subject, held, inside)
            yield _finding("coverage_lately", f"in the last third of the days {what} what happened", found, self.level)


def _finding(measure: str, said: str, found: Estimate, level: float, *, column: str = "", group: str = "") -> Finding:
    share = f"in {found.value:.1%} of cases ({found.low:.1%} to {found.high:.1%}); {100 * level:.4g}% is asked for"
    serious = found.high < level - _SERIOUS and not group
    return Finding(measure=measure, said=f"{said} {share}", estimate=found, column=column, group=group, serious=serious)


def _what(part: Covering) -> str:
    return "the set held" if isinstance(part, CoverageSet) else "the interval held"


def _measured(part: Covering, subject: Subject, groups: Sequence[str] | None) -> tuple[Booleans, Floats]:
    """Whether each row's set or interval held what happened, and how large it is, both of shape (n,)."""
    scores, outcomes = subject.rows.scores, subject.rows.outcomes
    if isinstance(part, CoverageSet):
        included = part.included(scores, groups)
        happened = subject.task.labels(outcomes.astype(np.float64)).astype(np.intp)
        return included[np.arange(len(included)), happened], included.sum(axis=1).astype(np.float64)
    given = scores if part.several or scores.ndim == 1 else scores[:, 0]
    low, high = part.ends(given, groups)
    return (low <= outcomes) & (outcomes <= high), high - low


def _held(subject: Subject, held: Booleans, inside: Booleans) -> Estimate:
    """How often it held, of some rows."""
    return share_estimate(held[inside], subject.blocks[inside], subject.rows.where(inside), level=subject.level)


def _size(part: Covering, sizes: Floats, subject: Subject) -> Finding:
    found = mean_estimate(sizes, subject.blocks, bounds=(0.0, np.inf), level=subject.level, rows=subject.rows)
    if isinstance(part, CoverageSet):
        said = f"a set holds {number(found.value)} of {len(part.classes) or 2} classes on average"
        return Finding(measure="set_size", said=said, estimate=found)
    said = f"an interval is {number(found.value)} wide on average"
    return Finding(measure="interval_width", said=said, estimate=found)


def _over_time(subject: Subject, held: Booleans) -> list[dict[str, Any]]:
    """Coverage in stretches of days, in their order."""
    count = int(subject.blocks.max()) + 1
    stretches: Codes = subject.blocks * min(_STRETCHES, count) // count
    found = []
    for stretch in np.unique(stretches):
        inside = stretches == stretch
        share = _held(subject, held, inside)
        days = np.unique(subject.blocks[inside])
        ends = {"low": share.low, "high": share.high}
        found.append({"first_day": int(days[0]), "days": len(days), "rows": share.n, "coverage": share.value, **ends})
    return found
