"""What the disciplines of one run share, of documents, knowledge bases and candidates that answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kreis.collection.collecting import read_bronze
from kreis.errors import ProjectError
from kreis.evaluation.choice import FEWEST, Choice, Contender, choose
from kreis.generative.documents.document import Document
from kreis.generative.documents.table import documents_of
from kreis.knowledge.candidates import KnowledgeBase
from kreis.loop.steps import StepResult
from kreis.training.train import TrainedCandidate
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
        """Which candidate goes on to evaluation. Those that answered all validation questions are compared first; one
        that answered some is then compared on those with the one that was chosen. The first few questions are the same
        for all; by fewer than five nothing is preferred.
        """
        found = {name: step.output.candidate for name, step in self.candidates.items()}
        counts = {name: len(each.validation_blocks) for name, each in found.items()}
        baselines = {name for name, (_, baseline) in self.project.contenders.items() if baseline}
        enough = {name: count for name, count in counts.items() if count >= FEWEST}
        enough = enough if enough.keys() - baselines else counts
        chosen: Choice | None = None
        for count in sorted(set(enough.values()), reverse=True):
            names = {name for name in enough if enough[name] == count}
            if chosen is not None:
                names |= {chosen.candidate, *(name for name in baselines if counts[name] >= count)}
            contenders = {name: self._contender(name, found[name], count) for name in found if name in names}
            chosen = choose(contenders, self.project.goal.metric.unit)
        if chosen is None:
            raise ProjectError("there is no candidate", where=str(self.project.folder))
        return chosen

    def _contender(self, name: str, trained: TrainedCandidate, count: int) -> Contender:
        """A candidate on the first validation questions."""
        complexity, baseline = self.project.contenders[name]
        blocks = trained.validation_blocks[:count]
        return Contender(name=name, value=_mean(blocks), blocks=blocks, complexity=complexity, baseline=baseline)

    def documents(self, base: KnowledgeBase) -> Iterator[Document]:
        """The documents of a knowledge base as of the run's moment, one after the other."""
        source = self.project.sources[base.documents]
        version = self.sources[source.name].output.version
        rows = read_bronze(self.workspace.lake, source, as_of=self.as_of, version=version)
        return documents_of(rows)


def _mean(blocks: Sequence[tuple[float, int]]) -> float:
    return sum(value for value, _ in blocks) / max(sum(rows for _, rows in blocks), 1)
