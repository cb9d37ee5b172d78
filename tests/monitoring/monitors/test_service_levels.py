import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.evaluation.distributions import chance_of_at_least
from kreis.monitoring.monitor import Monitor
from kreis.monitoring.monitors.availability import Availability
from kreis.monitoring.monitors.latency import Latency
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.testing import MonitorBehaviour, a_day, watch


class TestLatency(MonitorBehaviour):
    def make(self) -> Monitor:
        return Latency()

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day(number, slow=0.1) for number in range(100, 104)]


class TestAvailability(MonitorBehaviour):
    def make(self) -> Monitor:
        return Availability()

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day(number, failed=20) for number in range(100, 104)]


def test_a_slow_day_is_reported_with_its_percentile():
    _, findings = watch(Latency(), [a_day(0, slow=0.05)])
    assert "50.0 ms, 20 ms are promised" in findings[0].summary


def test_one_slow_answer_of_ten_shows_nothing():
    day = a_day(0, rows=10)
    day.latency_us[0] = 10**6
    assert watch(Latency(), [day])[1] == []


def test_a_day_of_failures_alone_is_reported():
    _, findings = watch(Availability(), [a_day(0, rows=0, failed=50)])
    assert "50 of 50 requests failed" in findings[0].summary


def slow_days(*slow: bool) -> list[DayOfTraffic]:
    return [a_day(number, slow=0.1 if each else 0.0) for number, each in enumerate(slow)]


def failing_days(*failing: bool) -> list[DayOfTraffic]:
    return [a_day(number, failed=20 if each else 0) for number, each in enumerate(failing)]


@pytest.mark.parametrize(("monitor", "days"), [(Latency(), slow_days), (Availability(), failing_days)])
def test_a_breach_is_told_once_until_three_days_in_a_row_keep_the_level(monitor, days):
    broken = [True, True, False, False, True, False, False, False, True]
    state, findings = watch(monitor, days(*broken[:7]))
    assert [each.over for each in findings] == [False]
    state, more = watch(monitor, days(*broken)[7:], state)
    assert [each.over for each in more] == [True, False]
    assert [(each.monitor, each.level) for each in [*findings, *more]] == [
        (monitor.name, "critical"),
        (monitor.name, "warning"),
        (monitor.name, "critical"),
    ]


@pytest.mark.parametrize(("times", "told"), [(0.99, True), (1.01, False)])
def test_a_breach_is_told_when_chance_brings_it_no_more_often_than_declared(times: float, told: bool):
    day = a_day(0, rows=400)
    day.latency_us[:9] = 30_000
    every = times / chance_of_at_least(9, 400, 0.01)
    assert bool(watch(Latency(false_alarm_every_days=every), [day])[1]) is told
    every = times / chance_of_at_least(3, 803, 1 - 0.999)
    assert bool(watch(Availability(false_alarm_every_days=every), [a_day(0, failed=3)])[1]) is told


def test_an_answer_is_slow_when_it_takes_longer_than_promised():
    day = a_day(0)
    day.latency_us[:] = 20_000
    assert watch(Latency(), [day])[1] == []
    day.latency_us[:] = 20_001
    (found,) = watch(Latency(), [day])[1]
    assert found.detail == {"day": "2024-01-01", "p99_ms": 20.001, "slow": 800, "answers": 800}


def test_the_percentile_is_an_answer_that_was_given():
    day = a_day(0, rows=10)
    day.latency_us[:] = np.arange(1, 11) * 1000
    assert watch(Latency(), [day])[0]["p99_ms"] == 10.0


def test_failures_are_recorded_with_the_share_that_was_answered():
    state, (found,) = watch(Availability(), [a_day(0, rows=90, failed=10)])
    assert state["availability"] == 0.9
    assert found.detail == {"day": "2024-01-01", "failed": 10, "requests": 100}


@pytest.mark.parametrize(("monitor", "kind"), [(Latency, "latency"), (Availability, "availability")])
def test_a_monitor_is_named_after_its_kind_and_needs_a_rate(monitor, kind: str):
    assert (monitor().name, monitor(name="night").name) == (kind, f"{kind} night")
    with pytest.raises(ProjectError, match="false_alarm_every_days is 0") as caught:
        monitor(false_alarm_every_days=0)
    assert caught.value.where == monitor.__name__
