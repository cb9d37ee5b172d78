"""One question to a language model: asked, checked, asked again with what was wrong."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from kreis.digests import digest_of
from kreis.generative.guards.guards import Guards
from kreis.generative.index.index import Hit
from kreis.generative.language_models.model import Anew, Completion, Message, ModelError, OpenModel, Spent, Wish
from kreis.generative.output.reading import Reading
from kreis.generative.output.schema import OpenSchema, without_fence
from kreis.generative.output.validator import Said, Validator
from kreis.generative.prompts.prompt import Example
from kreis.generative.prompts.rendering import OpenPrompt
from kreis.generative.prompts.sections import NO_ANSWER
from kreis.generative.prompts.window import Fitted, fit
from kreis.generative.questions import Outcome, Question, Verdict
from kreis.generative.tools.spec import ToolCaller, ToolResult, ToolSpec
from kreis.texts import counted

__all__ = ["Asked", "Asking"]

_MOST_CALLS = 3
"""Of tools, for one question."""
_MAY_CALL = ("{", "`", "[", "")
"""How what may become a call of a tool begins."""

_UNSUPPORTED = f"the passages don't support what it says. Say only what they say, or write only: {NO_ANSWER}"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model."""

    text: str
    """The question as a model may read it."""
    passages: Sequence[Hit]
    """Best first, as they are cited."""
    shown: Sequence[Hit]
    """The same, as a model may read them."""
    question: Question
    """Who asks."""
    history: Sequence[Message] = ()
    examples: Sequence[Example] = ()
    tools: Sequence[ToolSpec] = ()
    """What the model may ask for."""
    deadline_s: float = 30.0
    """For all attempts together."""


class _Call(msgspec.Struct, forbid_unknown_fields=True):
    """What a model writes to use a tool."""

    tool: str
    arguments: dict[str, Any] = {}


