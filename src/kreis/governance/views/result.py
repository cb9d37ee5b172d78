"""How a run ended, as `kreis run` says it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from kreis.loop.machine import RunResult
from kreis.loop.verdicts import in_words

__all__ = ["ConclusionView", "LastVerdictView", "ResultView", "StepsView", "result_view"]


class StepsView(msgspec.Struct, frozen=True, kw_only=True):
    """How many steps were computed, and how many remembered."""

    computed: int
    remembered: int


class ConclusionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a discipline concluded in a round."""

    round: int
    discipline: str
    says: str


class LastVerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """A discipline's last verdict; which fields it has depends on its kind."""

    discipline: str
    kind: str
    summary: str | UnsetType = UNSET
    to: str | UnsetType = UNSET
    needs: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    detail: dict[str, Any]


class ResultView(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    run: str
    as_of: datetime
    status: str
    reason: str
    steps: StepsView
    computed: list[str]
    """Discipline and name of each step that was computed."""
    conclusions: list[ConclusionView]
    verdicts: list[LastVerdictView]


def result_view(result: RunResult[Any]) -> ResultView:
    """The last verdict of each discipline, and what was concluded in each round."""
    return ResultView(
        run=result.run,
        as_of=result.as_of,
        status=result.status,
        reason=result.reason,
        steps=StepsView(computed=result.computed, remembered=len(result.steps) - result.computed),
        computed=[f"{step.discipline}/{step.name}" for step in result.steps if not step.remembered],
        conclusions=[
            ConclusionView(round=each.round, discipline=each.discipline, says=in_words(each.verdict))
            for each in result.conclusions
        ],
        verdicts=[
            LastVerdictView(discipline=discipline, kind=type(verdict).__name__, **vars(verdict))
            for discipline, verdict in result.verdicts.items()
        ],
    )
