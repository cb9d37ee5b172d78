"""The tabular way, as the machine sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kreis.disciplines import Discipline
from kreis.loop.verdicts import Verdict
from kreis.loop.way import RunContext
from kreis.ways import collection
from kreis.ways.results import BuiltTable, JoinedFeatures
from kreis.ways.state import Made
from kreis.ways.tabular import deployment, evaluation, preparation, requirements, training
from kreis.ways.tabular.state import TabularState
from kreis.ways.whole import WholeCircle

__all__ = ["LIBRARIES", "Tabular"]

LIBRARIES: Mapping[Discipline, tuple[str, ...]] = {
    "collection": ("polars",),
    "preparation": ("polars", "numpy"),
    "training": ("polars", "numpy", "scikit-learn", "lightgbm", "onnxmltools", "skl2onnx", "optuna"),
    "evaluation": ("numpy", "onnxruntime"),
}


class Tabular(WholeCircle[TabularState]):
    """A project of tables, feature views and candidates."""

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
        return TabularState(project=self._project, context=context, accept=self._accept)

    def _restore_preparation(self, state: TabularState, made: Made) -> None:
        project = self._project
        state.tables = {name: made.step("preparation", name, BuiltTable) for name in project.tables}
        views = [each.name for each in project.all_views]
        state.features = {name: made.step("preparation", f"features {name}", JoinedFeatures) for name in views}
