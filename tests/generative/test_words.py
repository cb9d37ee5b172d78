"""Words: folded, stemmed, in German and English."""

from __future__ import annotations

import pytest

from kreis.generative.words import content_stems, german_or_english, numbers


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Days", "day"),
        ("vacations", "vacation"),
        ("Tagen", "Tag"),
        ("Verträge", "Vertrages"),
        ("employee's", "employees"),
        ("1,000", "1000"),
        ("1.000.000", "1000000"),
        ("3,5", "3.5"),
    ],
)
def test_are_one_word(one: str, other: str) -> None:
    assert content_stems(one) == content_stems(other) != []


def test_leave_out_what_says_nothing() -> None:
    assert content_stems("How many days is it for the people?") == ["day", "people".removesuffix("e")]
    assert content_stems("Wie viele Tage sind es nicht?") == ["tag"]


def test_numbers_are_told_apart() -> None:
    assert numbers("From 08:30 to 17:00 on 2026-11-26: 1.250 or 12,5 %") == [
        "8:30",
        "17:00",
        "2026-11-26",
        "1250",
        "12.5",
    ]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How many days of leave are there?", "en"),
        ("Wie viele Tage Urlaub gibt es?", "de"),
        ("Urlaub für Ärzte", "de"),
        ("SAP 4711", ""),
    ],
)
def test_language_is_known(text: str, language: str) -> None:
    assert german_or_english(text) == language
