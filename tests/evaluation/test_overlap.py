"""Forecasts of several periods share what happens in them: that widens an interval, and the interval holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from tests.conftest import Simulations

from kreis.arrays import Codes, Floats
from kreis.evaluation.intervals import estimate, paired_difference
from kreis.evaluation.overlap import overlap_of
from kreis.evaluation.paired import Paired
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.tasks.task import metric_named

VALUE = metric_named("value", ErrorCost("EUR", over=1.0, under=1.0, per=1).task)


def spans_of(origins: int, horizons: list[int], series: int = 1) -> tuple[Floats, Codes]:
    origin, horizon, _ = (each.ravel() for each in np.meshgrid(range(origins), horizons, range(series), indexing="ij"))
    return np.column_stack([origin, origin + horizon]).astype(np.float64), origin.astype(np.int64)


def test_forecasts_of_the_next_period_share_nothing() -> None:
    assert overlap_of(*spans_of(30, [1])) == (1.0, 0.0)
    assert overlap_of(*spans_of(30, [1], series=5)) == (1.0, 0.0)


def test_forecasts_of_four_periods_share_three_two_and_one_of_them_with_the_next() -> None:
    assert overlap_of(*spans_of(30, [4])) == pytest.approx((1 + 2 * (0.75**2 + 0.5**2 + 0.25**2), 0.75**2))
    assert overlap_of(*spans_of(30, [4], series=5)) == overlap_of(*spans_of(30, [4]))


def test_longer_blocks_share_less() -> None:
    spans, origins = spans_of(240, [24])
    by_hour, by_day = (overlap_of(spans, each).factor for each in (origins, origins // 24))
    assert 1.2 < by_day < 1.5 < by_hour


def test_many_rows_are_told_from_the_first_blocks() -> None:
    few, many = (overlap_of(*spans_of(origins, [1, 2, 4])).factor for origins in (60, 5_000))
    assert many == pytest.approx(few, rel=0.05)


@dataclass(frozen=True)
class Market:
    """Series whose changes last a little, forecast by the last value and by what a change leaves behind."""

    origins: int = 20
    horizons: int = 4
    series: int = 10
    common: float = 0.3
    """Share of the shocks that all series have in common."""
    per_block: int = 1

    def draw(self, rng: np.random.Generator, origins: int | None = None) -> tuple[Rows, Rows, Codes]:
        """The two forecasters on the same rows."""
        count, lasts = origins or self.origins, 0.5
        length = count + self.horizons + 1
        own, shared = rng.normal(size=(self.series, length)), rng.normal(size=length)
        shocks = np.sqrt(1 - self.common) * own + np.sqrt(self.common) * shared
        change = np.zeros((self.series, length))
        for at in range(1, length):
            change[:, at] = lasts * change[:, at - 1] + shocks[:, at]
        level = change.cumsum(axis=1)
        spans, origin = spans_of(count, list(range(1, self.horizons + 1)), self.series)
        which = np.tile(np.arange(self.series), count * self.horizons)
        last, horizon = level[which, origin], (spans[:, 1] - spans[:, 0]).astype(np.int64)
        onward = last + change[which, origin] * lasts * (1 - lasts**horizon) / (1 - lasts)
        outcomes = level[which, origin + horizon]
        plain, better = (Rows(outcomes, each, each, spans=spans) for each in (last, onward))
        return better, plain, origin // self.per_block


MARKETS = {
    "20 quarters, 4 ahead": Market(),
    "12 quarters, 4 ahead": Market(origins=12),
    "40 quarters, 4 ahead, shocks in common": Market(origins=40, common=0.6),
    "one series": Market(series=1),
    "30 days of hours, 24 ahead": Market(origins=720, horizons=24, series=3, per_block=24),
}


@pytest.mark.simulation
@pytest.mark.parametrize("name", MARKETS)
def test_an_interval_over_forecasts_holds_the_truth_or_warns(name: str, simulations: Simulations) -> None:
    market, rng, runs = MARKETS[name], np.random.default_rng(5), simulations.runs(100)
    long = [replace(market, per_block=1).draw(np.random.default_rng(seed), origins=4_000) for seed in range(3)]
    truth = np.mean([VALUE.value(better) - VALUE.value(plain) for better, plain, _ in long])
    held = narrow = 0
    for _ in range(runs):
        better, plain, blocks = market.draw(rng)
        found = paired_difference(VALUE, better, plain, blocks)
        held += found.low <= truth <= found.high or found.warning is not None
        blind = paired_difference(VALUE, replace(better, spans=None), replace(plain, spans=None), blocks)
        narrow += blind.low <= truth <= blind.high
    what = f"difference of forecasts, {name} ({narrow / runs:.1%} if nothing were shared)"
    simulations.at_least(what, held, runs, 0.95)


@pytest.mark.simulation
@pytest.mark.parametrize("name", ["days, 7 ahead", "days, next day only"])
def test_a_canary_of_forecasts_seldom_promotes_one_that_is_worse_by_the_margin(
    name: str, simulations: Simulations
) -> None:
    """Looked at each day, for sixty days."""
    market = Market(origins=60, horizons=7 if "7" in name else 1, series=5)
    rng, runs = np.random.default_rng(6), simulations.runs(40)
    long = market.draw(np.random.default_rng(9), origins=20_000)
    margin = VALUE.value(long[0]) - VALUE.value(long[1])
    promoted = 0
    for _ in range(runs):
        champion, challenger, days = market.draw(rng)
        values = [VALUE.terms(each)[0] for each in (challenger, champion)]
        differences, most = values[0] - values[1], 2.0 ** np.ceil(np.log2(np.abs(values[0] - values[1]).max()))
        shared = overlap_of(challenger.spans, days).factor
        promoted += any(
            Paired.of(differences[known], days[known], most=most, margin=margin, overlap=shared).no_worse
            for known in (days <= day for day in range(7, 60, 2))
        )
    simulations.at_most(f"promotion of forecasts that are worse by the margin, {name}", promoted, runs, 0.05)


def test_a_slice_of_short_horizons_is_widened_by_less() -> None:
    better, _, blocks = Market(origins=40).draw(np.random.default_rng(1))
    short = better.spans[:, 1] - better.spans[:, 0] == 1
    wide = [
        estimate(VALUE, rows, at).effective for rows, at in ((better, blocks), (better.where(short), blocks[short]))
    ]
    assert wide[0] <= 40 / 2.4 < wide[1]
