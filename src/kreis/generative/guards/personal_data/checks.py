"""Check digits, as the standards define them. Each takes letters and digits alone."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["date_in", "luhn", "mod_11_10", "mod_97", "verhoeff", "weighted"]

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    return sum(_DOUBLED[int(d)] if i % 2 else int(d) for i, d in enumerate(reversed(digits))) % 10 == 0


def mod_97(text: str) -> bool:
    """ISO/IEC 7064 MOD 97-10 over digits, and letters as 10 to 35."""
    return int("".join(str(int(each, 36)) for each in text)) % 97 == 1


def mod_11_10(digits: str) -> bool:
    """ISO/IEC 7064 MOD 11,10."""
    carry = 10
    for digit in digits[:-1]:
        carry = (carry + int(digit)) % 10 or 10
        carry = carry * 2 % 11
    return (11 - carry) % 10 == int(digits[-1])


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digits times weights."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def date_in(day: str, month: str) -> bool:
    """Whether a day and a month are of the calendar."""
    return 1 <= int(month) <= 12 and 1 <= int(day) <= _DAYS[int(month) - 1]


_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(digits: str) -> bool:
    """Verhoeff 1969: the dihedral group of ten."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_D[check][int(_P[place % 8][int(digit)])])
    return check == 0
