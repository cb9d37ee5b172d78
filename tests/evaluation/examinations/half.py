"""An examination for tests: how often the model decides yes, overall and in each group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.evaluation.examinations.examination import Examined, Finding, Subject, Tell
from kreis.evaluation.intervals import mean_estimate
from kreis.tracking.here import log_artifact


@dataclass(frozen=True)
class Half:
    """Asked where it is wanted."""

    name: ClassVar[str] = "half"
    asks: ClassVar[str] = "Does it say yes to half of them?"
    by_default: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("share_of_yes",)
    worth_a_look: float = 2.0
    """From which share on it is serious."""

    def lacks(self, subject: Subject) -> str | None:
        return None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        yes = np.asarray(subject.rows.decisions > 0, dtype=np.float64)
        groups = {("", ""): np.ones(len(yes), dtype=bool)}
        for column, found in subject.groups.items():
            groups |= {(column, label): found.codes == code for code, label in enumerate(found.labels)}
        findings = []
        for (column, group), rows in groups.items():
            share = mean_estimate(yes[rows], subject.blocks[rows], bounds=(0.0, 1.0), level=subject.level)
            said = f"It says yes to {share} of {group or 'all'}."
            serious = share.value >= self.worth_a_look
            findings.append(
                Finding(measure="share_of_yes", said=said, estimate=share, column=column, group=group, serious=serious)
            )
        log_artifact("counted.txt", str(len(yes)))
        return Examined(examination=self.name, findings=findings, notes=["counted, not sampled"])
