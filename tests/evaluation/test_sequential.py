import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.evaluation.sequential import (
    ChangeDetector,
    ChangeState,
    ConfidenceSequence,
    MeanState,
    MeanTest,
    TestState,
)


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
    for watch in (ConfidenceSequence(0, 1), MeanTest(0, 1, limit=0.4), ChangeDetector(0.4, 1.0)):
        whole = msgspec.to_builtins(watch.observe(values))
        parts = msgspec.to_builtins(watch.observe(tail, watch.observe(head)))
        assert whole.keys() == parts.keys()
        for key, number in whole.items():
            assert parts[key] == (number if number is None else pytest.approx(number, rel=1e-9, abs=1e-12))


@pytest.mark.parametrize(
    ("watch", "kind"),
    [
        (ConfidenceSequence(0, 1), MeanState),
        (MeanTest(0, 1, limit=0.4), TestState),
        (ChangeDetector(0.4, 1.0), ChangeState),
    ],
)
def test_a_state_survives_json(watch: ConfidenceSequence, kind: type):
    state = watch.observe([0.1, 0.9, 0.5])
    assert msgspec.json.decode(msgspec.json.encode(state), type=kind) == state


@pytest.mark.parametrize("truth", [0.01, 0.3, 0.5])
def test_a_confidence_sequence_holds_the_mean_at_all_times(truth: float):
    rng = np.random.default_rng(4)
    missed = 0
    for _ in range(400):
        state, out = MeanState(), False
        sequence = ConfidenceSequence(0, 1)
        for part in np.split((rng.random(600) < truth).astype(float), 60):
            state = sequence.observe(part, state)
            low, high = sequence.interval(state)
            out |= not low <= truth <= high
        missed += out
    assert missed / 400 <= 0.057


def test_a_confidence_sequence_narrows_with_little_variance():
    rng = np.random.default_rng(5)
    sequence = ConfidenceSequence(0, 1)
    widths = []
    for deviation in (0.02, 0.3):
        low, high = sequence.interval(sequence.observe(np.clip(rng.normal(0.5, deviation, 2000), 0, 1)))
        assert low < 0.5 < high
        widths.append(high - low)
    assert widths[0] < 0.02 < widths[1] < 0.1
    assert sequence.interval(MeanState()) == (0, 1)


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


def test_observations_above_the_ceiling_count_as_the_ceiling():
    detector = ChangeDetector(limit=1.0, ceiling=2.0)
    assert detector.observe([1e9, 0.5]) == detector.observe([2.0, 0.5])


def test_a_day_without_weight_changes_no_evidence_but_time():
    detector = ChangeDetector(limit=1.0, ceiling=2.0)
    assert detector.observe([-50.0], weights=[0.0]).mixed == pytest.approx(1.0)


def test_observations_outside_the_bounds_are_refused():
    with pytest.raises(ProjectError, match=r"observation 1.5 is not within \[0, 1\]"):
        ConfidenceSequence(0, 1).observe([0.5, 1.5])
    with pytest.raises(ProjectError, match="nan"):
        MeanTest(-1, 1).observe([math.nan])


def test_declarations_that_cannot_work_are_refused():
    with pytest.raises(ProjectError, match="no range"):
        ConfidenceSequence(1, 1)
    with pytest.raises(ProjectError, match="limit"):
        MeanTest(0, 1, limit=0.0)
    with pytest.raises(ProjectError, match="ceiling"):
        ChangeDetector(limit=1.0, ceiling=1.0)
    with pytest.raises(ProjectError, match="every observation"):
        ChangeDetector(limit=0.0, ceiling=1.0, run_length=1)
