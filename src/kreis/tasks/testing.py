"""What every task and every metric of a goal must do. A new task is done when each of these passes:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_task_behaves(check):
    check(Example(task=..., column=..., wrong=..., scores=...))
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import polars as pl

from kreis.arrays import Booleans, Codes, Floats
from kreis.digests import canonical_json
from kreis.errors import ProjectError
from kreis.tasks.decisions import Decision, decision_of
from kreis.tasks.goal_metric import GoalMetric, task_of
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.outcomes import NoOutcome, OutcomeForm
from kreis.tasks.task import Task

__all__ = ["CHECKS", "Example"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Example:
    """Outcomes of a task, and scores that tell something of them."""

    task: Task
    column: pl.Series
    """Outcomes as a table has them, 200 or more, some null."""
    wrong: pl.Series
    """What is no outcome."""
    scores: Floats
    """Raw outputs for the rows of `column`, shape (n,) or (n, k)."""
    groups: Codes | None = None
    """Which rows are decided among each other, shape (n,), where the task decides so."""
    measured: Floats | None = None
    """Scores with what else is measured of each row beside them, shape (n, k), where the task judges by that too."""

    @property
    def outcomes(self) -> Floats:
        """As numbers, NaN where not known."""
        read = self.task.read_outcomes(self.column, None, where="example")
        return read.fill_null(math.nan).to_numpy()

    @property
    def known(self) -> tuple[Floats, Floats]:
        """Known outcomes, and their scores; all rows, where nothing is ever known."""
        return self.outcomes[self._chosen], self.scores[self._chosen]

    @property
    def asked(self) -> bool:
        """Whether there is an outcome at all."""
        return not isinstance(self.task.outcome, NoOutcome)

    @property
    def _chosen(self) -> Booleans:
        known: Booleans = ~np.isnan(self.outcomes) | (not self.asked)
        return known

    @property
    def decided(self) -> Decision:
        """The rule that is best on the known rows."""
        outcomes, scores = self.known
        return self.among(self.task.fit_decision(self.task.answers(scores), outcomes).decision)

    def among(self, rule: Decision) -> Decision:
        """A rule for the known rows."""
        return rule.among(None if self.groups is None else self.groups[self._chosen])

    @property
    def rows(self) -> Rows:
        """Known ones, judged by the fitted decision, beside a model that decides on each row as on another."""
        outcomes, scores = self.known
        judged = scores if self.measured is None else self.measured[self._chosen]
        rows = self.task.rows(outcomes, self.task.answers(judged), self.decided, where="example")
        return replace(rows, reference=rows.decisions[::-1].astype(np.float64))


def outcomes_are_numbers_or_null(example: Example) -> None:
    """A column is read as float64, nulls stay, and the task's own form of an outcome takes each value."""
    read = example.task.read_outcomes(example.column, None, where="example")
    _demand(read.dtype == pl.Float64 and len(read) == len(example.column), "outcomes are not float64, one a row")
    _demand(read.null_count() == example.column.null_count() > 0, "unknown outcomes are not null, or there is none")
    refused = [each for each in read.drop_nulls() if example.task.outcome.refusal(each) is not None]
    _demand(not refused, f"the form refuses outcomes of the table: {refused[:3]}")


def what_is_no_outcome_is_refused(example: Example) -> None:
    """With the place where it was found."""
    try:
        example.task.read_outcomes(example.wrong, None, where="the wrong place")
    except ProjectError as error:
        _demand("the wrong place" in str(error), "the error does not say where")
    else:
        _demand(False, f"{example.wrong.dtype} was taken for outcomes")
    _demand(example.task.outcome.refusal(math.nan) is not None, "the form takes NaN for an outcome")


def the_form_of_an_outcome_survives_json(example: Example) -> None:
    """It is data in a package."""
    form = example.task.outcome
    read: OutcomeForm = msgspec.json.decode(canonical_json(msgspec.to_builtins(form)), type=OutcomeForm)
    _demand(read == form, "the form of an outcome changes on its way through JSON")
    _demand(
        bool(form.said(float(example.known[0][0]) if example.asked else 1.0)) and isinstance(form.schema(), dict),
        "it cannot be shown",
    )


def outcomes_are_told_apart(example: Example) -> None:
    """Two halves, each row in one of them; no rows, and rows without variation, teach nothing."""
    if not example.asked:
        return
    outcomes, _ = example.known
    (first, one), (second, other) = example.task.halves(outcomes)
    _demand(bool((one ^ other).all()) and first != second, "a row is in none of the halves, or in both")
    _demand(0 < int(one.sum()) < len(outcomes), "a half is empty")
    _demand(example.task.lacking(outcomes) == "", "the example's outcomes teach nothing")
    for none in (outcomes[:0], *([np.full(20, outcomes[0])] if example.task.needs_outcomes else [])):
        _demand(bool(example.task.lacking(none)), f"{len(none)} outcomes without variation are taken")
    _demand(bool(example.task.describe(outcomes, "back")), "outcomes are described by nothing")


