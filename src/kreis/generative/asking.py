"""One question to a language model: asked, checked, asked again with what was wrong."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from kreis.generative.guards.guards import Guards
from kreis.generative.index.index import Hit
from kreis.generative.language_models.model import Completion, Message, ModelError, OpenModel, Spent, Wish
from kreis.generative.output.reading import Reading
from kreis.generative.output.schema import OpenSchema
from kreis.generative.output.validator import Said, Validator
from kreis.generative.prompts.prompt import Example
from kreis.generative.prompts.rendering import OpenPrompt
from kreis.generative.prompts.sections import NO_ANSWER
from kreis.generative.prompts.window import Fitted, fit
from kreis.generative.questions import Outcome

__all__ = ["Asked", "Asking"]

_UNSUPPORTED = f"the passages don't support what it says. Say only what they say, or write only: {NO_ANSWER}"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model."""

    question: str
    passages: Sequence[Hit]
    """Best first, as they are cited."""
    shown: Sequence[Hit]
    """The same, as a model may read them."""
    history: Sequence[Message] = ()
    examples: Sequence[Example] = ()
    tool_results: Sequence[tuple[str, str]] = ()
    tenant: str = ""
    at: int = 0
    deadline_s: float = 30.0
    """For all attempts together."""


class Asking:
    """A question on its way. Iterate over `pieces`; then the other attributes say what came of it.

    Args:
        asked: What is asked.
        prompt: What the model is told.
        model: The model.
        guards: Read each sentence before it leaves.
        schema: What the answer must be; None: free text.
    """

    def __init__(
        self, asked: Asked, *, prompt: OpenPrompt, model: OpenModel, guards: Guards, schema: OpenSchema | None
    ) -> None:
        self._asked, self._prompt, self._model, self._guards, self._schema = asked, prompt, model, guards, schema
        self._until = time.monotonic() + asked.deadline_s
        self._logprob: float | None = None
        self.reading = Reading((), guards)
        """What was said at last, and what of it may be given."""
        self.came: Outcome = "failed"
        self.why = ""
        self.value: Any = None
        """The object, where a schema asks for one."""
        self.spent = Spent()
        """On all attempts; each is counted once, by the model."""
        self.seconds = 0.0
        self.model = ""
        self.dropped = 0

    def confidence(self, retrieval: float) -> float:
        """How sure the answer is, 0 to 1: the geometric mean of how well the passages fit the question, of the measure
        of support of what was said (`Reading.measure`), and, where the model tells it, of the mean probability of its
        tokens (the exponential of the mean log-probability).

        Args:
            retrieval: How well the passages fit, 0 to 1.
        """
        parts = [retrieval, self.reading.measure]
        if self._logprob is not None:
            parts.append(min(1.0, math.exp(self._logprob)))
        return math.prod(parts) ** (1 / len(parts))

    async def pieces(self, *, stream: bool) -> AsyncIterator[str]:
        """What may be given, as it is known: sentence by sentence where the answer is free text and nothing is demanded
        of it as a whole; else all at once.

        Nothing that was given is taken back. While nothing was, a wrong answer is asked for again; after that, the
        answer ends with what was given.

        Args:
            stream: Whether pieces are wanted before the answer is whole.
        """
        stream = stream and self._schema is None and not self._prompt.prompt.validators
        further: list[Message] = []
        for _ in range(self._prompt.prompt.retries + 1):
            fitted = self._fitted(further)
            if fitted is None:
                self.came, self.why = "failed", "instructions and question don't fit into the model's window"
                return
            self.reading = Reading(self._asked.passages[: len(fitted.passages)], self._guards)
            started, completion = time.perf_counter(), None
            try:
                async for told in self._told(fitted, stream=stream):
                    if isinstance(told, Completion):
                        completion = told
                        continue
                    for piece in self.reading.more(told, whole=False):
                        yield piece
            except ModelError as error:
                self._broke_off(error)
                return
            finally:
                self.seconds += time.perf_counter() - started
            assert completion is not None
            self._count(completion)
            already = len(self.reading.given)
            pieces, problem = self._read(completion)
            if problem is None or already:
                for piece in pieces:
                    yield piece
                return
            further = self._prompt.again(completion.text, problem)

    def _fitted(self, further: Sequence[Message]) -> Fitted | None:
        asked = self._asked
        fitted = fit(
            self._prompt,
            asked.question,
            window=self._model.window,
            count=self._model.count,
            passages=asked.shown,
            history=asked.history,
            examples=asked.examples,
            tool_results=asked.tool_results,
            further=further,
            at=asked.at,
        )
        self.dropped = fitted.dropped if fitted is not None else len(asked.shown)
        return fitted

    async def _told(self, fitted: Fitted, *, stream: bool) -> AsyncIterator[str | Completion]:
        """All that the model has said so far, each time that it grows; at the end the completion."""
        wish = Wish(
            messages=fitted.messages,
            schema=self._prompt.prompt.schema,
            most_tokens=self._prompt.prompt.most_tokens,
            deadline_s=max(0.001, self._until - time.monotonic()),
            tenant=self._asked.tenant,
        )
        if not stream:
            yield await self._model.complete(wish)
            return
        text = ""
        async for piece in self._model.stream(wish):
            if isinstance(piece, Completion):
                yield piece
            else:
                text += piece
                yield text

    def _count(self, completion: Completion) -> None:
        self.spent += completion.spent
        self.model, self._logprob = completion.model, completion.logprob

    def _broke_off(self, error: ModelError) -> None:
        self.spent += error.spent
        if self.reading.given:
            self.came, self.why = "answered", f"it ends early: {error}"
        else:
            self.came, self.why = "failed", str(error)

    def _read(self, completion: Completion) -> tuple[list[str], str | None]:
        """What of a whole answer may be given, and what is wrong with it; `came` and `why` say what follows."""
        reading, problem = self.reading, None
        pieces: list[str] = []
        if self._schema is None:
            pieces = reading.more(completion.text, whole=True, cut=completion.finish == "length")
        else:
            self.value, problem = self._schema.read(completion.text)
            if problem is None:
                problem = reading.object(self.value, self._schema.text_field)
                pieces = [reading.text]
        if reading.refused:
            self.came, self.why, self.value = "refused", reading.refused, None
            return [], None
        if problem is None and reading.given:
            problem = self._unsatisfied()
        if problem is not None:
            self.came, self.why, self.value = "failed", problem, None
            return [], problem
        if reading.given:
            self.came, self.why = "answered", self._remarks(completion)
            return pieces, None
        self.came, self.value = "abstained", None
        self.why = "the model found no answer in the passages" if reading.none else "no passage supports what it said"
        return [], None if reading.none else _UNSUPPORTED

    def _unsatisfied(self) -> str | None:
        """What the first validator finds that finds something."""
        passages = self._asked.passages
        value = self.reading.text if self._schema is None else self.value
        said = Said(value=value, question=self._asked.question, passages=passages)
        validators: Sequence[Validator] = self._prompt.prompt.validators
        found = (validator.problem(said) for validator in validators)
        return next((problem for problem in found if problem is not None), None)

    def _remarks(self, completion: Completion) -> str:
        """What is to be known of an answer that is given."""
        remarks = [completion.fell_back, completion.alert]
        if completion.finish == "length":
            remarks.append(f"it was cut off at {self._prompt.prompt.most_tokens} tokens")
        if self.reading.left_out:
            all_of_it = self.reading.left_out + len(self.reading.given)
            remarks.append(f"left out {self.reading.left_out} of {all_of_it} sentences: no passage supports them")
        return "; ".join(remark for remark in remarks if remark)
