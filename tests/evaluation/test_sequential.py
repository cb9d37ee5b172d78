from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.evaluation.sequential import ChangeDetector, ChangeState, MeanTest, TestState, mean_interval

if TYPE_CHECKING:
    from tests.conftest import Simulations


def differences(rng: np.random.Generator, n: int, gain: float = 0.0) -> np.ndarray:
    """Paired differences of value, EUR per flight: two models mostly decide alike."""
    chance = np.array([0.06 - gain / 310, 0.88, 0.06 + gain / 310])
    return rng.choice([-155.0, 0.0, 155.0], n, p=chance)


def test_peeking_after_every_observation_keeps_false_alarms_below_57_in_1000():
    """10,000 A/A comparisons of 700 observations, judged after each; a z-test does not survive that."""
    rng = np.random.default_rng(1)
    test = MeanTest(-155, 155)
    alarms, naive = 0, 0
    for _ in range(10_000):
        x = differences(rng, 700)
        alarms += test.observe(x).rejected_at is not None
        n = np.arange(1, 701)
        mean, square = np.cumsum(x) / n, np.cumsum(x * x) / n
        error = np.sqrt(np.maximum(square - mean**2, 1e-9) / n)
        naive += bool(np.any(np.abs(mean[9:]) > 1.96 * error[9:]))
    assert alarms / 10_000 <= 0.057
    assert naive / 10_000 > 0.35


def test_a_better_model_is_found_and_a_worse_one_too():
    rng = np.random.default_rng(2)
    above = [MeanTest(-155, 155).observe(differences(rng, 5000, gain=5.0)).rejected_at for _ in range(100)]
    below = [
        MeanTest(-155, 155, shows="below").observe(differences(rng, 5000, gain=-5.0)).rejected_at for _ in range(100)
    ]
    for found in (above, below):
        assert sum(each is not None for each in found) >= 95
        assert np.median([each for each in found if each is not None]) < 2500


def test_a_margin_lets_an_equal_model_pass():
    rng = np.random.default_rng(3)
    state = MeanTest(-155, 155, limit=-5.0).observe(differences(rng, 5000))
    assert state.rejected_at is not None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(0, 60))
def test_observing_in_parts_equals_observing_at_once(values: list[float], cut: int):
    head, tail = values[:cut], values[cut:]
    for watch in (MeanTest(0, 1, limit=0.4), MeanTest(0, 1, limit=0.6, shows="below"), ChangeDetector(0.4, 1.0)):
        whole = msgspec.to_builtins(watch.observe(values))
        parts = msgspec.to_builtins(watch.observe(tail, watch.observe(head)))
        assert whole.keys() == parts.keys()
        for key, number in whole.items():
            assert parts[key] == (number if number is None else pytest.approx(number, rel=1e-9, abs=1e-12))


@pytest.mark.parametrize(
    ("watch", "kind"),
    [
        (MeanTest(0, 1, limit=0.4), TestState),
        (ChangeDetector(0.4, 1.0), ChangeState),
    ],
)
def test_a_state_survives_json(watch: MeanTest | ChangeDetector, kind: type):
    state = watch.observe([0.1, 0.9, 0.5])
    assert msgspec.json.decode(msgspec.json.encode(state), type=kind) == state


@pytest.mark.parametrize("shows", ["above", "below"])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_hypothesis_falls_where_the_mixed_capital_first_reaches_one_over_alpha(shows: str, alpha: float):
    x = np.random.default_rng(8).random(400) * 0.3 + (0.45 if shows == "above" else 0.25)
    test = MeanTest(0, 1, limit=0.5, shows=shows, alpha=alpha)
    fractions = np.array([0.95, *(0.7 * 2.0**-k for k in range(9))])
    sign = 1 if shows == "above" else -1
    capital = np.cumprod(1 + np.outer(sign * (x - 0.5) / 0.5, fractions), axis=0).mean(axis=1)
    first = int(np.flatnonzero(capital >= 1 / alpha)[0]) + 1
    assert capital[first - 2] < 1 / alpha < capital[first - 1]
    assert test.observe(x).rejected_at == first
    assert test.observe(x[: first - 1]).rejected_at is None
    assert math.exp(test.observe(x).most) == pytest.approx(capital.max())


