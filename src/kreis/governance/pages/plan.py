"""What a run would compute, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kreis.governance.pages.page import Grid, Page
from kreis.texts import counted, date, short_id

if TYPE_CHECKING:
    from kreis.loop.plan import Plan
    from kreis.loop.planning import PlannedStep

__all__ = ["plan_page"]


def plan_page(plan: Plan) -> Page:
    """The page of a plan."""
    counts = {fate: sum(each.fate == fate for each in plan.steps) for fate in ("computed", "depends", "remembered")}
    steps = counted(counts["computed"], "step")
    return Page(
        title=f"As of {date(plan.as_of)} UTC: {steps} would be computed, {counts['depends']} may"
        f" follow, {counts['remembered']} are remembered",
        facts=(
            ("taken over", f"what comes before, from run {short_id(plan.taken_over)}" if plan.taken_over else ""),
            *(("note", each) for each in plan.notes),
            ("ends", plan.ends or ""),
            ("then", f"{', '.join(plan.unforeseen)}: known when these have been computed" if plan.unforeseen else ""),
            *plan.announced.items(),
        ),
        grids=(Grid("", ("discipline", "step", "would be", "why"), [_row(each) for each in plan.steps]),),
    )


def _row(step: PlannedStep) -> tuple[str, ...]:
    if step.fate == "depends":
        why = "if " + " or ".join(step.why) + (" changes" if len(step.why) == 1 else " change")
        return step.discipline, step.name, "computed?", why
    return step.discipline, step.name, step.fate, "; ".join(step.why)
