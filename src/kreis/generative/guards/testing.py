"""What every guard must do. A new kind is done when each of these passes:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_guard_behaves(check):
    check(MyGuard(), ["a text that it finds something in", "and another"])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from kreis.generative.guards.guard import Guard
from kreis.generative.index.index import Hit

__all__ = ["CHECKS", "passage_of"]

Check: TypeAlias = Callable[[Guard, Sequence[str]], None]

_PLAIN = "Every employee has 30 days of paid leave a year: see chapter 3.4, and “Parental leave” – für alle, 10 %."
_SHOWN = 16


def passage_of(text: str, licence: str = "proprietary") -> Hit:
    """A passage that an answer may rest on."""
    return Hit.whole(text, chunk=0, document="d", version="1", licence=licence)


def it_finds_something_in_each_example(guard: Guard, examples: Sequence[str]) -> None:
    """At each of its places, with a verdict that says where and what was done, in words that do not repeat it."""
    for text in examples:
        for where in guard.places:
            _, verdicts = guard.act(text, where, [passage_of(text)])
            _demand(bool(verdicts), f"it finds nothing in {text!r} ({where})")
            for verdict in verdicts:
                _demand((verdict.guard, verdict.where) == (guard.name, where), "a verdict names another guard or place")
                _demand(verdict.count >= 1 and bool(verdict.said), "a verdict says nothing")
                said = any(text[i : i + _SHOWN] in verdict.said for i in range(max(1, len(text) - _SHOWN)))
                _demand(not said, "a verdict repeats what was found")


def it_leaves_plain_text_alone(guard: Guard, examples: Sequence[str]) -> None:
    """Ordinary prose passes unchanged and without a verdict."""
    for where in guard.places:
        _demand(guard.act(_PLAIN, where) == (_PLAIN, []), f"it objects to plain text ({where})")
        _demand(guard.act("", where) == ("", []), f"it objects to nothing ({where})")


def what_is_refused_is_gone(guard: Guard, examples: Sequence[str]) -> None:
    """Where something is refused, no text is left; where it was only seen, the text is as it was."""
    for text in examples:
        for where in guard.places:
            given, verdicts = guard.act(text, where, [passage_of(text)])
            did = {each.did for each in verdicts}
            _demand("refused" not in did or given == "", "a refused text goes on")
            _demand(did != {"saw"} or given == text, "it changed what it only saw")


def what_went_through_goes_through_unchanged(guard: Guard, examples: Sequence[str]) -> None:
    """A second time changes nothing more."""
    for text in examples:
        for where in guard.places:
            once, _ = guard.act(text, where, [passage_of(text)])
            twice, _ = guard.act(once, where, [passage_of(text)])
            _demand(twice == once, f"a second time changes {once!r}")


def it_is_deterministic(guard: Guard, examples: Sequence[str]) -> None:
    """The same text gives the same."""
    for text in examples:
        for where in guard.places:
            first, again = (guard.act(text, where, [passage_of(text)]) for _ in range(2))
            _demand(first == again, "the same text gave something else")


def it_takes_no_time_over_hostile_texts(guard: Guard, examples: Sequence[str]) -> None:
    """Twenty thousand characters of what it looks for, or nearly, take under a second."""
    hostile = ("a", "1", " ", "A1 ", "[", "](", "<", "<a ", "&", "http:", "//", "@", "a.", "%41", "AAAA", "41 ")
    for piece in (*examples, *hostile):
        text = (piece * (20_000 // len(piece) + 1))[:20_000]
        for where in guard.places:
            start = time.process_time()
            guard.act(text, where)
            _demand(time.process_time() - start < 1.0, f"it takes too long over many {piece!r}")


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


CHECKS: tuple[Check, ...] = (
    it_finds_something_in_each_example,
    it_leaves_plain_text_alone,
    what_is_refused_is_gone,
    what_went_through_goes_through_unchanged,
    it_is_deterministic,
    it_takes_no_time_over_hostile_texts,
)
"""All of them; each raises AssertionError where a guard fails."""
