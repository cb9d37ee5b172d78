"""The seven disciplines, in the order of the circle."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["DISCIPLINES", "Discipline", "up_to"]

Discipline = Literal["requirements", "collection", "preparation", "training", "evaluation", "deployment", "monitoring"]

DISCIPLINES: tuple[Discipline, ...] = get_args(Discipline)
"""`kreis run` walks to deployment; `kreis watch` does the monitoring."""


def up_to(discipline: Discipline) -> tuple[Discipline, ...]:
    """A discipline and those before it."""
    return DISCIPLINES[: DISCIPLINES.index(discipline) + 1]
