"""Patterns: those that can take long are refused, the others are quick on the worst text."""

from __future__ import annotations

import re
import time

import pytest

from kreis.errors import ProjectError
from kreis.generative.output.patterns import LONGEST, check_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        r"[A-Z]{2}-[0-9]{4}",
        r"\d+",
        r"\d+(?:,\d{2})? EUR",
        r"(?:yes|no)",
        r".*leave.*",
        r"[^]]*\]",
        r"a\{2\}",
        r"(abc){3}",
    ],
)
def test_are_taken_and_quick(pattern: str) -> None:
    check_pattern(pattern, where="here")
    started = time.process_time()
    for letter in "1aA, ":
        re.fullmatch(pattern, letter * LONGEST + "!")
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a+)+", "what repeats holds a repetition"),
        (r"(?:a|aa)*", "what repeats holds a repetition or an alternative"),
        (r"(?:a?){50}", "what repeats holds a repetition"),
        ("a?" * 30 + "a" * 30, "too many ways together"),
        (r"\d*\d*\d*x", "too many ways together"),
        (r"(\w+) \1", "it looks back or around"),
        (r"(?=a)b", "it looks back or around"),
        (r"(a", "is no regular expression"),
        (r"a{1,900}b{1,900}c{1,900}", "too many ways together"),
    ],
)
def test_are_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(ProjectError, match=re.escape(why)):
        check_pattern(pattern, where="here")
