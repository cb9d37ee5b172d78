"""Sums over slices, and how sure they make it that a slice is worse than all other rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.evaluation.slicing.columns import Spans

_Number = TypeVar("_Number", bound=np.generic)
__all__ = ["Judged", "Loss", "Sums", "together"]

_FEWEST_BLOCKS = 8
_BLOCKS_AT_MOST = 100
_NO_ROWS = 1 / (2 * np.pi)
"""What a count of 0 stands for where Stirling's formula is taken for its factorial."""


@dataclass(frozen=True, eq=False)
class Loss:
    """What each row lost."""

    values: Floats
    """Greater is worse, shape (n,)."""
    blocks: Codes | None
    """Rows that move together, shape (n,), codes 0..k-1; None where each row stands for itself."""
    shares: tuple[float, float] | None = None
    """The two numbers that all values are, if they are two: then a slice's mean is a share of rows."""

    @classmethod
    def of(cls, values: Floats, blocks: Codes | None) -> Loss:
        """What rows lost, as it is summed up: with at most 100 blocks (neighbours are put together), and right or wrong
        told from numbers.
        """
        count = 1 if blocks is None else int(blocks.max(initial=0)) + 1
        if blocks is not None and count > _BLOCKS_AT_MOST:
            blocks = blocks * _BLOCKS_AT_MOST // count
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
        near = (values - low) / max(high - low, 1e-300)
        two = blocks is None and high > low and bool((np.minimum(near, 1 - near) < 1e-9).all())
        return cls(values, blocks, (low, high) if two else None)

    @property
    def count(self) -> int:
        """Blocks there are."""
        return 1 if self.blocks is None else int(self.blocks.max(initial=0)) + 1


