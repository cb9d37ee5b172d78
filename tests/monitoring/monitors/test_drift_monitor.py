from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.evaluation.distributions import chance_of_at_least
from kreis.monitoring.divergence import Divergence, stability
from kreis.monitoring.monitor import Monitor, Watched
from kreis.monitoring.monitors.drift import Drift
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.testing import MonitorBehaviour, a_day, in_service, watch
from kreis.monitoring.variation import Expected, expected
from kreis.training.reference import Histogram, histogram


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


RANGED = Histogram([0.0], [50, 50], 0, low=-1.0, high=1.0)
BEYOND = Divergence(psi=1.0, error=0.1, raw=1.0, moved=1.0, n=14)


def never_seen(*days: list[int], alpha: float = 1e-9, known_days: int = 0, **changes: object) -> bool:
    """Counts of days: below the range, two bins, above it, missing. Training had 100 rows, or so many days."""
    reference = np.array([0, 50, 50, 0, 0])
    of = Expected(reference, None, None, 0.0, np.inf, known_days)
    each = msgspec.structs.replace(BEYOND, raw=changes.pop("raw", 1.0))
    return Drift()._never_seen(each, np.array(days), of, changes.get("histogram", RANGED), alpha)


BELOW, ABOVE, INSIDE, MISSING, NONE = ([1, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 1], [0] * 5)


@pytest.mark.parametrize(
    ("days", "seen"),
    [
        ([BELOW] * 14, False),
        ([ABOVE] * 14, False),
        ([INSIDE] * 14, True),
        ([MISSING] * 14, True),
        ([[2, 1, 2, 0, 0]] * 14, True),  # most rows of each day lie within
        ([[2, 1, 1, 0, 0]] * 14, True),
        ([[2, 1, 1, 1, 0]] * 14, False),
        ([BELOW] * 7 + [INSIDE] * 7, True),  # and so do those of half of the days
        ([BELOW] * 8 + [INSIDE] * 6, False),
        ([BELOW] * 7 + [NONE] * 7, False),  # days without rows say nothing
    ],
)
def test_most_rows_of_most_days_must_lie_beyond_the_training_data(days: list[list[int]], seen: bool):
    assert never_seen(*days) is not seen


@pytest.mark.parametrize(("known_days", "chance"), [(0, 2 / 101), (70, 2 / 71)])
def test_rows_beyond_the_training_data_are_told_when_chance_brings_them_seldom_enough(known_days: int, chance: float):
    """The newest of n + 1 is a record on either side with a chance of 2 in n + 1."""
    alpha = chance_of_at_least(3, 4, chance)
    days = [BELOW, BELOW, ABOVE, INSIDE]
    assert never_seen(*days, alpha=alpha, known_days=known_days)
    assert not never_seen(*days, alpha=alpha * 0.9999, known_days=known_days)


def test_rows_beyond_a_range_that_is_not_known_or_within_the_threshold_are_not_told():
    assert not never_seen(*[BELOW] * 14, histogram=Histogram([0.0], [50, 50], 0))
    assert not never_seen(*[BELOW] * 14, raw=0.25)
    assert never_seen(*[BELOW] * 14, raw=0.2501)


@pytest.mark.parametrize(("times", "told"), [(0.9995, True), (1.0005, False)])
def test_the_level_is_shared_by_all_features(times: float, told: bool):
    """An index is told where an unmoved one among them would be as large at most once in so many days."""
    rng = np.random.default_rng(4)
    days = days_of(lambda number: rng.normal(size=60) + 0.33, rows=60, count=14)
    held = expected(in_service().reference["wind"], days[-1].day, 14)
    counts = np.array(watch(Drift(features=("wind",)), days)[0]["counts"]["wind"])
    found = stability(held.reference, counts, held)
    low, high = 1e-9, 0.5
    while high / low > 1 + 1e-9:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if found.beyond_chance(middle) else (middle, high)
    every = (1 / high - 1) / 2 * times
    drift = Drift(threshold=found.low() / 2, false_alarm_every_days=every)
    assert ("wind" in watch(drift, days)[0]["drifting"]) is told


