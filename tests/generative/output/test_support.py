"""Support: which sentences a passage is found to support. German and English, each on both sides."""

from __future__ import annotations

import pytest

from kreis.generative.index.index import Hit
from kreis.generative.output.support import SUPPORTED, Read, read_claim, support

LEAVE = """Employees have 30 days of leave a year. In the first year it is 20 days. Leave can't be carried over to the
next year, except for illness.
Anna Meyer approves requests within 5 working days. The office in Berlin closes on 24 May."""
URLAUB = """Die Frist beträgt vier Wochen zum Monatsende. Urlaub wird von Frau Meyer genehmigt. Überstunden werden nicht
ausbezahlt. Die Urlaubstage verfallen am 31. März. Das Budget liegt bei 1.500 Euro."""


def read(text: str, heading: str = "") -> Read:
    shown = " ".join(text.split())
    return Read(
        Hit(chunk=0, document="d", version="1", start=0, end=0, text=shown, shown=shown, shown_start=0, heading=heading)
    )


def measure(passage: Read, said: str) -> float:
    claim = read_claim(said)
    assert claim is not None
    return support(claim, passage).measure


@pytest.mark.parametrize(
    ("passage", "said"),
    [
        (LEAVE, "Employees have 30 days of leave per year."),
        (LEAVE, "You get thirty days of leave."),
        (LEAVE, "The answer is 30."),
        (LEAVE, "In the first year, employees have 20 days."),
        (LEAVE, "Leave cannot be carried over to the next year."),
        (LEAVE, "Requests are approved by Anna Meyer in five working days."),
        (LEAVE, "On May 24, the Berlin office closes."),
        (URLAUB, "Die Frist beträgt 4 Wochen zum Monatsende."),
        (URLAUB, "Frau Meyer genehmigt den Urlaub."),
        (URLAUB, "Urlaub verfällt am 31. März."),
        (URLAUB, "Überstunden werden nicht ausbezahlt."),
        (URLAUB, "Das Budget liegt bei 1500 Euro."),
    ],
)
def test_finds_what_is_said_in_other_words(passage: str, said: str) -> None:
    assert measure(read(passage), said) >= SUPPORTED


@pytest.mark.parametrize(
    ("passage", "said"),
    [
        (LEAVE, "Employees have 25 days of leave a year."),
        (LEAVE, "The answer is 31."),
        (LEAVE, "Leave can be carried over to the next year."),
        (LEAVE, "Employees don't have 30 days of leave a year."),
        (LEAVE, "Anna Schmidt approves requests within 5 working days."),
        (LEAVE, "The office in Berlin closes on 24 March."),
        (LEAVE, "The office in Berlin closes on 14 May."),
        (LEAVE, "The company was founded in Berlin."),
        (URLAUB, "Frau Schulz genehmigt den Urlaub."),
        (URLAUB, "Überstunden werden ausbezahlt."),
        ("Die Elternzeit dauert bis zu 36 Monate. Der Antrag ist formlos.", "Die Elternzeit ist formlos."),
        ("The gym is on the second floor. The pool is closed.", "The gym is closed."),
        (URLAUB, "Urlaub verfällt am 31. Mai."),
        (URLAUB, "Die Frist beträgt sechs Wochen zum Monatsende."),
        (URLAUB, "Das Budget liegt bei 15.000 Euro."),
        ("The fee rises by 5 euro in May.", "The fee falls by 5 euro in May."),
        ("The gate is open on Monday at noon.", "The gate is closed on Monday at noon."),
        ("Die Gebühr steigt im Mai um 5 Euro.", "Die Gebühr sinkt im Mai um 5 Euro."),
        ("Hunde sind im Büro am Montag erlaubt.", "Hunde sind im Büro am Montag verboten."),
    ],
)
def test_does_not_find_what_is_said_otherwise(passage: str, said: str) -> None:
    assert measure(read(passage), said) < SUPPORTED


def test_knows_the_sentences_that_support() -> None:
    passage = read(LEAVE)
    claim = read_claim("Anna Meyer approves requests within 5 working days.")
    assert claim is not None
    found = support(claim, passage)
    assert passage.hit.shown[found.start : found.end] == "Anna Meyer approves requests within 5 working days."


def test_counts_the_heading() -> None:
    assert measure(read("It is 30 days."), "Parental leave is 30 days.") < SUPPORTED
    assert measure(read("It is 30 days.", heading="Parental leave"), "Parental leave is 30 days.") >= SUPPORTED


@pytest.mark.parametrize(
    "text", ["Yes.", "Sure!", "Gern!", "Ja, das ist so.", "I don't know.", "The passage answers the question."]
)
def test_what_says_nothing_is_no_claim(text: str) -> None:
    assert read_claim(text) is None
