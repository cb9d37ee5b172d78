"""The generative way, as the machine sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kreis.disciplines import Discipline, up_to
from kreis.ledger.records import Step
from kreis.loop.verdicts import Verdict
from kreis.loop.way import RunContext
from kreis.ways import collection
from kreis.ways.generative import deployment, evaluation, preparation, requirements, training
from kreis.ways.generative.state import GenerativeState
from kreis.ways.results import BuiltKnowledge, CollectedSource, Judged, Trained
from kreis.ways.state import Made
from kreis.ways.whole import WholeCircle

__all__ = ["Generative"]

_LIBRARIES: Mapping[Discipline, tuple[str, ...]] = {
    "collection": ("polars",),
    "preparation": ("numpy",),
    "training": ("numpy",),
    "evaluation": ("numpy",),
}


class Generative(WholeCircle):
    """A project of documents, knowledge bases and candidates that answer questions."""

    @property
    def performs(self) -> Mapping[Discipline, Callable[[GenerativeState], Verdict]]:
        """What each discipline does."""
        return {
            "requirements": requirements.perform,
            "collection": collection.perform,
            "preparation": preparation.perform,
            "training": training.perform,
            "evaluation": evaluation.perform,
            "deployment": deployment.perform,
        }

    @property
    def libraries(self) -> Mapping[Discipline, tuple[str, ...]]:
        """What computes each discipline's steps."""
        return _LIBRARIES

    def begin(self, context: RunContext) -> GenerativeState:
        """An empty state."""
        return GenerativeState(project=self._project, context=context, accept=self._accept)

    def restore(self, context: RunContext, before: Discipline, steps: Sequence[Step]) -> GenerativeState:
        """What the disciplines before one left, read back.

        Raises:
            ProjectError: the project now declares what the steps did not make.
        """
        made = Made(context, steps)
        state, project, earlier = self.begin(context), self._project, up_to(before)[:-1]
        if "collection" in earlier:
            state.sources = {name: made.step("collection", name, CollectedSource) for name in project.sources}
        if "preparation" in earlier:
            state.indexes = {
                name: made.step("preparation", preparation.step_of(name), BuiltKnowledge)
                for name in project.knowledge_bases
            }
        if "training" in earlier:
            state.candidates = {name: made.step("training", name, Trained) for name in project.answerers}
        if "evaluation" in earlier:
            state.evaluation = made.last("evaluation", Judged)
        return state
