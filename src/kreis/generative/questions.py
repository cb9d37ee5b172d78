"""What is asked of a generative project, and what comes back: the same in evaluation, service, log and demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from kreis.generative.index.index import Access, Hit
from kreis.generative.language_models.model import Message

__all__ = ["SIGNALS", "Answered", "Citation", "Question", "Verdict"]

SIGNALS = ("confidence", "tokens", "retrieval", "support", "question_words", "passages", "money", "model_ms")
"""What is logged of each answer as numbers, in this order: the `features` of a generative package.

`confidence` (0 to 1, 0 where it abstains) is what the decision rule looks at; `tokens` of all attempts; `retrieval` the
best passage's cosine or score; `support` the share of claims whose citation was found to support them; `money` in the
price list's currency.
"""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question, and who asks."""

    text: str
    access: Access = Access()
    history: Sequence[Message] = ()
    """Earlier turns, oldest first: the caller keeps them."""
    filters: dict[str, str] = {}
    person: str = ""
    """Who asks, for tools that act for them; never logged in the clear."""
    kind: str = ""
    """By which models are routed; the client, or the file of questions, says it."""
    reference: str | None = None
    """The client's own name for it."""
    at: int = 0
    """The moment, microseconds since 1970 UTC."""
    within_s: float = 0.0
    """How long a model may take for it; 0: as long as the pipeline says."""


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a claim is found."""

    document: str
    version: str
    start: int
    end: int
    """In the document's text."""
    quote: str
    title: str = ""
    source: str = ""
    page: int | None = None
    claim: str = ""
    """The sentence of the answer that it supports."""
    supported: bool = True
    """Whether the passage was found to support it."""
    number: int = 0
    """The mark in the answer: [1] is the first of the passages."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a guard found."""

    guard: str
    """"personal data", "links", "injection" …"""
    where: Literal["question", "passage", "tool result", "answer", "history"]
    did: Literal["saw", "masked", "removed", "refused"]
    said: str = ""
    """In a few words, without what was found."""
    count: int = 1


Outcome: TypeAlias = Literal["answered", "abstained", "refused", "failed"]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An answer before it is decided whether it is given or passed on. Everything in it may be logged: it is masked."""

    text: str
    """What a person reads; where it abstains or refuses, that sentence."""
    outcome: Outcome
    """"abstained": no passage supports an answer; "refused": a guard forbids it; "failed": no model answered."""
    question: str
    """The question as it may be stored: personal data masked."""
    citations: tuple[Citation, ...] = ()
    passages: tuple[Hit, ...] = ()
    """What the model was shown, best first."""
    verdicts: tuple[Verdict, ...] = ()
    signals: tuple[float, ...] = ()
    """In the order of `SIGNALS`; NaN where one does not apply."""
    model: str = ""
    prompt: str = ""
    """Digest of the prompt; empty where no model was asked."""
    index: str = ""
    """Version of the index."""
    dropped: int = 0
    """Passages that were found but left out, because they did not fit into the model's window."""
    cached: bool = False
    tools: tuple[str, ...] = ()
    """Names of the tools that were run."""
    waiting: tuple[str, ...] = ()
    """Names of calls that wait until the person confirms them."""
    value: Any = None
    """The object, where the prompt asks for one by a schema."""
    why: str = ""
    """Why it was not answered, or by a fallback."""
    fallback: Literal["", "passages", "model"] = ""
    """Which fallback answered: the sentences of passages in place of a model's, or another model of its chain."""
    wordings: tuple[str, ...] = ()
    """Other wordings of the question that were searched, too; masked."""
    not_reworded: str = ""
    """Why the question was searched as it is, where other wordings were to be searched."""
