"""The tabular way, as the machine sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec

from kreis.errors import ProjectError
from kreis.ledger.records import Document
from kreis.loop.verdicts import Discipline, Verdict
from kreis.loop.way import RunContext
from kreis.project import Project
from kreis.ways.tabular import collection, deployment, evaluation, preparation, requirements, training
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
        accept: Sources of which the actor accepts that many known rows are gone or otherwise.

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
    def libraries(self) -> Mapping[Discipline, tuple[str, ...]]:
        """What computes each discipline's steps."""
        return LIBRARIES

    def begin(self, context: RunContext) -> TabularState:
        """An empty state."""
        return TabularState(
            project=self._project,
            workspace=context.workspace,
            as_of=context.as_of,
            run=context.run,
            memory=context.memory,
            accept=self._accept,
        )
