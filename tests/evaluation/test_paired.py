"""Paired: what is shown about two models on the same decisions, and how often in error."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from kreis.evaluation.paired import (
    DaySums,
    Paired,
    day_sums,
    dependence,
    needed,
    presumed_dependence,
    seen_after,
    within_day,
)
from kreis.evaluation.sequential import MeanTest

if TYPE_CHECKING:
    from tests.conftest import Simulations

MOST, MARGIN = 120.0, 1.1


def paired(minus: int, plus: int, n: int, *, per_day: int = 100) -> Paired:
    """Decisions of which some differ by 100, up and down; spread evenly over days."""
    x = np.zeros(n)
    x[:minus], x[minus : minus + plus] = -100, 100
    x = np.random.default_rng(3).permutation(x)
    return Paired.of(x, np.arange(n) // per_day, most=MOST, margin=MARGIN)


@pytest.mark.parametrize("shows", ["below", "above"])
def test_shown_is_where_the_capitals_root_reaches_one_over_the_error_rate(shows: str):
    """Case by case around the bound, which lies far from the estimate."""
    alpha, limit = (0.025, 0.0) if shows == "below" else (0.05, -MARGIN)
    margins = []
    for gap in range(60):
        seen = paired(20 + gap, 20, 2000) if shows == "below" else paired(20, 20 + gap, 2000)
        test = MeanTest(-MOST, MOST, limit, "below" if shows == "below" else "above", alpha)
        logs = np.log1p(np.outer((seen.values - limit) * (1 if shows == "above" else -1), _bets(test))).T @ seen.counts
        mixed = np.logaddexp.reduce(logs) - math.log(len(logs))
        margins.append(mixed / seen.dependence + math.log(alpha))
        assert (seen.worse if shows == "below" else seen.no_worse) == (margins[-1] >= 0)
        assert (seen.interval()[1] < 0 if shows == "below" else seen.interval()[0] > -MARGIN) == (margins[-1] >= 0)
    assert min(margins) < 0 < max(margins)
    assert paired(26, 20, 2000).difference < 0
    assert not paired(26, 20, 2000).worse


def _bets(test: MeanTest) -> np.ndarray:
    worst = test.limit - test.low if test.shows == "above" else test.high - test.limit
    return np.array([0.95, *(0.7 * 2.0**-k for k in range(9))]) / worst


def test_nothing_is_shown_by_nothing():
    empty = Paired.of(np.empty(0), np.empty(0), most=MOST, margin=MARGIN)
    assert (empty.worse, empty.no_worse, empty.interval(), empty.needed) == (False, False, (-MOST, MOST), None)


def test_models_that_decide_alike_are_no_worse_and_not_worse_by_whatever_margin():
    alike = Paired.of(np.zeros(50), np.arange(50) // 10, most=0.0, margin=MARGIN)
    assert (alike.worse, alike.no_worse, alike.interval()) == (False, True, (0.0, 0.0))
    assert not Paired.of(np.zeros(0), np.zeros(0), most=0.0, margin=MARGIN).no_worse


@pytest.mark.parametrize(("margin", "shown"), [(1.0, True), (1.01, True), (0.7, False)])
def test_models_that_cannot_differ_by_the_margin_are_no_worse_at_once(margin: float, shown: bool):
    near = Paired.of(np.array([-0.5, 0.3]), np.array([0, 0]), most=1.0, margin=margin)
    assert near.no_worse == shown
    assert near.needed == 1 or not shown


def test_models_that_never_differ_are_shown_to_be_no_worse_by_enough_decisions():
    """A difference of up to 120 in fewer than one of 110 decisions would be within the margin; few do not show that."""
    assert not paired(0, 0, 250).no_worse
    assert paired(0, 0, 1000).no_worse
    assert paired(0, 0, 250).needed == pytest.approx(600, rel=0.3)


def test_decisions_of_a_day_that_hang_together_show_less():
    n = 2000
    x = np.where(np.arange(n) % 10 == 0, np.where(np.arange(n) % 100 < 37, -100.0, 60.0), 0.0)
    spread = Paired.of(x, np.arange(n) % 20, most=MOST, margin=MARGIN)
    clustered = Paired.of(np.sort(x), np.arange(n) // 100, most=MOST, margin=MARGIN)
    assert spread.difference == clustered.difference
    assert clustered.dependence > 5 * spread.dependence
    assert clustered.interval()[1] > spread.interval()[1]


def test_dependence_is_the_ratio_of_variances_once_days_are_many():
    """Clusters of ten with a correlation of r: 1 + 9 r (Kish 1965)."""
    rng = np.random.default_rng(1)
    for correlation in (0.0, 0.5):
        shared = rng.normal(size=(4000, 1)) * math.sqrt(correlation)
        x = (shared + rng.normal(size=(4000, 10)) * math.sqrt(1 - correlation)).ravel()
        assert dependence(day_sums(x, np.arange(40_000) // 10)) == pytest.approx(1 + 9 * correlation, abs=0.3)


def design_effect(x: np.ndarray, days: np.ndarray) -> float:
    """From single decisions: the variance of days' sums with one lag, over that of decisions; seven days presumed."""
    off, k = x - x.mean(), int(days.max()) + 1
    sums = [off[days == day].sum() for day in range(k)]
    lag = sum(one * next_one for one, next_one in pairwise(sums))
    together = (sum(each**2 for each in sums) + max(lag, 0.0)) * k / (k - 1)
    presumed = 1 + max(np.count_nonzero(x) / k - 1, 0) * 0.05
    return (7 * presumed + (k - 1) * together / (off**2).sum()) / (7 + k - 1)


