"""Invented identifiers whose check digits are right: made here anew, by the standards' rules."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator

DIGITS = string.digits


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice(DIGITS) for _ in range(count))


def _born(rng: random.Random) -> str:
    """Day, month and year."""
    return f"{rng.randint(1, 28):02d}{rng.randint(1, 12):02d}{rng.randint(0, 99):02d}"


def _completed(body: str, holds: Callable[[str], bool], signs: str = DIGITS) -> str | None:
    """The body with the one sign after it with which it holds; None where there is none."""
    return next((body + sign for sign in signs if holds(body + sign)), None)


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(digits[::-1]):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def iban(rng: random.Random) -> str:
    country, form = rng.choice(
        [("DE", "n18"), ("AT", "n16"), ("GB", "a4n14"), ("FR", "n10c11n2"), ("NL", "a4n10"), ("CH", "n5c12"),
         ("ES", "n20"), ("IT", "a1n10c12"), ("BE", "n12"), ("PL", "n24"), ("MT", "a4n5c18"), ("NO", "n11")]
    )  # fmt: skip
    body, at = "", 0
    while at < len(form):
        kind, at = form[at], at + 1
        start = at
        while at < len(form) and form[at].isdigit():
            at += 1
        pool = {"n": DIGITS, "a": string.ascii_uppercase, "c": DIGITS + string.ascii_uppercase}[kind]
        body += "".join(rng.choice(pool) for _ in range(int(form[start:at])))
    number = int("".join(str(int(sign, 36)) for sign in f"{body}{country}00"))
    return f"{country}{98 - number % 97:02d}{body}"


def card(rng: random.Random) -> str:
    prefix, length = rng.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("6011", 16),
         ("65", 16), ("36", 14), ("3528", 16), ("3589", 16), ("62", 16), ("5018", 16)]
    )  # fmt: skip
    return _completed(prefix + _digits(rng, length - len(prefix) - 1), _luhn) or ""


def german_tax(rng: random.Random) -> str:
    signs = rng.sample(DIGITS, 9)
    ten = [*signs, rng.choice(signs)]
    rng.shuffle(ten)
    body = "".join(ten)
    if body[0] == "0":
        return german_tax(rng)
    product = 10
    for digit in body:
        total = (int(digit) + product) % 10 or 10
        product = 2 * total % 11
    return body + str((11 - product) % 10)


def german_pension(rng: random.Random) -> str:
    letter = rng.choice(string.ascii_uppercase)
    body = f"{rng.randint(2, 89):02d}{rng.randint(1, 28):02d}{rng.randint(1, 12):02d}{rng.randint(0, 99):02d}{letter}"
    body += f"{rng.randint(0, 99):02d}"
    expanded = body[:8] + f"{string.ascii_uppercase.index(letter) + 1:02d}" + body[9:]
    total = 0
    for digit, factor in zip(expanded, [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1], strict=True):
        product = int(digit) * factor
        total += product // 10 + product % 10
    return body + str(total % 10)


def austrian(rng: random.Random) -> str:
    born = _born(rng)
    serial = str(rng.randint(100, 999))
    check = sum(int(d) * w for d, w in zip(serial + born, (3, 7, 9, 5, 8, 4, 2, 1, 6), strict=True)) % 11
    return f"{serial}{check}{born}" if check < 10 else austrian(rng)


def swiss(rng: random.Random) -> str:
    body = "756" + _digits(rng, 9)
    return body + str(-sum(int(d) * (1 + 2 * (i % 2)) for i, d in enumerate(body)) % 10)


def french(rng: random.Random) -> str:
    body = (
        f"{rng.choice('12')}{rng.randint(0, 99):02d}{rng.randint(1, 12):02d}{rng.randint(1, 95):02d}{_digits(rng, 6)}"
    )
    return f"{body}{97 - int(body) % 97:02d}"


def spanish(rng: random.Random) -> str:
    number = rng.randint(10_000_000, 99_999_999)
    return f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def belgian(rng: random.Random) -> str:
    born = f"{rng.randint(0, 99):02d}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}{rng.randint(1, 997):03d}"
    return f"{born}{97 - int(rng.choice(('', '2')) + born) % 97:02d}"


def polish(rng: random.Random) -> str:
    month = rng.randint(1, 12) + rng.choice((0, 20))
    body = f"{rng.randint(0, 99):02d}{month:02d}{rng.randint(1, 28):02d}{_digits(rng, 4)}"
    total = sum(int(d) * w for d, w in zip(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True))
    return body + str(-total % 10)


def swedish(rng: random.Random) -> str:
    born = f"{rng.randint(0, 99):02d}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    whole = _completed(born + _digits(rng, 3), _luhn) or ""
    return f"{whole[:6]}-{whole[6:]}"


def norwegian(rng: random.Random) -> str:
    body = _born(rng) + _digits(rng, 3)
    first = -sum(int(d) * w for d, w in zip(body, (3, 7, 6, 1, 8, 9, 4, 5, 2), strict=True)) % 11
    second = -sum(int(d) * w for d, w in zip(f"{body}{first}", (5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=False)) % 11
    return f"{body}{first}{second}" if first < 10 and second < 10 else norwegian(rng)


def finnish(rng: random.Random) -> str:
    born, serial = (
        f"{rng.randint(1, 28):02d}{rng.randint(1, 12):02d}{rng.randint(0, 99):02d}",
        f"{rng.randint(2, 899):03d}",
    )
    return f"{born}{rng.choice('-A')}{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(born + serial) % 31]}"


def brazilian(rng: random.Random) -> str:
    body = _digits(rng, 9)
    for first in (10, 11):
        rest = sum(int(d) * w for d, w in zip(body, range(first, 1, -1), strict=True)) % 11
        body += str(0 if rest < 2 else 11 - rest)
    return body


def south_african(rng: random.Random) -> str:
    born = f"{rng.randint(0, 99):02d}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    return _completed(f"{born}{_digits(rng, 4)}08", _luhn) or ""


CHECKSUMMED: dict[str, Callable[[random.Random], str]] = {
    "IBAN": iban,
    "card": card,
    "German tax number": german_tax,
    "German pension number": german_pension,
    "Austrian social security number": austrian,
    "Swiss AHV number": swiss,
    "French NIR": french,
    "Spanish DNI": spanish,
    "Belgian register number": belgian,
    "Polish PESEL": polish,
    "Swedish personal number": swedish,
    "Norwegian birth number": norwegian,
    "Finnish personal code": finnish,
    "Brazilian CPF": brazilian,
    "South African identity number": south_african,
}
"""Kinds that are found wherever they stand, by their check digits alone."""

GROUPS = {
    "IBAN": (4,) * 9,
    "card": (4,) * 5,
    "German tax number": (2, 3, 3, 3),
    "German pension number": (2, 6, 1, 3),
    "Austrian social security number": (4, 6),
    "Swiss AHV number": (3, 4, 4, 2),
    "French NIR": (1, 2, 2, 2, 3, 3, 2),
    "Norwegian birth number": (6, 5),
}
"""How they are written with blanks."""


def written(name: str, number: str) -> Iterator[str]:
    """As people write it."""
    yield number
    if name in GROUPS:
        parts, at = [], 0
        for size in GROUPS[name]:
            parts.append(number[at : at + size])
            at += size
        yield " ".join(part for part in parts if part)
    if name in ("IBAN", "card"):
        yield "-".join(number[i : i + 4] for i in range(0, len(number), 4))
        yield "\u00a0".join(number[i : i + 4] for i in range(0, len(number), 4))
        yield "\n".join(number[i : i + 8] for i in range(0, len(number), 8))
    if name == "IBAN":
        yield number.lower()
    if name == "Swiss AHV number":
        yield f"{number[:3]}.{number[3:7]}.{number[7:11]}.{number[11:]}"
    if name == "Brazilian CPF":
        yield f"{number[:3]}.{number[3:6]}.{number[6:9]}-{number[9:]}"
    if name == "Belgian register number":
        yield f"{number[:2]}.{number[2:4]}.{number[4:6]}-{number[6:9]}.{number[9:]}"
