"""Alarms: how the score from which on one is raised is found, and what is judged where nobody knows."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.evaluation.evaluate import evaluate
from kreis.evaluation.scored import Scored
from kreis.requirements.goal import Goal
from kreis.tasks.anomaly.alarm_value import AlarmValue
from kreis.tasks.anomaly.task import Anomaly
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.decisions import Cut

VALUE = AlarmValue("EUR per 1,000 payments", true_positive=100, false_positive=-5, alarms=0.05)


def fitted(scores, outcomes, metric=VALUE, alarms=0.05):
    found = Anomaly(metric, alarms).fit_decision(np.asarray(scores, dtype=float), np.asarray(outcomes, dtype=float))
    return found, found.decision.many(np.asarray(scores, dtype=float))


def test_the_goal_names_it_or_its_metric_says_it():
    four = DecisionValue("EUR", true_positive=100, false_positive=-5)
    named = Goal(question="Is it fraud?", decision="Call.", metric=four, task="anomaly detection").task
    assert (named.name, named.alarms) == ("anomaly detection", 0.01)
    assert Goal(question="Is it fraud?", decision="Call.", metric=VALUE).task == Anomaly(VALUE, 0.05)
    assert Goal(question="Is it fraud?", decision="Call.", metric=four).task.name == "binary classification"
    with pytest.raises(ProjectError, match="alarms is 5"):
        AlarmValue("EUR", true_positive=100, false_positive=-5, alarms=5)


def test_without_outcomes_the_highest_share_is_alarmed_and_never_more():
    rng = np.random.default_rng(0)
    for scores in (rng.normal(size=1_000), np.round(rng.normal(size=1_000), 1), np.ones(1_000)):
        _, alarms = fitted(scores, np.full(1_000, np.nan))
        assert alarms.mean() <= 0.05
        assert alarms.sum() == 0 or scores[alarms].min() > scores[~alarms].max()
    assert fitted(rng.normal(size=1_000), np.full(1_000, np.nan))[1].sum() == 50


def test_with_outcomes_an_alarm_is_raised_where_it_pays_and_never_more_often_than_allowed():
    rng = np.random.default_rng(1)
    happened = rng.random(4_000) < 0.02
    scores = rng.normal(size=4_000) + 4 * happened
    dear = AlarmValue("EUR", true_positive=100, false_positive=-300, alarms=0.05)
    found, alarms = fitted(scores, happened, dear)
    assert found.gain > found.error > 0
    assert dear.values(happened, alarms).sum() > dear.values(happened, fitted(scores, np.full(4_000, np.nan))[1]).sum()
    cheap = AlarmValue("EUR", true_positive=100, false_positive=-0.1, alarms=0.01)
    assert fitted(scores, happened, cheap, 0.01)[1].sum() == 40  # more would pay


def test_a_higher_cut_that_is_better_by_chance_alone_does_not_stand():
    even = AlarmValue("EUR", true_positive=7, false_positive=-3, alarms=0.2)  # an alarm is worth nothing on average
    better = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        scores, happened = rng.normal(size=2_000), rng.random(2_000) < 0.3
        found, _ = fitted(scores, happened, even, 0.2)
        if found.gain <= found.error:
            assert found.decision == fitted(scores, np.full(2_000, np.nan), even, 0.2)[0].decision
            better += found.gain > 0
    assert better > 0


def test_few_known_cases_move_no_cut():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=1_000)
    outcomes = np.full(1_000, np.nan)
    outcomes[:100] = np.arange(100) < 19
    dear = AlarmValue("EUR", true_positive=1, false_positive=-300, alarms=0.05)
    assert fitted(scores, outcomes, dear)[0].decision == fitted(scores, np.full(1_000, np.nan))[0].decision
    outcomes[19] = 1
    assert fitted(scores, outcomes, dear)[1].sum() < 50


def judged(outcomes, scores, cut):
    goal = Goal(question="Is it fraud?", decision="Call.", metric=VALUE)
    days = np.repeat(np.arange(30), len(scores) // 30)
    lot = np.random.default_rng(9).normal(size=len(scores))
    return evaluate(
        Scored("model", scores, Cut(cut)), [Scored("lot", lot, Cut(1.64))], goal, outcomes=outcomes, blocks=days
    )


def test_where_nobody_knows_value_is_undecided_and_the_share_of_alarms_is_judged():
    scores = np.random.default_rng(3).normal(size=3_000)
    report = judged(np.full(3_000, np.nan), scores, 1.64)
    gates = {each.name: each for each in report.gates}
    assert report.outcome == "undecided"
    assert gates["better_than_baseline"].outcome == "undecided"
    assert "rests on 0 rows with the rarer outcome" in gates["better_than_baseline"].explanation
    assert gates["alarm_rate"].outcome == "pass"
    assert np.isnan(report.value.value)
    assert report.challenger.metrics["alarm_rate"].value == pytest.approx(0.05, abs=0.01)
    assert judged(np.full(3_000, np.nan), scores, 1.0).outcome == "fail"  # alarms on 16%
    again = type(report).from_document(report.to_document())
    assert np.isnan(again.value.value)
    assert again.to_document() == report.to_document()


def test_where_some_know_what_they_know_is_judged():
    rng = np.random.default_rng(4)
    happened = rng.random(3_000) < 0.05
    scores = rng.normal(size=3_000) + 3 * happened
    outcomes = np.where(rng.random(3_000) < 0.5, happened.astype(float), np.nan)
    report = judged(outcomes, scores, 2.0)
    assert report.outcome == "pass"
    assert report.rarer == int(np.nansum(outcomes))
    assert report.value.low > 0
    assert len(report.daily) == 30
