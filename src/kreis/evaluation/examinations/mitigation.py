"""What would it cost to treat groups more alike? Several ways, each as a curve of fairness against value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from kreis.errors import ProjectError
from kreis.evaluation.examinations.examination import Examined, Finding, Subject, Tell
from kreis.evaluation.fairness.mitigating import METHODS, Option, Trial, options
from kreis.evaluation.fairness.rates import MeanOf, ratio_between
from kreis.evaluation.intervals import Estimate, estimate
from kreis.evaluation.slices import Groups
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.texts import amount, counted

__all__ = ["Mitigation"]


@dataclass(frozen=True, kw_only=True)
class Mitigation:
    """Tries thresholds by group, reweighing and constrained training, which needs the extra `fairness`.

    Models are taught by the rows that teach without the validation rows, chosen on these, and shown on the test rows.

    Example:

    >>> Mitigation(by="sex", at_least=0.8).of
    'selection'
    """

    name: ClassVar[str] = "mitigation"
    asks: ClassVar[str] = "What would it cost to treat groups more alike?"
    by_default: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("mitigation_cost",)
    by: str = ""
    """The column, of `judge_by`; the first one, if not given."""
    at_least: float = 0.8
    """The lowest rate of the favourable decision over the highest one that is to be reached."""
    of: Literal["selection", "opportunity"] = "selection"
    """The rate among all rows, or among those for whom the favourable decision is right."""
    methods: tuple[str, ...] = METHODS

    def __post_init__(self) -> None:
        where = "Mitigation"
        for each in self.methods:
            if each not in METHODS:
                raise ProjectError.unknown_name("method", each, METHODS, where=where)
        if self.of not in (rates := ("selection", "opportunity")):
            raise ProjectError.unknown_name("rate", self.of, rates, where=where)
        if not 0 < self.at_least < 1:
            hint = "a ratio below 1: 0.8 for four fifths"
            raise ProjectError(f"at_least is {self.at_least}", where=where, hint=hint)

    def lacks(self, subject: Subject) -> str | None:
        """Where groups cannot be told apart in the rows that teach, or there is no yes and no."""
        if subject.features is None or not isinstance(subject.rows, YesNoRows):
            return "thresholds and weights by group are for models of features that say yes or no"
        if subject.features.split.folds:
            return "a cross-validation has no rows that only validate"
        if self._by(subject) not in subject.features.data.columns:
            return "no column of judge_by says the group of the rows that teach"
        if len(self._trial(subject).groups.labels) < 2:
            return f"there are no two groups with {counted(subject.goal.least, 'row')} that validate and that test"
        return None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """Try each way with several settings.

        Args:
            subject: What is examined.
            tell: Told of each model that is fitted.
        """
        trial, measured = self._trial(subject), []
        plain = None
        for option in options(trial, self.methods, tell):
            found = self._measured(trial, option, plain)
            plain = plain or found
            measured.append(found)
        assert plain is not None
        findings, notes = [], ["models were taught without the validation rows, on which settings are chosen"]
        if subject.goal.favourable is None:
            notes.append("the goal does not say which decision is the favourable one: yes is taken for it")
        for method in self.methods:
            tried = [each for each in measured if each.option.method == method]
            enough = [each for each in tried if each.validated[0] >= self.at_least]
            if not enough:
                most = max(each.validated[0] for each in tried)
                notes.append(f"{method} reaches a ratio of {most:.3g} at most on the validation rows")
                continue
            findings.append(self._found(trial, max(enough, key=lambda each: each.validated[1]), plain))
        if any(each.option.by_lot for each in measured):
            notes.append(
                "constrained training gives a mixture of models, one of which is drawn by lot for each answer: it is"
                " shown, and cannot be packaged; thresholds and weights by group can"
            )
        return Examined(
            examination=self.name,
            findings=findings,
            tables={"curve": [each.row for each in measured]},
            notes=notes,
        )

    def _by(self, subject: Subject) -> str:
        return self.by or next(iter(subject.judge_by), "")

    def _trial(self, subject: Subject) -> Trial:
        return Trial(subject, subject.behind, self._by(subject), self.of)

    def _measured(self, trial: Trial, option: Option, plain: _Measured | None) -> _Measured:
        """Fairness and value on validation and test rows."""
        split, subject = trial.behind.split, trial.subject
        validated = option.says_yes(split.validation)
        said = option.says_yes(split.test)
        counted = trial.counted[split.test].astype(np.float64)
        rate = MeanOf("rate", trial.good(said) * counted, counted)
        groups = Groups(trial.groups.labels, trial.groups.codes[split.test])
        ratio = ratio_between(rate, subject.rows, subject.blocks, groups, level=subject.level)
        values = trial.value(said, split.test)
        less = np.zeros(len(values)) if plain is None else plain.values - values
        return _Measured(
            option=option,
            validated=(
                trial.ratio(validated, split.validation),
                float(trial.value(validated, split.validation).mean()),
            ),
            values=values,
            ratio=None if ratio is None else ratio.estimate,
            value=_mean(values, subject),
            cost=_mean(less, subject),
        )

    def _found(self, trial: Trial, chosen: _Measured, plain: _Measured) -> Finding:
        unit = trial.subject.goal.metric.unit
        rate = "favourable decisions" if self.of == "selection" else "favourable decisions where they are right"
        ratio = "unknown" if chosen.ratio is None else _said(chosen.ratio)
        before = "unknown" if plain.ratio is None else f"{plain.ratio.value:.2f}"
        ends = f"{amount(chosen.cost.low)} to {amount(chosen.cost.high)}"
        said = (
            f"By {chosen.option.method} ({chosen.option.setting}) the lowest rate of {rate} by {trial.by} comes from"
            f" {before} to {ratio} of the highest one; that costs {amount(chosen.cost.value)} ({ends}) {unit}."
        )
        return Finding(
            measure="mitigation_cost",
            said=said,
            estimate=chosen.cost,
            column=trial.by,
            detail={"method": chosen.option.method, "setting": chosen.option.setting},
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Measured:
    option: Option
    validated: tuple[float, float]
    """Ratio and value on the validation rows."""
    values: Any
    ratio: Estimate | None
    value: Estimate
    cost: Estimate

    @property
    def row(self) -> dict[str, Any]:
        """For plots."""
        row: dict[str, Any] = {"method": self.option.method, "setting": self.option.setting}
        row |= {"validation_ratio": _number(self.validated[0]), "validation_value": self.validated[1]}
        for name, each in (("ratio", self.ratio), ("value", self.value), ("cost", self.cost)):
            for end, number in (("", "value"), ("_low", "low"), ("_high", "high")):
                row[name + end] = None if each is None else _number(getattr(each, number))
        return row


def _mean(values: Any, subject: Subject) -> Estimate:
    return estimate(MeanOf("value", values, np.ones(len(values))), subject.rows, subject.blocks, level=subject.level)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _said(found: Estimate) -> str:
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
