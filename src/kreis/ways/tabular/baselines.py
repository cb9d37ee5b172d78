"""The baseline beside a model in service: what it would have decided on the same rows, from the logged features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.evaluation.evaluate import EvaluationReport
from kreis.generative.pipeline import Pipeline
from kreis.ledger.records import Step
from kreis.models.scoring import Scorer
from kreis.monitoring.traffic import asked_together, columns_of_groups, feature_matrix, logged_texts
from kreis.tasks.decisions import Decision
from kreis.ways.results import Trained
from kreis.workspace import Workspace

__all__ = ["Baseline", "baseline_of"]


@dataclass(frozen=True)
class Baseline:
    """A baseline as it was trained beside the model."""

    name: str
    features: tuple[str, ...]
    decision: Decision
    scorer: Scorer
    texts: Mapping[str, str]
    """Of the features that it reads as texts, the field of each."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the log that hold its texts, and say which rows are decided among each other, where it asks."""
        return tuple({*columns_of_groups(self.decision.within), *(["fields"] if self.texts else [])})

    def decisions(self, rows: pl.DataFrame, layouts: Mapping[str, Sequence[str]]) -> Floats:
        """Of rows of the log, shape (n,): as numbers, NaN where its features were not logged."""
        decided = np.full(len(rows), np.nan)
        if not len(rows):
            return decided
        matrix, whole = feature_matrix(rows, self.features, layouts)
        shown = rows.filter(pl.Series(whole))
        texts, groups = logged_texts(shown, self.texts), asked_together(shown, self.decision.within)
        scores = self.scorer.score(np.ascontiguousarray(matrix[whole], dtype=np.float32), texts)
        decided[whole] = self.decision.among(groups).many(scores)
        return decided


def baseline_of(workspace: Workspace, report: EvaluationReport, steps: Sequence[Step]) -> Baseline | None:
    """The baseline that came nearest to a model when it was evaluated; None where it was compared with none.

    Args:
        workspace: Holds what was trained.
        report: The model's evaluation.
        steps: Those of its run.
    """
    compared = {each.name: each for each in report.others if each.digest is None and each.name in report.differences}
    trained = {step.name: step for step in steps if step.discipline == "training" and step.name in compared}
    if not trained:
        return None
    name = max(trained, key=lambda each: compared[each].metrics["value"].value)
    found = Trained.from_document(trained[name].outputs).opened(workspace.artifacts)
    if isinstance(found.form, Pipeline):  # what it would have answered, nobody knows
        return None
    return Baseline(
        name=name, features=found.features, decision=found.decision, scorer=found.scorer(), texts=found.texts
    )