@pytest.mark.parametrize("shows", ["above", "below"])
def test_bets_never_see_the_observation_that_they_bet_on(shows: str):
    """At the limit each bet's capital is a martingale: over what may come next it is on average what it was."""
    test = MeanTest(-1, 3, limit=0.5, shows=shows)
    before = test.observe([0.2, 1.4, 2.5])
    low, high = (np.exp(test.observe([x], before).log_capital) for x in (-1, 3))
    assert 0.625 * low + 0.375 * high == pytest.approx(np.exp(before.log_capital))


def test_a_detector_grows_on_average_by_one_per_observation_and_no_more():
    detector = ChangeDetector(limit=0.5, ceiling=2.0)
    before = detector.observe([0.2, 1.4, 0.1])
    low, high = (np.array(detector.observe([x], before, weights=[0.4]).evidence) for x in (-1, 2))
    assert (low + high) / 2 == pytest.approx(np.array(before.evidence) + 0.4)


def test_a_detector_sums_the_capital_of_bets_begun_at_every_observation_and_alarms_at_its_run_length():
    """Sum by sum, from the definition, with bets that hold the capital at 0 or more up to the ceiling."""
    rng = np.random.default_rng(12)
    x, weights = rng.random(40) * 2.5 - 0.9, rng.random(40)
    limit, ceiling, fractions = 0.3, 1.1, np.array([0.95, 0.7, 0.5, 0.35, 0.2, 0.1])
    gains = 1 + np.outer(weights * (limit - np.minimum(x, ceiling)) / (ceiling - limit), fractions)
    sums = np.array(
        [sum(weights[begin] * gains[begin : end + 1].prod(axis=0) for begin in range(end + 1)) for end in range(40)]
    )
    mixed = sums.mean(axis=1)
    needed = 0.9 * mixed.max()
    first = int(np.flatnonzero(mixed >= needed)[0]) + 1
    detector = ChangeDetector(limit, ceiling, run_length=needed)
    whole = detector.observe(x, weights=weights)
    assert whole.evidence == pytest.approx(sums[-1])
    assert whole.mixed == pytest.approx(mixed[-1])
    assert (whole.n, whole.alarm_at) == (40, first)
    head = detector.observe(x[:first], weights=weights[:first])
    assert (head.n, head.alarm_at) == (first, first)
    assert detector.observe(x[: first - 1], weights=weights[: first - 1]).alarm_at is None
    after = detector.observe(x[first:], head, weights=weights[first:])
    assert (after.n, after.alarm_at) == (40, first)


def test_what_has_fallen_once_stays_fallen():
    test = MeanTest(0, 1, limit=0.5)
    fell = test.observe(np.ones(20))
    assert fell.n == 20
    later = test.observe(np.ones(20), test.observe(np.zeros(500), fell))
    assert (later.n, later.rejected_at) == (540, fell.rejected_at)


@pytest.mark.parametrize("shows", ["above", "below"])
def test_counted_observations_show_what_their_last_one_shows(shows: str):
    x = np.random.default_rng(9).choice([-1.0, 0.0, 1.0], 400, p=[0.05, 0.9, 0.05])
    values, counts = np.unique(x, return_counts=True)
    limit = -0.05 if shows == "above" else 0.05
    capital = MeanTest(-1, 1, limit, shows).observe(x).log_capital
    mixed = math.log(np.mean(np.exp(capital)))
    assert MeanTest(-1, 1, limit, shows, alpha=math.exp(-mixed) * 1.01).shown_by(values, counts)
    assert not MeanTest(-1, 1, limit, shows, alpha=math.exp(-mixed) * 0.99).shown_by(values, counts)