def a_copy_of_the_outcome_is_as_strong_as_can_be(example: Example) -> None:
    """Strength is 0.5 for what says nothing, 1 for the outcome itself."""
    if not example.asked:
        return
    outcomes, _ = example.known
    strength = example.task.strength
    _demand(strength(outcomes, outcomes) > 0.999, "the outcome itself does not count as perfect")
    noise = np.random.default_rng(0).normal(size=len(outcomes))
    _demand(0.5 <= strength(noise, outcomes) < 0.75, "noise counts as strong")
    _demand(strength(np.zeros(len(outcomes)), outcomes) == 0.5, "a constant counts as strong")


def a_row_is_decided_alone_as_among_others(example: Example) -> None:
    """By each rule that the task may leave, in service as in evaluation; deciding again changes nothing."""
    outcomes, scores = example.known
    raw, written = example.task.answers(scores), example.task.rule_decision
    for rule in (example.task.plain, written, example.task.fit_decision(raw, outcomes).decision):
        given = raw[:, 0] if rule == written and raw.ndim == 2 else raw  # what someone wrote down gives one number
        many = rule.many(given)
        _demand(many.shape == outcomes.shape and bool((rule.many(given) == many).all()), "decisions differ, or are few")
        alone = [rule.one(score) for score in given.tolist()]
        by_itself = rule.among(np.arange(len(given))).many(given)
        _demand(alone == by_itself.tolist(), "a row is decided otherwise alone")
        _demand(rule.within is not None or alone == many.tolist(), "a row is decided otherwise among others")
        _demand(decision_of(msgspec.json.decode(canonical_json(msgspec.to_builtins(rule)))) == rule, "rule and JSON")
        read: bool | float = msgspec.json.decode(msgspec.json.encode(alone[0]), type=bool | float)
        _demand(read == alone[0], "a decision changes on its way through JSON")
        _demand(bool(rule.said("back")) and "type" in rule.schema("back"), "it cannot be shown")


def monitoring_keeps_one_number_of_a_raw_output(example: Example) -> None:
    """And a rule names each number of a raw output of several, once."""
    outcomes, scores = example.known
    rule = example.task.fit_decision(example.task.answers(scores), outcomes).decision
    kept = rule.kept(scores)
    _demand(kept.shape == outcomes.shape and bool(np.isfinite(kept).all()), "what is kept is not one number a row")
    _demand(rule.names == () if scores.ndim == 1 else len(set(rule.names)) == scores.shape[1], "names of the numbers")
    outputs = 1 if scores.ndim == 1 or not example.asked else scores.shape[1]
    _demand(example.task.loss.outputs == outputs, "the loss asks for other numbers")


def an_outcome_is_shown_as_it_may_be_sent(example: Example) -> None:
    """What an answer shows of an outcome is taken back as the same number."""
    if not example.asked:
        return
    form = example.task.outcome
    for number in np.unique(example.known[0])[:20].tolist():
        sent = msgspec.json.decode(msgspec.json.encode(form.shown(number)))
        _demand(form.refusal(sent) is None and form.number(sent) == number, f"{number} changes on its way: {sent!r}")


def the_fitted_decision_is_worth_no_less_than_the_plain_one(example: Example) -> None:
    """On the rows that it was fitted on."""
    if not example.asked:
        return
    outcomes, scores = example.known
    values, given = example.task.metric.values, example.task.answers(scores)
    found = example.task.fit_decision(given, outcomes)
    rules = example.among(example.task.plain), example.among(found.decision)
    plain, fitted = (float(values(outcomes, each.many(given)).mean()) for each in rules)
    _demand(fitted >= plain - 1e-9 * max(1.0, abs(plain)), f"it is worth {fitted}, the plain one {plain}")
    _demand(found.source in ("plain", "validation"), f"its source is {found.source!r}")


def labels_are_what_trainers_take(example: Example) -> None:
    """Booleans, places among classes, or numbers; for each row."""
    outcomes, _ = example.known
    labels = example.task.labels(outcomes)
    _demand(len(labels) == len(outcomes) and labels.dtype.kind in "bfi", "labels are no booleans, places or floats")


