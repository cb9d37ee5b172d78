"""A run: what each discipline concluded, and the steps that it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kreis.governance.pages.candidate import comparison_page
from kreis.governance.pages.logged import logged_grids
from kreis.governance.pages.page import Cell, Grid, Number, Page
from kreis.texts import conclusion, date, mark, short, size, trigger

if TYPE_CHECKING:
    from kreis.governance.views.candidate import CandidateView
    from kreis.governance.views.run import RunView, VerdictView
    from kreis.ledger.records import Verdict

__all__ = ["run_page", "verdict_rows"]


def run_page(run: RunView) -> Page:
    """The page of a run."""
    started, finished = run.started_at, run.finished_at
    took = "" if finished is None else f" in {(finished - started).total_seconds():.1f} s"
    pins = (f"{name.replace('_', ' ')} {_pin(value)}" for name, value in run.pins.items())
    return Page(
        title=f"Run {run.id} of {run.project}: {run.status.replace('_', ' ')}{took}",
        facts=(
            ("as of", f"{date(run.as_of)} UTC"),
            ("started", f"{date(started)} UTC, {trigger(run.trigger)}"),
            ("goal", short(run.goal)),
            ("pinned", ", ".join(pins)),
            ("used", _used(run)),
            ("ended", run.ended or "" if run.status == "sent_back" else ""),
        ),
        grids=(
            Grid("Verdicts", ("round", "", "discipline", "conclusion"), _rounds(run.verdicts)),
            *_candidates(run.candidates),
            *logged_grids(run.logged),
            Grid("Steps", ("discipline", "step", "computed in", "CPU", "in this run", "key"), _steps(run)),
        ),
    )


def _candidates(candidates: Sequence[CandidateView]) -> list[Grid]:
    """Side by side, without what they share."""
    if not candidates:
        return []
    (grid,) = comparison_page(candidates).grids
    rows = [row for row in grid.rows if row[0] not in ("run", "as of", "parameters", "features", "decides")]
    return [Grid("Candidates (more: kreis show candidate NAME)", grid.columns, rows)]


def _rounds(verdicts: Sequence[VerdictView]) -> list[tuple[Cell, ...]]:
    """Verdicts as rows, with their round."""
    return [(Number(each.round, str(each.round)), *row) for each in verdicts for row in verdict_rows([each])]


def verdict_rows(verdicts: Sequence[Verdict | VerdictView]) -> list[tuple[str, str, str]]:
    """Verdicts as rows: mark, discipline, conclusion; then what each warns of."""
    rows = []
    for each in verdicts:
        source = each.detail.get("taken_over_from")
        said = conclusion(each.reason, each.to) + (f" (taken over from run {source})" if source else "")
        rows.append((mark(each.kind), each.discipline, said))
        rows += [("!", "", warning) for warning in each.detail.get("warnings", ())]
    return rows


def _steps(run: RunView) -> list[tuple[Cell, ...]]:
    cpu = {(each.discipline, each.step): each.cpu_seconds for each in run.logged.used}
    return [
        (
            each.discipline,
            each.name,
            Number(each.seconds, f"{each.seconds:.2f} s"),
            _seconds(cpu.get((each.discipline, each.name))),
            "remembered" if each.remembered else "computed",
            each.key,
        )
        for each in run.steps
    ]


def _seconds(taken: float | None) -> Cell:
    return None if taken is None else Number(taken, f"{taken:.2f} s")


def _used(run: RunView) -> str:
    """What all of the run took of the machine; nothing where it is not known."""
    found = next((each for each in run.logged.used if not each.step), None)
    return "" if found is None else f"{found.cpu_seconds:.1f} s of CPU, at most {size(int(found.memory_mb * 1e6))}"


def _pin(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {short(str(each))}" for name, each in value.items())
    return short(value) if isinstance(value, str) else str(value)