def test_observations_that_hang_together_count_for_less():
    """Each one three times over is what it is once, once its dependence is known."""
    x = np.random.default_rng(9).choice([-1.0, 0.0, 1.0], 400, p=[0.05, 0.9, 0.05])
    values, counts = np.unique(x, return_counts=True)
    once = mean_interval(-1, 1, values, counts, alphas=(0.05, 0.05))
    thrice = mean_interval(-1, 1, values, 3 * counts, alphas=(0.05, 0.05))
    assert thrice[1] - thrice[0] < 0.7 * (once[1] - once[0])
    assert mean_interval(-1, 1, values, 3 * counts, alphas=(0.05, 0.05), dependence=3) == pytest.approx(once, abs=0.02)


def test_how_many_observations_it_takes_is_said_beforehand():
    rng = np.random.default_rng(10)
    values, chances = np.array([-1.0, 0.0, 1.0]), np.array([0.04, 0.92, 0.04])
    test = MeanTest(-1, 1, -0.02)
    took = [test.observe(rng.choice(values, 20_000, p=chances)).rejected_at or 20_000 for _ in range(40)]
    assert np.median(took) == pytest.approx(test.takes(values, chances), rel=0.35)
    assert MeanTest(-1, 1, -0.02, dependence=2).takes(values, chances) > 1.5 * test.takes(values, chances)
    assert MeanTest(-1, 1, 0.02).takes(values, chances) == math.inf
    assert MeanTest(-1, 1).takes([0.0], [1.0]) == math.inf


@pytest.mark.simulation
@pytest.mark.parametrize("truth", [0.01, 0.3, 0.5])
def test_an_interval_holds_the_mean_at_all_times(truth: float, simulations: Simulations):
    """`MeanTest` at the truth rejects exactly when an interval of some time leaves the truth out."""
    rng = np.random.default_rng(4)
    runs, missed = simulations.runs(400), 0
    for _ in range(runs):
        x = (rng.random(600) < truth).astype(float)
        missed += any(
            MeanTest(0, 1, truth, shows, 0.025).observe(x).rejected_at is not None for shows in ("above", "below")
        )
    simulations.at_most(f"an interval leaves out a mean of {truth} at some of 600 times", missed, runs, 0.05)


def test_an_interval_is_where_the_test_rejects_no_limit():
    x = np.random.default_rng(5).random(500)
    once = np.ones(len(x))
    low, high = mean_interval(0, 1, x, once, alphas=(0.05, 0.01))
    assert 0.4 < low < 0.5 < high < 0.6
    for shows, limit, alpha in (("above", low, 0.05), ("below", high, 0.01)):
        sign = 1 if shows == "above" else -1
        assert MeanTest(0, 1, limit - sign * 1e-6, shows, alpha).shown_by(x, once)
        assert not MeanTest(0, 1, limit + sign * 1e-6, shows, alpha).shown_by(x, once)


def test_an_interval_narrows_with_little_variance():
    rng = np.random.default_rng(5)
    widths = []
    for deviation in (0.02, 0.3):
        x = np.clip(rng.normal(0.5, deviation, 2000), 0, 1)
        low, high = mean_interval(0, 1, x, np.ones(2000), alphas=(0.025, 0.025))
        assert low < 0.5 < high
        widths.append(high - low)
    assert widths[0] < 0.02 < widths[1] < 0.1
    assert mean_interval(0, 1, [], [], alphas=(0.025, 0.025)) == (0, 1)


@pytest.mark.parametrize("shape", ["steady", "skewed"])
def test_false_alarms_of_a_detector_come_no_sooner_than_its_run_length(shape: str):
    """In control at exactly the limit, the hardest case; runs are cut at 5 times the bound."""
    rng = np.random.default_rng(6)
    detector = ChangeDetector(limit=0.3, ceiling=1.0, run_length=100)
    lengths = []
    for _ in range(400):
        x = rng.random(500) * 0.6 if shape == "steady" else (rng.random(500) < 0.3).astype(float)
        lengths.append(detector.observe(x).alarm_at or 500)
    assert np.mean(lengths) >= 100