def validation_is_summed_up(example: Example) -> None:
    """With rows and value, and what else tells, all finite; few rows bring a doubt."""
    outcomes, scores = example.known
    plain = example.among(example.task.plain)
    found = example.task.validated(scores, outcomes, plain)
    rows_by_plain = example.task.rows(outcomes, example.task.answers(scores), plain, where="example")
    canonical_json(found)
    _demand(found["rows"] == len(outcomes) and all(map(math.isfinite, found.values())), f"it is {found}")
    _demand(bool(example.task.validation_said(found)), "nothing is said of it")
    _demand(found["value"] == example.task.metrics[0].value(rows_by_plain), "its value is another than the metric's")
    few = example.task.validated(scores[:3], outcomes[:3], example.task.plain)
    _demand(bool(example.task.validation_doubts(few)), "three rows bring no doubt")


def rows_without_outcomes_teach_where_none_are_asked_for(example: Example) -> None:
    """They are decided and measured; metrics of what happened look at the known ones alone, or are undefined."""
    task = example.task
    if task.needs_outcomes:
        return
    scores, unknown = task.answers(example.scores), np.full(len(example.scores), math.nan)
    _demand(task.lacking(unknown) == "" and bool(task.describe(unknown)), "rows without outcomes teach nothing")
    found = task.validated(scores, unknown, task.fit_decision(scores, unknown).decision)
    canonical_json(found)
    _demand(found["rows"] == len(scores), f"of {len(scores)} rows {found['rows']} are summed up")
    _demand(bool(task.validation_doubts(found)) or not example.asked, "nobody knows anything, and nothing is doubted")
    some, none = (task.rows(each, scores, example.decided, where="example") for each in (example.outcomes, unknown))
    for metric in task.metrics:
        whole, part = metric.value(some), metric.value(example.rows)
        _demand(math.isfinite(whole), f"{metric.name} of rows whose outcome is known in part is {whole}")
        _demand(abs(float(metric.influence(some).sum())) < 1e-6 * max(1.0, abs(whole)), f"influences of {metric.name}")
        if abs(whole - part) > 1e-9 * max(1.0, abs(part)):
            _demand(math.isfinite(metric.value(none)), f"{metric.name} takes rows nobody knows for known ones")


def metrics_hold_what_they_promise(example: Example) -> None:
    """Finite on these rows, within their bounds, with influences that sum to nothing; the goal's first."""
    rows, metrics = example.rows, example.task.metrics
    _demand(metrics[0].name == "value", "the goal's metric is not the first")
    for metric in metrics:
        value, (low, high) = metric.value(rows), metric.bounds
        _demand(math.isfinite(value) and low <= value <= high, f"{metric.name} is {value}, of {low} to {high}")
        influence = metric.influence(rows)
        _demand(influence.shape == (len(rows),), f"{metric.name} has {influence.shape} influences")
        _demand(
            abs(float(influence.sum())) <= 1e-6 * max(1.0, abs(value)), f"influences of {metric.name} do not sum to 0"
        )
        _demand(metric.counting(rows).shape == (len(rows),), f"{metric.name} counts other rows")


def names_of_metrics_exist(example: Example) -> None:
    """What is sliced, searched by, planned from and said is measured."""
    task = example.task
    known = {each.name for each in task.metrics}
    for names in (task.sliced, task.losses, task.planned_from, task.headlines):
        _demand(set(names) <= known, f"unknown metrics: {set(names) - known}")
    _demand(len(known) == len(task.metrics), "two metrics share a name")
    _demand(all(each.metric.bounds[0] <= each.at_most for each in task.sanity), "a sanity gate cannot be passed")


def wrong_rows_are_refused(example: Example) -> None:
    """A score that is none, an outcome that is none or is not known where the task needs it."""
    outcomes, scores = example.known
    broken = scores.copy()
    broken[1] = math.nan
    unknown, endless = outcomes.copy(), outcomes.copy()
    unknown[1], endless[1] = math.nan, math.inf
    for given, happened in ((broken, outcomes), (scores, unknown if example.task.needs_outcomes else endless)):
        try:
            example.task.rows(happened, given, example.task.plain, where="the wrong place")
        except ProjectError as error:
            _demand("row 1" in str(error) and "the wrong place" in str(error), "the error does not say where")
        else:
            _demand(False, "what is no number was judged")