@pytest.mark.parametrize("scale", [0.01, 100.0])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
@pytest.mark.parametrize("k", [2, 3])
def test_dependence_of_few_days_is_mixed_with_what_is_presumed(scale: float, order: tuple[int, ...], k: int):
    days = np.array([0] * 6 + [1] * 9 + [2] * 4)
    x = np.array([3, 2, 0, 3, 2, 3, -1, 0, 0, 2, -1, 0, 1, 0, 0, -3, -2, 0, -3]) * scale
    parts = [x[days == day] for day in order[:k]]
    x, days = np.concatenate(parts), np.repeat(range(k), [len(part) for part in parts])
    found = day_sums(x, days)
    assert dependence(found) == pytest.approx(max(design_effect(x, days), 1.0))
    a_day = np.count_nonzero(x) / k
    assert within_day(found) == pytest.approx((dependence(found) - 1) / (a_day - 1))


def test_the_correlation_within_a_day_is_presumed_where_models_hardly_differ():
    assert within_day(DaySums()) == 0.05
    assert within_day(day_sums(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0, 0, 1, 1]))) == 0.05
    two = day_sums(np.array([1.0, 2.0, 3.0, 1.0]), np.array([0, 0, 1, 1]))
    assert within_day(two) == pytest.approx(dependence(two) - 1) != 0.05


