"""What the disciplines of one run share, of documents, knowledge bases and candidates that answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kreis.collection.collecting import read_bronze
from kreis.evaluation.choice import Choice, Contender, choose
from kreis.generative.documents.document import Document
from kreis.generative.documents.table import documents_of
from kreis.knowledge.candidates import KnowledgeBase
from kreis.loop.steps import StepResult
from kreis.ways.results import BuiltKnowledge
from kreis.ways.state import WayState

__all__ = ["GenerativeState"]


@dataclass(kw_only=True)
class GenerativeState(WayState):
    """One run's state."""

    indexes: dict[str, StepResult[BuiltKnowledge]] = field(default_factory=dict)
    """By knowledge base."""

    @property
    def choice(self) -> Choice:
        """Which candidate goes on to evaluation: all are compared on the validation questions that each has answered.
        The first few of a part are the same for all.
        """
        found = {name: step.output.candidate for name, step in self.candidates.items()}
        count = min(len(each.validation_blocks) for each in found.values())
        contenders = {}
        for name, (complexity, baseline) in self.project.contenders.items():
            blocks = found[name].validation_blocks[:count]
            value = _mean(blocks)
            contenders[name] = Contender(
                name=name, value=value, blocks=blocks, complexity=complexity, baseline=baseline
            )
        return choose(contenders, self.project.goal.metric.unit)

    def documents(self, base: KnowledgeBase) -> Iterator[Document]:
        """The documents of a knowledge base as of the run's moment, one after the other."""
        source = self.project.sources[base.documents]
        version = self.sources[source.name].output.version
        rows = read_bronze(self.workspace.lake, source, as_of=self.as_of, version=version)
        return documents_of(rows)


def _mean(blocks: Sequence[tuple[float, int]]) -> float:
    return sum(value for value, _ in blocks) / max(sum(rows for _, rows in blocks), 1)
