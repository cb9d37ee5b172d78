"""How often test rows have judged models, and what another look at them costs.

Whoever tries model after model on the same rows finds one that passes by chance. So each look is paid for: look k is
judged with the k-squared part of the first one's error, which stays as it was. However many there are, the chance that
a gate lets one pass that should not is at most 1 + 1/4 + 1/9 + … = 1.64 times that of the first look (alpha spending
over any number of tests, whatever depends on what: Foster and Stine 2008, "Alpha-investing", section 2; Tian and Ramdas
2021, "Online control of the familywise error rate", section 2.1).

Rows that only in part judged before count by that part. A test part that ends later than that of an earlier look is
another one: what time brings nobody has chosen. (Comparisons with the champion over the year have an account of
their own: `spending.py`.)
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from statistics import NormalDist

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.digests import digest_of
from kreis.texts import number

__all__ = ["JudgedRows", "Look", "look_at", "rows_tested", "share_of"]

_KEPT = 128
"""Row numbers that are kept of a set: two sets' overlap is known to within some 9 points (two standard errors)."""
_LEAST_SHARE = 0.05
_LEAST_ERROR = 1e-9
_FIRST_LEVEL = 0.95
MANY = 10.0
"""From this look on it is said in full what the rows have been used for."""
Words = npt.NDArray[np.uint64]


class JudgedRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that judge, as far as it takes to know them again."""

    count: int
    digest: str
    """Of all of them, in any order."""
    least: list[str]
    """The least of the numbers that stand for rows (KMV: Bar-Yossef et al. 2002)."""
    until: int | None = None
    """When the test part ends, in microseconds since 1970 UTC, where it is one in time."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A look at test rows."""

    rows: int
    number: float = 1.0
    """Which look it is; with a fraction where earlier looks were at a part of these rows."""
    level: float = _FIRST_LEVEL
    """At which gates decide."""

    @property
    def paid(self) -> str:
        """What was paid for it, in words; empty for the first look."""
        if self.number <= 1:
            return ""
        if self.number >= MANY:
            first, now = (NormalDist().inv_cdf(1 - (1 - level) / 2) for level in (_FIRST_LEVEL, self.level))
            return (
                f"some {self.number - 1:.0f} models were judged on these {self.rows:,} test rows before this one: the"
                f" best of so many looks better than it is. Gates decide at {100 * self.level:.4g}%, whose intervals"
                f" are {now / first:.1f} times as wide as on rows that judged none;"
                " judge the next ones on new rows (decision 58)"
            )
        return (
            f"this is look {number(self.number)} at these {self.rows:,} test rows (other models were judged on them"
            f" before), so gates decide at {100 * self.level:.4g}% (decision 58)"
        )


def rows_tested(ids: Iterable[object], *values: npt.NDArray[np.generic], until: int | None = None) -> JudgedRows:
    """Rows, by what they are called and what they say.

    Args:
        ids: What each is called, n of them.
        values: What each says: when it was asked, what happened; numbers of 8 bytes, each of shape (n,).
        until: When the test part ends, in microseconds since 1970 UTC, where it is one in time.
    """
    named = b"".join(blake2b(str(each).encode(), digest_size=8).digest() for each in ids)
    numbers: Words = np.frombuffer(named, dtype="<u8").astype(np.uint64)
    for each in values:
        numbers = _mixed(numbers ^ _mixed(np.ascontiguousarray(each).view(np.uint64)))
    numbers = np.unique(numbers)
    digest = digest_of(numbers.astype("<u8").tobytes())
    return JudgedRows(
        count=len(numbers), digest=digest, least=[f"{each:016x}" for each in numbers[:_KEPT]], until=until
    )


def share_of(rows: JudgedRows, earlier: JudgedRows) -> float:
    """The share of some rows that were among earlier ones; 0 where less than a twentieth."""
    if rows.digest == earlier.digest:
        return 1.0
    both = sorted({*rows.least, *earlier.least})
    if len(rows.least) == len(earlier.least) == _KEPT:
        both = both[:_KEPT]
    alike = len({*both} & {*rows.least} & {*earlier.least}) / max(len(both), 1)
    share = alike / (1 + alike) * (rows.count + earlier.count) / max(rows.count, 1)
    return min(share, 1.0) if share >= _LEAST_SHARE else 0.0


def look_at(rows: JudgedRows, earlier: Iterable[JudgedRows], *, level: float = _FIRST_LEVEL) -> Look:
    """Which look it is at these rows.

    Args:
        rows: What judges now.
        earlier: What judged other models.
        level: At which the first look is judged.
    """
    before = sum(share_of(rows, each) for each in earlier if not _ended(each, rows))
    count = round(1 + before, 2)
    return Look(rows=rows.count, number=count, level=1 - max((1 - level) / count**2, _LEAST_ERROR))


def _ended(earlier: JudgedRows, rows: JudgedRows) -> bool:
    """Whether an earlier test part in time ended before this one does."""
    return earlier.until is not None and rows.until is not None and earlier.until < rows.until


def _mixed(words: Words) -> Words:
    """Each number mixed, as by chance (the finaliser of SplitMix64: Steele, Lea and Flood 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Words = words ^ (words >> np.uint64(31))
    return mixed
