"""Where a verdict leads: the table that the machine walks by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from kreis.disciplines import DISCIPLINES, Discipline, up_to
from kreis.errors import ProjectError
from kreis.loop.verdicts import Kind, SendBack, Verdict

__all__ = ["NEW_DATA", "TRANSITIONS", "WHAT_WOULD", "Ending", "next_of"]

Ending: TypeAlias = Literal["advanced", "held", "sent_back", "failed"]
"""How a run ends."""


def _following(discipline: Discipline) -> Discipline:
    """The next in the circle; monitoring goes on watching."""
    return DISCIPLINES[min(DISCIPLINES.index(discipline) + 1, len(DISCIPLINES) - 1)]


TRANSITIONS: Mapping[tuple[Discipline, Kind], tuple[Discipline, ...] | Ending] = {
    **{(each, "advance"): (_following(each),) for each in DISCIPLINES},
    **{(each, "send_back"): up_to(each) for each in DISCIPLINES},
    **{(each, "hold"): "held" for each in DISCIPLINES},
    **{(each, "fail"): "failed" for each in DISCIPLINES},
}
"""The disciplines that a verdict may lead to (work is sent back to one of them by name), or how it ends the run.

`kreis run` does monitoring no more than the others that a way leaves out: what leads there ends the run as "advanced".
Monitoring sends work back by an alert, which starts a run at the discipline that it names.
"""

NEW_DATA: tuple[Discipline, ...] = up_to("collection")
"""A run that starts at one of these takes the world as it is now; at a later one, the data that are prepared."""

WHAT_WOULD: Mapping[Discipline, str] = {
    "requirements": "another goal",
    "collection": "new or corrected data, or, where rows have times, a run as of a later moment",
    "preparation": "other tables or features, or new data",
    "training": "other candidates, features or search, or new data",
    "evaluation": "another split or goal, or new data",
    "deployment": "another release declaration",
    "monitoring": "other monitors",
}
"""What would change what a discipline leaves, in words."""


def next_of(discipline: Discipline, verdict: Verdict, path: Sequence[Discipline]) -> Discipline | Ending:
    """Where a verdict leads on a path.

    Args:
        discipline: Whose verdict.
        verdict: What it concluded.
        path: The disciplines that are performed, in order.

    Raises:
        ProjectError: it sends the work to a discipline that comes later, or is not performed.
    """
    found = TRANSITIONS[discipline, verdict.kind]
    if isinstance(found, str):
        return found
    if isinstance(verdict, SendBack):
        allowed = [each for each in found if each in path]
        if verdict.to not in allowed:
            raise ProjectError(
                f"{discipline} sends the work to {verdict.to!r}, which is not before it on this way",
                where=f"verdict of {discipline}",
                hint=f"SendBack(to=…) takes one of {', '.join(allowed)}",
            )
        return verdict.to
    later = [each for each in path if DISCIPLINES.index(each) >= DISCIPLINES.index(found[0]) and each != discipline]
    return later[0] if later else "advanced"