class Asking:
    """A question on its way. Iterate over `pieces`; then the other attributes say what came of it.

    Args:
        asked: What is asked.
        prompt: What the model is told.
        model: The model.
        guards: Read each sentence before it leaves.
        schema: What the answer must be; None: free text.
        tools: Runs what the model asks for.
    """

    def __init__(
        self,
        asked: Asked,
        *,
        prompt: OpenPrompt,
        model: OpenModel,
        guards: Guards,
        schema: OpenSchema | None,
        tools: ToolCaller | None,
    ) -> None:
        self._asked, self._prompt, self._model, self._guards, self._schema = asked, prompt, model, guards, schema
        self._tools = tools if asked.tools else None
        self._until = time.monotonic() + asked.deadline_s
        self._logprob: float | None = None
        self.reading = Reading((), guards)
        """What was said at last, and what of it may be given."""
        self.came: Outcome = "failed"
        self.why = ""
        self.fell_back = False
        """Whether another model of a chain answered than the first."""
        self.unsupported = False
        """Whether it abstains because no passage supports what the model said."""
        self.value: Any = None
        """The object, where a schema asks for one."""
        self.spent = Spent()
        """On all attempts; each is counted once, by the model."""
        self.seconds = 0.0
        self.model = ""
        self.dropped = 0
        self.passages: Sequence[Hit] = ()
        """What the model was shown, in the order of their numbers; results of tools last."""
        self.tool_results: list[ToolResult] = []
        self.verdicts: list[Verdict] = []

    def confidence(self, retrieval: float) -> float:
        """How sure the answer is, 0 to 1: the geometric mean of how well the passages fit the question, of the measure
        of support of what was said (`Reading.measure`), and, where the model tells it, of the mean probability of its
        tokens (the exponential of the mean log-probability). Where it rests on what a tool said, how well the passages
        fit is left out.
        """
        found = len(self.passages) - len(self.tool_results)
        by_tool = any(citation.number > found for citation in self.reading.citations)
        parts = [self.reading.measure] if by_tool else [retrieval, self.reading.measure]
        if self._logprob is not None:
            parts.append(min(1.0, math.exp(self._logprob)))
        return math.prod(parts) ** (1 / len(parts))

    async def pieces(self, *, stream: bool) -> AsyncIterator[str]:
        """What may be given, as it is known: sentence by sentence where the answer is free text and nothing is demanded
        of it as a whole; else all at once.

        Nothing that was given is taken back. While nothing was, a wrong answer is asked for again; after that, the
        answer ends with what was given.
        """
        stream = stream and self._schema is None and not self._prompt.prompt.validators
        further: list[Message] = []
        tries, calls = self._prompt.prompt.retries + 1, _MOST_CALLS if self._tools is not None else 0
        while tries:
            fitted = self._fitted(further)
            if fitted is None:
                self.came, self.why = "failed", "instructions and question don't fit into the model's window"
                return
            self.reading = Reading(self.passages, self._guards)
            started, completion = time.perf_counter(), None
            try:
                async for piece in self._attempt(fitted, stream=stream, may_call=calls > 0):
                    if isinstance(piece, Completion):
                        completion = piece
                    else:
                        yield piece
            except ModelError as error:
                self._broke_off(error)
                return
            finally:
                self.seconds += time.perf_counter() - started
            assert completion is not None
            self._count(completion)
            if calls and (call := _call_of(completion.text)) is not None:
                calls -= 1
                await self._run(call)
                continue
            pieces, problem = self._read(completion)
            for piece in pieces:
                yield piece
            if problem is None:
                return
            tries -= 1
            further = self._prompt.again(completion.text, problem)

    async def _run(self, call: _Call) -> None:
        """Run a tool; what it says is data, and may be cited."""
        assert self._tools is not None
        result = await self._tools.call(call.tool, call.arguments, self._asked.question)
        text, verdicts = self._guards.tool_result(result.text)
        self.verdicts += verdicts
        self.tool_results.append(msgspec.structs.replace(result, text=text))

    def _fitted(self, further: Sequence[Message]) -> Fitted | None:
        asked = self._asked
        fitted = fit(
            self._prompt,
            asked.text,
            window=self._model.window,
            count=self._model.count,
            passages=asked.shown,
            history=asked.history,
            examples=asked.examples,
            tool_results=self.tool_results,
            tools=asked.tools if self._tools is not None else (),
            further=further,
            at=asked.question.at,
        )
        self.dropped = fitted.dropped if fitted is not None else len(asked.shown)
        kept = asked.passages[: len(asked.passages) - self.dropped]
        self.passages = (*kept, *(_hit_of(number, result) for number, result in enumerate(self.tool_results)))
        return fitted

    async def _attempt(self, fitted: Fitted, *, stream: bool, may_call: bool) -> AsyncIterator[str | Completion]:
        """One request: what may be given while it is answered, and the completion last."""
        wish = Wish(
            messages=fitted.messages,
            schema=self._prompt.prompt.schema if self._tools is None else None,
            most_tokens=self._prompt.prompt.most_tokens,
            deadline_s=max(0.001, self._until - time.monotonic()),
            kind=self._asked.question.kind,
            tenant=self._asked.question.access.tenant,
            anew=True,
        )
        if not stream:
            yield await self._model.complete(wish)
            return
        text = ""
        async with aclosing(self._model.stream(wish)) as items:
            async for told in items:
                if isinstance(told, Completion):
                    yield told
                    continue
                if isinstance(told, Anew):
                    if self.reading.given or self.reading.refused:  # another model would say something else
                        raise ModelError(told.why, spent=told.spent)
                    text, self.reading = "", Reading(self.passages, self._guards)
                    continue
                text += told
                if not (may_call and text.lstrip()[:1] in _MAY_CALL):
                    for piece in self.reading.more(text, whole=False):
                        yield piece

    def _count(self, completion: Completion) -> None:
        self.spent += completion
        self.model, self._logprob = completion.model, completion.logprob
        self.fell_back = bool(completion.fell_back)

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
        self.came, self.value, self.unsupported = "abstained", None, not reading.none
        self.why = "the model found no answer in the passages" if reading.none else "no passage supports what it said"
        return [], None if reading.none else _UNSUPPORTED

    def _unsatisfied(self) -> str | None:
        """What the first validator finds that finds something."""
        value = self.reading.text if self._schema is None else self.value
        said = Said(value=value, question=self._asked.text, passages=self.passages)
        validators: Sequence[Validator] = self._prompt.prompt.validators
        found = (validator.problem(said) for validator in validators)
        return next((problem for problem in found if problem is not None), None)

    def _remarks(self, completion: Completion) -> str:
        """What is to be known of an answer that is given."""
        remarks = [completion.fell_back, completion.alert]
        if completion.finish == "length":
            remarks.append(f"it was cut off at {counted(self._prompt.prompt.most_tokens, 'token')}")
        if self.reading.left_out:
            all_of_it = self.reading.left_out + len(self.reading.given)
            remarks.append(f"left out {self.reading.left_out} of {all_of_it} sentences: no passage supports them")
        return "; ".join(remark for remark in remarks if remark)


def _call_of(text: str) -> _Call | None:
    """The tool that an answer asks for; None where it is an answer."""
    try:
        return msgspec.json.decode(without_fence(text), type=_Call)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def _hit_of(number: int, result: ToolResult) -> Hit:
    """What a tool said, as a passage that can be cited."""
    version, document = digest_of(result.text.encode()), f"tool {result.tool}"
    return Hit.whole(
        result.text, chunk=-1 - number, document=document, version=version, title=result.tool, source="tool"
    )
