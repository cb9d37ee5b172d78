import math
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from kreis.arrays import Codes
from kreis.errors import ProjectError
from kreis.evaluation.blocks import _quantile, interval
from kreis.evaluation.intervals import Estimate, estimate, mean_estimate, paired_difference, share_estimate
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.metrics.auc import Auc
from kreis.tasks.metrics.counts import share_interval
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.tasks.task import metric_named

VALUE = DecisionValue("EUR per 1,000", true_positive=120, false_positive=-35)
Totals = tuple[np.ndarray, np.ndarray, float]


def money(rng: np.random.Generator, runs: int, days: int) -> Totals:
    """What decisions earn when a day's weather moves all its flights."""
    rows = rng.integers(600, 1000, (runs, days))
    hits = rng.binomial(rows, rng.beta(2, 6, (runs, days)) * 0.3)
    return 120.0 * hits - 35.0 * rng.binomial(rows, 0.12), rows, 120 * 0.25 * 0.3 - 35 * 0.12


def rare(rng: np.random.Generator, runs: int, days: int) -> Totals:
    """Events in 1 of 1,000 rows: about 24 in 30 days."""
    rows = rng.integers(600, 1000, (runs, days))
    return rng.poisson(rows * 0.001).astype(float), rows, 0.001


def shares(rng: np.random.Generator, runs: int, days: int) -> Totals:
    """A share that differs by day, on days whose size differs with it."""
    chance = rng.beta(2, 6, (runs, days))
    rows = (rng.integers(600, 1000, (runs, days)) * (1 + chance)).astype(int)
    truth = (0.25 + 0.25**2 + 0.25 * 0.75 / 9) / 1.25
    return rng.binomial(rows, chance).astype(float), rows, truth


def coverage(draw: Callable[[np.random.Generator, int, int], Totals], runs: int, days: int, seed: int) -> float:
    sums, rows, truth = draw(np.random.default_rng(seed), runs, days)
    held = 0
    for y, n in zip(sums, rows, strict=True):
        ratio = y.sum() / n.sum()
        low, high, _ = interval(ratio, (y - ratio * n) / n.sum(), sizes=n)
        held += low <= truth <= high
    return held / runs


@pytest.mark.parametrize("draw", [money, rare, shares])
def test_intervals_cover_the_truth(draw: Callable[[np.random.Generator, int, int], Totals]):
    """6,000 runs: 0.95 - 3 standard errors is 0.9416; what guards against days that hang together widens a little."""
    assert 0.9416 <= coverage(draw, 6000, 30, seed=7) <= 0.965


@pytest.mark.slow
@pytest.mark.parametrize("draw", [money, rare, shares])
def test_intervals_cover_the_truth_943_to_965(draw: Callable[[np.random.Generator, int, int], Totals]):
    assert 0.943 <= coverage(draw, 40_000, 30, seed=11) <= 0.965


def test_many_blocks_are_covered_without_a_bootstrap():
    assert 0.9416 <= coverage(money, 6000, 401, seed=7) <= 0.965


def test_equal_inputs_give_equal_intervals():
    rows, days = flights(np.random.default_rng(1))
    assert estimate(Auc(), rows, days) == estimate(Auc(), rows, days)


def flights(rng: np.random.Generator, days: int = 30, per_day: int = 60) -> tuple[YesNoRows, Codes]:
    """Scores that are right on average, and wrong by the day's weather."""
    blocks = np.repeat(np.arange(days), per_day)
    logit = rng.normal(-1.2, 1, days * per_day)
    weather = rng.normal(0, 0.7, days)[blocks]
    outcomes = rng.random(len(blocks)) < 1 / (1 + np.exp(-logit - weather))
    scores = 1 / (1 + np.exp(-logit))
    return YesNoRows(outcomes, scores, scores >= 0.25), blocks


def test_auc_intervals_cover_the_truth_quick():
    rng = np.random.default_rng(3)
    population = flights(np.random.default_rng(99), days=20_000, per_day=60)[0]
    truth = Auc().value(population)
    held = 0
    for _ in range(1000):
        found = estimate(Auc(), *flights(rng))
        held += found.low <= truth <= found.high
    assert 0.929 <= held / 1000 <= 0.971


def test_intervals_by_day_are_wider_than_intervals_by_row_when_a_day_shares_its_weather():
    rows, days = flights(np.random.default_rng(1))
    metric = metric_named("base_rate", VALUE.task)
    by_day, by_row = estimate(metric, rows, days), estimate(metric, rows, np.arange(len(rows)))
    assert by_day.high - by_day.low > 1.5 * (by_row.high - by_row.low)
    assert by_day.value == by_row.value


def test_the_paired_difference_of_a_model_with_itself_is_zero_and_narrow():
    rows, days = flights(np.random.default_rng(2))
    same = paired_difference(metric_named("value", VALUE.task), rows, rows, days)
    assert same.value == 0
    assert -350 < same.low < 0 < same.high < 350


