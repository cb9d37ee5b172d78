"""What every recogniser of personal data must do. A new kind is done when each of these passes:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_recogniser_behaves(check):
    check(MyRecogniser(), ["an example", "and another"])  # texts that hold it, and nothing else of its kind
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from kreis.generative.guards.personal_data.recogniser import Recogniser

__all__ = ["CHECKS"]

Check: TypeAlias = Callable[[Recogniser, Sequence[str]], None]

_PLAIN = "Every employee has thirty days of paid leave a year, and 12 of them in the summer of 2026: see chapter 3.4."


def it_finds_each_example(recogniser: Recogniser, examples: Sequence[str]) -> None:
    """One find in each, within the text, of its kind."""
    for text in examples:
        found = list(recogniser.find(text, 0, len(text)))
        _demand(len(found) >= 1, f"it finds nothing in {text!r}")
        _demand(all(0 <= each.start < each.end <= len(text) for each in found), "a find lies outside")
        _demand(all(each.kind == recogniser.kind for each in found), "a find is of another kind")


def what_it_needs_stands_in_what_it_finds(recogniser: Recogniser, examples: Sequence[str]) -> None:
    """Its cues and digits, by which it is passed over elsewhere, are in each example."""
    for text in examples:
        small = text.lower()
        _demand(not recogniser.cues or any(cue in small for cue in recogniser.cues), f"no cue stands in {text!r}")
        _demand(sum(map(str.isdigit, text)) >= recogniser.digits, f"too few digits in {text!r}")


def it_keeps_to_its_part(recogniser: Recogniser, examples: Sequence[str]) -> None:
    """What lies outside the part that it is asked about is not found."""
    for text in examples:
        padded = f"{_PLAIN} {text}"
        _demand(not list(recogniser.find(padded, 0, len(_PLAIN))), "it finds what lies after the part")


def it_leaves_plain_text_alone(recogniser: Recogniser, examples: Sequence[str]) -> None:
    """Ordinary prose with numbers in it holds nothing."""
    _demand(not list(recogniser.find(_PLAIN, 0, len(_PLAIN))), "it finds something in plain text")


def it_is_deterministic(recogniser: Recogniser, examples: Sequence[str]) -> None:
    """The same text gives the same finds."""
    for text in examples:
        first, again = (list(recogniser.find(text, 0, len(text))) for _ in range(2))
        _demand(first == again, "the same text gave other finds")


def it_takes_no_time_over_hostile_texts(recogniser: Recogniser, examples: Sequence[str]) -> None:
    """A long text of what it looks for, or nearly, is read in under a second."""
    import time

    for text in (*examples, "1", "A", "a.", "1 ", "Ab ", "1-", "@", ":", "<", "0", "Am 1 "):
        long = text[:-1] * (20_000 // max(1, len(text[:-1]))) if len(text) > 2 else text * (20_000 // len(text))
        start = time.process_time()
        list(recogniser.find(long, 0, len(long)))
        _demand(time.process_time() - start < 1.0, f"it takes too long over many {text!r}")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


CHECKS: tuple[Check, ...] = (
    it_finds_each_example,
    what_it_needs_stands_in_what_it_finds,
    it_keeps_to_its_part,
    it_leaves_plain_text_alone,
    it_is_deterministic,
    it_takes_no_time_over_hostile_texts,
)
"""All of them; each raises AssertionError where a recogniser fails."""
