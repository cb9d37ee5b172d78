"""An answer while it is read: which of its sentences may be given."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from kreis.generative.guards.guards import Guards
from kreis.generative.index.index import Hit
from kreis.generative.output.claims import CheckedSentence, ClaimCheck
from kreis.generative.output.marks import without_marks
from kreis.generative.prompts.marks import without_tags
from kreis.generative.prompts.sections import NO_ANSWER
from kreis.generative.questions import Citation, Verdict
from kreis.generative.sentences import sentences, whole_sentences

__all__ = ["Reading"]

_NONE = re.compile(rf"\W*{NO_ANSWER}\W*", re.IGNORECASE)
_ENDED = re.compile(r"[.!?…:;|)\]\"'”“»*`]\s*$")


class Reading:
    """Reads an answer, whole or as it grows, and gives out each sentence once it is whole and checked.

    Args:
        passages: What the model was shown, in the order of their numbers.
        guards: Read what is about to be given.
    """

    def __init__(self, passages: Sequence[Hit], guards: Guards) -> None:
        self._passages, self._guards = passages, guards
        self._check = ClaimCheck(passages)
        self._done = 0
        self._clean = False  # whether guards let all of it through as it is
        self.text = ""
        """What is given."""
        self.given: list[CheckedSentence] = []
        self.left_out = 0
        """Sentences that no passage supports."""
        self.none = False
        """Whether the model said that the passages don't answer."""
        self.refused = ""
        """Which guard refuses it, and why; empty where none does."""
        self.verdicts: list[Verdict] = []

    def more(self, text: str, *, whole: bool, cut: bool = False) -> list[str]:
        """The next pieces: what they hold is checked.

        Args:
            text: All that the model said so far.
            whole: Whether nothing follows.
            cut: Whether it ends because it was too long: a last sentence without its end is left out.
        """
        if self.refused:
            return []
        rest = text[self._done :]
        spans = sentences(rest) if whole else whole_sentences(rest)[0]
        if cut and spans and not _ENDED.search(rest[slice(*spans[-1])]):
            spans.pop()
        pieces: list[str] = []
        if (whole or spans) and not self._allowed(text if whole else text[: self._done + spans[-1][1]]):
            return []
        before = 0
        for start, end in spans:
            apart = "\n" if "\n" in rest[before:start] else " "
            pieces += self._piece(rest[start:end], apart)
            before = end
        self._done += spans[-1][1] if spans else 0
        return pieces

    def object(self, value: Any, text_field: str) -> str | None:
        """Check an answer that is an object. Its text is read as any answer; without one, each of its strings that says
        something must be supported.

        Args:
            value: The object; unsupported sentences of its text, and what guards mask, are taken out of it.
            text_field: The property that people read; empty: there is none.

        Returns:
            What is wrong; None where it may be given.
        """
        if not self._allowed(msgspec.json.encode(value).decode()):
            return None
        if text_field:
            self.more(str(value[text_field]), whole=True)
            value[text_field] = self.text
        else:
            self._strings(value)
            if self.left_out:
                return "the passages don't support all of it"
            self.text = msgspec.json.encode(value).decode()
        return None

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Of all that is given."""
        return tuple(citation for sentence in self.given for citation in sentence.citations)

    @property
    def support(self) -> float:
        """The share of the sentences that a passage supports; NaN where nothing was said."""
        said = len(self.given) + self.left_out
        return len(self.given) / said if said else math.nan

    @property
    def measure(self) -> float:
        """The mean measure of support of what is given, times the share of sentences that could be given: 0 to 1."""
        return sum(each.measure for each in self.given) / (len(self.given) + self.left_out) if self.given else 0.0

    def _allowed(self, text: str) -> bool:
        bare = without_marks(text)  # a mark within a number would hide it
        said, self.verdicts = self._guards.answer(bare, self._passages)
        self._clean = said == bare
        refused = next((each for each in self.verdicts if each.did == "refused"), None)
        if refused is not None:
            self.refused = f"{refused.guard}: {refused.said}"
        return refused is None

    def _piece(self, text: str, apart: str) -> list[str]:
        text = without_tags(text)
        if _NONE.fullmatch(without_marks(text)):
            self.none = True
            return []
        checked = self._check.sentence(text)
        if not checked.claims:
            return []
        said = checked.text if self._clean else self._guards.answer(checked.text, self._passages)[0]
        piece = apart + said if self.text else said
        if not said.strip() or self._spans(piece):
            self.left_out += 1
            return []
        bare = without_marks(said)
        citations = tuple(msgspec.structs.replace(each, claim=bare) for each in checked.citations)
        self.given.append(msgspec.structs.replace(checked, text=said, citations=citations))
        self.text += piece
        return [piece]

    def _spans(self, piece: str) -> bool:
        """Whether guards find something in a piece together with what was given that they find in neither alone."""
        together = without_marks(self.text + piece)
        return not self._clean and self._guards.answer(together, self._passages)[0] != together

    def _strings(self, value: Any) -> None:
        """Check and mask the strings of an object, in place."""
        for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
            if isinstance(each, dict | list):
                self._strings(each)
            elif isinstance(each, str):
                self._piece(each, " ")
                value[key] = self._guards.answer(each, self._passages)[0]
