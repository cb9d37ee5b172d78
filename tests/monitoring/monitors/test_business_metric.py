import dataclasses

import msgspec
import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.evaluation.intervals import Estimate
from kreis.monitoring.monitor import Monitor, Watched
from kreis.monitoring.monitors.business_metric import BusinessMetric
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.testing import MonitorBehaviour, a_day, in_service, watch


class TestBusinessMetric(MonitorBehaviour):
    def make(self) -> Monitor:
        return BusinessMetric()

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day(number, hit_rate=0.3) for number in range(100, 160)]


def test_a_fall_sends_the_work_back_and_says_what_it_cost():
    state, findings = watch(BusinessMetric(), [a_day(n, hit_rate=0.5 if n < 30 else 0.3) for n in range(90)])
    assert len(findings) == 1
    assert findings[0].sends_back
    assert findings[0].level == "critical"
    assert "EUR per 1,000 flights" in findings[0].summary
    assert findings[0].detail["recent"] < findings[0].detail["reference"]["value"]
    assert len(state["recent"]) == 28


def test_a_day_waits_until_its_outcomes_have_matured():
    early, late = a_day(3, known=0.5, matured=False), a_day(3)
    monitor = BusinessMetric()
    state, findings = watch(monitor, [early])
    assert (state["days"], findings) == ([], [])
    assert watch(monitor, [late], state)[0]["days"] == ["2024-01-04"]


def test_a_day_without_enough_outcomes_is_reported_and_not_counted():
    state, findings = watch(BusinessMetric(), [a_day(3, known=0.4)])
    assert "outcomes have come in" in findings[0].summary
    assert not findings[0].sends_back
    assert state["detector"] is None


def test_days_count_by_their_decisions():
    monitor, bad = BusinessMetric(), [a_day(n, hit_rate=0.0, rows=4) for n in range(1, 40)]
    state, findings = watch(monitor, [a_day(0), *bad])
    assert findings == []
    assert state["most"] == 800


def weather(rng: np.random.Generator, mean: float, days: int) -> list[tuple[float, int]]:
    """Days as weather makes them: mostly poor, some rich; their deviation is the mean."""
    return [(float(each), 800) for each in rng.exponential(mean, days)]


def held(value: float = 5_000, deviation: float = 5_000, **changes: object) -> Watched:
    half = deviation * 2.045 / np.sqrt(30)
    estimate = Estimate(value=value, low=value - half, high=value + half, n=20_000, blocks=30)
    return msgspec.structs.replace(in_service(), value=estimate, **changes)


@pytest.mark.parametrize("known_days", [0, 90])
def test_false_alarms_are_rarer_than_declared_when_the_value_only_varies(known_days: int):
    """100 services for 300 days at their value at release."""
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(100):
        detector = BusinessMetric(false_alarm_every_days=100).detector(held(daily=weather(rng, 5_000, known_days)))
        alarms += detector.observe([each for each, _ in weather(rng, 5_000, 300)]).alarm_at is not None
    assert alarms <= 60  # at one in 100 days, 95 of the services would have had one in 300 days


def test_knowing_how_days_vary_shows_a_fall_sooner():
    rng = np.random.default_rng(3)
    knowing = BusinessMetric().detector(held(daily=weather(rng, 5_000, 60)))
    guessing = BusinessMetric().detector(held())
    fallen = [[each for each, _ in weather(rng, 1_500, 365)] for _ in range(50)]
    waits = [np.median([each.observe(days).alarm_at or 999 for days in fallen]) for each in (knowing, guessing)]
    assert waits[0] < 0.9 * waits[1]


def test_without_days_the_ceiling_gives_up_at_most_half_of_the_fall_that_matters():
    for deviation in (500.0, 2_000.0, 10_000.0):
        ceiling = BusinessMetric().detector(held(deviation=deviation)).ceiling
        k = (ceiling - 5_000) / deviation
        assert deviation / 2 * (np.sqrt(1 + k * k) - k) <= 0.51 * 1_250


def test_a_value_of_one_block_still_gives_a_detector():
    reference = Estimate(value=5_000, low=-35_000, high=120_000, n=100, blocks=1)
    watched = msgspec.structs.replace(in_service(), value=reference)
    assert BusinessMetric().detector(watched).ceiling == 120_000


