"""What is found when groups are compared, one sentence each: yes and no, amounts, places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kreis.arrays import Codes
from kreis.evaluation.examinations.examination import Finding
from kreis.evaluation.fairness.rates import Between, between, by_group, ratio_between, worst_of
from kreis.evaluation.fairness.seen import Amounts, Places, Selected
from kreis.evaluation.fairness.worst_off import worst_off
from kreis.evaluation.intervals import Estimate
from kreis.evaluation.slices import Groups
from kreis.tasks.metrics.metric import RatioMetric, Rows
from kreis.texts import number

__all__ = ["MEASURES", "Compared"]

MEASURES = (
    "disparate_impact",
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity",
    "equal_opportunity_difference",
    "equalised_odds_difference",
    "predictive_parity",
    "predictive_parity_difference",
    "calibration_difference",
    "mean_decision_difference",
    "error_difference",
    "bias_difference",
    "worst_group_error",
    "exposure_ratio",
    "exposure_for_relevance_ratio",
)
_RATIOS = {"disparate_impact", "demographic_parity_ratio", "equal_opportunity", "predictive_parity"}
"""Of these the least is the worst, of the others the greatest."""
_OFTEN = "{high} {gets} in {most} of its rows, {low} in {least}"
_RIGHTLY = "Where {high} {gets}, that is right in {most} of the rows, for {low} in {least}"
_ABOVE = "Mean probability less how often it happened is {most} for {high} and {least} for {low}"
FOUR_FIFTHS = 0.8
"""Whose rate is shown to be below this share of the rest's is told of (29 CFR 1607.4 D)."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The groups of one column, or of two together."""

    name: str
    groups: Groups
    rows: Rows
    blocks: Codes
    least: int
    level: float
    classes: int = 1
    """Of how many classes the worst one is told: bounds hold for all of them at once."""
    crossed: bool = False
    """Whether these are groups of two columns: then less is told."""
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def findings(self, given: Selected | Amounts | Places) -> Iterator[Finding]:
        """All that is found of them."""
        self._tell_rates(given)
        if isinstance(given, Selected):
            yield from self._selected(given)
        elif isinstance(given, Amounts):
            yield from self._amounts(given)
        else:
            yield from self._ratio("exposure_ratio", given.exposure, "{who} is shown {value} times as prominently as")
            said = "For what it is worth, {who} is shown {value} times as prominently as"
            yield from self._ratio("exposure_for_relevance_ratio", given.exposure_for_relevance, said)

    def worst_of_classes(self, found: Iterable[Finding]) -> Iterator[Finding]:
        """Of each measure the worst class alone, with an interval that holds for all classes at once (of differences
        the lower bound needs a stricter level for that, of ratios the upper one). The table "classes" has each class.
        """
        by_measure: dict[str, list[tuple[Estimate, Finding]]] = {}
        for each in found:
            if each.estimate is not None:
                by_measure.setdefault(each.measure, []).append((each.estimate, each))
        for measure, all_of_it in by_measure.items():
            self.tables.setdefault("classes", []).extend(_row(estimate, each) for estimate, each in all_of_it)
            ratio = measure in _RATIOS
            own, worst = (min if ratio else max)(all_of_it, key=lambda each: each[0].value)
            lows, highs = ([getattr(estimate, end) for estimate, _ in all_of_it] for end in ("low", "high"))
            low = min(lows) if ratio else min(max(lows), own.value)
            high = max(min(highs), own.value) if ratio else max(highs)
            method = f"worst of {len(all_of_it)} classes, all at once"
            estimate = msgspec.structs.replace(own, low=low, high=high, method=method)
            before, _, after = worst.said.rpartition(f"({_parts(own)[1]})")
            said = f"{before}({_parts(estimate)[1]}){after}"
            yield msgspec.structs.replace(worst, estimate=estimate, said=said)

    def _selected(self, given: Selected) -> Iterator[Finding]:
        of, gets = given.of, given.gets
        often = "{who} {gets} {value} times as often as".replace("{gets}", _plain(gets))
        told = given.favourable
        yield from self._ratio("disparate_impact", given.selection_rate, often, of=of, told=told)
        options: dict[str, Any] = {"least": self.least, "level": self.level, "joint": self.classes}
        ratio = ratio_between(given.selection_rate, self.rows, self.blocks, self.groups, **options)
        yield from self._apart("demographic_parity_difference", self._between(given.selection_rate), _OFTEN, given)
        if ratio is not None:
            high, low = self._label(ratio.highest.code), self._label(ratio.lowest.code)
            value, ends = _parts(ratio.estimate)
            text = f"{self.name} {low!r} {gets} {value} times as often as {self.name} {high!r} ({ends})."
            yield self._found("demographic_parity_ratio", text, ratio.estimate, low, of)
        if given.deserved is None:
            return
        if not self.crossed:
            said = f"Where it would be right, {often}"
            yield from self._ratio("equal_opportunity", given.true_positive_rate, said, of=of, told=told)
        right, wrong = (self._between(each, joint=2) for each in (given.true_positive_rate, given.false_positive_rate))
        yield from self._apart("equal_opportunity_difference", right, f"Where it would be right, {_OFTEN}", given)
        yield from self._odds(right, wrong, given)
        if self.crossed:
            return
        said = "Where {who} {gets}, that is right {value} times as often as for".replace("{gets}", _plain(gets))
        yield from self._ratio("predictive_parity", given.precision, said, of=of)
        yield from self._apart("predictive_parity_difference", self._between(given.precision), _RIGHTLY, given)
        if given.scores is not None:
            yield from self._apart("calibration_difference", self._between(given.calibration_gap), _ABOVE, given)

    def _odds(self, right: Between | None, wrong: Between | None, given: Selected) -> Iterator[Finding]:
        """Of the two differences the greater one; the lower bounds hold for both at once (Hardt et al. 2016)."""
        if right is None or wrong is None:
            return
        more, where = max((right, "right"), (wrong, "wrong"), key=lambda each: each[0].estimate.value)
        low, high = (max(getattr(each.estimate, end) for each in (right, wrong)) for end in ("low", "high"))
        estimate = msgspec.structs.replace(more.estimate, low=min(low, more.estimate.value), high=high)
        said = self._said_apart(more, f"Where it would be {where}, {_OFTEN}", estimate, given)
        yield self._found("equalised_odds_difference", said, estimate, self._label(more.lowest.code), given.of)

    def _amounts(self, given: Amounts) -> Iterator[Finding]:
        decided, error, bias = (self._between(each) for each in given.rates)
        said = "Decisions on {high} are off by {most} on average, on {low} by {least}"
        yield from self._apart("mean_decision_difference", decided, "{high} is given {most} on average, {low} {least}")
        yield from self._apart("error_difference", error, said, worst_is_high=True)
        said = "Decisions on {high} are too high by {most} on average, on {low} by {least}"
        yield from self._apart("bias_difference", bias, said)
        worst = worst_of(given.mean_error, self.rows, self.blocks, self.groups, least=self.least, level=self.level)
        if worst is not None:
            estimate, group = worst
            label = self._label(group.code)
            said = f"Decisions are furthest off for {self.name} {label!r}: by {_shown(estimate)} on average."
            yield self._found("worst_group_error", said, estimate, label)

    def _between(self, rate: RatioMetric, joint: int = 1) -> Between | None:
        options: dict[str, Any] = {"least": self.least, "level": self.level, "joint": joint * self.classes}
        return between(rate, self.rows, self.blocks, self.groups, **options)

    def _apart(
        self,
        measure: str,
        found: Between | None,
        text: str,
        given: Selected | None = None,
        *,
        worst_is_high: bool = False,
    ) -> Iterator[Finding]:
        if found is not None:
            worst = found.highest if worst_is_high else found.lowest
            said = self._said_apart(found, text, found.estimate, given)
            of = "" if given is None else given.of
            yield self._found(measure, said, found.estimate, self._label(worst.code), of)

    def _said_apart(self, found: Between, text: str, estimate: Estimate, given: Selected | None) -> str:
        high, low = (f"{self.name} {self._label(each.code)!r}" for each in (found.highest, found.lowest))
        values = found.highest.value, found.lowest.value
        most, least = (f"{each:.1%}" if "{most} of" in text else number(each) for each in values)
        gets = "" if given is None else given.gets
        return f"{text.format(high=high, low=low, most=most, least=least, gets=gets)}: {_shown(estimate)} apart."

    def _ratio(
        self, measure: str, rate: RatioMetric, said: str, *, of: str = "", told: bool = False
    ) -> Iterator[Finding]:
        """Each group against the rest, of two groups the one that is worse off, and of two columns the worst off."""
        options: dict[str, Any] = {"least": self.least, "level": self.level, "joint": self.classes}
        found = worst_off(rate, self.rows, self.blocks, self.groups, **options)
        if found is None:
            return
        serious = told and found.estimate.high < FOUR_FIFTHS
        own = found.groups[found.group]
        shown = {found.group: own}
        if self.classes > 1:
            low, high = found.estimate.low, max(found.estimate.high, own.value)
            shown = {found.group: msgspec.structs.replace(own, low=low, high=high)}
        elif len(self.groups.labels) > 2 and not self.crossed and measure == "disparate_impact":
            shown = found.groups
        for label, estimate in shown.items():
            value, ends = _parts(estimate)
            who = f"{self.name} {label!r}"
            text = f"{said.format(who=who, value=value)} the rest ({ends})."
            yield self._found(measure, text, estimate, label, of, serious=serious and label == found.group)

    def _found(
        self, measure: str, said: str, estimate: Estimate, group: str, of: str = "", *, serious: bool = False
    ) -> Finding:
        return Finding(
            measure=measure,
            said=said,
            estimate=estimate,
            column=self.name,
            group=group,
            serious=serious,
            detail={"class": of} if of else {},
        )

    def _label(self, code: int) -> str:
        return self.groups.labels[code]

    def _tell_rates(self, given: Selected | Amounts | Places) -> None:
        """The rates of all groups, for plots."""
        of = given.of if isinstance(given, Selected) else ""
        rows = self.tables.setdefault("groups", [])
        for rate in given.rates:
            for each in by_group(rate, self.rows, self.blocks, self.groups, level=self.level):
                row = {"column": self.name, "group": self._label(each.code), "measure": rate.name, "rows": each.counted}
                rows.append(
                    row | {"value": each.value, "low": each.low, "high": each.high} | ({"class": of} if of else {})
                )


def _row(estimate: Estimate, found: Finding) -> dict[str, Any]:
    """A finding of a class, for tables."""
    ends = {end: value if math.isfinite(value := getattr(estimate, end)) else None for end in ("low", "high")}
    named = {"column": found.column, "measure": found.measure, "group": found.group, **found.detail}
    return {**named, "value": estimate.value, **ends}


def _shown(estimate: Estimate) -> str:
    value, ends = _parts(estimate)
    return f"{value} ({ends})"


def _parts(estimate: Estimate) -> tuple[str, str]:
    """Value and interval: two digits behind the point where it is a share or a ratio, or small."""
    numbers = estimate.value, estimate.low, estimate.high
    value, low, high = (
        f"{each if abs(each) >= 0.005 else 0.0:.2f}" if abs(each) < 10 else number(each) for each in numbers
    )
    return value, f"{low} to {high}"


def _plain(text: str) -> str:
    """Of a text that stands in a template: the name of a class may hold braces."""
    return text.replace("{", "{{").replace("}", "}}")
