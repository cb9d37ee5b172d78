import msgspec
import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.monitoring.monitor import Monitor
from kreis.monitoring.monitors.drift import Drift
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.testing import MonitorBehaviour, a_day, watch


class TestDrift(MonitorBehaviour):
    def make(self) -> Monitor:
        return Drift()

    def bad_days(self) -> list[DayOfTraffic]:
        return [a_day(number, shift=1.0) for number in range(100, 120)]


def test_a_shift_is_reported_once_and_again_only_after_it_was_gone():
    away, back = [a_day(n, shift=1.0) for n in range(40)], [a_day(n) for n in range(40, 80)]
    again = [a_day(n, shift=1.0) for n in range(80, 110)]
    state, findings = watch(Drift(window_days=7), [*away, *back, *again])
    assert 2 <= len(findings) <= 4  # the two features may cross on different days
    assert sorted(state["drifting"]) == ["late_rate", "wind"]
    assert "wind" in findings[0].detail["features"]
    assert not findings[0].sends_back


@pytest.mark.parametrize("rows", [300, 30_000])
def test_whether_it_alerts_does_not_depend_on_the_number_of_rows(rows: int):
    """A shift of 0.3 standard deviations has a PSI of 0.09: below the threshold with any number of rows."""
    small = [a_day(n, rows=rows, shift=0.3) for n in range(20)]
    large = [a_day(n, rows=rows, shift=1.0) for n in range(20)]
    assert watch(Drift(), small)[1] == []
    assert watch(Drift(), large)[1] != []


def test_days_that_each_have_their_own_weather_are_not_drift():
    """Two weeks of 14 different weathers; the reference knows their mixture."""
    from kreis.monitoring.testing import in_service
    from kreis.training.reference import histogram

    values = np.random.default_rng(0).normal(size=100_000) * np.sqrt(1 + 0.7**2)
    watched = msgspec.structs.replace(in_service(), reference=dict.fromkeys(("wind", "late_rate"), histogram(values)))
    findings = watch(Drift(), [a_day(n, weather=0.7) for n in range(200)], watched=watched)[1]
    assert findings == []


def test_a_feature_that_goes_missing_is_drift():
    days = [a_day(n) for n in range(20)]
    for day in days:
        day.features[::2, 0] = np.nan
    findings = watch(Drift(), days)[1]
    assert list(findings[0].detail["features"]) == ["wind"]


def test_only_chosen_features_are_watched_and_unknown_ones_refused():
    days = [a_day(n, shift=1.0) for n in range(20)]
    assert list(watch(Drift(features=("wind",)), days)[1][0].detail["features"]) == ["wind"]
    with pytest.raises(ProjectError, match="did you mean 'wind'"):
        watch(Drift(features=("winds",)), days)


def test_a_declaration_that_cannot_work_is_refused():
    with pytest.raises(ProjectError, match="threshold is 0"):
        Drift(threshold=0)
    with pytest.raises(ProjectError, match="one day"):
        Drift(window_days=1)
