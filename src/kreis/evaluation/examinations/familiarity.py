"""Are the rows that judge like those that taught? How many of them are strange to the model, and which feature is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from kreis.evaluation.answer_parts.familiarity import Familiarity, fit_familiarity
from kreis.evaluation.examinations.examination import Examined, Finding, Subject, Tell
from kreis.evaluation.intervals import share_estimate

__all__ = ["MeasuredFamiliarity"]


@dataclass(frozen=True, kw_only=True)
class MeasuredFamiliarity:
    """How many of the rows that judge are stranger to the model than all but `share` of the validation rows. Were they
    alike, as many would be as the share says; many more mean that what is asked now is not what was taught.

    Example:

    >>> MeasuredFamiliarity(share=0.01).share
    0.01
    """

    share: float = 0.05

    name: ClassVar[str] = "familiarity"
    asks: ClassVar[str] = "Are the rows that judge like those that taught?"
    by_default: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = ("strange_rows",)

    def lacks(self, subject: Subject) -> str | None:
        """As `Familiarity` does; and rows that teach themselves cannot be strange."""
        if subject.features is not None and subject.features.split.folds:
            return "in a cross-validation all rows that judge teach, too"
        return Familiarity().lacks(subject)

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """How many are strange, and by what."""
        behind = subject.behind
        part, names = fit_familiarity(behind), behind.data.features
        shares, strangest = part.open(lambda digest: b"", names).shares(behind.test.matrix)
        strange = shares <= self.share
        found = share_estimate(strange, subject.blocks, subject.rows, level=subject.level)
        counts = Counter(part.features[place].name for place in strangest[strange].tolist())
        table = [{"feature": name, "rows": count} for name, count in counts.most_common(20)]
        by = f", most often by {table[0]['feature']!r}" if table else ""
        said = (
            f"{found.value:.1%} of the rows that judge are as strange as the strangest {100 * self.share:.4g}% of the"
            f" validation rows{by}"
        )
        serious = found.low > _SERIOUS * self.share
        finding = Finding(measure="strange_rows", estimate=found, said=said, serious=serious)
        return Examined(examination=self.name, findings=[finding], tables={"strangest": table})


_SERIOUS = 4
"""Surely so many times as many strange rows as among the validation rows are worth a person's look."""
