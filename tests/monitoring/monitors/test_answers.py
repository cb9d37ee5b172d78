"""Monitors of answers: what is passed on, what people say of it, what guards find, what it costs, what is new."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from kreis import AnswerValue, BusinessMetric, Goal
from kreis.errors import ProjectError
from kreis.evaluation.intervals import Estimate
from kreis.monitoring.monitor import Monitor
from kreis.monitoring.monitors.bad_feedback import BadFeedback
from kreis.monitoring.monitors.guard_hits import GuardHits
from kreis.monitoring.monitors.new_topics import NewTopics
from kreis.monitoring.monitors.spending import Spending
from kreis.monitoring.monitors.unanswered import Unanswered
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.testing import MonitorBehaviour, a_day, a_day_of_answers, in_service, watch

PARKING = "Where can visitors park, asks"


class OfAnswers(MonitorBehaviour):
    def ordinary_day(self, number: int, rows: int = 300) -> DayOfTraffic:
        return a_day_of_answers(number, rows=rows)


class TestUnanswered(OfAnswers):
    def make(self) -> Monitor:
        return Unanswered()

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day_of_answers(number, passed_on=0.6) for number in range(100, 104)]


class TestBadFeedback(OfAnswers):
    def make(self) -> Monitor:
        return BadFeedback()

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day_of_answers(number, bad=0.5) for number in range(100, 104)]


class TestGuardHits(OfAnswers):
    def make(self) -> Monitor:
        return GuardHits()

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day_of_answers(number, hits=0.1) for number in range(100, 104)]


class TestSpending(OfAnswers):
    def make(self) -> Monitor:
        return Spending(per_day=5.0)

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day_of_answers(number, money=0.02) for number in range(100, 104)]


class TestNewTopics(OfAnswers):
    def make(self) -> Monitor:
        return NewTopics()

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day_of_answers(number, topic=PARKING, topical=8) for number in range(100, 104)]


@pytest.mark.parametrize("monitor", [Unanswered(), BadFeedback(), GuardHits(), Spending(per_day=1.0), NewTopics()])
def test_days_of_rows_tell_monitors_of_answers_nothing(monitor: Monitor) -> None:
    assert watch(monitor, [a_day(number, rows=3_000) for number in range(5)])[1] == []


def test_what_was_passed_on_is_said_with_its_reasons() -> None:
    _, (finding,) = watch(Unanswered(), [a_day_of_answers(0, passed_on=0.6)])
    assert "questions were passed on" in finding.summary
    assert "abstained" in finding.summary
    assert finding.sends_back


def test_bad_feedback_is_said_with_its_interval() -> None:
    _, (finding,) = watch(BadFeedback(), [a_day_of_answers(0, bad=0.5)])
    judged, bad = finding.detail["judged"], finding.detail["wrong"] + finding.detail["no_help"]
    assert finding.detail["low"] < bad / judged < finding.detail["high"]
    assert f"{bad} of {judged} judged answers were wrong" in finding.summary


def test_feedback_on_what_was_passed_on_says_nothing_about_answers() -> None:
    day = a_day_of_answers(0, passed_on=1.0)
    day.outcomes[:] = 0.0
    assert watch(BadFeedback(), [day])[1] == []


def test_few_judgements_are_counted_over_days() -> None:
    days = [a_day_of_answers(number, rows=20, bad=0.6, judged=0.2) for number in range(14)]
    first = next(day for day in range(1, 15) if watch(BadFeedback(), days[:day])[1])
    assert first > 1


def test_false_alarms_of_unanswered_stay_under_what_is_stated() -> None:
    """Days with exactly the share that may be: at most one alarm in 20 days, as declared, with its sampling error."""
    monitor, alarms, runs = Unanswered(at_most=0.4, false_alarm_every_days=20), 0, 2_000
    rng = np.random.default_rng(1)
    for _ in range(runs):
        day = a_day_of_answers(0, rows=0)
        count = 250
        decisions = np.where(rng.random(count) < 0.4, -1.0, 1.0)
        made = DayOfTraffic(
            day=day.day,
            feature_names=day.feature_names,
            features=np.ones((count, len(day.feature_names))),
            scores=np.ones(count),
            decisions=decisions,
            outcomes=np.full(count, np.nan),
            latency_us=np.ones(count, dtype=np.int64),
            models=(),
            matured=True,
        )
        alarms += len(watch(monitor, [made])[1])
    assert alarms / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_a_topic_is_told_once_with_its_words_and_without_what_one_asks() -> None:
    days = [a_day_of_answers(number, topic=PARKING, topical=8) for number in range(12)]
    _, findings = watch(NewTopics(), days)
    (finding,) = findings
    assert finding.sends_back
    assert {"visitors", "park"} <= set(finding.detail["words"])
    assert "questions in 14 days have no answer" in finding.summary
    assert any("where can visitors park" in each for each in finding.detail["examples"])
    assert finding.detail["predictions"]


def test_two_topics_are_two_findings() -> None:
    days = []
    for number in range(6):
        one = a_day_of_answers(2 * number, topic=PARKING, topical=8)
        other = a_day_of_answers(2 * number + 1, topic="May dogs come to the office, wonders", topical=8)
        days += [one, other]
    causes = {each.cause for each in watch(NewTopics(), days)[1]}
    assert len(causes) == 2


def test_neither_findings_nor_memory_hold_what_only_one_person_wrote() -> None:
    days = [a_day_of_answers(number, topic=PARKING, topical=8) for number in range(4)]
    odd = days[3].questions[0]
    asked = list(days[3].questions)
    asked[0] = type(odd)(prediction="p", text=f"{PARKING} Zebulon Quartermaine?", given=False, outcome="abstained")
    object.__setattr__(days[3], "read_questions", lambda: asked)
    days[3].__dict__.pop("questions", None)
    state, findings = watch(NewTopics(), days)
    assert findings
    said = json.dumps([[each.summary, each.detail] for each in findings]) + json.dumps(state)
    assert "zebulon" not in said.lower()
    assert "quartermaine" not in said.lower()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Unanswered(at_most=0),
        lambda: BadFeedback(at_most=1),
        lambda: BadFeedback(days=0),
        lambda: GuardHits(at_most=2),
        lambda: Spending(per_day=0),
        lambda: NewTopics(least=1),
        lambda: NewTopics(alike=1),
    ],
)
def test_what_makes_no_sense_is_refused_when_declared(make: object) -> None:
    with pytest.raises(ProjectError):
        make()  # type: ignore[operator]


def test_the_business_metric_counts_what_was_passed_on_with_its_number_and_lets_the_judged_speak_for_the_others():
    value = AnswerValue("EUR per 1,000 questions", right=4.0, wrong=-12.0, passed_on=-1.5)
    worth = 1000 * (0.2 * -1.5 + 0.8 * (0.9 * 4.0 + 0.1 * -6.75))
    watched = msgspec.structs.replace(
        in_service(),
        goal=Goal(question="What?", decision="Answer.", metric=value),
        value=Estimate(value=worth, low=worth - 500, high=worth + 500, n=300, blocks=300),
        daily=(),
        advantage=None,
        baseline="",
    )
    monitor = BusinessMetric(least_known=0.1)
    state, findings = watch(monitor, [a_day_of_answers(number) for number in range(60)], watched=watched)
    assert findings == []
    means = [mean for _, mean, _ in state["recent"]]
    assert np.mean(means) == pytest.approx(worth, abs=4 * np.std(means) / np.sqrt(len(means)))
    _, findings = watch(monitor, [a_day_of_answers(n, passed_on=0.9) for n in range(90)], watched=watched)
    assert any(each.sends_back for each in findings)
