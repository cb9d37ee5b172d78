# ruff: noqa: E501
"""Sentences: where they end, in both languages, in lists, and in a text that still grows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.generative.sentences import sentences, whole_sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One day. Two days!", ["One day.", "Two days!"]),
        ("Ask Dr. Meyer, e.g. by mail. Then wait.", ["Ask Dr. Meyer, e.g. by mail.", "Then wait."]),
        ("Am 3. Oktober ist z. B. frei (Abs. 2 oben). Sonst nicht.", ["Am 3. Oktober ist z. B. frei (Abs. 2 oben).", "Sonst nicht."]),
        ("It is 3.5 km. [1] [2] Far?", ["It is 3.5 km. [1] [2]", "Far?"]),
        ("It is far [1, 3]. So what", ["It is far [1, 3].", "So what"]),
        ("# Leave\n\n30 days.\n- one\n- two\n1. First.\n2. Second.", ["# Leave", "30 days.", "- one", "- two", "1. First.", "2. Second."]),
        ("| a | b |\n| 1 | 2 |", ["| a | b |", "| 1 | 2 |"]),
        ("He said “no.” Then he left.", ["He said “no.”", "Then he left."]),
        ("In 2020. Then came 2021.", ["In 2020.", "Then came 2021."]),
        ("  \n ", []),
    ],
)  # fmt: skip
def test_are_found(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == parts


@given(st.text(alphabet="ab .!?\n[]12-#:", max_size=60))
def test_lose_nothing_but_blanks(text: str) -> None:
    places = sentences(text)
    assert "".join("".join(text[start:end] for start, end in places).split()) == "".join(text.split())
    assert all(first[1] <= second[0] for first, second in pairwise(places))


@given(
    st.lists(
        st.sampled_from(["One day.", "Two [1].", "Is it? [2]", "Dr. No came.", " ", "\n", "- item\n"]), max_size=12
    )
)
def test_are_given_out_whole_while_a_text_grows(parts: list[str]) -> None:
    text = " ".join(parts)
    final = sentences(text)
    for end in range(len(text) + 1):
        whole, rest = whole_sentences(text[:end])
        assert whole == final[: len(whole)], text[:end]
        assert rest == (whole[-1][1] if whole else 0)


def test_wait_for_the_mark_that_may_follow() -> None:
    assert whole_sentences("Far. [") == ([], 0)
    assert whole_sentences("Far. [1]") == ([], 0)
    assert whole_sentences("Far. [1] A") == ([(0, 8)], 8)
