"""What the monitors of service levels share: a day that breaks the level is told once, until it is kept again."""

from __future__ import annotations

from kreis.monitoring.monitor import Finding, State

__all__ = ["told_once"]

_KEPT = 3
"""Days in a row that keep the level, after which its breach is over."""


def told_once(state: State, broken: Finding | None, monitor: str) -> tuple[State, list[Finding]]:
    """What to report of a day, and what to remember of it: `broken` is its breach, None where the level was kept."""
    kept = state.get("kept")
    if broken is not None:
        return {**state, "kept": 0}, [broken] if kept is None else []
    if kept is None:
        return state, []
    if kept + 1 < _KEPT:
        return {**state, "kept": kept + 1}, []
    summary = f"the level was kept on {_KEPT} days in a row"
    return {**state, "kept": None}, [Finding(level="warning", monitor=monitor, summary=summary, over=True)]
