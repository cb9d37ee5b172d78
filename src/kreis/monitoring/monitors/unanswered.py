"""Whether too many questions are passed on to people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.monitoring.monitor import Finding, State, Watched, require_share
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.service_level import Looked, OfShare

__all__ = ["Unanswered"]


@dataclass(frozen=True, kw_only=True)
class Unanswered(OfShare):
    """Reports, and sends the work back, on a day on which a larger share of questions is shown to be passed on.

    It is reported once, until three days in a row have kept the level.

    Example:

    >>> Unanswered(at_most=0.3).name
    'unanswered'
    """

    kind: ClassVar[str] = "unanswered"
    at_most: float = 0.4
    """The share of questions that may be passed on: no passage was found, a guard refused, no model answered, or the
    answer was not sure enough."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_share("Unanswered.at_most", self.at_most)

    def _look(self, day: DayOfTraffic, before: State, watched: Watched) -> Looked:
        if not len(day):
            return None
        passed_on = int(np.count_nonzero(day.decisions < 0))
        seen: State = {"share": passed_on / len(day)}
        if self._by_chance(passed_on, len(day), self.at_most):
            return seen, None
        why = Counter(_why(each.outcome) for each in day.questions if not each.given)
        said = "; ".join(f"{count:,} {what}" for what, count in why.most_common())
        summary = (
            f"on {day.day} {passed_on:,} of {len(day):,} questions were passed on: {passed_on / len(day):.0%},"
            f" {self.at_most:.0%} may be{f' ({said})' if said else ''}"
        )
        detail = {"day": day.day.isoformat(), "passed_on": passed_on, "questions": len(day), "why": dict(why)}
        return seen, Finding(level="warning", monitor=self.name, summary=summary, detail=detail, sends_back=True)


def _why(outcome: str) -> str:
    return "not sure enough" if outcome == "answered" else outcome