def test_neighbouring_days_that_hang_together_count():
    rng = np.random.default_rng(2)
    weather = np.repeat(rng.normal(size=1000), 2)
    x = np.repeat(weather, 5) + rng.normal(size=10_000)
    alone, both = (dependence(day_sums(part, np.arange(len(part)) // 5)) for part in (rng.permutation(x), x))
    assert alone == pytest.approx(1, abs=0.2)
    assert both == pytest.approx(1 + 4 * 0.5 + 5 * 0.5 * 0.5, abs=0.6)


def test_before_days_are_seen_dependence_is_presumed():
    one_day = day_sums(np.array([1.0, -1.0] * 20 + [0.0] * 60), np.zeros(100))
    assert one_day.differing == [40]
    assert dependence(one_day) == presumed_dependence(40) == pytest.approx(1 + 39 * 0.05)
    assert dependence(DaySums()) == 1
    assert presumed_dependence(0.5) == 1


def test_day_sums_survive_json_and_are_joined():
    sums = day_sums(np.array([1.0, 0.0, -2.0]), np.array([5, 5, 7]))
    assert sums == DaySums(decisions=[2, 1], differing=[1, 1], totals=[1.0, -2.0], squares=[1.0, 4.0])
    assert msgspec.json.decode(msgspec.json.encode(sums), type=DaySums) == sums
    assert (sums + sums).decisions == [2, 1, 2, 1]


def test_days_before_say_how_days_vary_and_not_which_model_is_better():
    x, days = np.tile([100.0, -100.0, 0.0, 0.0], 50), np.arange(200) // 20
    wild = day_sums(np.repeat([100.0, -100.0], 200), np.arange(400) // 20)
    alone, with_them = (Paired.of(x, days, most=MOST, margin=MARGIN, before=each) for each in (None, wild))
    assert (alone.decisions, alone.difference) == (with_them.decisions, with_them.difference)
    assert (alone.days, with_them.days) == (10, 10)
    assert with_them.dependence > 3 * alone.dependence


def test_how_many_decisions_it_takes_is_said_beforehand():
    equal = needed([-65.0, 65.0, 0.0], [4, 4, 92], most=MOST, margin=MARGIN, factor=1.0)
    assert equal is not None
    assert needed([-65.0, 65.0, 0.0], [4, 4, 92], most=MOST, margin=MARGIN / 2, factor=1.0) > 3 * equal
    assert seen_after([-65.0, 65.0, 0.0], [5, 3, 92], most=MOST, factor=1.0) < seen_after(
        [-65.0, 65.0, 0.0], [5, 4, 92], most=MOST, factor=1.0
    )
    assert seen_after([-65.0, 65.0, 0.0], [4, 4, 92], most=MOST, factor=1.0) is None


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_how_many_decisions_it_takes_is_said_at_the_rates_and_the_dependence_of_the_tests(factor: float):
    values, shares = [-65.0, 65.0, 0.0], [0.05, 0.04, 0.91]
    promoting = MeanTest(-MOST, MOST, -MARGIN, "above", 0.05, factor).takes(values, shares)
    rolling = MeanTest(-MOST, MOST, 0.0, "below", 0.025, factor).takes(values, shares)
    assert needed(values, [5, 4, 91], most=MOST, margin=MARGIN, factor=factor) == math.ceil(promoting)
    assert seen_after(values, [5, 4, 91], most=MOST, factor=factor) == math.ceil(rolling)


LOOKS = (1, 2, 3, 4, 5, 7, 10, 14, 21, 30)
"""Days after which the canary is looked at."""


@dataclass
class World:
    """Flights: weather of days and hours hangs together, two models see it with noise; money as in the example.

    The challenger's value is set by letting it decide against its score in some requests.
    """

    day: float = 0.0
    """Deviation of a day's weather (in log odds), its lag-one correlation is 0.4, New York's."""
    hour: float = 0.0
    """Of an hour's, beside; 0.5."""
    reacts: float = 0.0
    """By how much less than the challenger the champion reacts to the weather: days that one of them likes."""
    yes: float = 120.0
    no: float = -35.0
    base: float = -1.6
    per_day: int = 900
    worth: float = field(init=False)
    _gain: float = field(init=False)
    _cost: float = field(init=False)

    def __post_init__(self) -> None:
        _, champion, challenger, against = self._decided(np.random.default_rng(99), 4000)
        self.worth = float(champion.mean())
        self._gain, self._cost = float((challenger - champion).mean()), float((against - challenger).mean())

    def _decided(self, rng: np.random.Generator, days: int) -> tuple[np.ndarray, ...]:
        n, hours = days * self.per_day, 24 * days
        day, hour = np.repeat(np.arange(days), self.per_day), np.arange(n) * hours // n
        weather = _follow(rng, days, self.day, 0.4)[day] + _follow(rng, hours, self.hour, 0.5)[hour]
        score = rng.normal(self.base, 1.0, n)
        worth = np.where(rng.random(n) < 1 / (1 + np.exp(-score - weather)), self.yes, self.no)
        cut = math.log(-self.no / self.yes)
        said = [score + react * weather + rng.normal(0, 0.35, n) >= cut for react in (0.5 - self.reacts, 0.5)]
        return day, np.where(said[0], worth, 0.0), np.where(said[1], worth, 0.0), np.where(said[1], 0.0, worth)

    def draw(self, rng: np.random.Generator, days: int, kind: float | str) -> tuple[np.ndarray, np.ndarray]:
        """Differences of value, and their days, of a challenger worth so much more (a share), or of a kind."""
        day, champion, challenger, against = self._decided(rng, days)
        if kind == "inverted":
            challenger = challenger + against - champion
        elif kind == "random":
            challenger = np.where(rng.random(len(day)) < (champion != 0).mean(), challenger + against, 0.0)
        else:
            share = (float(kind) * self.worth - self._gain) / self._cost
            challenger = np.where(rng.random(len(day)) < share, against, challenger)
        return challenger - champion, day

    def end(
        self, rng: np.random.Generator, kind: float | str, *, known: bool, looks: tuple[int, ...] = LOOKS
    ) -> tuple[str, int]:
        """How a canary ends, and after how many days; "waits" after all looks."""
        x, day = self.draw(rng, looks[-1], kind)
        before = day_sums(*self.draw(rng, 28, kind)) if known else None
        for look in looks:
            seen = day < look
            state = Paired.of(x[seen], day[seen], most=max(self.yes, -self.no), margin=0.1 * self.worth, before=before)
            if state.worse or state.no_worse:
                return ("rolled back" if state.worse else "promoted"), look
        return "waits", looks[-1]


def _follow(rng: np.random.Generator, n: int, deviation: float, correlation: float) -> np.ndarray:
    """A stationary autoregressive series."""
    drawn = rng.normal(0, deviation, n)
    for step in range(1, n):
        drawn[step] = correlation * drawn[step - 1] + math.sqrt(1 - correlation**2) * drawn[step]
    return drawn


WORLDS: dict[str, dict[str, float]] = {
    "independent decisions": {},
    "weather of days and hours": {"day": 0.9, "hour": 0.4},
    "weather that one model likes": {"day": 0.9, "hour": 0.4, "reacts": 0.3},
    "one of 150 earns 1,200": {"yes": 1200.0, "no": -20.0, "base": -5.0},
}


@cache
def world_of(name: str) -> World:
    """Made when it is needed: that takes a second."""
    return World(**WORLDS[name])


@pytest.mark.simulation
@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("known", [True, False], ids=["four weeks before", "nothing before"])
def test_error_rates_hold_over_thirty_days_of_looks(name: str, known: bool, simulations: Simulations):
    world, rng, runs = world_of(name), np.random.default_rng(7), simulations.runs(100)
    ends = {kind: [world.end(rng, kind, known=known) for _ in range(runs)] for kind in (0.0, -0.10)}
    what = f"{name}, {'four weeks' if known else 'nothing'} before"
    simulations.at_most(
        f"{what}: an equal model is rolled back", sum(how == "rolled back" for how, _ in ends[0.0]), runs, 0.025
    )
    simulations.at_most(
        f"{what}: one that is worse by the margin is promoted",
        sum(how == "promoted" for how, _ in ends[-0.10]),
        runs,
        0.05,
    )


@pytest.mark.simulation
@pytest.mark.parametrize("kind", [0.0, -0.06, -0.21, "random", "inverted"])
def test_what_a_canary_of_900_requests_a_day_comes_to(kind: float | str, simulations: Simulations):
    """Power: what is rolled back and promoted by when; `independent decisions`, four weeks before."""
    rng, runs = np.random.default_rng(8), simulations.runs(100)
    ends = [world_of("weather of days and hours").end(rng, kind, known=True) for _ in range(runs)]
    called = f"{kind:+.0%}" if isinstance(kind, float) else kind
    for days in (2, 7, 14, 30):
        for how in ("rolled back", "promoted"):
            hits = sum(end == how and after <= days for end, after in ends)
            lawful = {("rolled back", 0.0): 0.025, ("promoted", -0.21): 0.05, ("promoted", "random"): 0.05}
            what = f"{called} {how} within {days} days ({900 * days:,} requests)"
            simulations.at_most(what, hits, runs, lawful.get((how, kind), 1.0))
    by_thirty = sum(end == ("promoted" if kind == 0.0 else "rolled back") for end, _ in ends)
    expected = {0.0: 0.95, -0.06: 0.4, -0.21: 0.98}.get(kind, 0.98)  # type: ignore[call-overload]
    end = "promoted" if kind == 0.0 else "rolled back"
    simulations.at_least(f"{called} {end} within 30 days", by_thirty, runs, expected)


@pytest.mark.simulation
def test_looking_every_hour_keeps_the_error_rate(simulations: Simulations):
    rng, runs = np.random.default_rng(9), simulations.runs(40)
    world, rolled, promoted = world_of("weather that one model likes"), 0, 0
    for _ in range(runs):
        for kind in (0.0, -0.10):
            x, day = world.draw(rng, 7, kind)
            before = day_sums(*world.draw(rng, 28, kind))
            for hour in range(12, 24 * 7):
                n = hour * len(x) // (24 * 7)
                state = Paired.of(x[:n], day[:n], most=world.yes, margin=0.1 * world.worth, before=before)
                if state.worse if kind == 0.0 else state.no_worse:
                    rolled, promoted = rolled + (kind == 0.0), promoted + (kind != 0.0)
                    break
    simulations.at_most("looking every hour for a week, an equal model is rolled back", rolled, runs, 0.025)
    simulations.at_most("looking every hour for a week, one worse by the margin is promoted", promoted, runs, 0.05)


def test_days_that_share_what_happens_hang_together_by_that_at_least():
    rng = np.random.default_rng(4)
    sums = day_sums(rng.normal(size=400), np.repeat(np.arange(40), 10))
    assert dependence(sums, 2.5) > 2 * dependence(sums) >= 2.0
    none = day_sums(np.zeros(0), np.zeros(0))
    assert dependence(none, 2.5) == 1.0
