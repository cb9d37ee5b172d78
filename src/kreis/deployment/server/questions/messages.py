"""What clients ask and what they get, as typed messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from kreis.generative.index.index import Access
from kreis.generative.questions import Citation, Outcome

__all__ = ["AnswerReply", "AskQuestion", "Asker", "Confirmation", "Confirmed", "Feedback", "Passage", "Turn", "Verdict"]

Verdict: TypeAlias = Literal["solved", "passed_on", "wrong"]


class Asker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who asks, as the token says. Nobody in particular, of no tenant, where none is configured."""

    name: str = ""
    """For tools that act for them."""
    sha256: str = ""
    """Of the bearer token: the token itself is nowhere."""
    tenant: str = ""
    """Whose documents may be read, beside those that all tenants share."""
    groups: list[str] = []
    """Of the documents for some groups, which may be read."""

    @property
    def access(self) -> Access:
        """What may be read."""
        return Access(tenant=self.tenant, groups=frozenset(self.groups))


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An earlier turn of the conversation, which the caller keeps."""

    role: Literal["user", "assistant"]
    text: str


class AskQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question."""

    question: str
    history: list[Turn] = []
    """Earlier turns, oldest first."""
    filters: dict[str, str] = {}
    """By a document's field ("language", "owner", "source"): what it must be."""
    kind: str = ""
    """By which models are routed, where a package routes."""
    reference: str | None = None
    """The client's own name for it; a canary gives the same name the same model."""
    stream: bool = False
    """Whether the answer comes sentence by sentence, as server-sent events."""


class Passage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found, best first."""

    document: str
    version: str
    start: int
    end: int
    """In the document's text."""
    text: str
    score: float
    heading: str = ""
    title: str = ""
    source: str = ""
    page: int | None = None


class AnswerReply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, or that the question is passed on to a person."""

    prediction: str
    """Names the answer: for feedback, and for `kreis why`."""
    answered: bool
    answer: str
    """Where it is passed on, the sentence that says so."""
    outcome: Outcome
    """Why it is passed on, where it is: "abstained" (no passage supports an answer), "refused" (a guard forbids it),
    "failed" (no model answered), or "answered" with too little confidence."""
    confidence: float
    citations: tuple[Citation, ...] = ()
    """Where the answer's claims are found; none where it is passed on."""
    passages: tuple[Passage, ...] = ()
    """What was found that the asker may read; none where a guard refused."""
    model: str
    """Digest of the package that answered."""
    version: int
    """Its number in the project."""
    release: str
    at: datetime
    fallback: bool = False
    """Whether the release's fallback answered, because the model that should have could not."""
    flags: list[str] = []
    """What guards did, and what else was unusual: "GUARD: what it did"."""
    tokens: int = 0
    """Of all attempts."""
    value: Any = None
    """The object, where the prompt asks for one by a schema."""
    tools: tuple[str, ...] = ()
    """Those that were run."""
    waiting: tuple[str, ...] = ()
    """Calls of tools that wait until whoever asked confirms them."""


class Feedback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of an answer."""

    prediction: str
    verdict: Verdict
    """Whether it solved the matter, was wrong, or a person had to help all the same."""
    comment: str = ""


class Confirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the person says who asked: a call that waits may be made."""

    request: str
    """One of `AnswerReply.waiting`."""


class Confirmed(msgspec.Struct, frozen=True):
    """What came of the call."""

    tool: str
    status: str
    text: str
