"""Do prediction sets and intervals hold what happens as often as they say? Measured on the rows that judge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError
from kreis.evaluation.answer_parts.coverage import Coverage
from kreis.evaluation.coverage.adapting import begin, walk
from kreis.evaluation.coverage.fit import Covering, Method
from kreis.evaluation.examinations.examination import Examined, Finding, Subject, Tell
from kreis.evaluation.intervals import Estimate, mean_estimate, share_estimate
from kreis.models.answer_parts.sets import CoverageSet
from kreis.texts import number

__all__ = ["MeasuredCoverage"]

_MOST_GROUPS = 12
_DAY_US = 86_400_000_000
_BY_LEVEL = {"": "", "_adapted": ", with the level that follows"}
_STRETCHES = 10
_FEW_ROWS = 200
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
    adapts: bool = False
    """Whether answers have a level that follows what happened: then that is what must hold."""

    name: ClassVar[str] = "coverage"
    asks: ClassVar[str] = "Do its prediction sets or intervals hold what happens as often as they say?"
    by_default: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = (
        "coverage",
        "coverage_lately",
        "coverage_adapted",
        "set_size",
        "interval_width",
        "set_size_adapted",
        "interval_width_adapted",
    )

    @property
    def _part(self) -> Coverage:
        return Coverage(self.level, by=self.by, method=self.method, adapts=self.adapts)

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
        happened = _happened(part, subject)
        held, sizes = _measured(part, subject.rows.scores, happened, groups)
        findings = [
            self._whole("coverage", f"{_what(part)} what happened", held, subject),
            *self._by_group(subject, held, _what(part)),
            *self._lately(subject, held, _what(part)),
        ]
        sized = [_size(part, sizes, subject)]
        tables = {"over_time": _over_time(subject, held)} if subject.rows.blocks_are == "days" else {}
        if _has_moments(subject):
            follows = part if self.adapts else replace(self._part, adapts=True).fit(subject, lambda content: "")
            held, sizes, levels = _adapted(follows, subject, groups)
            said = f"with a level that follows what is known by each day {_what(part)} what happened"
            findings.append(self._whole("coverage_adapted", said, held, subject))
            sized.append(_size(follows, sizes, subject, "_adapted"))
            tables["over_time_adapted"] = _over_time(subject, held, levels)
        notes = [f"made from {part.rows:,} validation rows, by the scores of what had learned from the others"]
        if part.rows < _FEW_ROWS:
            notes.append(
                f"with so few rows {100 * self.level:.4g}% is what models have on average, and that of one of them"
                f" varies by some {math.sqrt(self.level * (1 - self.level) / (part.rows + 2)):.1%}; what is packaged"
                " has learned from these rows as well, which moves its scores more, the fewer rows there are"
            )
        return Examined(examination=self.name, findings=[*findings, *sized], tables=tables, notes=notes)

    def _whole(self, measure: str, said: str, held: Booleans, subject: Subject) -> Finding:
        found = share_estimate(held, subject.blocks, subject.rows, level=subject.level)
        decides = (measure == "coverage_adapted") == self._follows(subject)
        return _finding(measure, said, found, self.level, decides=decides)

    def _follows(self, subject: Subject) -> bool:
        """Whether answers have another level than the fitted one."""
        return self.adapts and _has_moments(subject)

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
            said = f"in the last third of the days {what} what happened"
            yield _finding("coverage_lately", said, found, self.level, decides=not self._follows(subject))


def _finding(
    measure: str, said: str, found: Estimate, level: float, *, column: str = "", group: str = "", decides: bool = True
) -> Finding:
    share = f"in {found.value:.1%} of cases ({found.low:.1%} to {found.high:.1%}); {100 * level:.4g}% is asked for"
    serious = decides and found.high < level - _SERIOUS and not group
    return Finding(measure=measure, said=f"{said} {share}", estimate=found, column=column, group=group, serious=serious)


def _what(part: Covering) -> str:
    return "the set held" if isinstance(part, CoverageSet) else "the interval held"


def _measured(
    part: Covering, scores: Floats, happened: Floats | Codes, groups: Sequence[str | None] | None
) -> tuple[Booleans, Floats]:
    """Whether each row's set or interval held what happened, and how large it is, both of shape (n,)."""
    if isinstance(part, CoverageSet):
        included = part.included(scores, groups)
        return included[np.arange(len(included)), happened.astype(np.intp)], included.sum(axis=1).astype(np.float64)
    given = scores if part.several or scores.ndim == 1 else scores[:, 0]
    low, high = part.ends(given, groups)
    return (low <= happened) & (happened <= high), high - low