def the_metric_of_the_goal_behaves(example: Example) -> None:
    """It values decisions row by row, knows its bounds, and survives JSON."""
    metric: GoalMetric = example.task.metric
    outcomes = example.outcomes
    rule = example.decided.among(example.groups)
    decided = rule.many(example.task.answers(example.scores))
    values = metric.values(outcomes, decided)
    possible = [metric.values(np.full(len(outcomes), each), decided) for each in np.unique(example.known[0])]
    certain = np.isnan(outcomes) & (np.ptp(possible, axis=0) == 0)  # worth the same, whatever happens
    right = (np.isnan(values) == np.isnan(outcomes)) | certain
    _demand(bool(right.all()), "values are known where outcomes are not, or not")
    known = values[~np.isnan(values)]
    low, high = metric.bounds
    _demand(bool(((known >= low) & (known <= high)).all()), "a value is out of bounds")
    _demand(
        bool((metric.values(outcomes[:5], decided[:5])[:5] == values[:5])[~np.isnan(values[:5])].all()), "not by row"
    )
    _demand(
        bool(np.array_equal(metric.values(outcomes, decided.astype(float)), values, equal_nan=True)), "not by number"
    )
    other = decided[::-1]
    apart = np.abs(metric.values(outcomes, other) - values)[~np.isnan(outcomes)]
    most = float(apart.max(initial=0.0))
    _demand(most <= metric.most_apart(decided, other) + 1e-9, "decisions differ by more than the most")
    _demand(metric.most_apart(decided, other) <= metric.most_at_stake, "more is at stake than the most")
    document = metric.to_document()
    _demand(msgspec.json.decode(canonical_json(document)) == document and "kind" in document, "no JSON document")
    made = task_of(metric, example.task.name)
    _demand(made == example.task, "the metric does not make the task")
    _demand(metric.per >= 1 and bool(metric.unit), "per or unit")
    metric.check()


def a_canary_can_be_planned(example: Example) -> None:
    """Each kind of challenger is a distribution of differences; the first is of equal value."""
    rows = example.rows
    found = {each.name: each.value(rows) for each in example.task.metrics}
    rates = {name: found[name] for name in example.task.planned_from}
    for planned in (example.task.challengers, getattr(example.task, "between_arms", example.task.challengers)):
        kinds = planned(rates, 0.1)
        for kind in kinds:
            _demand(abs(sum(kind.differences.values()) - 1) < 1e-9, f"chances of {kind.name} do not sum to 1")
            _demand(max(map(abs, kind.differences)) <= kind.most, f"{kind.name} differs by more than the most")
        mean = sum(value * chance for value, chance in kinds[0].differences.items())
        _demand(abs(mean) < 1e-9, f"the first challenger is worth {mean} more")


def two_models_agree_as_far_as_they_decide_alike(example: Example) -> None:
    """Where nothing is ever known, a canary compares decisions: 0 where two agree, below elsewhere, by row."""
    agreement = getattr(example.task, "agreement", None)
    _demand(example.asked or agreement is not None, "there is no outcome, and nothing else to compare models by")
    if agreement is None:
        return
    decided = example.decided.many(example.task.answers(example.known[1]))
    _demand(bool((agreement(decided, decided) == 0).all()), "a model does not agree with itself")
    other = np.roll(decided, 1)
    apart = agreement(decided, other)
    _demand(apart.shape == decided.shape and bool((apart <= 0).all()), "agreement is not by row, or above 0")
    _demand(-float(apart.min()) <= example.task.metric.most_apart(decided, other), "they differ by more than the most")


def what_models_are_judged_by_can_be_shown(example: Example) -> None:
    """A reliability diagram whose rows are all there, and doubts in sentences."""
    bins = example.task.reliability(example.rows)
    canonical_json(bins)
    asked = len(example.rows) if example.measured is None else int(example.rows.evidence.sum())
    _demand(sum(each["rows"] for each in bins) == (asked if bins else 0), "rows are lost in the diagram")
    _demand(all(math.isfinite(each[name]) for each in bins for name in ("score", "frequency")), "a bin is not a number")


def baselines_are_proposed(example: Example) -> None:
    """At least one, as a line that declares it."""
    lines = example.task.baselines
    _demand(len(lines) > 0, "no baseline is proposed")
    for line in lines:
        ast.parse(line)
        _demand(line.startswith("project.candidate(") and "baseline=True" in line, f"{line} declares no baseline")


CHECKS: tuple[Callable[[Example], None], ...] = (
    outcomes_are_numbers_or_null,
    what_is_no_outcome_is_refused,
    the_form_of_an_outcome_survives_json,
    outcomes_are_told_apart,
    a_copy_of_the_outcome_is_as_strong_as_can_be,
    a_row_is_decided_alone_as_among_others,
    monitoring_keeps_one_number_of_a_raw_output,
    an_outcome_is_shown_as_it_may_be_sent,
    the_fitted_decision_is_worth_no_less_than_the_plain_one,
    labels_are_what_trainers_take,
    validation_is_summed_up,
    rows_without_outcomes_teach_where_none_are_asked_for,
    metrics_hold_what_they_promise,
    names_of_metrics_exist,
    wrong_rows_are_refused,
    the_metric_of_the_goal_behaves,
    a_canary_can_be_planned,
    two_models_agree_as_far_as_they_decide_alike,
    what_models_are_judged_by_can_be_shown,
    baselines_are_proposed,
)


def _demand(condition: bool, message: str) -> None:
    """Like an assert that also holds under `python -O`."""
    if not condition:
        raise AssertionError(message)
