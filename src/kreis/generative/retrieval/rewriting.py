"""Asks a language model for other wordings of a question."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import msgspec

from kreis.generative.language_models.model import Message, ModelError, OpenModel, Spent, Wish
from kreis.generative.retrieval.rewritten import Rewritten

__all__ = ["Reworded", "reworded"]

_TOKENS = 40
"""That a wording may take."""
_LONGEST = 300
"""Characters: what is longer is no question."""
_TURNS = 6
"""Of a conversation, the last ones: a question refers to what was just said."""
_LISTED = re.compile(r"^(?:[-*•]\s+|\(?\d{1,2}[.):]\s*)")
_LEAST_WORDS = re.compile(r"\w{2,}")
_SYSTEM = (
    "You write search queries. You get a question and write {queries} other wordings of it: the same question in other"
    " words, with synonyms, in its language. Write one on each line, and nothing else. Do not answer the question."
)
_EXAMPLE = (
    Message("user", "Question: How long may parents stay at home?"),
    Message("assistant", "What is the duration of parental leave?\nFor how many months is parental leave granted?"),
)
"""A small model answers the question, unless it sees what is wanted."""
_ALONE = (
    " The question belongs to a conversation: each wording names what the question refers to, so that it stands alone."
)


class Reworded(msgspec.Struct, frozen=True, kw_only=True):
    """What a model made of a question."""

    wordings: tuple[str, ...] = ()
    why: str = ""
    """Why there is none."""
    spent: Spent = Spent()
    seconds: float = 0.0


async def reworded(
    search: Rewritten,
    model: OpenModel,
    text: str,
    *,
    history: Sequence[Message] = (),
    within_s: float,
    kind: str = "",
    tenant: str = "",
) -> Reworded:
    """Other wordings of a question. A model that fails is no error: then there are none, and it says why.

    Args:
        search: How many, and how long it may take.
        model: Its model, opened.
        text: The question as a model may read it.
        history: Earlier turns as a model may read them, oldest first.
        within_s: How long the whole question may take.
        kind: Kind of question, where models are routed by it.
        tenant: Whose budget pays.
    """
    begun = time.perf_counter()
    wish = Wish(
        messages=_messages(search, text, history[-_TURNS:]),
        most_tokens=_TOKENS * search.queries,
        deadline_s=max(0.001, min(search.seconds, within_s / 2)),
        kind=kind,
        tenant=tenant,
    )
    try:
        if sum(model.count(each.text) for each in wish.messages) + wish.most_tokens > model.window:
            return Reworded(why="question and conversation don't fit into the window of the model that rewords")
        completion = await model.complete(wish)
    except ModelError as error:
        return Reworded(why=str(error), spent=error.spent, seconds=time.perf_counter() - begun)
    found = _read(completion.text, text)[: search.queries]
    why = "" if found else "the model gave no other wording"
    return Reworded(wordings=found, why=why, spent=Spent() + completion, seconds=time.perf_counter() - begun)


def _messages(search: Rewritten, text: str, history: Sequence[Message]) -> tuple[Message, ...]:
    system = _SYSTEM.format(queries=search.queries) + (_ALONE if history else "")
    before = "".join(f"{turn.role}: {turn.text}\n" for turn in history)
    asked = f"Conversation:\n{before}\nQuestion: {text}" if history else f"Question: {text}"
    return Message("system", system), *_EXAMPLE, Message("user", asked)


def _read(said: str, asked: str) -> tuple[str, ...]:
    """One wording a line, however it is listed or quoted; not the question itself, and nothing twice. Of a question
    with its mark only wordings with one: what has none is an answer, mostly.
    """
    mark = "?" if asked.rstrip().endswith("?") else ""
    seen, found = {_same(asked)}, []
    for line in said.splitlines():
        wording = _LISTED.sub("", line.strip()).strip().strip("\"'“”„`").strip()
        fits = len(wording) <= _LONGEST and wording.endswith(mark) and not wording.endswith(":")
        if fits and _LEAST_WORDS.search(wording):
            if _same(wording) not in seen:
                found.append(wording)
            seen.add(_same(wording))
    return tuple(found)


def _same(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
