"""Does the model treat groups of people alike, and could it tell them apart by what it reads?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kreis.evaluation.examinations.examination import Examined, FeatureRows, Finding, Subject, Tell
from kreis.evaluation.fairness import findings
from kreis.evaluation.fairness.findings import Compared
from kreis.evaluation.fairness.proxies import binned, told_by
from kreis.evaluation.fairness.seen import seen
from kreis.evaluation.fairness.together import compared
from kreis.evaluation.intervals import estimate
from kreis.evaluation.slices import Groups
from kreis.tasks.metrics.auc import Auc, area
from kreis.tasks.metrics.yes_no import YesNoRows

__all__ = ["Fairness"]

_SAMPLE = 20_000
_TOLD_OF = 5
_SHOWN = 3


@dataclass(frozen=True)
class Fairness:
    """Compares the groups of the columns that were declared to judge by, and of each two of them together.

    A missing group is a group. Ratios compare a group with the rest of the rows, differences the two groups that are
    furthest apart (as fairlearn does). Proxies: how well the features tell a group, by an additive model.

    Example:

    >>> Fairness(by=("sex", "race"), pairs=False).name
    'fairness'
    """

    name: ClassVar[str] = "fairness"
    asks: ClassVar[str] = "Does it treat groups of people alike?"
    by_default: ClassVar[bool] = True
    measures: ClassVar[tuple[str, ...]] = (*findings.MEASURES, "proxy_auc")
    by: tuple[str, ...] = ()
    """Columns; those that were declared to judge by, if none is given."""
    pairs: bool = True
    """Whether the groups of each two columns are looked at, too."""
    least: int | None = None
    """Rows that a group needs; the goal's `least`, if not given."""

    def lacks(self, subject: Subject) -> str | None:
        """Where no column to judge by is declared, or groups cannot get more or less of anything."""
        if not self._columns(subject):
            return "no column is declared to judge by: judge_by of the rows, or a guardrail's by"
        if not seen(subject.rows, subject.goal)[0]:
            return "its decisions are nothing that one group gets more of than another"
        return None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """Compare the groups of each column and of each two, then tell what gives the groups away.

        Args:
            subject: What is examined.
            tell: Not told: it takes less than a second.
        """
        least = subject.goal.least if self.least is None else self.least
        options: dict[str, Any] = {"least": least, "pairs": self.pairs, "repeats": subject.rows.repeats}
        columns, notes = compared(subject.groups, self._columns(subject), **options)
        notes += [f"{name!r} is not declared to judge by" for name in self.by if name not in subject.groups]
        given, left = seen(subject.rows, subject.goal)
        notes += [left] if left else []
        notes += [f"of {len(given)} classes the worst is told; the table 'classes' has all"] if len(given) > 1 else []
        tables: dict[str, list[dict[str, Any]]] = {}
        found: list[Finding] = []
        for name, groups in columns.items():
            own = Compared(
                name=name,
                groups=groups,
                rows=subject.rows,
                blocks=subject.blocks,
                least=least,
                level=subject.level,
                classes=len(given),
                crossed=name not in subject.groups,
                tables=tables,
            )
            told = [finding for each in given for finding in own.findings(each)]
            found += own.worst_of_classes(told) if len(given) > 1 else told
            self._tell_calibration(subject, name, groups, tables)
        if subject.features is not None:
            single = {name: groups for name, groups in columns.items() if name in subject.groups}
            told, sampled = _proxies(subject, subject.features, single, tables)
            found += told
            notes += [sampled] if sampled else []
        if not found:
            notes.append("no rate has two groups with enough rows")
        return Examined(examination=self.name, findings=found, tables=tables, notes=notes)

    def _columns(self, subject: Subject) -> list[str]:
        asked = self.by or [name for name in subject.judge_by if name != subject.outcome_column]
        return [name for name in asked if name in subject.groups]

    @staticmethod
    def _tell_calibration(subject: Subject, name: str, groups: Groups, tables: dict[str, list[dict[str, Any]]]) -> None:
        """The reliability diagram of each group."""
        for code, label in enumerate(groups.labels):
            bins = subject.task.reliability(subject.rows.where(groups.codes == code))
            if bins:
                tables.setdefault("calibration", []).extend({"column": name, "group": label, **each} for each in bins)


def _proxies(
    subject: Subject, behind: FeatureRows, columns: dict[str, Groups], tables: dict[str, list[dict[str, Any]]]
) -> tuple[list[Finding], str]:
    """Of each column the group that the features tell best, and the features that tell it best alone."""
    count = len(subject.rows) // subject.rows.repeats
    places = np.arange(count) if count <= _SAMPLE else np.linspace(0, count - 1, _SAMPLE).astype(np.intp)
    bins = binned(behind.data.matrix[behind.split.judging[places]])
    features, found = behind.data.features, []
    for name, groups in columns.items():
        codes = groups.codes[places]
        sizes = np.bincount(codes[codes >= 0], minlength=len(groups.labels))
        largest = np.argsort(-sizes, kind="stable")[: 1 if len(groups.labels) == 2 else _TOLD_OF].tolist()
        members = {code: codes == code for code in largest if 0 < sizes[code] < len(codes)}
        told = {code: told_by(bins, member) for code, member in members.items()}
        areas = {code: area(each.scores, members[code]) for code, each in told.items()}
        if not areas:
            continue
        best = max(areas, key=areas.__getitem__)
        scores, alone = told[best]
        rows = YesNoRows(members[best], scores, scores >= 0.5, blocks_are=subject.rows.blocks_are)
        level = 1 - (1 - subject.level) / len(areas)  # the best of several
        measured = estimate(Auc(), rows, subject.blocks[places], level=level)
        order = np.argsort(-alone, kind="stable")
        label, most = groups.labels[best], [features[place] for place in order[:_SHOWN]]
        by = ", ".join(f"{features[place]} alone {alone[place]:.2f}" for place in order[:_SHOWN])
        said = f"The features tell {name} {label!r} from the rest with an AUC of"
        shown = f"{measured.value:.2f} ({measured.low:.2f} to {measured.high:.2f}); {by}."
        found.append(
            Finding(
                measure="proxy_auc",
                said=f"{said} {shown}",
                estimate=measured,
                column=name,
                group=label,
                detail={"features": most},
            )
        )
        tables.setdefault("proxies", []).extend(
            {"column": name, "group": label, "feature": features[place], "auc": float(alone[place])} for place in order
        )
    sampled = f"what gives groups away was looked for in {_SAMPLE:,} of {count:,} rows" if count > _SAMPLE else ""
    return found, sampled