def test_pairing_takes_out_what_both_models_share():
    rows, days = flights(np.random.default_rng(4))
    other = YesNoRows(rows.outcomes, rows.scores, rows.scores >= 0.3)
    metric = metric_named("value", VALUE.task)
    paired = paired_difference(metric, rows, other, days)
    alone = estimate(metric, rows, days)
    assert paired.high - paired.low < 0.7 * (alone.high - alone.low)


def test_nothing_seen_in_300_rows_does_not_mean_never():
    rows = YesNoRows(np.ones(300, bool), np.full(300, 0.9), np.zeros(300, bool))
    found = estimate(metric_named("recall", VALUE.task), rows, np.repeat(np.arange(10), 30))
    assert found.value == 0
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 300))
    assert found.method.startswith("no variation")


def test_one_day_says_no_more_than_the_bounds():
    rows, _ = flights(np.random.default_rng(5), days=1)
    found = estimate(metric_named("brier", VALUE.task), rows, np.zeros(len(rows), dtype=np.int64))
    assert (found.low, found.high) == (0.0, 1.0)


def test_an_undefined_metric_survives_json():
    rows = YesNoRows(np.zeros(40, bool), np.full(40, 0.2), np.ones(40, bool))
    found = estimate(metric_named("recall", VALUE.task), rows, np.repeat(np.arange(4), 10))
    assert not found.defined
    document = found.to_document()
    assert document["value"] is None
    assert math.isnan(Estimate.from_document(document).value)


def test_rows_without_a_block_are_refused():
    rows, days = flights(np.random.default_rng(6))
    with pytest.raises(ProjectError, match="1800 rows but 1799 blocks"):
        estimate(Auc(), rows, days[:-1])


def test_different_rows_cannot_be_paired():
    rows, days = flights(np.random.default_rng(6))
    other, _ = flights(np.random.default_rng(7))
    with pytest.raises(ProjectError, match="same rows"):
        paired_difference(Auc(), rows, other, days)


def test_the_deviation_of_a_block_can_be_read_back():
    rng = np.random.default_rng(8)
    days = np.repeat(np.arange(200), 50)
    values = rng.normal(0, 3, 200)[days] + rng.normal(0, 1, 10_000)
    assert mean_estimate(values, days).block_deviation == pytest.approx(3, rel=0.15)


def test_auc_of_25_000_rows_takes_under_a_tenth_of_a_second():
    rows, days = flights(np.random.default_rng(9), days=30, per_day=833)
    estimate(Auc(), rows, days)
    started = time.process_time()
    estimate(Auc(), rows, days)
    assert time.process_time() - started < 0.1


def test_importing_evaluation_brings_in_nothing_heavy():
    import subprocess

    heavy = "{'scipy', 'sklearn', 'polars', 'pandas', 'altair'}"
    code = f"import sys, kreis.evaluation.evaluate; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_share_of_rows_that_come_several_times_is_no_surer_than_of_these_rows_once():
    hits = np.zeros(40, dtype=bool)
    hits[:3] = True
    once = Rows(hits, hits.astype(float), hits, blocks_are="rows")
    again = Rows(*(np.tile(each, 5) for each in (hits, hits.astype(float), hits)), blocks_are="rows", repeats=5)
    alone = share_estimate(hits, np.arange(40), once)
    repeated = share_estimate(np.tile(hits, 5), np.tile(np.arange(40), 5), again)
    assert (repeated.n, repeated.blocks) == (40, 40)
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high))
    none = share_estimate(np.zeros(200, dtype=bool), np.tile(np.arange(40), 5), again)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 40))


def test_a_mean_over_groups_does_not_speak_of_days():
    values = np.arange(30.0)
    groups = Rows(values, values, values, blocks_are="groups")
    assert mean_estimate(values, np.arange(30) // 10, rows=groups).warning == (
        "3 groups are too few to say how much groups differ: at least 8 are needed"
    )


def test_a_share_over_repeats_lies_around_all_of_them():
    first, second = np.zeros(40, dtype=bool), np.zeros(40, dtype=bool)
    second[:8] = True
    hits = np.concatenate([first, second])
    rows = Rows(hits, hits.astype(float), hits, blocks_are="rows", repeats=2)
    found = share_estimate(hits, np.tile(np.arange(40), 2), rows)
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx(share_interval(4, 40))


@pytest.mark.parametrize("count", [1, 2, 7, 1999])
def test_quantile_is_that_of_numpy_to_the_last_bit(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(50):
        values = np.sort(rng.normal(size=count))
        for share in (0.0, 1.0, 0.025, 0.975, 1 - 0.0125 / 2, *rng.random(5)):
            assert _quantile(values, share) == np.quantile(values, share)
