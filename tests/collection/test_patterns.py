"""for_values: which patterns the service holds values to, and that it reads them as collection does."""

from __future__ import annotations

import re
import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.collection.contracts.patterns import FORMATS, ascii_classes, for_format, for_values

HELD = [
    r"^c\d{3}$", r"^O[0-9]{5}$", r"^[A-Z]{2,3}$", r"^(?:DE|FR)-\w+$", r"^a", r"b$", r"a.c", r"^\+?[0-9 ]{4,9}$",
    r"^[^,;]*$", r"^[]a-]+$", r"^\S+\s\S$", r"^x\.y\/z$", r"^(a|b)?c$",
]  # fmt: skip
LEFT_OUT = [
    r"(ab|cd){2}$",
    r"^(a+)+$", r"^(a|aa)+$", r"^(a?b?)*$", r"x*y*z*", r"^a*b*c*$", r"a*b*", r"\p{L}+", r"[[:alpha:]]", r"[a&&b]",
    r"(?i)a", r"a\bb", r"\z", r"^a++$", r"[\pL]", r"[a--b]", r"^\x41$",
]  # fmt: skip


@pytest.mark.parametrize("pattern", HELD)
@given(st.text("abcdxyzDEFRO0123456789 ,;./-]\n+Äé", max_size=12))
def test_a_pattern_matches_what_it_matches_in_collection(pattern: str, text: str) -> None:
    held = for_values(pattern)
    assert held is not None
    for each in (text, "c042", "DE-x", "bc", "abcd"):
        in_collection = pl.Series([each]).str.contains(ascii_classes(pattern)).item()
        assert (re.search(held, each) is not None) is in_collection


@pytest.mark.parametrize("pattern", LEFT_OUT)
def test_a_pattern_that_is_read_otherwise_or_could_take_long_is_left_to_collection(pattern: str) -> None:
    assert for_values(pattern) is None


@pytest.mark.parametrize("name", FORMATS)
@given(st.text("aZ09@.-:/+_ \n%f", max_size=20))
def test_a_format_is_that_of_collection(name: str, text: str) -> None:
    for each in (text, "ann@example.com", "192.168.0.1", "::1", "http://a/b", "01a207bb-1460-7256-9601-a36f91b01dc0"):
        in_collection = pl.Series([each]).str.contains(FORMATS[name]).item()
        assert (re.search(for_format(name), each) is not None) is in_collection


@pytest.mark.parametrize("pattern", [*HELD, *FORMATS.values()])
@pytest.mark.parametrize("piece", ["a", "0", "a.", "ab", ":", "A-", "f:", "1."])
def test_a_hostile_text_takes_no_time(pattern: str, piece: str) -> None:
    compiled = re.compile(for_values(pattern) or pattern.replace("$", r"\Z"))
    text = (piece * 1000)[:999] + "\0"
    before = time.process_time()
    compiled.search(text)
    assert time.process_time() - before < 0.1
