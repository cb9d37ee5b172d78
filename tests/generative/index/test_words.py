"""Turn texts into terms: what is the same word meets."""

from __future__ import annotations

import pytest

from kreis.generative.index.words import parts_of, term_of, words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Häuser", "Haeusern"), ("Haus", "Häuser"), ("Straße", "STRASSE"), ("Tage", "Tagen"), ("policies", "policy"),
        ("indexes", "Indexing"), ("cafés", "cafe"), ("Regelungen", "Regelung"), ("Mu\u0308ll", "Müll"), ("ﬁne", "fine"),
        ("Kündigungen", "kuendigung"), ("tested", "testing"),
    ],
)  # fmt: skip
def test_forms_of_a_word_meet(one, other):
    assert [term_of(word) for word in words_of(one)] == [term_of(word) for word in words_of(other)]


@pytest.mark.parametrize(("one", "other"), [("36", "360"), ("queue", "que"), ("leave", "live"), ("Bund", "Bad")])
def test_other_words_do_not(one, other):
    assert term_of(one) != term_of(other)


def test_words_are_parted_at_what_is_neither_letter_nor_number():
    assert words_of("point_in_time, E-Mail: 3.5 €\u200b100 (x²)") == [
        "point",
        "in",
        "time",
        "e",
        "mail",
        "3",
        "5",
        "100",
        "x2",
    ]
    assert words_of(" \0 ") == []


@pytest.mark.parametrize("word", ["", "s", "es", "ist", "ß", "123", "en" * 500])
def test_short_and_odd_words_keep_their_stem(word):
    assert len(term_of(word)) >= min(3, len(word))


def test_numbers_and_short_terms_have_no_parts():
    assert parts_of("2026a") == parts_of("zeit") == ([], [])
    assert parts_of("a" * 41) == ([], [])
    assert parts_of("zeiten") == (["zeite"], ["eiten"])