def test_what_is_drifting_is_over_at_half_the_threshold():
    drift = Drift(features=("wind",))
    days = [a_day(n, shift=1.0) for n in range(14)]
    state, _ = watch(drift, days[:13])
    before = {**state, "drifting": {"wind": {"days": 3, "anchor": None}}}
    psi = watch(drift, days[13:], state)[0]["moved"]["wind"]["psi"]
    for threshold, over in ((psi * 1.8, False), (psi * 2.2, True)):
        after, findings = watch(Drift(features=("wind",), threshold=threshold), days[13:], before)
        assert [each.over for each in findings] == [True] * over
        assert bool(after["drifting"]) is not over


def test_a_feature_that_drifts_is_remembered_when_it_has_come_to_rest():
    """A whole window after it was told, so that no day of before is in it."""
    drift = Drift(features=("wind",), window_days=7)
    state, findings = watch(drift, [a_day(n, shift=1.0) for n in range(7)])
    assert (len(findings), state["drifting"]) == (1, {"wind": {"days": 0, "anchor": None}})
    for number in range(7, 13):
        state, _ = watch(drift, [a_day(number, shift=1.0)], state)
        assert state["drifting"]["wind"] == {"days": number - 6, "anchor": None}
    state, _ = watch(drift, [a_day(13, shift=1.0)], state)
    counts = np.sum(state["counts"]["wind"], axis=0).tolist()
    assert state["drifting"]["wind"] == {"days": 7, "anchor": counts}
    state, _ = watch(drift, [a_day(14, shift=1.0)], state)
    assert state["drifting"]["wind"] == {"days": 8, "anchor": counts}


def with_weeks() -> Histogram:
    """Two years of days that each have their own weather."""
    rng = np.random.default_rng(6)
    day = np.repeat(np.arange(720), 30)
    values = rng.normal(size=day.size) + 0.5 * rng.normal(size=720)[day] + np.sin(2 * np.pi * day / 365.25)
    return histogram(values.astype(np.float32), times=(19_000 + day) * 86_400_000_000)


def test_days_are_held_against_their_season_and_the_windows_of_the_training_data():
    reference = with_weeks()
    watched = msgspec.structs.replace(in_service(), reference={"wind": reference})
    days = [a_day(n, shift=1.0) for n in range(14)]
    state, _ = watch(Drift(features=("wind",)), days, watched=watched)
    held, counts = expected(reference, days[-1].day, 14), np.array(state["counts"]["wind"])
    assert held.strays is not None
    found = stability(held.reference, counts, held)
    assert state["moved"]["wind"]["psi"] == pytest.approx(found.psi)
    assert state["moved"]["wind"]["error"] == pytest.approx(found.error)
    assert found.error != pytest.approx(stability(held.reference, counts).error)


@pytest.mark.parametrize("reference", [with_weeks(), in_service().reference["wind"]], ids=["weeks", "no weeks"])
def test_what_has_come_to_rest_moves_on_by_more_than_two_windows_stray(reference: Histogram):
    rest, later = (
        [a_day(n, rows=100, shift=1.0) for n in range(14)],
        [a_day(n, rows=100, shift=1.9) for n in range(14, 28)],
    )
    watched = msgspec.structs.replace(in_service(), reference={"wind": reference})
    only = Drift(features=("wind",))
    anchor = np.sum(watch(only, rest, watched=watched)[0]["counts"]["wind"], axis=0)
    days = np.array(watch(only, later, watched=watched)[0]["counts"]["wind"])
    held = expected(reference, later[-1].day, 14)
    low = stability(anchor, days, held, twice=True).low()
    before = {"days": 20, "anchor": anchor.tolist()}
    for threshold, further in ((low * 0.999, True), (low * 1.001, False)):
        drift = Drift(features=("wind",), threshold=threshold)
        after, moved = drift._moved_on(before, days, held, 0.05)
        assert moved is further
        assert after == ({"days": 0, "anchor": None} if further else {"days": 21, "anchor": anchor.tolist()})


@pytest.mark.parametrize(("same", "said"), [(1, None), (2, "14%"), (5, "36%")])
def test_a_value_that_comes_more_than_once_beyond_the_training_data_is_named(same: int, said: str | None):
    trained = np.random.default_rng(0).normal(size=5_000)
    days = days_of(lambda number: -77.0 if number < same else 900.0 + number, rows=1, count=14)
    (finding,) = watch(Drift(features=("wind",)), days, watched=of(trained))[1]
    assert ("beyond all training data" in finding.summary) is (said is not None)
    if said is not None:
        assert f"{said} of the rows are -77, beyond all training data" in finding.summary