def test_a_fall_is_detected_and_the_larger_the_sooner():
    rng = np.random.default_rng(7)
    detector = ChangeDetector(limit=0.3, ceiling=1.0, run_length=365)
    waits = []
    for fallen in (0.15, 0.05):
        found = []
        for _ in range(60):
            before = detector.observe(np.clip(rng.normal(0.4, 0.1, 60), 0, 1))
            assert before.alarm_at is None
            after = detector.observe(np.clip(rng.normal(fallen, 0.1, 400), 0, 1), before)
            found.append((after.alarm_at or 999) - 60)
        waits.append(np.median(found))
    assert waits[1] < waits[0] < 60


@pytest.mark.simulation
def test_a_fall_by_half_is_seen_in_weeks(simulations: Simulations):
    """Skewed days, as weather makes them (their deviation is 0.8 of the mean); the limit is at three quarters."""
    rng = np.random.default_rng(11)
    runs = simulations.runs(300)
    days = rng.gamma(1 / 0.64, 0.64, (runs, 60 + 180))
    ceiling = float(np.quantile(days[:, :60], 0.9))
    limit = 0.75 * float(np.minimum(days[:, :60], ceiling).mean())
    detector = ChangeDetector(limit, ceiling, 365)
    days[:, 60:] *= 0.5
    waits = []
    for each in days:
        alarm = detector.observe(each).alarm_at
        waits.append(999 if alarm is None else alarm - 60)
    simulations.at_least("a fall by half is seen within 180 days", sum(each <= 180 for each in waits), runs, 0.98)
    simulations.at_least("a fall by half is seen within 50 days", sum(each <= 50 for each in waits), runs, 0.5)
    simulations.at_most("an alarm in the 60 days before a fall", sum(each <= 0 for each in waits), runs, 60 / 365)


def test_what_an_older_version_remembers_is_read():
    """Six sums: before, each was the greatest capital since any start, which is at most the sum over the starts."""
    older = msgspec.json.decode(b'{"n":9,"evidence":[2,1.5,1,1,1,1],"alarm_at":null}', type=ChangeState)
    assert len(ChangeDetector(0.4, 1.0).observe([0.3], older).evidence) == 6


def test_observations_above_the_ceiling_count_as_the_ceiling():
    detector = ChangeDetector(limit=1.0, ceiling=2.0)
    assert detector.observe([1e9, 0.5]) == detector.observe([2.0, 0.5])


def test_a_day_without_weight_changes_no_evidence_but_time():
    detector = ChangeDetector(limit=1.0, ceiling=2.0)
    before = detector.observe([0.5, 1.2])
    assert detector.observe([-50.0], before, weights=[0.0]).evidence == before.evidence


def test_observations_outside_the_bounds_are_refused():
    with pytest.raises(ProjectError, match=r"observation 1.5 is not within \[0, 1\]"):
        MeanTest(0, 1, limit=0.5).observe([0.5, 1.5])
    with pytest.raises(ProjectError, match="nan"):
        MeanTest(-1, 1).observe([math.nan])
    with pytest.raises(ProjectError, match=r"observation 1.01 is not within \[0.0, 1.0\]"):
        ChangeDetector(0.4, 1.0).observe([0.5], weights=[1.01])


def test_declarations_that_cannot_work_are_refused():
    with pytest.raises(ProjectError, match="not a range"):
        MeanTest(1, 1)
    for limit in (0.0, 1.0):
        with pytest.raises(ProjectError, match="limit"):
            MeanTest(0, 1, limit=limit)
    with pytest.raises(ProjectError, match="ceiling"):
        ChangeDetector(limit=1.0, ceiling=1.0)
    with pytest.raises(ProjectError, match="every observation"):
        ChangeDetector(limit=0.0, ceiling=1.0, run_length=1)
    assert ChangeDetector(limit=0.0, ceiling=1.0, run_length=1.5).observe([-2.0]).alarm_at == 1
