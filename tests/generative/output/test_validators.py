"""Each validator: what it lets through, what it says of the rest, and that a package keeps it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kreis.errors import ProjectError
from kreis.generative.index.index import Hit
from kreis.generative.output.kinds import (
    Among,
    InLanguage,
    Length,
    Matches,
    NumbersFromPassages,
    ValidatorKind,
    WordForWord,
)
from kreis.generative.output.validator import Said

TEXT = "Employees have 1,000 minutes, and the code is AB-1234."
HIT = Hit(chunk=0, document="d", version="1", start=0, end=0, text=TEXT, shown=TEXT, shown_start=0)
CASES: list[tuple[ValidatorKind, Any, Any, str]] = [
    (Length(at_most=3), "One two three. [1]", "One two three four.", "the answer has 4 words; it must have 1 to 3"),
    (
        Length(at_least=2, field="a.b"),
        {"a": {"b": "x y"}},
        {"a": {"b": "x"}},
        "a.b has 1 words; it must have 2 to 1000",
    ),
    (Among(values=("yes", "no")), "yes", "maybe", "the answer must be one of: yes, no"),
    (
        Among(values=("a", "b"), field="kinds"),
        {"kinds": ["a", "b"]},
        {"kinds": ["a", "c"]},
        "kinds must be one of: a, b",
    ),
    (Matches(pattern="[A-Z]{2}-[0-9]{4}", field="code"), {"code": "AB-1234"}, {"code": "AB-12345"}, "code must match"),
    (InLanguage(), "There are thirty days.", "Es gibt dreißig Tage im Jahr.", "the answer must be in English"),
    (InLanguage(language="de"), "Es gibt dreißig Tage.", "There are thirty days.", "the answer must be in German"),
    (NumbersFromPassages(), "It is 1000 or 7. [1]", "It is 1001.", "the number 1001 stands in no passage"),
    (NumbersFromPassages(field="n"), {"n": 1000}, {"n": 12}, "the number 12 stands in no passage"),
    (WordForWord(field="q"), {"q": "the code  is ab-1234"}, {"q": "code AB-1234"}, "q must be copied word for word"),
]


@pytest.mark.parametrize(("validator", "good", "bad", "problem"), CASES, ids=lambda case: type(case).__name__)
class TestEach:
    """All kinds alike."""

    def test_lets_through_what_satisfies_it(self, validator: ValidatorKind, good: Any, bad: Any, problem: str) -> None:
        assert validator.problem(said(good)) is None

    def test_says_what_is_wrong(self, validator: ValidatorKind, good: Any, bad: Any, problem: str) -> None:
        found = validator.problem(said(bad))
        assert found is not None
        assert found.startswith(problem)

    def test_is_data(self, validator: ValidatorKind, good: Any, bad: Any, problem: str) -> None:
        data = msgspec.json.encode(validator)
        assert msgspec.json.decode(data, type=ValidatorKind) == validator


def said(value: Any) -> Said:
    return Said(value=value, question="How many minutes are there in 7 days?", passages=(HIT,))


def test_a_range_must_have_one() -> None:
    with pytest.raises(ProjectError, match="at_least=3 is above at_most=2"):
        Length(at_least=3, at_most=2)


def test_a_pattern_must_be_quick() -> None:
    with pytest.raises(ProjectError, match="may take too long"):
        Matches(pattern="(a+)+")
