"""What chance makes of slices: draws of losses that have nothing to do with any column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.evaluation.slicing.columns import Spans
from kreis.evaluation.slicing.sums import together

__all__ = ["Draws"]

_DRAWS = 99
_ROWS = 2_000
"""They tell well enough how slices overlap, on which alone it depends how their chances hang together."""
_SEED = 61

Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Draws:
    """Losses of some of the rows, drawn from a normal distribution."""

    rows: npt.NDArray[np.intp]
    """Their places among all rows, ascending."""
    losses: Singles
    """Shape (rows, draws); each draw has a mean of 0 and a variance of 1."""

    @cached_property
    def ones(self) -> Singles:
        """Shape (rows,)."""
        return np.ones(len(self.rows), dtype=np.float32)

    @classmethod
    def of(cls, count: int) -> Draws:
        """Of at most 2,000 of so many rows."""
        rng = np.random.default_rng(_SEED)
        rows = np.arange(count) if count <= _ROWS else np.sort(rng.choice(count, _ROWS, replace=False))
        losses = rng.standard_normal((len(rows), _DRAWS), dtype=np.float32)
        losses -= losses.mean(axis=0)
        return cls(rows, losses)

    def greatest(
        self,
        codes: npt.NDArray[np.integer],
        made_of: Sequence[Spans],
        kept: npt.NDArray[np.intp],
        ahead: Floats,
    ) -> Floats:
        """The greatest evidence of some slices in each draw, shape (draws,).

        Args:
            codes: Of all rows.
            made_of: Which codes each slice is made of, as for `Sums.together`.
            kept: Which of the slices.
            ahead: What is added to the evidence of each.
        """
        from scipy.sparse import csc_array

        if not len(kept):
            return np.full(_DRAWS, -np.inf)
        count, codes = len(self.rows), codes[self.rows]
        shape = int(np.prod([each.codes for each in made_of])), count
        of_code = csc_array((self.ones, codes, np.arange(count + 1)), shape=shape)
        sums = together(of_code @ self.losses, made_of)
        rows = together(np.bincount(codes, minlength=shape[0]), made_of)
        size = np.maximum(rows[kept], 1)
        scale = 1 / np.sqrt(size * np.maximum(1 - size / count, 1 / count))
        evidence = sums[kept] * scale.astype(np.float32)[:, None] + ahead.astype(np.float32)[:, None]
        found: Floats = evidence.max(axis=0).astype(np.float64)
        return found

    @staticmethod
    def bar(drawn: Sequence[Floats], rate: float) -> float:
        """The evidence that at most so many of the draws exceed: with the losses themselves, of 100 equally likely ones
        the rate; below one of them as far as the tail of a normal distribution leads.
        """
        from scipy.special import ndtr, ndtri

        if not drawn:
            return np.inf
        greatest = np.sort(np.max(drawn, axis=0))[::-1]
        beyond = int(rate * (_DRAWS + 1)) - 1
        if beyond >= 0:
            return float(greatest[beyond])
        return float(-ndtri(ndtr(-greatest[0]) * rate * (_DRAWS + 1)))
