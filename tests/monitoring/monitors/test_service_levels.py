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
