"""What the disciplines of one run share, of tables, feature views and candidates."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from kreis.loop.steps import StepResult
from kreis.training.train import TrainedCandidate
from kreis.ways.results import BuiltTable, JoinedFeatures, LakeTable
from kreis.ways.state import WayState

__all__ = ["TabularState"]


@dataclass(kw_only=True)
class TabularState(WayState):
    """One run's state."""

    tables: dict[str, StepResult[BuiltTable]] = field(default_factory=dict)
    features: dict[str, StepResult[JoinedFeatures]] = field(default_factory=dict)
    """By view name."""

    @property
    def moment(self) -> str:
        """The run's moment as text; of rows that have no times, which are what they are at any moment, the same for
        every run.
        """
        spine = self.project.spine_declaration
        return "any" if spine is not None and spine.timeless else self.context.moment

    @property
    def chosen_in_folds(self) -> list[str]:
        """Of a cross-validation: the candidate that each fold's own validation rows choose."""
        count = min(len(step.output.candidate.folds) for step in self.candidates.values())
        return [self._choice(partial(_in_fold, number=number)).candidate for number in range(count)]

    @property
    def versions(self) -> dict[str, str]:
        """The versions of all sources and tables, as inputs of a step."""
        return {name: self.version_of(name) for name in (*self.sources, *self.tables)}

    def table(self, name: str) -> LakeTable:
        """Where a source or table lies in the lake."""
        return self.sources[name].output if name in self.sources else self.tables[name].output

    def version_of(self, name: str) -> str:
        """A source's or table's version and fingerprint, as an input of a step."""
        return self.table(name).pin


def _in_fold(trained: TrainedCandidate, *, number: int) -> tuple[float, list[tuple[float, int]]]:
    """How a candidate did on the validation rows of a fold."""
    fold = trained.folds[number]
    return fold.value, fold.validation_blocks
