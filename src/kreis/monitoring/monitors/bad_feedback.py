"""Whether people say that answers are wrong, or of no help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.errors import ProjectError
from kreis.evaluation.distributions import share_interval
from kreis.monitoring.monitor import Finding, State, Watched, require_positive, require_share
from kreis.monitoring.observe import DayOfTraffic
from kreis.monitoring.service_level import Looked, OfShare
from kreis.tasks.outcomes import Feedback

__all__ = ["BadFeedback"]


@dataclass(frozen=True, kw_only=True)
class BadFeedback(OfShare):
    """Reports, and sends the work back, when a larger share of judged answers is shown to be wrong or of no help.

    Looked at are the answers of the last days that somebody judged (`POST /v1/feedback`); who judges, chooses to, so
    the share is theirs. It is reported once, until three days in a row have kept the level.

    Example:

    >>> BadFeedback(at_most=0.1).name
    'bad_feedback'
    """

    kind: ClassVar[str] = "bad_feedback"
    at_most: float = 0.2
    """The share of judged answers that may be wrong, or after which a person had to help all the same."""
    days: int = 7
    """Days whose feedback is counted together."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_share("BadFeedback.at_most", self.at_most)
        require_positive("BadFeedback", days=self.days)
        if self.days != int(self.days):
            raise ProjectError(f"days is {self.days}", where="BadFeedback", hint="a whole number")

    @property
    def needs_outcomes(self) -> bool:
        """Days are counted once their outcomes have matured."""
        return True

    def _look(self, day: DayOfTraffic, before: State, watched: Watched) -> Looked:
        answers = "confidence" in day.feature_names
        if not day.matured or not len(day) or not answers:
            return None
        said = day.outcomes[day.known & (day.decisions > 0)]
        wrong = int(np.count_nonzero(said == Feedback.WRONG))
        no_help = int(np.count_nonzero(said == Feedback.PASSED_ON))
        recent = [*before.get("recent", []), [day.day.isoformat(), wrong, no_help, len(said)]][-int(self.days) :]
        seen: State = {"recent": recent}
        wrong, no_help, judged = (sum(each[place] for each in recent) for place in (1, 2, 3))
        bad = wrong + no_help
        if not judged or self._by_chance(bad, judged, self.at_most):
            return seen, None
        low, high = share_interval(bad, judged)
        summary = (
            f"over {len(recent)} days until {day.day} {bad:,} of {judged:,} judged answers were wrong ({wrong:,}) or of"
            f" no help ({no_help:,}): {bad / judged:.0%} ({low:.0%} to {high:.0%}), {self.at_most:.0%} may be"
        )
        detail = {"day": day.day.isoformat(), "wrong": wrong, "no_help": no_help, "judged": judged}
        detail |= {"low": low, "high": high}
        return seen, Finding(level="critical", monitor=self.name, summary=summary, detail=detail, sends_back=True)
