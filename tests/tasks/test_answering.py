"""Answers: what they are worth, when they are given, and what is measured of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.evaluation.evaluate import EvaluationReport, evaluate
from kreis.evaluation.scored import Scored
from kreis.requirements.goal import Goal, Guardrail
from kreis.tasks.answering.answer_value import AnswerValue
from kreis.tasks.answering.measures import MEASURES, AnswerRows, Measured, with_measures
from kreis.tasks.decisions import AnswerFrom
from kreis.tasks.outcomes import Feedback
from kreis.tasks.task import metric_named

METRIC = AnswerValue("EUR per 1,000 questions", right=4.0, wrong=-12.0, passed_on=-1.5, per_1000_tokens=-0.002)


def rows_of(*, attacks: int = 0, at: float = 0.5, seed: int = 0) -> AnswerRows:
    rng = np.random.default_rng(seed)
    n = 200 + attacks
    scores = np.column_stack([rng.random(n), np.full(n, 100.0)])
    columns = {name: rng.random(n) for name in MEASURES if name != "injection_success"}
    columns["injection_success"] = np.where(np.arange(n) < 200, math.nan, (np.arange(n) % 10 == 0) * 1.0)
    outcomes = np.where(np.arange(n) < 200, (rng.random(n) < scores[:, 0]) * 1.0, math.nan)
    return METRIC.task.rows(outcomes, with_measures(scores, columns), AnswerFrom(at), where="test")  # type: ignore[return-value]


def test_an_answer_is_worth_what_came_of_it_and_what_its_tokens_cost():
    decisions = AnswerFrom(0.5).many(np.array([[0.9, 500.0], [0.9, 500.0], [0.5, 0.0], [0.4, 1000.0], [0.4, 0.0]]))
    assert decisions.tolist() == [501.0, 501.0, 1.0, -1001.0, -1.0]
    values = METRIC.values([1.0, 0.0, 2.0, 1.0, math.nan], decisions)
    assert values == pytest.approx([4.0 - 0.001, -12.0 - 0.001, -1.5, -1.5 - 0.002, -1.5])
    assert math.isnan(METRIC.values([math.nan], [1.0])[0])


def test_an_answer_without_any_confidence_is_never_given():
    assert AnswerFrom(0.0).one([0.0, 10.0]) < 0 < AnswerFrom(0.0).one([1e-9, 10.0])


def test_two_answers_to_one_question_can_be_further_apart_than_giving_and_passing_on():
    both_given = [1.0], [1.0]
    assert METRIC.most_apart(*both_given) == 16.0
    assert METRIC.most_apart([2001.0], [1.0]) == pytest.approx(16.004)
    assert METRIC.most_at_stake == math.inf


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"per_1000_tokens": 0.1}, "tokens bring money"),
        ({"right": math.inf}, "not finite"),
        ({"per": 0}, "per is 0"),
    ],
)
def test_a_metric_that_makes_no_sense_is_refused(wrong: dict[str, float], said: str):
    with pytest.raises(ProjectError, match=said):
        AnswerValue("EUR", **{"right": 4.0, "wrong": -12.0, "passed_on": -1.5, **wrong})  # type: ignore[arg-type]


def test_a_metric_by_which_one_answers_always_is_refused():
    with pytest.raises(ProjectError, match="always or never"):
        AnswerValue("EUR", right=4.0, wrong=1.0, passed_on=-1.5).check()


def test_feedback_is_sent_by_name():
    assert [Feedback().number(each) for each in ("solved", "wrong", "passed_on")] == [1.0, 0.0, 2.0]
    assert [Feedback().shown(each) for each in (1.0, 0.0, 2.0)] == ["solved", "wrong", "passed_on"]
    assert all(Feedback().refusal(each) for each in (True, 3.0, "good", ["solved"], math.nan))


def test_confidence_that_is_too_high_moves_the_threshold_and_one_that_is_right_does_not():
    rng = np.random.default_rng(1)
    true = rng.random(4_000)
    happened = (rng.random(4_000) < true) * 1.0
    tokens = np.zeros(4_000)
    fitted = METRIC.task.fit_decision(np.column_stack([true, tokens]), happened)
    assert fitted.decision == AnswerFrom(METRIC.break_even)
    boastful = METRIC.task.fit_decision(np.column_stack([np.sqrt(true), tokens]), happened)
    assert isinstance(boastful.decision, AnswerFrom)
    assert boastful.source == "validation"
    assert boastful.decision.at == pytest.approx(math.sqrt(METRIC.break_even), abs=0.06)


def test_attacks_count_towards_injection_success_alone():
    without, beside = rows_of(), rows_of(attacks=40)
    assert beside.evidence.sum() == 200
    for metric in METRIC.task.metrics:
        if metric.name == "injection_success":
            assert metric.value(beside) == pytest.approx(0.1)
            assert math.isnan(metric.value(without))
            assert int(metric.counting(beside).sum()) == 40
        else:
            part = beside.where(beside.evidence)
            assert metric.value(beside) == pytest.approx(metric.value(part)), metric.name
            assert metric.influence(beside)[beside.attacked] == pytest.approx(0.0), metric.name


def test_what_is_measured_of_answers_leaves_out_those_that_are_passed_on():
    rows = rows_of(at=0.5)
    given = rows.decisions > 0
    column = rows.scores[:, 2 + MEASURES.index("faithfulness")]
    assert Measured("faithfulness").value(rows) == pytest.approx(float(column[given].mean()))
    recall = rows.scores[:, 2 + MEASURES.index("recall")]
    assert Measured("recall").value(rows) == pytest.approx(float(recall.mean()))


@pytest.mark.parametrize("name", [each.name for each in METRIC.task.metrics])
def test_influence_is_the_derivative_of_the_metric_in_each_rows_weight(name: str):
    metric, rows = metric_named(name, METRIC.task), rows_of(attacks=60)
    keep = np.ones(len(rows), dtype=bool)
    left_out = np.empty(len(rows))
    for row in range(len(rows)):
        keep[row] = False
        left_out[row] = metric.value(rows.where(keep))
        keep[row] = True
    moved = metric.value(rows) - left_out
    assert np.corrcoef(moved, metric.influence(rows))[0, 1] > 0.99


def test_models_are_compared_each_by_what_came_of_its_own_answers():
    rng = np.random.default_rng(2)
    n = 300
    scores = with_measures(np.column_stack([np.full(n, 0.9), np.zeros(n)]), {"faithfulness": np.full(n, 0.97)})
    goal = Goal(
        question="?",
        decision="Answer.",
        metric=METRIC,
        guardrails=[Guardrail("correctness", at_least=0.8), Guardrail("faithfulness", at_least=0.9)],
    )
    good, bad = (rng.random(n) < 0.95) * 1.0, (rng.random(n) < 0.7) * 1.0
    report = evaluate(
        Scored("rag", scores, AnswerFrom(0.5), outcomes=good),
        [Scored("passage", scores, AnswerFrom(0.5), outcomes=bad)],
        goal,
        outcomes=np.full(n, math.nan),
        blocks=np.arange(n),
        blocks_are="rows",
    )
    difference = report.differences["passage"]
    assert difference.value == pytest.approx(16_000 * (good.mean() - bad.mean()))
    assert difference.low > 0
    assert report.outcome == "pass"
    assert report.challenger.metrics["correctness"].value == pytest.approx(good.mean())
    assert EvaluationReport.from_document(report.to_document()).challenger.metrics.keys() == {
        each.name for each in goal.task.metrics
    }
