"""A cheaper model is taken only where it is shown to be no worse by a margin."""

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.evaluation.model_routes import Measured, route_table


def measured(kind: str, model: str, quality: float | np.ndarray, money: float, n: int = 400) -> Measured:
    qualities = np.full(n, quality) if isinstance(quality, float) else quality
    return Measured(kind=kind, model=model, quality=qualities, money=np.full(len(qualities), money))


def chosen(*given: Measured, margin: float = 0.05) -> dict[str, str]:
    return {route.kind: route.model for route in route_table(given, margin=margin).routes}


def test_the_cheapest_that_is_good_enough_is_taken() -> None:
    given = [
        measured("where", "small", 0.9, 0.0),
        measured("where", "middle", 0.9, 0.001),
        measured("where", "large", 0.92, 0.01),
        measured("why", "small", 0.3, 0.0),
        measured("why", "middle", 0.7, 0.001),
        measured("why", "large", 0.9, 0.01),
    ]
    table = route_table(given, margin=0.08)
    assert {route.kind: route.model for route in table.routes} == {"where": "small", "why": "large"}
    assert table.otherwise == "large"
    where = table.routes[0]
    assert (where.questions, where.quality, where.money) == (400, pytest.approx(0.9), 0.0)
    assert 0.02 < where.worse_by <= 0.08


def test_what_is_not_shown_is_not_taken() -> None:
    """The estimate lies within the margin, the bound does not: 20 questions show little."""
    few = [measured("where", "small", 0.9, 0.0, n=20), measured("where", "large", 0.9, 0.01, n=20)]
    many = [measured("where", "small", 0.9, 0.0, n=400), measured("where", "large", 0.9, 0.01, n=400)]
    assert chosen(*few) == {"where": "small"}, "equal means: the cheaper one is not worse, but nor is it shown"
    worse = np.tile([1.0] * 9 + [0.0], 40)
    better = worse.copy()
    better[9::20] = 1.0  # 0.05 more
    assert chosen(measured("w", "small", worse, 0.0), measured("w", "large", better, 0.01), margin=0.06) == {
        "w": "large"
    }
    assert chosen(measured("w", "small", worse, 0.0), measured("w", "large", better, 0.01), margin=0.12) == {
        "w": "small"
    }
    assert route_table(few, margin=0.05).routes[0].worse_by > 0.05 > route_table(many, margin=0.05).routes[0].worse_by


def test_one_model_needs_no_comparison() -> None:
    assert chosen(measured("where", "only", 0.5, 0.0)) == {"where": "only"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "nothing was measured"),
        ([measured("k", "a", 0.5, 0.0, n=3), measured("k", "b", 0.5, 0.0, n=4)], "not measured on the same questions"),
        ([measured("k", "a", np.array([]), 0.0)], "not measured on the same questions"),
        ([measured("k", "a", 0.5, 0.0), measured("k", "a", 0.5, 0.0)], "measured twice"),
        ([measured("k", "a", 1.5, 0.0)], "not from 0 to 1"),
        ([measured("k", "a", float("nan"), 0.0)], "not from 0 to 1"),
        ([measured("k", "a", 0.5, -1.0)], "not from 0 to 1, or its money"),
    ],
)
def test_what_cannot_be_compared_is_refused(given: list[Measured], why: str) -> None:
    with pytest.raises(ProjectError, match=why):
        route_table(given, margin=0.05)
    with pytest.raises(ProjectError, match="margin"):
        route_table([measured("k", "a", 0.5, 0.0)], margin=0.0)


@pytest.mark.simulation
def test_a_model_that_is_worse_by_the_margin_is_seldom_taken(simulations) -> None:  # type: ignore[no-untyped-def]
    """Three models, three kinds; the cheap ones are worse by exactly the margin in all of them."""
    generator, runs, wrong = np.random.default_rng(4), simulations.runs(300), 0
    for _ in range(runs):
        given = []
        for kind in ("where", "who", "why"):
            hard = generator.random(300)
            given += [
                measured(
                    kind,
                    model,
                    (hard < quality).astype(float)
                    if kind != "why"
                    else generator.beta(9 * quality, 9 * (1 - quality), 300),
                    money,
                )
                for model, quality, money in (("small", 0.7, 0.0), ("middle", 0.7, 0.001), ("large", 0.8, 0.01))
            ]
        wrong += any(model != "large" for model in chosen(*given, margin=0.1).values())
    simulations.at_most("a model worse by the margin is taken", wrong, runs, 0.05)


@pytest.mark.simulation
def test_an_equal_model_is_mostly_taken(simulations) -> None:  # type: ignore[no-untyped-def]
    generator, runs, taken = np.random.default_rng(5), simulations.runs(300), 0
    for _ in range(runs):
        hard = generator.random((2, 600))
        noise = generator.random(600) < 0.1
        large = (hard[0] < 0.8).astype(float)
        small = np.where(noise, (hard[1] < 0.8).astype(float), large)
        taken += chosen(measured("w", "small", small, 0.0), measured("w", "large", large, 0.01)) == {"w": "small"}
    simulations.at_least("an equal, cheaper model is taken", taken, runs, 0.6)


def test_more_comparisons_widen_each_bound() -> None:
    """All bounds of a table hold together."""
    one = [measured("a", "small", 0.9, 0.0), measured("a", "large", 0.9, 0.01)]
    more = [
        each for kind in "bcdefgh" for each in (measured(kind, "small", 0.9, 0.0), measured(kind, "large", 0.9, 0.01))
    ]
    alone, among = (route_table(given, margin=0.05).routes[0].worse_by for given in (one, one + more))
    assert among > 1.3 * alone
