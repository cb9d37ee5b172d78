"""What a column adds to a plain network: equal to gradients along the line, and added up to what the layers say."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from kreis.errors import RefusalError
from kreis.models.explanations import layers
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.explainer import Explainer
from kreis.models.explanations.layers import Layers

RNG = np.random.default_rng(4)
ROWS = RNG.normal(size=(30, 5)).astype(np.float32) * 3


def network(*bends: str, outputs: int = 2, **other: Any) -> Layers:
    rng = np.random.default_rng(1)
    widths = [5, *(9 - place for place in range(len(bends))), outputs]
    pairs = list(pairwise(widths))
    given = {
        "means": rng.normal(size=5),
        "deviations": rng.uniform(0.5, 2, 5),
        "weights": tuple(rng.normal(size=pair) for pair in pairs),
        "biases": tuple(rng.normal(size=pair[1]) for pair in pairs),
        "bends": bends,
    }
    return Layers(**(given | other))


def lets_through(model: Layers, row: np.ndarray, share: float) -> tuple[np.ndarray, ...]:
    """Which units a row is let through by, so far along the way."""
    held, found = share * row, []
    for weights, bias in zip(model.weights[:-1], model.biases[:-1], strict=True):
        held = held @ weights + bias
        found.append(held > 0)
        held = held * found[-1]
    return tuple(found)


def cornered(model: Layers, row: np.ndarray, low: float = 0.0, high: float = 1.0, depth: int = 0) -> np.ndarray:
    """The integral of the gradient of a network of corners: halved where it changes, down to 1e-15."""
    middle = (low + high) / 2
    same = all(
        (a == b).all() for a, b in zip(lets_through(model, row, low), lets_through(model, row, high), strict=True)
    )
    if depth > 50 or (depth > 7 and same):
        found = model.weights[-1]
        for weights, through in zip(model.weights[-2::-1], lets_through(model, row, middle)[::-1], strict=True):
            found = weights @ (through[:, None] * found)
        return (high - low) * found.T
    return cornered(model, row, low, middle, depth + 1) + cornered(model, row, middle, high, depth + 1)


def smooth(model: Layers, row: np.ndarray) -> np.ndarray:
    """The integral of the gradient, by 200 points; the gradient itself is the layers' complex step (Squire and Trapp
    1998), which loses no digits.
    """
    at, weights = np.polynomial.legendre.leggauss(200)
    moved = [np.imag(model._behind((at[:, None] + 1) / 2 * row + 1e-30j * unit)) / 1e-30 for unit in np.eye(len(row))]
    return np.stack([weights / 2 @ each for each in moved], axis=1)


@pytest.mark.parametrize("bends", [(), ("relu",), ("relu", "relu"), ("relu", "relu", "relu")], ids=len)
def test_corners_are_found_to_the_last_bit(bends: tuple[str, ...]) -> None:
    model = network(*bends)
    found = model.contributions(ROWS)
    standardised = (ROWS - model.means) / model.deviations
    for row, adds in zip(standardised[:5], found, strict=False):
        assert adds == pytest.approx(cornered(model, row) * row, abs=1e-9)
    assert model.base + found.sum(axis=2) == pytest.approx(model.says(ROWS), abs=1e-12)


@pytest.mark.parametrize("bends", [("tanh",), ("sigmoid", "tanh")], ids="-".join)
def test_smooth_layers_are_told_apart_by_their_gradients(bends: tuple[str, ...]) -> None:
    model = network(*bends)
    found = model.contributions(ROWS)
    standardised = (ROWS - model.means) / model.deviations
    for row, adds in zip(standardised[:5], found, strict=False):
        assert adds == pytest.approx(smooth(model, row) * row, abs=1e-9)
    assert model.base + found.sum(axis=2) == pytest.approx(model.says(ROWS), abs=1e-9)


@pytest.mark.parametrize("bend", ["relu", "tanh", "sigmoid", "gelu"])
def test_how_steep_a_bend_is(bend: Any) -> None:
    at, near = np.linspace(-4, 4, 30), 1e-5
    slopes = (layers._bent(bend, at + near) - layers._bent(bend, at - near)) / (2 * near)
    assert layers._rise(bend, at) == pytest.approx(slopes, abs=1e-9)


@pytest.mark.parametrize("bends", [("gelu",), ("gelu", "sigmoid")], ids="-".join)
def test_parts_of_gelu_add_up(bends: tuple[str, ...]) -> None:
    model = network(*bends)
    assert model.base + model.contributions(ROWS).sum(axis=2) == pytest.approx(model.says(ROWS), abs=1e-9)


def test_a_bend_is_what_it_is_called() -> None:
    given = np.array([-2.0, -0.1, 0.0, 0.3, 5.0])
    assert layers._bent("relu", given).tolist() == [0, 0, 0, 0.3, 5]
    assert layers._bent("sigmoid", given) == pytest.approx(1 / (1 + np.exp(-given)), abs=1e-15)
    assert layers._bent("gelu", given) == pytest.approx([-0.04550026, -0.04601722, 0, 0.18537343, 4.99999857], abs=1e-8)


def test_what_is_missing_is_as_the_mean_row_and_what_is_far_is_cut() -> None:
    model = network("relu", furthest=3.0)
    rows = np.array([[np.nan, np.inf, *model.means[2:]], [1e9, *model.means[1:]]], dtype=np.float32)
    near = (model.means + 3.0 * model.deviations * np.eye(5)[0])[None].astype(np.float32)
    nothing, far = model.contributions(rows)
    assert np.abs(nothing).max() < 1e-5  # the means, as float32
    assert far == pytest.approx(model.contributions(near)[0], abs=1e-5)
    assert nothing[:, :2].tolist() == [[0, 0], [0, 0]]


def test_it_is_kept_scaled_and_put_beside_others() -> None:
    model = Additive.of(network("gelu", "relu", outputs=1, furthest=9.0), list("abcde"), link="sigmoid", offset=0.5)
    both = Additive.together([model, model.times(-2.0).plus(1.0)], ascending=True)
    kept = Additive.from_bytes(both.to_bytes())
    assert kept.to_bytes() == both.to_bytes()
    one, two = Explainer(model).explain(ROWS), Explainer(kept).explain(ROWS)
    other = -2.0 * one.margin + 1.0
    assert two.margin == pytest.approx(np.sort(np.concatenate([one.margin, other], axis=1), axis=1), abs=1e-7)
    assert two.base + two.features.sum(axis=2) + two.left == pytest.approx(two.margin)


@pytest.mark.parametrize(("bound", "most"), [("_MOST_PIECES", 3), ("_MOST_CELLS", 3 * 9)])
def test_what_the_quadrature_misses_is_told(monkeypatch: pytest.MonkeyPatch, bound: str, most: int) -> None:
    model = Additive.of(network("relu", "relu"), list("abcde"))
    assert Explainer(model).explain(ROWS).left == 0.0
    exact = Explainer(model).explain(ROWS).margin
    monkeypatch.setattr(layers, bound, most)
    found = Explainer(model).explain(ROWS)
    assert np.abs(found.left).max() > 1e-3
    assert found.margin == pytest.approx(exact, abs=1e-9)


def test_memory_stays_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("tanh", "relu", "tanh")
    whole = model.contributions(ROWS[:3])
    monkeypatch.setattr(layers, "_AT_ONCE", 100)
    assert model.contributions(ROWS[:3]) == pytest.approx(whole, abs=1e-12)


def test_one_layer_may_be_wide() -> None:
    """Its corners were held for each of its units: 3 GB for 16,000."""
    rng, units = np.random.default_rng(3), 16_000
    weights = (rng.normal(size=(5, units)), rng.normal(size=(units, 1)) / units)
    model = network("relu", weights=weights, biases=(rng.normal(size=units), np.zeros(1)), outputs=1)
    tracemalloc.start()
    found = model.contributions(ROWS[:1])
    assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    tracemalloc.stop()
    assert model.base + found.sum(axis=2)[0] == pytest.approx(model.says(ROWS[:1])[0], abs=1e-12)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("bends", np.array([9], dtype=np.uint8)),
        ("bends", np.array([0.0])),
        ("bends", np.zeros(200, dtype=np.uint8)),
        ("bends", np.zeros(2, dtype=np.uint8)),
        ("weights.0", np.zeros((5, 8))),
        ("weights.1", np.full((9, 2), np.nan)),
        ("bias.1", np.zeros((2, 1))),
        ("bias.1", np.zeros(3)),
        ("means", np.zeros(4)),
        ("deviations", np.zeros(5)),
        ("furthest", np.array([-1.0])),
    ],
)
def test_what_is_no_network_is_refused(name: str, other: Any) -> None:
    held = network("relu").arrays()
    assert Layers.from_arrays(held, columns=5, outputs=2).bends == ("relu",)
    with pytest.raises(RefusalError):
        Layers.from_arrays(held | {name: other}, columns=5, outputs=2)


def test_a_network_that_is_too_large_is_refused_before_its_numbers_are_looked_at() -> None:
    units = 2**22
    huge: Any = {"weights.0": (5, units), "bias.0": (units,), "weights.1": (units, 2)}
    held = network("relu").arrays() | {name: np.broadcast_to(np.float32(0), shape) for name, shape in huge.items()}
    with pytest.raises(RefusalError, match="more than 4,194,304 weights"):
        Layers.from_arrays(held, columns=5, outputs=2)
