"""Whether a guard finds more than it should."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from kreis.monitoring.monitor import Finding, State, Watched, require_share
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.service_level import Looked, OfShare

__all__ = ["GuardHits"]


@dataclass(frozen=True, kw_only=True)
class GuardHits(OfShare):
    """Reports a day on which a guard is shown to have found something in a larger share of questions than it may.

    It is reported once, until three days in a row have kept the level.

    Example:

    >>> GuardHits(guard="personal data", at_most=0.2).name
    'guard_hits personal data'
    """

    kind: ClassVar[str] = "guard_hits"
    guard: str = "injection"
    """As verdicts call it; its hits in question, history, passages and answer are counted alike."""
    name: str = ""
    """What you call it, where there are several; the guard, if not given."""
    at_most: float = 0.01
    """The share of questions in which it may find something."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.guard)
        super().__post_init__()
        require_share("GuardHits.at_most", self.at_most)

    def _look(self, day: DayOfTraffic, before: State, watched: Watched) -> Looked:
        if not len(day):
            return None
        hit = [each for each in day.questions if any(guard == self.guard for guard, _ in each.guards)]
        asked = len(day.questions)
        share = len(hit) / asked if asked else 0.0
        seen: State = {"share": share}
        if self._by_chance(len(hit), asked, self.at_most):
            return seen, None
        did = Counter(did for each in hit for guard, did in set(each.guards) if guard == self.guard)
        said = ", ".join(f"{what} {count:,}" for what, count in did.most_common())
        summary = (
            f"on {day.day} the guard {self.guard!r} found something in {len(hit):,} of {asked:,} questions ({said}):"
            f" {share:.1%}, {self.at_most:.1%} may be"
        )
        detail = {"day": day.day.isoformat(), "hits": len(hit), "questions": asked, "did": dict(did)}
        detail["predictions"] = [each.prediction for each in hit[:_EXAMPLES]]
        return seen, Finding(level="warning", monitor=self.name, summary=summary, detail=detail)


_EXAMPLES = 5
