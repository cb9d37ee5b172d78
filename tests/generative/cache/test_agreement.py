from __future__ import annotations

import pytest
from tests.generative.cache.other_questions import OTHER_QUESTIONS, SAME_QUESTIONS

from kreis.generative.cache.agreement import differ
from kreis.generative.cache.words import LANGUAGES, OPPOSITES


@pytest.mark.parametrize(("kind", "first", "second"), OTHER_QUESTIONS)
def test_other_questions_are_told_apart_both_ways_round(kind: str, first: str, second: str):
    assert differ(first, second), kind
    assert differ(second, first), kind


@pytest.mark.parametrize(("first", "second"), SAME_QUESTIONS)
def test_nothing_speaks_against_the_same_question(first: str, second: str):
    assert differ(first, second) == differ(second, first) == ""


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("May I park here?", "May I not park here?", "negations"),
        ("May I park here?", "I mayn't park here, may I?", "negations"),
        ("What happens after 14 days?", "What happens after 15 days?", "numbers"),
        ("Who founded Siemens?", "Who founded Bosch?", "names"),
        ("Who founded Siemens?", "Tell me: which people once founded that company?", "names"),
        ("What applies before the deadline?", "What applies after the deadline?", "directions"),
        ("How do I open it?", "How do I close it?", "opposites"),
        ("Is it usual?", "Is it unusual?", "opposites"),
        ("When must I apply?", "Where must I apply?", "what is asked"),
        ("Can I bring my dog?", "Can I bring my cat?", "words"),
        ("How long is it?", "Wie lang ist es?", "language"),
        ("", "", "words"),
        ("???", "!", "words"),
    ],
)
def test_it_says_what_differs(first: str, second: str, why: str):
    assert differ(first, second) == why


def test_writing_does_not_matter():
    assert not differ("Don’t I need a visa?", "don't I need a visa")
    assert not differ("Wie groß ist die Straße?", "wie gross ist die strasse?")
    assert not differ("Is the Cafe\u0301 open?", "is the caf\u00e9 open")


def test_no_word_is_its_own_opposite_or_of_two_languages():
    for left, right in OPPOSITES:
        assert left
        assert right
        assert not left & right
    assert not LANGUAGES["en"] & LANGUAGES["de"]
