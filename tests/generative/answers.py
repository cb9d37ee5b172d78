"""Answerers over real indexes of a few pages, and a model that says what a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

from kreis.generative.answering import Answerer
from kreis.generative.chunking.by_structure import ByStructure
from kreis.generative.documents.document import Document
from kreis.generative.index.build import build_index
from kreis.generative.language_models.model import Completion, ModelError, OpenModel, Spent, Wish
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import Answered, Question
from kreis.generative.retrieval.kinds import Lexical
from kreis.generative.tools.spec import ToolCaller


class Scripted:
    """Says one text after the other, in pieces of a few letters; an error is raised after what it said before it."""

    def __init__(self, *says: str | ModelError | tuple[str, ModelError], window: int = 4096, **completion: Any) -> None:
        self._says = list(says)
        self._completion = completion
        self.window = window
        self.wishes: list[Wish] = []

    def count(self, text: str) -> int:
        return len(text.split())

    async def complete(self, wish: Wish) -> Completion:
        async for piece in self.stream(wish):
            if isinstance(piece, Completion):
                return piece
        raise AssertionError

    async def stream(self, wish: Wish) -> AsyncIterator[str | Completion]:
        self.wishes.append(wish)
        said = self._says.pop(0)
        text, error = said if isinstance(said, tuple) else (said, None)
        if isinstance(text, ModelError):
            raise text
        for start in range(0, len(text), 3):
            await asyncio.sleep(0)
            yield text[start : start + 3]
        if error is not None:
            raise error
        fields: dict[str, Any] = {"model": "scripted", "tokens_in": 100, "tokens_out": 10, "money": 0.25}
        yield Completion(text=text, **fields | self._completion)

    async def close(self) -> None:
        pass


def broken(said: str = "HTTP 500") -> ModelError:
    return ModelError(said, spent=Spent(tokens_in=100, money=0.125))


def answerer_of(
    pages: Iterable[Document],
    folder: Path,
    *,
    model: OpenModel | None = None,
    tools: ToolCaller | None = None,
    **fields: Any,
) -> Answerer:
    """An answerer over pages, opened from an index file; `tools_` is what the package allows, `tools` runs it."""
    place = folder / "index"
    built = build_index(pages, chunker=ByStructure(), embedding=None, cache=None, place=place)
    fields = {"search": Lexical(), "tools": fields.pop("tools_", ())} | fields
    pipeline = Pipeline(knowledge_base="handbook", index=built.file, index_version=built.version, **fields)
    return Answerer(pipeline, lambda file: place, model=model, tools=tools)


def ask(answerer: Answerer, text: str, **fields: Any) -> Answered:
    """One answer, as a whole."""

    async def asked() -> Answered:
        answered = await answerer.answer(Question(text=text, **fields))
        await answerer.close()
        return answered

    return asyncio.run(asked())


def streamed(answerer: Answerer, text: str, **fields: Any) -> tuple[Sequence[str], Answered]:
    """The pieces of an answer, and the whole."""

    async def asked() -> list[str | Answered]:
        found = [piece async for piece in answerer.stream(Question(text=text, **fields))]
        await answerer.close()
        return found

    *pieces, answered = asyncio.run(asked())
    assert isinstance(answered, Answered)
    texts = [piece for piece in pieces if isinstance(piece, str)]
    assert (
        "".join(texts) == answered.text if answered.outcome == "answered" else answered.text.startswith("".join(texts))
    )
    return texts, answered


def asked_in_turn(answerer: Answerer, *questions: tuple[str, dict[str, Any]]) -> list[Answered]:
    """Answers of one answerer, one after the other; `stream` says that one is wanted in pieces."""

    async def one(text: str, fields: dict[str, Any]) -> Answered:
        if not fields.pop("stream", False):
            return await answerer.answer(Question(text=text, **fields))
        *pieces, answered = [piece async for piece in answerer.stream(Question(text=text, **fields))]
        assert isinstance(answered, Answered)
        assert answered.outcome != "answered" or "".join(map(str, pieces)) == answered.text
        return answered

    async def all_of_them() -> list[Answered]:
        found = [await one(text, fields) for text, fields in questions]
        await answerer.close()
        return found

    return asyncio.run(all_of_them())
