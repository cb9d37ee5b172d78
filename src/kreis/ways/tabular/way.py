"""The tabular way, as the machine sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from kreis.disciplines import Discipline, up_to
from kreis.errors import ProjectError
from kreis.ledger.records import Document, Step
from kreis.loop.verdicts import Verdict
from kreis.loop.way import RunContext
from kreis.project import Project
from kreis.ways import collection
from kreis.ways.deployment import announce
from kreis.ways.results import BuiltTable, CollectedSource, JoinedFeatures, Judged, Trained
from kreis.ways.state import Made
from kreis.ways.tabular import deployment, evaluation, preparation, requirements, training
from kreis.ways.tabular.state import TabularState

__all__ = ["LIBRARIES", "Tabular"]

LIBRARIES: Mapping[Discipline, tuple[str, ...]] = {
    "collection": ("polars",),
    "preparation": ("polars", "numpy"),
    "training": ("polars", "numpy", "scikit-learn", "lightgbm", "onnxmltools", "skl2onnx", "optuna"),
    "evaluation": ("numpy", "onnxruntime"),
}


class Tabular:
    """A project of tables, feature views and candidates.

    Args:
        project: As declared.
        accept: Sources of which the actor accepts that many known rows are gone or changed.

    Raises:
        ProjectError: there is no such source.
    """

    def __init__(self, project: Project, accept: Collection[str] = ()) -> None:
        for name in accept:
            if name not in project.sources:
                raise ProjectError.unknown_name("source", name, project.sources, where="--accept")
        self._project = project
        self._accept = frozenset(accept)

    @property
    def project(self) -> str:
        """The project's name."""
        return self._project.name

    @property
    def goal(self) -> Document:
        """The goal, as the record keeps it."""
        goal = self._project.goal
        body = msgspec.json.encode(goal.to_document(), order="sorted").decode()
        return Document(digest=goal.digest, kind="goal", name=self._project.name, body=body)

    @property
    def performs(self) -> Mapping[Discipline, Callable[[TabularState], Verdict]]:
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
    def announces(self) -> Mapping[Discipline, Callable[[TabularState], str]]:
        """What deployment would do."""
        return {"deployment": announce}

    @property
    def libraries(self) -> Mapping[Discipline, tuple[str, ...]]:
        """What computes each discipline's steps."""
        return LIBRARIES

    def begin(self, context: RunContext) -> TabularState:
        """An empty state."""
        return TabularState(project=self._project, context=context, accept=self._accept)

    def restore(self, context: RunContext, before: Discipline, steps: Sequence[Step]) -> TabularState:
        """What the disciplines before one left, read back.

        Raises:
            ProjectError: the project now declares what the steps did not make.
        """
        made = Made(context, steps)
        state, project, earlier = self.begin(context), self._project, up_to(before)[:-1]
        if "collection" in earlier:
            state.sources = {name: made.step("collection", name, CollectedSource) for name in project.sources}
        if "preparation" in earlier:
            state.tables = {name: made.step("preparation", name, BuiltTable) for name in project.tables}
            views = [each.name for each in project.all_views]
            state.features = {name: made.step("preparation", f"features {name}", JoinedFeatures) for name in views}
        if "training" in earlier:
            state.candidates = {name: made.step("training", name, Trained) for name in project.candidates}
        if "evaluation" in earlier:
            state.evaluation = made.last("evaluation", Judged)
        return state