class Judged(NamedTuple):
    """How much worse m slices are than all other rows; all arrays have shape (m,)."""

    gaps: Floats
    errors: Floats
    """Standard errors of the gaps; 0 or NaN where a slice cannot be judged."""
    evidence: Floats
    """The chance of so great a gap where there is none, as the quantile of a normal distribution: 1.64 is 5%."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Of m slices: rows, what they lost, its squares and cubes, shape (m, 4); of losses that are one of two numbers
    only rows and how many of them lost the greater one, shape (m, 2); by block rows and what they lost, shape
    (m, 2, blocks).
    """

    moments: Floats
    loss: Loss

    @classmethod
    def of(cls, loss: Loss, codes: npt.NDArray[np.integer], count: int) -> Sums:
        """By code, of `count` codes."""
        if loss.blocks is not None:
            places, size = codes.astype(np.int64) * loss.count + loss.blocks, count * loss.count
            sums = [np.bincount(places, weights, size).reshape(count, -1) for weights in (None, loss.values)]
        elif loss.shares is not None:
            wrong = codes[loss.values > sum(loss.shares) / 2]
            sums = [np.bincount(each, None, count) for each in (codes, wrong)]
        else:
            powers = (None, loss.values, loss.values**2, loss.values**3)
            sums = [np.bincount(codes, each, count) for each in powers]
        return cls(np.stack(sums, axis=1).astype(np.float64), loss)

    def together(self, made_of: Sequence[Spans]) -> Sums:
        """Of slices that are made of these: see `together`."""
        return Sums(together(self.moments, made_of), self.loss)

    def where(self, kept: npt.NDArray[np.intp]) -> Sums:
        """Of some of them."""
        return Sums(self.moments[kept], self.loss)

    @property
    def totals(self) -> Sums:
        """Of all of them, as of one slice."""
        return Sums(self.moments.sum(axis=0, keepdims=True), self.loss)

    @property
    def rows(self) -> Floats:
        """How many each has, shape (m,)."""
        return self.moments[:, 0] if self.loss.blocks is None else self.moments[:, 0].sum(axis=1)

    def judged(self, totals: Sums) -> Judged:
        """Each against all other rows.

        Args:
            totals: Of all rows, as of one slice.
        """
        if self.loss.blocks is not None:
            return self._by_block(totals)
        return self._means(totals) if self.loss.shares is None else self._shares(totals)

    def _by_block(self, totals: Sums) -> Judged:
        """By Student's t of the sums by block."""
        rows, lost = self.moments[:, 0], self.moments[:, 1]
        every, all_lost = totals.moments[:, 0], totals.moments[:, 1]
        size, others = self.rows, totals.rows - self.rows
        mean, rest = lost.sum(axis=1) / size, (all_lost - lost).sum(axis=1) / others
        inside = (lost - mean[:, None] * rows) / size[:, None]
        outside = (all_lost - lost) - rest[:, None] * (every - rows)
        apart = inside - outside / others[:, None]
        effective = np.maximum(size**2 / (rows**2).sum(axis=1), 1.0 + 1e-9)
        errors = np.sqrt((apart**2).sum(axis=1) * effective / (effective - 1))
        errors[effective < _FEWEST_BLOCKS] = np.nan
        return Judged(mean - rest, errors, _evidence((mean - rest) / errors, effective - 1))

    def _shares(self, totals: Sums) -> Judged:
        """By the chance of so many wrong ones among as many rows that are drawn, to within 1% or so: a hypergeometric
        distribution by its double saddlepoint (Skovgaard 1987, "Saddlepoint expansions for conditional distributions",
        section 5). Where 15% are wrong, a t-test sees 4 standard errors in what are 4.6.
        """
        from scipy.special import xlogy

        low, high = self.loss.shares or (0.0, 1.0)
        (size, wrong), (every, all_wrong) = self.moments.T, totals.moments.T
        cells = wrong, size - wrong, all_wrong - wrong, every - size - all_wrong + wrong
        mean, rest, whole = wrong / size, cells[2] / (every - size), all_wrong / every
        of_each = (size, size, every - size, every - size)
        fits = sum(xlogy(count, count / of) for count, of in zip(cells, of_each, strict=True))
        fits = fits - every * (xlogy(whole, whole) + xlogy(1 - whole, 1 - whole))
        root = np.sqrt(np.maximum(2 * fits, 0.0))
        a, b, c, d = (np.maximum(each, _NO_ROWS) for each in cells)
        spread = np.sqrt(a * b / (a + b) * c * d / (c + d) / (every * whole * (1 - whole)))
        step = np.maximum(1 - b * c / (a * d), 1e-300) * spread
        clear = (root > 0.5) & (mean > rest)
        finer = root + np.log(np.where(clear, step / np.maximum(root, 0.5), 1.0)) / np.maximum(root, 0.5)
        errors = np.sqrt(a * b / (a + b) ** 3 + c * d / (c + d) ** 3)
        gaps = (mean - rest) * (high - low)
        return Judged(gaps, errors * (high - low), np.where(mean > rest, np.where(clear, finer, root), -root))

    def _means(self, totals: Sums) -> Judged:
        """By Welch's t, straightened by third moments (Johnson 1978, "Modified t tests and confidence intervals for
        asymmetrical populations"): losses have long tails, in which a t-test sees less than there is. The smaller
        skewness counts, of the slice or of all rows. And a gap is no clearer than by the spread of all rows: that a
        slice has none of a few rows that gain much says little, though its own rows are alike.
        """
        size, others = self.rows, totals.rows - self.rows
        mean, own, skew = _central(size, self.moments)
        rest, theirs, other_skew = _central(others, totals.moments - self.moments)
        _, spread, all_skew = _central(totals.rows, totals.moments)
        variance = own / np.maximum(size - 1, 1) + theirs / np.maximum(others - 1, 1)
        error, gaps = np.sqrt(variance), mean - rest
        freedom = variance**2 / np.maximum(
            (own / size) ** 2 / np.maximum(size - 1, 1) + (theirs / others) ** 2 / np.maximum(others - 1, 1), 1e-300
        )
        as_all = all_skew * (own**1.5 / size**2 - theirs**1.5 / others**2) / np.maximum(spread**1.5, 1e-300)
        tilt = np.minimum(skew / size**2 - other_skew / others**2, as_all) / error**3
        clear = gaps / error
        straight = _evidence(clear + tilt * clear**2 / 3 + tilt / 6, freedom)
        return Judged(gaps, error, np.minimum(straight, gaps / np.sqrt(spread * (1 / size + 1 / others))))


def together(sums: npt.NDArray[_Number], made_of: Sequence[Spans]) -> npt.NDArray[_Number]:
    """Sums over slices from sums over codes.

    Args:
        sums: Shape (codes, ...).
        made_of: Which codes each slice is made of. Two of them where slices are of pairs of columns, and the codes of
            both, of which the second's run faster: so do their slices.
    """
    tail = sums.shape[1:]
    found, before = sums, 1
    for first, after, count in made_of:
        found = found.reshape(before, count, -1)
        running = np.zeros((before, count + 1, found.shape[2]), dtype=sums.dtype)
        np.cumsum(found, axis=1, out=running[:, 1:])
        found, before = running[:, after] - running[:, first], before * len(first)
    return found.reshape(-1, *tail)


def _central(size: Floats, moments: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, variance and third central moment."""
    mean, square, cube = (each / size for each in moments.T[1:])
    return mean, np.maximum(square - mean**2, 0.0), cube - 3 * mean * square + 2 * mean**3


def _evidence(clear: Floats, freedom: Floats) -> Floats:
    """Quantiles of Student's t as those of the normal distribution with the same chance, which may be one that no
    double holds (Wallace 1959, "Bounds on normal approximations to Student's and the chi-square distributions").
    """
    far: Floats = np.sqrt(freedom * np.log1p(clear**2 / freedom))
    return np.copysign(far * (8 * freedom + 1) / (8 * freedom + 3), clear)
