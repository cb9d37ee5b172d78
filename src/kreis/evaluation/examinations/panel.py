"""Panel: do people call the answers right? A sample of the answers that were given is labelled by several people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from kreis.errors import ProjectError
from kreis.evaluation.examinations.examination import Examined, Finding, Subject, Tell
from kreis.texts import counted, number

__all__ = ["Panel"]

_ONLY_ANSWERS = "people are asked of answers from documents, in a run; see project.examine(Panel(…))"
_TENTATIVE = 0.667
"""Below this alpha not even tentative conclusions are drawn (Krippendorff 2004, Reliability in content analysis)."""


@dataclass(frozen=True)
class Panel:
    """Some of the answers that the chosen candidate gave are put into a review queue; a run waits until they are
    labelled. So many are drawn at once, and none is counted before all are: looking earlier would find what it wishes.

    Example:

    >>> Panel("answers", answers=60).per_item
    2
    """

    queue: str = "answers"
    """Its name: `kreis reviews next answers`. It is made where there is none."""
    answers: int = 40
    """How many answers people look at; all where fewer were given."""
    labels: Sequence[str] = ("right", "wrong")
    """What may be said; the first one says that an answer is right."""
    per_item: int = 2
    """How many people label each answer."""

    name: ClassVar[str] = "panel"
    asks: ClassVar[str] = "Do people call the answers right?"
    by_default: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("panel_correct", "people_agree")

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ProjectError: fewer than two answers, one label, or no reviewer.
        """
        object.__setattr__(self, "labels", tuple(self.labels))
        if self.answers < 2 or self.per_item < 1 or len(set(self.labels)) < 2:
            hint = 'Panel("answers", answers=40, labels=["right", "wrong"], per_item=2)'
            raise ProjectError("a panel needs two answers, two labels and a reviewer", where="Panel", hint=hint)

    def lacks(self, subject: Subject) -> str | None:
        """Where nobody has been asked, or not all is labelled yet, and what to do."""
        found = subject.reviewed
        if found is None:
            return _ONLY_ANSWERS
        if found.asked < 2:
            return f"{counted(found.asked, 'answer was', 'answers were')} given, and people judge two or more"
        if found.disputed:
            shown = ", ".join(found.disputed[:3])
            hint = f"kreis reviews settle {self.queue} ITEM LABEL --because …"
            return f"people differ on {counted(len(found.disputed), 'answer')} ({shown}); {hint}"
        if found.done < found.asked:
            hint = f"kreis reviews next {self.queue} --as NAME --out FILE"
            return f"{found.done:,} of {found.asked:,} answers are reviewed; {hint}"
        return None

    def examine(self, subject: Subject, tell: Tell) -> Examined:
        """See `Examination.examine`."""
        found = subject.reviewed
        assert found is not None
        assert found.right is not None
        share = found.right
        right = Finding(
            measure="panel_correct",
            estimate=share,
            said=f"people call {share.value:.0%} ({share.low:.0%} to {share.high:.0%}) of the {found.given:,} answers"
            f" that were given {self.labels[0]}; {self.per_item} looked at each of {found.asked:,}",
            detail={"asked": found.asked, "given": found.given, "how": share.method},
        )
        if found.agreement is None:
            alone = "one person looked at each answer: nothing tells how far people agree"
            return Examined(examination=self.name, findings=[right], notes=[alone])
        alpha = found.agreement
        ends = f"{number(alpha.value)} ({number(alpha.low)} to {number(alpha.high)}"
        said = f"people agree to {ends}; Krippendorff's alpha: 1 is always, 0 as by chance)"
        if alpha.warning is not None:
            said = f"how far people agree is not known: {alpha.warning}"
        agree = Finding(measure="people_agree", estimate=alpha, said=said, serious=alpha.value < _TENTATIVE)
        return Examined(examination=self.name, findings=[right, agree])