def test_a_fall_from_nothing_is_refused():
    watched = msgspec.structs.replace(in_service(), value=Estimate(value=0.0, low=-1, high=1, n=10, blocks=5))
    with pytest.raises(ProjectError, match="has no size"):
        watch(BusinessMetric(), [a_day(0)], watched=watched)


def test_a_declaration_that_cannot_work_is_refused():
    for wrong in ({"falls_by": 0}, {"least_known": 2}, {"false_alarm_every_days": 1}):
        with pytest.raises(ProjectError):
            BusinessMetric(**wrong)


def beside(days: list[DayOfTraffic], hit_rate: float = 0.25) -> list[DayOfTraffic]:
    """With a baseline that decides on a tenth of the rows, the right ones as often as that."""
    made = []
    for number, day in enumerate(days):
        rng = np.random.default_rng([3, number])
        chosen = rng.random(len(day)) < np.where(day.outcomes > 0.5, 0.4 * hit_rate, 0.12 * (1 - hit_rate))
        made.append(dataclasses.replace(day, baseline=chosen.astype(float)))
    return made


def paired(advantage: float = 4_500.0) -> Watched:
    estimate = Estimate(value=advantage, low=advantage - 500, high=advantage + 500, n=20_000, blocks=30)
    return msgspec.structs.replace(in_service(), baseline="rule", advantage=estimate)


def test_what_moves_the_baseline_as_well_is_no_fall():
    """Half as much happens, to both: the metric alone falls by half, the difference does not."""
    monitor = BusinessMetric()
    days = beside([a_day(n, hit_rate=0.5) for n in range(120)], hit_rate=0.0)
    quiet = [dataclasses.replace(day, outcomes=np.where(np.arange(800) % 2 == 0, day.outcomes, 0.0)) for day in days]
    same = [dataclasses.replace(day, baseline=day.decisions.astype(float)) for day in quiet]
    advantage = msgspec.structs.replace(paired(), advantage=Estimate(value=0.0, low=-1, high=1, n=1, blocks=30))
    assert watch(monitor, same, watched=advantage)[1] == []
    assert watch(monitor, quiet)[1] != []


def test_a_fall_beside_the_baseline_names_it():
    _, findings = watch(BusinessMetric(), beside([a_day(n, hit_rate=0.3) for n in range(90)]), watched=paired())
    assert len(findings) == 1
    assert "more than the baseline 'rule'" in findings[0].summary
    assert findings[0].detail["against"] == "rule"


def test_a_model_that_gains_little_is_reported_when_it_gains_nothing():
    """A quarter of its value is more than it gains over the baseline: the limit is nought, not less."""
    assert BusinessMetric().detector(paired(advantage=400.0)).limit == 0.0
    assert BusinessMetric().detector(paired(advantage=4_500.0)).limit == 4_500 - 1_250


def test_days_that_the_baseline_cannot_be_compared_on_are_told_once_over_and_not_counted():
    days = beside([a_day(n) for n in range(4)])
    for number in (0, 1):
        days[number].baseline[::2] = np.nan
    state, findings = watch(BusinessMetric(), days, watched=paired())
    assert [(each.over, each.cause) for each in findings] == [
        (False, "outcomes"),
        (False, "outcomes"),
        (True, "outcomes"),
    ]
    assert "features of the baseline 'rule'" in findings[0].summary
    assert len(state["recent"]) == 2


def test_it_is_over_when_four_weeks_are_above_the_limit_again():
    days = [a_day(n, hit_rate=0.3 if 10 <= n < 80 else 0.5) for n in range(160)]
    state, findings = watch(BusinessMetric(), days)
    assert [each.over for each in findings] == [False, True]
    assert state["fallen"] is None


def test_what_the_day_before_foretold_is_not_counted_again():
    """Days that hang together: the reference says so, and a run of low days weighs less."""
    rng = np.random.default_rng(1)
    level = np.zeros(400)
    for n in range(1, 400):
        level[n] = 0.8 * level[n - 1] + rng.normal()
    together, alone = 5_000 + 1_000 * level[:200], 5_000 + 1_700 * rng.normal(size=200)
    hanging, apart = (held(daily=[(float(each), 800) for each in days]) for days in (together, alone))
    assert BusinessMetric()._reference(hanging).correlation > 0.6
    assert BusinessMetric()._reference(apart).correlation < 0.3
    assert BusinessMetric().detector(hanging).ceiling > BusinessMetric().detector(apart).ceiling
