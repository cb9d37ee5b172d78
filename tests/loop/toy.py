"""A way that is not tabular: words are gathered from a file, and judged by their number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kreis.code import Code
from kreis.digests import digest_of
from kreis.disciplines import Discipline
from kreis.errors import ProjectError
from kreis.ledger.records import Document, Step
from kreis.loop.steps import StepOutput, StepResult, result_of
from kreis.loop.verdicts import Advance, SendBack, Verdict
from kreis.loop.way import RunContext

GOAL = Document(digest=digest_of(b"many words"), kind="goal", name="words", body="many words")


CODE = Code()
"""The user's code that gathers."""


class Gathered(StepOutput, frozen=True, kw_only=True):
    words: list[str]
    text: str
    """The digest of the file."""


class Counted(StepOutput, frozen=True, kw_only=True):
    count: int


@dataclass
class WordState:
    context: RunContext
    gathered: StepResult[Gathered] | None = None


class Words:
    """Two disciplines: `preparation` gathers words, `evaluation` wants enough of them."""

    project = "words"
    goal = GOAL
    libraries: Mapping[Discipline, tuple[str, ...]] = {}

    def __init__(self, file: Path, *, enough: int = 3) -> None:
        self.file, self.enough = file, enough
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens outside while it is judged."""
        self.verdict: Verdict | None = None
        """What evaluation says, whatever it counts."""
        self.done: list[str] = []

    @property
    def performs(self) -> Mapping[Discipline, Callable[[WordState], Verdict]]:
        return {"preparation": self.gather, "evaluation": self.judge}

    @property
    def announces(self) -> Mapping[Discipline, Callable[[WordState], str]]:
        return {}

    def begin(self, context: RunContext) -> WordState:
        return WordState(context)

    def restore(self, context: RunContext, before: Discipline, steps: Sequence[Step]) -> WordState:
        made = {step.name: step for step in steps}
        if "words" not in made:
            raise ProjectError("no words were gathered")
        return WordState(context, result_of(made["words"], Gathered))

    def gather(self, state: WordState) -> Verdict:
        text = self.file.read_text()

        def compute(key: str) -> Gathered:
            self.done.append("gather")
            if "illegible" in text:
                raise ValueError(text)
            return Gathered(words=text.split(), text=digest_of(text.encode()))

        try:
            state.gathered = state.context.memory.step(
                "preparation",
                "words",
                code=CODE,
                parameters={},
                inputs={"file": digest_of(text.encode())},
                result=Gathered,
                compute=compute,
            )
        except ValueError as error:
            self.meanwhile()
            return SendBack(to="preparation", reason=str(error))
        return Advance(summary=f"{len(state.gathered.output.words)} words")

    def judge(self, state: WordState) -> Verdict:
        assert state.gathered is not None
        words = state.gathered.output.words

        def compute(key: str) -> Counted:
            self.done.append("judge")
            return Counted(count=len(words))

        counted = state.context.memory.step(
            "evaluation",
            "count",
            parameters={"enough": self.enough},
            inputs={"words": state.gathered.output.text},
            result=Counted,
            compute=compute,
        )
        if not state.context.memory.planning:
            self.meanwhile()
        if self.verdict is not None:
            return self.verdict
        if counted.output.count < self.enough:
            return SendBack(to="preparation", reason=f"{counted.output.count} words are too few")
        return Advance(summary="enough")
