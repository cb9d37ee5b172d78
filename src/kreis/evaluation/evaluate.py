"""One evaluation: a challenger, the baselines and the champion on the same untouched rows, against the goal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.errors import ProjectError
from kreis.evaluation.blocks import as_blocks, block_sums, in_folds, of_blocks
from kreis.evaluation.examinations.examination import Examined, FeatureRows, Subject
from kreis.evaluation.gates import (
    GateResult,
    Outcome,
    judge_against_champion,
    judge_baselines,
    judge_guardrail,
    judge_sanity,
)
from kreis.evaluation.intervals import ENDS, Estimate, estimate, paired_difference
from kreis.evaluation.looks import Look
from kreis.evaluation.power import detectable
from kreis.evaluation.scored import Scored
from kreis.evaluation.slices import Groups, Slice, group_codes, slices
from kreis.evaluation.spending import Spending
from kreis.evaluation.support import missing_rows
from kreis.requirements.goal import Goal
from kreis.tasks.decisions import Decision, decision_of
from kreis.tasks.metrics.coming import Coming
from kreis.tasks.metrics.metric import RatioMetric, Rows
from kreis.tasks.task import Task
from kreis.texts import counted

__all__ = ["EvaluationReport", "ModelMetrics", "evaluate", "subject_of", "with_nan"]

_CHAMPION = "champion"


class ModelMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """One model's metrics by name."""

    name: str
    digest: str | None
    decision: Decision
    metrics: dict[str, Estimate]


class EvaluationReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a challenger did on data that it had not seen, and what the gates say."""

    goal: str
    """The goal's digest."""
    unit: str
    """Of the business metric."""
    level: float
    rows: int
    days: int
    """Blocks that intervals rest on."""
    blocks_are: str = "days"
    """What these are: "days", "groups", or the "rows" themselves."""
    folds: int = 0
    """Of a cross-validation: in how many folds, over all repeats."""
    rarer: int | None = None
    """Rows of the rarer outcome."""
    rarer_are: str = "with the rarer outcome"
    """What these are, in words."""
    challenger: ModelMetrics
    others: list[ModelMetrics]
    """Baselines and champion."""
    differences: dict[str, Estimate]
    """The challenger's business metric less each baseline's, and less that of "champion"; paired."""
    gates: list[GateResult]
    slices: list[Slice]
    daily: list[tuple[float, int]] = []
    """The challenger's business metric on each day, and the day's rows: how days vary, for monitoring."""
    daily_differences: dict[str, list[tuple[float, int]]] = {}
    """`differences` on each day, and the day's rows: how days vary, for monitoring."""
    reliability: list[dict[str, float]]
    """The challenger's reliability diagram: rows, mean score and frequency per bin."""
    choice: str = ""
    """Why the challenger was chosen, where it was not simply worth most on the validation rows, and which baselines
    were as good there (`kreis.evaluation.choice`)."""
    look: Look | None = None
    """Which look at these test rows it is, and at which level gates decide for that; None where nobody counted."""
    examined: list[Examined] = []
    """What else the challenger was asked (`kreis.evaluation.examinations`)."""

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def outcome(self) -> Outcome:
        """What the gates say together: "fail" where one fails, else "undecided" where one is."""
        found = {gate.outcome for gate in self.gates}
        return "fail" if "fail" in found else "undecided" if "undecided" in found else "pass"

    @property
    def value(self) -> Estimate:
        """The challenger's business metric: what monitoring takes as its reference."""
        return self.challenger.metrics["value"]

    @property
    def detectable(self) -> dict[str, float | None]:
        """The smallest of `differences` that these rows would have shown with a chance of 80%; None: none."""
        return {name: detectable(each) for name, each in self.differences.items()}

    @property
    def judged_on(self) -> str:
        """What it was judged on, in words: "1,024 rows of 30 days"."""
        return f"{counted(self.rows, 'row')}{of_blocks(self.days, self.blocks_are)}{in_folds(self.folds)}"

    @property
    def refusals(self) -> list[str]:
        """What the gates say that did not pass."""
        return [gate.explanation for gate in self.gates if not gate.passed]

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document; what is undefined is null."""
        document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        for gate in document["gates"]:
            gate["passed"] = gate["outcome"] == "pass"
        return {**document, "passed": self.passed, "outcome": self.outcome, "detectable": self.detectable}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> EvaluationReport:
        """The inverse of `to_document`; takes reports whose gates only passed or failed too."""
        gates = [{"outcome": "pass" if gate["passed"] else "fail", **gate} for gate in document["gates"]]
        models = {"challenger": _decided(document["challenger"]), "others": [*map(_decided, document["others"])]}
        return msgspec.convert(with_nan({**document, **models, "gates": gates}), type=cls)


def evaluate(  # noqa: PLR0913 (all that a judgement rests on)
    challenger: Scored,
    baselines: Sequence[Scored],
    goal: Goal,
    *,
    outcomes: npt.ArrayLike,
    blocks: npt.ArrayLike,
    blocks_are: str = "days",
    repeats: int = 1,
    groups: Mapping[str, npt.ArrayLike | Groups] | None = None,
    champion: Scored | None = None,
    reference: Scored | None = None,
    spending: Spending | None = None,
    needs_baseline: bool = True,
    climate: float | None = None,
    spans: Floats | None = None,
    coming: Coming | None = None,
    look: Look | None = None,
    level: float = 0.95,
) -> EvaluationReport:
    """Judge a challenger by the goal.

    Args:
        challenger: The model to judge.
        baselines: What it must beat; at least one.
        goal: What is required.
        outcomes: What happened, for each row, shape (n,).
        blocks: The day of each row (any labels in time's order), shape (n,): rows of one day are not independent. Or
            its group, or its own number.
        blocks_are: Which of these: "days", "groups" or "rows".
        repeats: How often each row comes, the repeats of all one after another.
        groups: Columns for guardrails and slices, each of shape (n,).
        champion: The model in service, scored on the same rows; adds the gate `beats_champion`.
        reference: The model whose errors others are scaled by; the first baseline if not given.
        spending: The level at which the challenger is compared with the champion; that of all others if not given.
        needs_baseline: False to show the one baseline itself, which has no other to beat.
        climate: How much neighbouring days are alike, from a longer history than these rows (`climate_of`).
        spans: When each row was asked about and when it was over, shape (n, 2), where rows share what happens to them.
        coming: How fast further rows come, so that what is undecided can say by when it will be decided.
        look: Which look at these rows it is: gates are judged at its level, but for that against the champion, whose
            looks `spending` pays for.
        level: Of all other intervals.

    Raises:
        ProjectError: arrays of different lengths, scores or outcomes that are none of the task, no
            baseline, an unknown metric or group column.
    """
    if not len(challenger.scores):
        raise ProjectError("there are no rows to evaluate on", hint="give the test split more time")
    days, task = as_blocks(blocks), goal.task
    others = [*baselines, *([champion] if champion else [])]
    measure = _reference([*([reference] if reference else []), *baselines], outcomes, task)
    known: dict[str, Any] = {"climate": climate, "blocks_are": blocks_are, "repeats": repeats}
    known |= {"reference": measure, "spans": spans, "coming": coming}
    own, *compared = (replace(each.rows(outcomes, task), **known) for each in (challenger, *others))
    against = _named(baselines, champion, compared)
    value = cast("RatioMetric", task.metrics[0])
    columns = {name: group_codes(column) for name, column in (groups or {}).items()}
    judged_at = level if look is None else max(look.level, level)
    levels = {_CHAMPION: spending.level} if spending else {}
    differences = {
        name: paired_difference(value, own, each, days, level=levels.get(name, judged_at))
        for name, each in against.items()
    }
    missing = missing_rows(value, own, goal.least, int(days.max()) + 1)
    ahead: dict[str, Any] = {"missing": missing, "blocks_are": blocks_are, "coming": coming}
    beaten = {each.name: differences[each.name] for each in baselines}
    gates = [judge_baselines(beaten, goal, **ahead)] if beaten or needs_baseline else []
    gates += [judge_guardrail(each, own, days, goal, groups=columns, level=judged_at) for each in goal.guardrails]
    gates += [judge_sanity(each, own, days, least=goal.least, level=judged_at) for each in task.sanity]
    if champion:
        why = spending.why if spending else ""
        gates.append(judge_against_champion(differences[_CHAMPION], goal, champion=champion.name, why=why, **ahead))
    by_day = {name: _by_day(value, each, days) for name, each in {"": own, **against}.items() if blocks_are == "days"}
    return EvaluationReport(
        goal=goal.digest,
        unit=goal.metric.unit,
        level=level,
        rows=len(own.once),
        days=int(days.max()) + 1,
        blocks_are=blocks_are,
        folds=len(challenger.folds),
        rarer=int(own.once.evidence.sum()) if own.evidence_is else None,
        rarer_are=own.evidence_is or "with the rarer outcome",
        challenger=_measured(challenger, own, days, goal, level),
        others=[_measured(each, had, days, goal, level) for each, had in zip(others, compared, strict=True)],
        differences=differences,
        gates=gates,
        slices=list(_sliced(own, days, goal, columns, level)),
        daily=by_day.get("", []),
        daily_differences={name: _less(by_day[""], each) for name, each in by_day.items() if name},
        reliability=task.reliability(own),
        look=look,
    )


def subject_of(
    scored: Scored,
    goal: Goal,
    *,
    outcomes: npt.ArrayLike,
    blocks: npt.ArrayLike,
    reference: Scored | None = None,
    groups: Mapping[str, npt.ArrayLike | Groups] | None = None,
    judge_by: Sequence[str] = (),
    outcome_column: str = "",
    features: FeatureRows | None = None,
    **known: Any,
) -> Subject:
    """A model that was judged, for what else is asked of it.

    Args:
        scored: The model, as for `evaluate`; so are `goal`, `outcomes`, `blocks`, `reference` and `groups`.
        judge_by: Those of `groups` that were declared to judge by.
        outcome_column: Which of `groups` is the outcome itself.
        features: The rows behind it, where it is a model of features.
        known: What else is known of the rows: `climate`, `blocks_are`, `repeats`, `spans`, `coming`.
    """
    measure = None if reference is None else _reference([reference], outcomes, goal.task)
    return Subject(
        name=scored.name,
        goal=goal,
        decision=scored.decision,
        rows=replace(scored.rows(outcomes, goal.task), reference=measure, **known),
        blocks=as_blocks(blocks),
        groups={name: group_codes(column) for name, column in (groups or {}).items()},
        judge_by=tuple(judge_by),
        outcome_column=outcome_column,
        features=features,
    )


def _reference(models: Sequence[Scored], outcomes: npt.ArrayLike, task: Task) -> Floats | None:
    """What the first of some models decided."""
    return models[0].rows(outcomes, task).decisions.astype(np.float64) if models else None


def _named(baselines: Sequence[Scored], champion: Scored | None, rows: Sequence[Rows]) -> dict[str, Rows]:
    """The rows of each baseline, then those of the champion, by name."""
    names = [each.name for each in baselines] + ([_CHAMPION] if champion else [])
    if len(set(names)) != len(names):
        raise ProjectError(f"models share a name: {sorted(each.name for each in baselines)}", where="evaluate")
    return dict(zip(names, rows, strict=True))


def _by_day(value: RatioMetric, rows: Rows, days: Codes) -> list[tuple[float, int]]:
    above, below = (block_sums(each, days) for each in value.terms(rows))
    return [(float(a / b), int(b)) for a, b in zip(above, below, strict=True) if b]


def _less(own: list[tuple[float, int]], other: list[tuple[float, int]]) -> list[tuple[float, int]]:
    return [(a - b, rows) for (a, rows), (b, _) in zip(own, other, strict=True)]


def _measured(scored: Scored, rows: Rows, days: Codes, goal: Goal, level: float) -> ModelMetrics:
    found = {each.name: estimate(each, rows, days, level=level) for each in goal.task.metrics}
    return ModelMetrics(name=scored.name, digest=scored.digest, decision=scored.decision, metrics=found)


def _sliced(rows: Rows, days: Codes, goal: Goal, columns: Mapping[str, Groups], level: float) -> Iterator[Slice]:
    chosen = [each for each in goal.task.metrics if each.name in goal.task.sliced]
    for name, column in columns.items():
        yield from slices(chosen, rows, days, column=name, groups=column, least=goal.least, level=level)


def _decided(model: dict[str, Any]) -> dict[str, Any]:
    """A model's document with its decision rule: versions before 0.2 wrote a threshold."""
    if "threshold" not in model:
        return model
    kept = {name: each for name, each in model.items() if name != "threshold"}
    return {**kept, "decision": msgspec.to_builtins(decision_of(model["threshold"]))}


def with_nan(document: Any) -> Any:
    """Estimates as they were: null in JSON is an undefined value, or an end that nothing bounds."""
    if isinstance(document, dict):
        restored = {key: with_nan(each) for key, each in document.items()}
        if "blocks" in restored and "low" in restored:
            restored |= {name: end for name, end in ENDS.items() if restored.get(name, 0) is None}
        return restored
    return [with_nan(each) for each in document] if isinstance(document, list) else document