def _happened(part: Covering, subject: Subject) -> Floats | Codes:
    """What happened: the places of classes, or numbers."""
    if isinstance(part, CoverageSet):
        return subject.task.labels(subject.rows.outcomes.astype(np.float64)).astype(np.intp)
    return subject.rows.outcomes


def _has_moments(subject: Subject) -> bool:
    """Whether the rows that judge come one after the other, as answers will."""
    behind = subject.features
    return subject.rows.blocks_are == "days" and behind is not None and len(behind.test) == len(subject.rows)


def _adapted(part: Covering, subject: Subject, groups: Sequence[str] | None) -> tuple[Booleans, Floats, Floats]:
    """What would have been had the level moved each midnight by the outcomes that were known then: whether each row was
    held, how large its set or interval was, and the general level, all of shape (n,).
    """
    grid, behind, rows = part.quantile.grid, subject.features, len(subject.rows)
    if grid is None or behind is None:
        raise ProjectError("it was fitted at one level", where="coverage")
    scores, happened = subject.rows.scores, _happened(part, subject)
    beyond, days = part.beyond(scores, happened), behind.test.time // _DAY_US
    by_day, by_known = np.argsort(days, kind="stable"), np.argsort(behind.test.known_at, kind="stable")
    in_order, known = days[by_day], behind.test.known_at[by_known]
    of = None if groups is None else np.array([each if each in grid.groups else None for each in groups], dtype=object)
    held, sizes, levels = np.zeros(rows, dtype=bool), np.zeros(rows), np.zeros(rows)
    walked, taken = begin(part.level), 0
    for day in np.unique(days).tolist():
        until = int(np.searchsorted(known, day * _DAY_US, side="left"))
        new = by_known[taken:until]
        walked = walk(walked, grid, part.level, beyond[new], None if of is None else of[new].tolist())
        first, last = np.searchsorted(in_order, [day, day + 1], side="left")
        places = by_day[first:last]
        asked = None if of is None else of[places].tolist()
        held[places], sizes[places] = _measured(part.at_levels(walked.served), scores[places], happened[places], asked)
        levels[places], taken = walked.general, until
    return held, sizes, levels


def _held(subject: Subject, held: Booleans, inside: Booleans) -> Estimate:
    """How often it held, of some rows."""
    return share_estimate(held[inside], subject.blocks[inside], subject.rows.where(inside), level=subject.level)


def _size(part: Covering, sizes: Floats, subject: Subject, which: str = "") -> Finding:
    found = mean_estimate(sizes, subject.blocks, bounds=(0.0, np.inf), level=subject.level, rows=subject.rows)
    if isinstance(part, CoverageSet):
        said = f"a set holds {number(found.value)} of {len(part.classes) or 2} classes on average"
        return Finding(measure=f"set_size{which}", said=said + _BY_LEVEL[which], estimate=found)
    said = f"an interval is {number(found.value)} wide on average"
    return Finding(measure=f"interval_width{which}", said=said + _BY_LEVEL[which], estimate=found)


def _over_time(subject: Subject, held: Booleans, levels: Floats | None = None) -> list[dict[str, Any]]:
    """Coverage in stretches of days, in their order, and the mean of the level where it moves."""
    count = int(subject.blocks.max()) + 1
    stretches: Codes = subject.blocks * min(_STRETCHES, count) // count
    found = []
    for stretch in np.unique(stretches):
        inside = stretches == stretch
        share = _held(subject, held, inside)
        days = np.unique(subject.blocks[inside])
        ends = {"low": share.low, "high": share.high}
        at = {} if levels is None else {"level": float(levels[inside].mean())}
        row = {"first_day": int(days[0]), "days": len(days), "rows": share.n, "coverage": share.value, **ends, **at}
        found.append(row)
    return found
