"""The generative way, as the machine sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kreis.disciplines import Discipline
from kreis.loop.verdicts import Verdict
from kreis.loop.way import RunContext
from kreis.ways import collection
from kreis.ways.generative import deployment, evaluation, preparation, requirements, training
from kreis.ways.generative.state import GenerativeState
from kreis.ways.results import BuiltKnowledge
from kreis.ways.state import Made
from kreis.ways.whole import WholeCircle

__all__ = ["Generative"]

_LIBRARIES: Mapping[Discipline, tuple[str, ...]] = {
    "collection": ("polars",),
    "preparation": ("numpy",),
    "training": ("numpy",),
    "evaluation": ("numpy",),
}


class Generative(WholeCircle[GenerativeState]):
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

    def _restore_preparation(self, state: GenerativeState, made: Made) -> None:
        bases = self._project.knowledge_bases
        state.indexes = {name: made.step("preparation", preparation.step_of(name), BuiltKnowledge) for name in bases}
