"""Age: a model that has been in service for so long sends the work back, once."""

from __future__ import annotations

import pytest

from kreis.errors import ProjectError
from kreis.monitoring.monitor import Monitor
from kreis.monitoring.monitors.age import Age
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.testing import MonitorBehaviour, a_day, in_service, watch


class TestAge(MonitorBehaviour):
    def make(self) -> Monitor:
        return Age(at_most="70d")

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day(number) for number in range(100, 172)]


def test_the_work_goes_back_on_the_day_and_not_before():
    _, findings = watch(Age(at_most="3d"), [a_day(0), a_day(1)])
    assert findings == []
    _, findings = watch(Age(at_most="3d"), [a_day(number) for number in range(6)])
    (found,) = findings
    assert (found.sends_back, found.level, found.monitor) == (True, "warning", "age")
    assert (found.detail["day"], found.detail["days"]) == (a_day(2).day.isoformat(), 3)


def test_days_without_traffic_count_as_time():
    _, (found,) = watch(Age(at_most="3d"), [a_day(0), a_day(5)])
    assert found.detail["days"] == 6


def test_another_model_begins_anew():
    monitor, state = Age(at_most="3d"), None
    for number in range(3):
        state, findings = monitor.observe(a_day(number), state, in_service("first"))
    assert findings
    for number in range(3, 6):
        state, findings = monitor.observe(a_day(number), state, in_service("second"))
        assert bool(findings) == (number == 5)


@pytest.mark.parametrize("at_most", ["36h", "soon", "0d"])
def test_anything_but_whole_days_is_refused(at_most):
    with pytest.raises(ProjectError):
        Age(at_most=at_most)
