"""The behaviour that every monitor must show: inherit `MonitorBehaviour` and give it your monitor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np

from kreis.evaluation.intervals import Estimate
from kreis.generative.questions import SIGNALS
from kreis.monitoring.monitor import Finding, Monitor, State, Watched
from kreis.monitoring.observe import AnsweredQuestion, DayOfTraffic, day_of_traffic
from kreis.requirements.goal import Goal, ServiceLevels
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.training.reference import histogram

__all__ = ["FEATURES", "MonitorBehaviour", "a_day", "a_day_of_answers", "in_service", "watch"]

FEATURES = ("wind", "late_rate")
_FIRST = date(2024, 1, 1)


def in_service(release: str = "first", *, value: float = 5_000.0) -> Watched:
    """Something to watch: two standard normal features, answers in 20 ms, worth 5,000 EUR per 1,000."""
    values = np.random.default_rng(0).normal(size=20_000)
    goal = Goal(
        question="Late?",
        decision="Rebook.",
        metric=DecisionValue("EUR per 1,000 flights", true_positive=120, false_positive=-35),
        service=ServiceLevels(p99_ms=20, availability=0.999),
    )
    return Watched(
        release=release,
        goal=goal,
        value=Estimate(value=value, low=value - 700, high=value + 700, n=20_000, blocks=30),
        reference=dict.fromkeys(FEATURES, histogram(values)),
    )


def a_day(  # what may go wrong in a day
    number: int,
    *,
    rows: int = 800,
    shift: float = 0.0,
    hit_rate: float = 0.5,
    slow: float = 0.0,
    failed: int = 0,
    known: float = 1.0,
    weather: float = 0.0,
    matured: bool = True,
) -> DayOfTraffic:
    """The `number`-th day of made-up traffic; with the defaults nothing is wrong with it."""
    rng = np.random.default_rng([7, number])
    day = _FIRST + timedelta(days=number)
    decisions = rng.random(rows) < 0.12
    outcomes = np.where(decisions, rng.random(rows) < hit_rate, rng.random(rows) < 0.1).astype(float)
    outcomes[rng.random(rows) >= known] = np.nan
    until = timedelta(days=3) if matured else timedelta(hours=12)
    return day_of_traffic(
        day,
        now=datetime(day.year, day.month, day.day, tzinfo=UTC) + until,
        feature_names=FEATURES,
        features=rng.normal(size=(rows, 2)) + shift + weather * rng.normal(size=2),
        scores=np.where(decisions, 0.5, 0.1),
        decisions=decisions,
        outcomes=outcomes,
        latency_us=np.where(rng.random(rows) < slow, 50_000, 2_000),
        models=("a" * 64,),
        failed=failed,
        horizon=timedelta(hours=36),
    )


_QUESTIONS = ("How many days of leave are there?", "Who orders laptops?", "When is the canteen open?")


def a_day_of_answers(  # what may go wrong in a day
    number: int,
    *,
    rows: int = 300,
    passed_on: float = 0.2,
    bad: float = 0.1,
    judged: float = 0.3,
    hits: float = 0.0,
    money: float = 0.01,
    topic: str = "",
    topical: int = 0,
) -> DayOfTraffic:
    """The `number`-th day of made-up questions and answers; with the defaults nothing is wrong with it.

    Args:
        number: Of the day.
        rows: Questions.
        passed_on: Their share that is not answered.
        bad: The share of judged answers that are wrong, or of no help.
        judged: The share of answers that somebody judges.
        hits: The share of questions in which the guard "injection" sees something.
        money: What an answer costs.
        topic: What some ask, each with a word of their own.
        topical: How many of the questions that are passed on are about it.
    """
    rng = np.random.default_rng([9, number])
    day = _FIRST + timedelta(days=number)
    given = rng.random(rows) >= passed_on
    outcomes = np.where(rng.random(rows) < bad, rng.choice([0.0, 2.0], size=rows), 1.0)
    outcomes[(rng.random(rows) >= judged) | ~given] = np.nan
    signals = dict.fromkeys(SIGNALS, np.ones(rows)) | {"confidence": given * 1.0, "money": np.full(rows, money)}
    asked = []
    for row in range(rows):
        text = _QUESTIONS[row % 3] if given[row] else f"{_odd(rng)} {_odd(rng)}?"
        if not given[row] and topical:
            topical -= 1
            text = f"{topic} {_odd(rng)}?"
        guards = (("injection", "saw"),) if rng.random() < hits else ()
        outcome = "answered" if given[row] else "abstained"
        asked.append(
            AnsweredQuestion(
                prediction=f"{number}-{row}", text=text, given=bool(given[row]), outcome=outcome, guards=guards
            )
        )
    made = day_of_traffic(
        day,
        now=datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=3),
        feature_names=SIGNALS,
        features=np.column_stack(list(signals.values())),
        scores=signals["confidence"],
        decisions=np.where(given, 100.0, -100.0),
        outcomes=outcomes,
        latency_us=np.full(rows, 2_000),
        models=("a" * 64,),
        horizon=timedelta(hours=36),
    )
    return replace(made, read_questions=lambda: asked)


def _odd(rng: np.random.Generator) -> str:
    """A word that nobody else asks about."""
    return "".join(rng.choice(list("bcdfghklmnprst"), size=7))


def watch(
    monitor: Monitor, days: Sequence[DayOfTraffic], state: State | None = None, watched: Watched | None = None
) -> tuple[State, list[Finding]]:
    """Show a monitor days in order; all its findings."""
    findings: list[Finding] = []
    held = watched or in_service()
    for day in days:
        state, found = monitor.observe(day, state, held)
        findings += found
    return state or {}, findings


class MonitorBehaviour:
    """Inherit, and return your monitor from `make`, and days that it must report from `bad_days`."""

    def make(self) -> Monitor:
        """The monitor, declared so that it reports within `bad_days`."""
        raise NotImplementedError

    def bad_days(self) -> list[DayOfTraffic]:
        """Days that it must report, numbered from 100 on."""
        raise NotImplementedError

    def ordinary_day(self, number: int, rows: int = 800) -> DayOfTraffic:
        """A day on which nothing is wrong; of another kind of traffic where your monitor looks at that."""
        return a_day(number, rows=rows)

    def test_it_is_a_monitor_with_a_name(self) -> None:
        """It satisfies the protocol."""
        _require(isinstance(self.make(), Monitor), "it does not have what the protocol asks for")
        _require(bool(self.make().name.strip()), "it has no name")

    def test_good_days_bring_no_finding(self) -> None:
        """Sixty ordinary days."""
        _, findings = watch(self.make(), [self.ordinary_day(number) for number in range(60)])
        _require(findings == [], f"ordinary days were reported: {findings}")

    def test_bad_days_bring_a_finding(self) -> None:
        """It reports what it is for, in a sentence."""
        _, findings = watch(self.make(), self.bad_days())
        _require(len(findings) > 0, "nothing was reported")
        _require(all(each.monitor == self.make().name and len(each.summary) > 20 for each in findings), "no sentence")

    def test_a_day_shown_twice_changes_nothing(self) -> None:
        """The same state, and no second finding."""
        days = self.bad_days()
        state, _ = watch(self.make(), days)
        again, findings = watch(self.make(), days, state)
        _require((again, findings) == (state, []), "a day was taken in twice")

    def test_the_state_survives_json(self) -> None:
        """Going on from the text gives what going on from the object gives."""
        days = self.bad_days()
        half = len(days) // 2
        state, first = watch(self.make(), days[:half])
        read = msgspec.json.decode(msgspec.json.encode(state)) if state else None
        _require(watch(self.make(), days[half:], read) == watch(self.make(), days[half:], state), "it differs")
        whole = watch(self.make(), days)[1]
        _require(first + watch(self.make(), days[half:], read)[1] == whole, "an interruption changes the findings")

    def test_an_empty_day_does_no_harm(self) -> None:
        """A day without traffic is no error and no finding."""
        _, findings = watch(self.make(), [self.ordinary_day(0), self.ordinary_day(1, rows=0), self.ordinary_day(2)])
        _require(findings == [], f"an empty day was reported: {findings}")

    def test_another_release_begins_anew(self) -> None:
        """Nothing of the former release's state counts."""
        state, _ = watch(self.make(), self.bad_days())
        fresh, _ = watch(self.make(), [self.ordinary_day(300)], None, in_service("second"))
        after, _ = watch(self.make(), [self.ordinary_day(300)], state, in_service("second"))
        _require(after == fresh, "the former release still counts")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
