"""Does it happen as often as the model says? Reliability with bands, the mean distance, and the calibration line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from kreis.evaluation.calibration.bands import reliability_with_bands
from kreis.evaluation.calibration.questions import each_question, overall_question
from kreis.evaluation.examinations.examination import Examined, Finding, Subject, Tell
from kreis.evaluation.intervals import Estimate, estimate
from kreis.evaluation.support import support
from kreis.tasks.metrics.calibration_error import CalibrationError
from kreis.tasks.metrics.calibration_line import CalibrationIntercept, CalibrationSlope
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.texts import number

__all__ = ["Calibration"]

_WHAT = "expected_calibration_error"
_MOST = 10


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Whether probabilities are as large as it happens often, in all, and for each class or label.

    Args:
        serious_from: A mean distance that is shown to be greater than this is worth a person's look.

    Example:

    >>> Calibration(serious_from=0.02).serious_from
    0.02
    """

    serious_from: float = 0.05

    name: ClassVar[str] = "calibration"
    asks: ClassVar[str] = "Does it happen as often as the model says?"
    by_default: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = (_WHAT, "calibration_slope", "calibration_intercept")

    def lacks(self, subject: Subject) -> str | None:
        """Its scores must be probabilities."""
        rows, names = subject.rows, subject.decision.names
        if overall_question(rows, names) is None and not list(each_question(rows, names, 1)):
            return "its scores are no probabilities"
        return None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """Of all rows the mean distance and the line; of each class and label the mean distance."""
        rows, names = subject.rows, subject.decision.names
        findings, tables, few = [], {}, []
        whole = overall_question(rows, names)
        if whole is not None:
            findings += [*self._distance(whole, subject, ""), *_line(whole, subject)]
            once = whole.once
            bands = reliability_with_bands(once, subject.blocks[: len(once)], level=subject.level)
            tables = {"reliability": bands}
        for name, question in each_question(rows, names, _MOST):
            if support(CalibrationError(), question) < subject.goal.least:
                few.append(name)
            else:
                findings += self._distance(question, subject, name)
        notes = [f"too few rows to judge {', '.join(map(repr, few))} by themselves"] if few else []
        if len(names) > _MOST:
            notes.append(f"of {len(names):,} classes or labels the {_MOST} most frequent ones are shown by themselves")
        if not findings:
            notes.append("nothing could be judged")
        return Examined(examination=self.name, findings=findings, tables=tables, notes=notes)

    def _distance(self, rows: YesNoRows, subject: Subject, of: str) -> Iterator[Finding]:
        found = estimate(CalibrationError(), rows, subject.blocks, level=subject.level)
        if not found.defined:
            return
        what = f"probabilities of {of!r}" if of else "probabilities"
        yield Finding(
            measure=_WHAT,
            said=f"{what} are off by {found.value:.3f} on average ({found.low:.3f} to {found.high:.3f})",
            estimate=found,
            column="class" if of else "",
            group=of,
            serious=not of and found.low > self.serious_from,
        )


def _line(rows: YesNoRows, subject: Subject) -> Iterator[Finding]:
    for metric, neutral, below, above in (
        (CalibrationSlope(), 1.0, "are too extreme", "are too close together"),
        (CalibrationIntercept(), 0.0, "are too high", "are too low"),
    ):
        found: Estimate = estimate(metric, rows, subject.blocks, level=subject.level)
        if not found.defined:
            continue
        unclear = f"are not shown to be wrong: neither that they {below} nor that they {above}"
        what = below if found.high < neutral else above if found.low > neutral else unclear
        ideal = f"{metric.name.replace('_', ' ')} {found}; {number(neutral)} is right"
        yield Finding(measure=metric.name, said=f"probabilities {what} ({ideal})", estimate=found)
