"""A plain network as arrays, and what each of its columns adds: integrated gradients, computed from its layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import RefusalError
from kreis.models.explanations.arrays_file import narrow
from kreis.models.scoring import Matrix

__all__ = ["MOST_WEIGHTS", "Activation", "Layers"]

Activation: TypeAlias = Literal["relu", "tanh", "sigmoid", "gelu"]
_NAMES: tuple[Activation, ...] = get_args(Activation)
MOST_WEIGHTS = 2**22
"""Of larger networks nothing is kept: the gradient at one place would take some hundredths of a second."""
_MOST_LAYERS = 64
_MOST_PIECES = 2**14
"""The way is cut at corners into at most so many pieces."""
_MOST_CELLS = 2**24
"""What the units of the widest layer give in all pieces is at most so many numbers (128 MB)."""
_MOST_STRETCHES = 64
"""So many stretches are tried of a way without corners."""
_NEAR = 1e-10
"""Twice as many stretches that change the parts by less, relative to the largest, were not needed."""
_AT_ONCE = 2**21
"""Numbers that one gradient is held in at most, so that memory stays flat."""
_PLACES, _SHARES = np.polynomial.legendre.leggauss(16)
_WHERE = "layers of an explanation"


@dataclass(frozen=True, eq=False, kw_only=True)
class Layers:
    """k sums over w columns, behind layers that each weigh, add and bend.

    What a column adds is counted from the mean row of training, where the standardised columns are all 0: its own
    value times the mean of the gradient on the straight line from there (Sundararajan, Taly and Yan 2017, section 3).
    """

    means: Floats
    """Where the way begins, and what stands for a missing or infinite value, shape (w,)."""
    deviations: Floats
    """A column's distance from its mean is divided by it, shape (w,)."""
    furthest: float = math.inf
    """And cut there, to both sides."""
    weights: tuple[Floats, ...]
    """Of each layer, shape (in, out); the last one gives the sums."""
    biases: tuple[Floats, ...]
    """Of each layer, shape (out,)."""
    bends: tuple[Activation, ...]
    """What stands behind each layer but the last."""

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As they are kept."""
        held = {"means": narrow(self.means), "deviations": narrow(self.deviations)}
        held["bends"] = np.array([_NAMES.index(each) for each in self.bends], dtype=np.uint8)
        for place, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            held |= {f"weights.{place}": narrow(weights), f"bias.{place}": narrow(bias)}
        return held | ({"furthest": np.array([self.furthest])} if math.isfinite(self.furthest) else {})

    @classmethod
    def from_arrays(cls, held: Mapping[str, npt.NDArray[Any]], *, columns: int, outputs: int) -> Layers:
        """The inverse of `arrays`.

        Args:
            held: The arrays.
            columns: w.
            outputs: k.

        Raises:
            RefusalError: they are of other shapes, not all finite numbers, or too many.
        """
        bends = held.get("bends", np.empty(0))
        if bends.dtype != np.uint8 or bends.ndim != 1 or len(bends) >= _MOST_LAYERS or (bends >= len(_NAMES)).any():
            raise RefusalError("its bends are none that are known", where=_WHERE)
        if sum(each.size for each in held.values()) > 2 * MOST_WEIGHTS:
            raise RefusalError(f"it has more than {MOST_WEIGHTS:,} weights", where=_WHERE)
        count = len(bends) + 1

        def numbers(name: str, dimensions: int) -> Floats:
            found = held.get(name, np.empty(0)).astype(np.float64)
            if found.ndim != dimensions or not np.isfinite(found).all():
                raise RefusalError(f"its {name} are no numbers in {dimensions} dimensions", where=_WHERE)
            return found

        layers = cls(
            means=numbers("means", 1),
            deviations=numbers("deviations", 1),
            furthest=float(numbers("furthest", 1).sum()) if "furthest" in held else math.inf,
            weights=tuple(numbers(f"weights.{place}", 2) for place in range(count)),
            biases=tuple(numbers(f"bias.{place}", 1) for place in range(count)),
            bends=tuple(_NAMES[each] for each in bends.tolist()),
        )
        widths = [columns, *(len(each) for each in layers.biases)]
        shaped = all(each.shape == pair for each, pair in zip(layers.weights, pairwise(widths), strict=True))
        if not shaped or widths[-1] != outputs or not len(layers.means) == len(layers.deviations) == columns:
            raise RefusalError(f"its layers do not lead from {columns} columns to {outputs} numbers", where=_WHERE)
        if not (layers.deviations > 0).all() or not layers.furthest > 0:
            raise RefusalError("its deviations are not above 0", where=_WHERE)
        return layers

    @cached_property
    def base(self) -> Floats:
        """What is said of the mean row, shape (k,)."""
        found: Floats = self._behind(np.zeros((1, len(self.means))))[0]
        return found

    def says(self, matrix: Matrix) -> Floats:
        """The sums, shape (n, k)."""
        return self._behind(self._standardised(matrix))

    def contributions(self, matrix: Matrix) -> Floats:
        """What each column adds to each sum, shape (n, k, w); with `base` they add up to it, but for what the
        quadrature misses: nothing where all layers are straight or bend in corners.
        """
        rows = self._standardised(matrix)
        found = np.zeros((len(rows), len(self.base), rows.shape[1]))
        for place, row in enumerate(rows):
            if row.any():
                found[place] = self._mean_gradient(row) * row
        return found

    def times(self, factor: float) -> Layers:
        """All of it so many times."""
        return self._ending(self.weights[-1] * factor, self.biases[-1] * factor)

    def at_output(self, place: int, outputs: int) -> Layers:
        """Of one sum, as one of several."""
        return self.at_outputs([place], outputs)

    def at_outputs(self, places: Sequence[int], outputs: int) -> Layers:
        """Of some sums, as those of several; the others are 0."""
        weights, biases = np.zeros((len(self.weights[-1]), outputs)), np.zeros(outputs)
        weights[:, places], biases[list(places)] = self.weights[-1], self.biases[-1]
        return self._ending(weights, biases)

    def _ending(self, weights: Floats, biases: Floats) -> Layers:
        return replace(self, weights=(*self.weights[:-1], weights), biases=(*self.biases[:-1], biases))

    def _standardised(self, matrix: Matrix) -> Floats:
        given = matrix.astype(np.float64)
        filled = np.where(np.isfinite(given), given, self.means)
        found: Floats = ((filled - self.means) / self.deviations).clip(-self.furthest, self.furthest)
        return found

    def _behind(self, rows: Floats) -> Floats:
        held = rows @ self.weights[0] + self.biases[0]
        for bend, weights, bias in zip(self.bends, self.weights[1:], self.biases[1:], strict=True):
            held = _bent(bend, held) @ weights + bias
        return held

    def _mean_gradient(self, row: Floats) -> Floats:
        """On the way from 0 to a row, shape (k, w)."""
        slope = row @ self.weights[0]
        if self.bends == ("relu",):
            return self._gradient(np.ones(1), [self._let_through(slope)[None]])
        if set(self.bends) <= {"relu"}:
            shares, rises = self._pieces(slope)
            return self._gradient(shares, rises)
        found = self._on_stretches(slope, 1)
        for stretches in _doubled():
            before, found = found, self._on_stretches(slope, stretches)
            if np.abs(found - before).max(initial=0.0) <= _NEAR * np.abs(found).max(initial=0.0):
                break
        return found

    def _let_through(self, slope: Floats) -> Floats:
        """On how much of the way each unit of the first layer lets something through, shape (units,): of one layer that
        is all that counts, and it may be as wide as it likes.
        """
        ends = np.stack([self.biases[0], self.biases[0] + slope])
        low, high = ends.min(axis=0), ends.max(axis=0)
        found: Floats = np.where(low < 0, high.clip(0) / np.where(low < 0, high - low, 1.0).clip(1e-300), high > 0)
        return found

    def _on_stretches(self, slope: Floats, count: int) -> Floats:
        """By Gauss's quadrature with 16 points on each of some equal stretches of the way."""
        at = ((np.arange(count)[:, None] + (1 + _PLACES) / 2) / count).ravel()
        held, rises = self.biases[0] + at[:, None] * slope, []
        for bend, weights, bias in zip(self.bends, self.weights[1:], self.biases[1:], strict=True):
            rises.append(_rise(bend, held))
            held = _bent(bend, held) @ weights + bias
        return self._gradient(np.tile(_SHARES / 2 / count, count), rises)

    def _pieces(self, slope: Floats) -> tuple[Floats, list[Floats]]:
        """The lengths of the pieces on which the gradient stays the same, and in each what is let through by the units
        of each layer. Between two corners of a layer what the next one is given is a straight line; there its own
        corners are found exactly.
        """
        at, held = np.array([0.0, 1.0]), np.stack([self.biases[0], self.biases[0] + slope])
        rises: list[Floats] = []
        most = min(_MOST_PIECES, _MOST_CELLS // max(map(len, self.biases)))
        for weights, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            piece, unit = np.nonzero(held[:-1] * held[1:] < 0)
            if len(piece) and len(at) + len(piece) <= most:
                low, high = held[piece, unit], held[piece + 1, unit]
                share = low / (low - high)
                corners = at[piece] + share * np.diff(at)[piece]
                begun = np.concatenate([np.arange(len(at)), piece])
                after = np.arange(len(begun)) >= len(at)  # a corner lies behind where its piece begins
                order = np.lexsort((np.concatenate([at, corners]), after, begun))
                at = np.concatenate([at, corners])[order]
                between = held[piece] + share[:, None] * (held[piece + 1] - held[piece])
                held = np.concatenate([held, between])[order]
                rises = [each[begun[order][:-1]] for each in rises]
            rises.append((held[:-1] + held[1:] > 0).astype(np.float64))
            held = np.maximum(held, 0) @ weights + bias
        return np.diff(at), rises

    def _gradient(self, shares: Floats, rises: Sequence[Floats]) -> Floats:
        """The mean of the gradients at some places, shape (k, w).

        Args:
            shares: How much each place counts, shape (m,).
            rises: Of each bend how steep it is there for each unit, shape (m, units).
        """
        if not rises:
            return self.weights[0].T
        widest = max(each.shape[1] for each in rises) * self.weights[-1].shape[1]
        step = max(1, _AT_ONCE // widest)
        found = np.zeros((self.weights[-1].shape[1], len(self.biases[0])))
        for start in range(0, len(shares), step):
            part = slice(start, start + step)
            found += self._sum_of(shares[part], [each[part] for each in rises])
        return found @ self.weights[0].T

    def _sum_of(self, shares: Floats, rises: Sequence[Floats]) -> Floats:
        """Of what the first layer gives, shape (k, units)."""
        if len(rises) == 1:
            return self.weights[-1].T * (shares @ rises[0])
        back = self.weights[-1].T[None] * rises[-1][:, None, :]
        for weights, rise in zip(self.weights[-2:1:-1], rises[-2:0:-1], strict=True):
            back = (back @ weights.T) * rise[:, None, :]
        found: Floats = np.einsum("m,mku,mu->ku", shares, back @ self.weights[1].T, rises[0])
        return found


def _doubled() -> Iterator[int]:
    """2, 4, 8 … stretches."""
    count = 2
    while count <= _MOST_STRETCHES:
        yield count
        count *= 2


_ERF: Callable[[Floats], Any] = np.frompyfunc(math.erf, 1, 1)


def _normal(given: Floats) -> Floats:
    """The distribution function of the normal distribution."""
    found: Floats = (1 + _ERF(given / math.sqrt(2)).astype(np.float64)) / 2
    return found


def _logistic(given: Floats) -> Floats:
    found: Floats = (1 + np.tanh(given / 2)) / 2
    return found


def _bent(bend: Activation, given: Floats) -> Floats:
    found: Floats
    if bend == "relu":
        found = np.maximum(given, 0)
    elif bend == "tanh":
        found = np.tanh(given)
    elif bend == "sigmoid":
        found = _logistic(given)
    else:
        found = given * _normal(given)
    return found


def _rise(bend: Activation, given: Floats) -> Floats:
    """How steep it is."""
    found: Floats
    if bend == "relu":
        found = (given > 0).astype(np.float64)
    elif bend == "tanh":
        found = 1 - np.tanh(given) ** 2
    elif bend == "sigmoid":
        found = _logistic(given) * _logistic(-given)
    else:
        found = _normal(given) + given * np.exp(-(given**2) / 2) / math.sqrt(2 * math.pi)
    return found
