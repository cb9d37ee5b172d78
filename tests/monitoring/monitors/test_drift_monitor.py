from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.monitoring.divergence import stability
from kreis.monitoring.monitor import Monitor, Watched
from kreis.monitoring.monitors.drift import Drift
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.testing import MonitorBehaviour, a_day, in_service, watch
from kreis.monitoring.variation import expected
from kreis.training.reference import histogram


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


def of(values: np.ndarray, **changes: object) -> Watched:
    """In service: wind as these training values."""
    reference = {**in_service().reference, "wind": histogram(values.astype(np.float32))}
    return msgspec.structs.replace(in_service(), reference=reference, **changes)


def days_of(wind: Callable[[int], np.ndarray | float], *, rows: int = 200, count: int = 30) -> list[DayOfTraffic]:
    days = [a_day(number, rows=rows) for number in range(count)]
    for number, day in enumerate(days):
        day.features[:, 0] = wind(number)
    return days


@pytest.mark.parametrize(
    ("trained", "live"),
    [
        (np.zeros(5_000), 100.0),  # a constant that changes
        (np.zeros(5_000), -999.0),
        (np.random.default_rng(0).normal(size=5_000), 5_000.0),
        (np.random.default_rng(0).normal(size=5_000), -np.inf),
    ],
)
def test_what_was_never_seen_in_training_is_drift_and_the_value_is_named(trained: np.ndarray, live: float):
    half = days_of(lambda number: np.where(np.arange(200) % 2 == 0, live, trained[:200]))
    (finding,) = watch(Drift(features=("wind",)), half, watched=of(trained))[1]
    assert f"50% of the rows are {live:g}, beyond all training data" in finding.summary


def test_one_row_a_day_is_enough_when_all_lie_beyond_the_training_data():
    trained = np.random.default_rng(0).normal(size=5_000)
    drift = Drift(features=("wind",))
    beyond = days_of(lambda number: 50.0 + number, rows=1)
    inside = days_of(lambda number: trained[number], rows=1)
    assert len(watch(drift, beyond, watched=of(trained))[1]) == 1
    assert watch(drift, inside, watched=of(trained))[1] == []
    third = days_of(lambda number: 50.0 if number % 3 == 0 else trained[number], rows=1)
    assert watch(drift, third, watched=of(trained))[1] == []


def test_a_feature_that_moves_on_is_told_again():
    """Up by 2 standard deviations, and forty days later down by 40."""
    rng = np.random.default_rng(3)
    moves = days_of(lambda number: rng.normal(size=200) + (0 if number < 20 else 2 if number < 60 else -40), count=110)
    findings = watch(Drift(features=("wind",)), moves)[1]
    assert [("moved on" in each.summary, each.further) for each in findings] == [(False, True), (True, True)]


def test_it_says_when_it_is_over():
    days = [a_day(n, shift=1.0 if 20 <= n < 40 else 0.0) for n in range(80)]
    assert [each.over for each in watch(Drift(window_days=7), days)[1]] == [False, True]


def test_a_shift_whose_estimate_but_not_its_bound_is_beyond_the_threshold_is_not_told():
    """Between the estimate and the bound: what would be told if the estimate decided."""
    rng = np.random.default_rng(9)
    days = days_of(lambda number: rng.normal(size=12) + 0.62, rows=12, count=14)
    state, findings = watch(Drift(features=("wind",)), days)
    counts = np.array(state["counts"]["wind"])
    found = stability(expected(in_service().reference["wind"], days[-1].day, 14).reference, counts)
    assert found.low() < 0.25 < found.psi
    assert found.beyond_chance(1 / 366)
    assert findings == []
    assert len(watch(Drift(features=("wind",), threshold=found.low() * 0.95), days)[1]) == 1


def test_a_large_index_that_chance_would_bring_is_not_told():
    """The bound lies above a low threshold, but not above what an unmoved feature gives once in so many days."""
    rng = np.random.default_rng(4)
    days = days_of(lambda number: rng.normal(size=60) + 0.33, rows=60, count=14)
    found = stability(
        expected(in_service().reference["wind"], days[-1].day, 14).reference,
        np.array(watch(Drift(features=("wind",)), days)[0]["counts"]["wind"]),
    )
    low = found.low()
    assert low > 0.001
    often, seldom = (Drift(features=("wind",), threshold=low / 2, false_alarm_every_days=each) for each in (2.0, 1e12))
    assert len(watch(often, days)[1]) == 1
    assert watch(seldom, days)[1] == []


def test_work_goes_back_only_when_the_score_has_moved():
    """What the model makes nothing of costs nothing."""
    scores = histogram(np.tile([0.1] * 88 + [0.5] * 12, 50).astype(np.float32))
    watched = msgspec.structs.replace(in_service(), score_reference=scores)
    (feature,) = watch(Drift(sends_back=True), [a_day(n, shift=1.0) for n in range(20)], watched=watched)[1]
    assert not feature.sends_back
    days = [a_day(n) for n in range(20)]
    for day in days:
        day.scores[:] = 0.5
    (score,) = watch(Drift(sends_back=True), days, watched=watched)[1]
    assert score.sends_back
    assert "score (PSI" in score.summary
    without = watch(Drift(sends_back=True), [a_day(n, shift=1.0) for n in range(20)])[1]
    assert [each.sends_back for each in without] == [True]


def test_a_float_that_training_rounded_is_within_its_range():
    trained = np.full(1_000, 0.1)
    assert watch(Drift(features=("wind",)), days_of(lambda number: 0.1), watched=of(trained))[1] == []


def test_a_state_of_an_earlier_version_begins_anew():
    old = {"release": "first", "days": [], "counts": {"wind": [[1] * 21] * 13}, "moved": {}, "drifting": ["wind"]}
    state, findings = watch(Drift(), [a_day(0)], old)
    assert (len(state["counts"]["wind"]), findings) == (1, [])
