"""Two systems on the same questions: is the difference more than chance?

The paired permutation test (Fisher 1935, chapter 21; for retrieval Smucker, Allan and Carterette 2007): if the two were
alike, each question's difference could as well have had the other sign. The interval holds the shifts of the
differences that the same test does not reject; its ends are quantiles of the means of random subsets of the questions
(Hartigan 1969, "Using subsample values as typical values"), so test and interval agree.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.texts import number

__all__ = ["PairedTest", "paired_permutation"]

_EXACT = 12
"""With at most so many questions all 2^n assignments of signs are looked at."""
_AT_ONCE = 4_000_000
"""Signs that are drawn at once, so that memory stays flat."""


class PairedTest(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown about a mean difference."""

    difference: float
    """The mean over the questions; NaN where there are none."""
    low: float
    high: float
    level: float = 0.95
    p: float
    """The chance of a difference at least as large, either way, if the two were alike."""
    n: int
    """Questions."""
    differing: int
    """Questions on which the two differ: only these tell anything."""
    permutations: int
    """How many assignments of signs were looked at."""
    exact: bool
    """Whether these are all that there are."""

    @property
    def better(self) -> bool:
        """Whether the first is shown to be better."""
        return self.difference > 0 and self.p <= 1 - self.level

    def __str__(self) -> str:
        if not self.n:
            return "no questions"
        how = "exact" if self.exact else f"{self.permutations:,} permutations"
        ends = f"{number(self.low)} to {number(self.high)}"
        differ = f"{self.differing:,} of {self.n:,} questions differ"
        return f"{self.difference:+.4f} ({ends}), p = {self.p:.2g} ({how}; {differ})"


def paired_permutation(
    first: npt.ArrayLike, second: npt.ArrayLike, *, permutations: int = 10_000, level: float = 0.95, seed: int = 0
) -> PairedTest:
    """Test whether `first` is on average more than `second`, on the same questions.

    Args:
        first: A measure of each question, shape (n,); questions where either is NaN are left out.
        second: The same of the other system.
        permutations: How many assignments of signs are drawn where there are too many to look at all.
        level: How often the interval is to hold the true difference.
        seed: Of the draws: equal inputs give equal results.

    Returns:
        The p value is that of Phipson and Smyth 2010 where signs are drawn: never 0.

    Raises:
        ProjectError: the two are not of the same questions.
    """
    one, other = (np.asarray(each, dtype=np.float64) for each in (first, second))
    if one.shape != other.shape or one.ndim != 1:
        said = f"{one.shape} and {other.shape} are not measures of the same questions"
        raise ProjectError(said, where="paired_permutation", hint="give one number a question, in the same order")
    differences = (one - other)[~np.isnan(one - other)]
    n, differing = len(differences), int((differences != 0).sum())
    if not n:
        nan = math.nan
        none = {"difference": nan, "low": nan, "high": nan, "p": 1.0}
        return PairedTest(**none, level=level, n=0, differing=0, permutations=0, exact=True)
    exact = n <= _EXACT
    many = 2**n if exact else permutations
    mean = float(differences.mean())
    sums, sizes = _subsets(differences, None if exact else permutations, seed)
    means = mean - 2 * sums / n  # with the signs of a subset changed
    nearly = abs(mean) - 1e-12 * max(1.0, float(np.abs(differences).max()))
    reached = int((np.abs(means) >= nearly).sum())
    low, high = _ends(sums[sizes > 0] / sizes[sizes > 0], differences, level)
    return PairedTest(
        difference=mean,
        low=low,
        high=high,
        level=level,
        p=reached / many if exact else (1 + reached) / (1 + many),
        n=n,
        differing=differing,
        permutations=many,
        exact=exact,
    )


def _ends(typical: Floats, differences: Floats, level: float) -> tuple[float, float]:
    """Quantiles of the subsets' means, outward; and never narrower than the count of questions allows where none
    differs: what differs may be rarer than 1 - (alpha/2)^(1/n) (Clopper and Pearson 1934 at 0 of n), by 1 at most.
    """
    tail = (1 - level) / 2
    if not differences.any():
        rare = 1 - tail ** (1 / len(differences))
        return -rare, rare
    low = float(np.quantile(typical, tail, method="lower"))
    return low, float(np.quantile(typical, 1 - tail, method="higher"))


def _subsets(differences: Floats, draws: int | None, seed: int) -> tuple[Floats, Floats]:
    """Sums and sizes of all subsets of the questions, or of `draws` random ones."""
    n = len(differences)
    if draws is None:
        subsets = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return (subsets @ differences).astype(np.float64), subsets.sum(axis=1).astype(np.float64)
    rng = np.random.default_rng(seed)
    sums, sizes = [], []
    step = max(_AT_ONCE // n, 1)
    for start in range(0, draws, step):
        drawn = rng.integers(0, 2, (min(step, draws - start), n), dtype=np.int8)
        sums.append(drawn @ differences)
        sizes.append(drawn.sum(axis=1, dtype=np.float64))
    return np.concatenate(sums), np.concatenate(sizes)
