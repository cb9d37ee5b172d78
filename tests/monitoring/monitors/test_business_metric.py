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
