# ruff: noqa: E501
"""Reading an answer as it grows gives what reading it as a whole gives, and nothing that is not supported."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kreis.generative.extractive import plain_sentence
from kreis.generative.guards.guards import guards_of
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.index.index import Hit
from kreis.generative.output.reading import Reading
from kreis.generative.output.support import SUPPORTED, Read, read_claim, support
from kreis.generative.sentences import sentences

TEXT = """Employees have 30 days of leave a year. Leave can't be carried over to the next year. Dr. Meyer approves requests
within 5 working days. Write to help@firm.example before 3 May."""
HIT = Hit(chunk=0, document="d", version="1", start=0, end=0, text=TEXT, shown=TEXT, shown_start=0)
GUARDS = guards_of(GuardPolicy())
PARTS = st.lists(
    st.sampled_from(
        [
            "Employees have 30 days of leave a year.", "Employees have 31 days of leave a year. [1]", " [1]", "[1, 2]", "\n- ",
            "Leave can't be carried over to the next year [1].", "Leave can be carried over to the next year.", "\n\n", " ",
            "Dr. Meyer approves requests within 5 working days!", "Sure!", "NO ANSWER", '<passage number="1">', "</passage>",
            "Write to help@firm.example before 3 May.", "1. ", "## Leave\n", "days of leave", "…", "`", "[",
        ]
    ),
    max_size=10,
)  # fmt: skip


def read(text: str, *cuts: int) -> Reading:
    reading = Reading([HIT], GUARDS)
    given_ = ""
    for end in sorted(min(cut, len(text)) for cut in cuts):
        given_ += "".join(reading.more(text[:end], whole=False))
        assert reading.text == given_
    given_ += "".join(reading.more(text, whole=True))
    assert reading.text == given_
    return reading


@given(PARTS, st.lists(st.integers(0, 300), max_size=12))
def test_in_pieces_is_as_in_one(parts: list[str], cuts: list[int]) -> None:
    text = " ".join(parts)
    whole, pieces = read(text), read(text, *cuts)
    assert pieces.text == whole.text
    assert pieces.citations == whole.citations
    assert (pieces.left_out, pieces.none) == (whole.left_out, whole.none)


@given(PARTS)
def test_gives_only_what_is_supported(parts: list[str]) -> None:
    reading = read(" ".join(parts))
    assert len(reading.citations) == len(reading.given)
    for citation in reading.citations:
        assert TEXT[citation.start : citation.end] == citation.quote
    text = reading.text.replace("[EMAIL]", "help@firm.example").replace("[NAME]", "Meyer")
    for start, end in sentences(text):
        said = text[start:end].replace(" [1]", "")
        claim = read_claim(plain_sentence(said))
        assert claim is None or support(claim, Read(HIT)).measure >= SUPPORTED, said
    assert "help@" not in reading.text
