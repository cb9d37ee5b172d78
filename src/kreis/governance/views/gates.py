"""What was decided by each gate of a run, why, on which rows, what would change it, and what a person overruled."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from kreis.actions.examine import judged_run
from kreis.evaluation.evaluate import EvaluationReport
from kreis.evaluation.gates import GateResult
from kreis.evaluation.intervals import Estimate
from kreis.governance.views.examined import EstimateView
from kreis.ledger import runs, steps
from kreis.ledger.proof import actor_of
from kreis.ledger.records import Run
from kreis.texts import number
from kreis.ways.results import CollectedSource, Judged
from kreis.workspace import Workspace

__all__ = ["GateExplained", "GatesView", "Overruled", "explained", "gates_view", "overruled_in"]


class GateExplained(msgspec.Struct, frozen=True, kw_only=True):
    """A gate in words."""

    name: str
    outcome: str
    """ "pass", "fail" or "undecided"."""
    asks: str
    """What is asked for: "at least 0.4"."""
    why: str
    """What was found, and what it shows."""
    rows: str
    """On which rows."""
    would_change: str
    """What would lead to another outcome."""
    estimate: EstimateView | None
    required: float


class Overruled(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was refused, and that a person let pass."""

    what: str
    by: str
    because: str


class GatesView(msgspec.Struct, frozen=True, kw_only=True):
    """The gates of a run, explained."""

    run: str
    as_of: datetime
    candidate: str
    outcome: str
    """Of all gates."""
    judged_on: str
    ended: str
    """What came of it."""
    gates: list[GateExplained]
    overruled: list[Overruled]


def gates_view(workspace: Workspace, name: str = "") -> GatesView:
    """The gates of a run, explained.

    Args:
        workspace: Where.
        name: The run's identifier, or the beginning of it; the last one that judged a candidate if it is empty.

    Raises:
        ProjectError: no such run, or it judged none.
    """
    run, step = judged_run(workspace, name)
    judged = Judged.from_document(step.outputs)
    with workspace.ledger.read() as connection:
        said = [each for each in runs.verdicts_of(connection, run.id) if each.discipline == "evaluation"]
        overruled = list(overruled_in(connection, run))
    return GatesView(
        run=run.id,
        as_of=run.as_of,
        candidate=judged.candidate,
        outcome=judged.report.outcome,
        judged_on=judged.report.judged_on,
        ended=_ended(said[-1].kind, said[-1].to) if said else "the run ended before a verdict",
        gates=[explained(each, judged.report) for each in judged.report.gates],
        overruled=overruled,
    )


def explained(gate: GateResult, report: EvaluationReport) -> GateExplained:
    """A gate in words."""
    above = _bounded_above(gate)
    found = gate.estimate
    rows = report.judged_on if found is None or found.n == report.rows else f"{found.n:,} of {report.judged_on}"
    return GateExplained(
        name=gate.name,
        outcome=gate.outcome,
        asks=f"{'at most' if above else 'at least'} {number(gate.required)}",
        why=gate.explanation,
        rows=rows,
        would_change=_would_change(gate, found, above),
        estimate=None if found is None else msgspec.convert(found.to_document(), EstimateView),
        required=gate.required,
    )


def overruled_in(connection: Connection, run: Run) -> Iterator[Overruled]:
    """What a run let pass because a person said so: data that a source took back, leaks that are none."""
    runner = actor_of(connection, "run.started", run.id) or "unknown"
    for _, step in steps.steps_of(connection, run.id):
        if step.discipline == "collection":
            source = CollectedSource.from_document(step.outputs)
            if source.report.accepted_by:
                by = source.report.accepted_by
                yield Overruled(what=f"source {step.name}", by=by, because=f"accepted: {source.report.changes}")
    told: dict[str, str] = {}
    for verdict in runs.verdicts_of(connection, run.id):
        told |= {**verdict.detail.get("perfect_features", {}), **verdict.detail.get("overruled", {})}
    for what, because in told.items():
        yield Overruled(what=what, by=f"the project's file, run by {runner}", because=str(because))


def _ended(kind: str, to: str | None) -> str:
    return {"advance": "the model went on", "send_back": f"the work went back to {to}"}.get(kind, kind)


def _bounded_above(gate: GateResult) -> bool:
    """Whether it asks for "at most": its explanation says so in these words, in all versions."""
    return "be at most " in gate.explanation


def _would_change(gate: GateResult, found: Estimate | None, above: bool) -> str:
    """What would lead to another outcome, in a sentence."""
    if found is None or not found.defined or (gate.outcome == "undecided" and found.warning):
        return f"evidence: {gate.missing}" if gate.missing else "evidence: there is no number yet"
    near, far = (found.high, found.low) if above else (found.low, found.high)
    bound, side = number(gate.required), "above" if above else "below"
    if gate.outcome == "pass":
        return (
            f"its interval ends at {number(near)}, {_apart(near, gate.required)} from the bound; it would no longer"
            f" pass if that end came to lie {side} {bound}"
        )
    if gate.outcome == "fail":
        return (
            f"even the better end of its interval, {number(far)}, misses the bound by {_apart(far, gate.required)},"
            f" and more rows like these will not change that; a model that is better by {_apart(near, gate.required)}"
            " will, or another bound, by whoever answers for the goal"
        )
    misses = found.value > gate.required if above else found.value < gate.required
    points = (
        f"the estimate, {number(found.value)}, {'misses' if misses else 'meets'} the bound by"
        f" {_apart(found.value, gate.required)}: as it stands, more rows would rather make it"
        f" {'fail' if misses else 'pass'}"
    )
    return f"{points}; missing: {gate.missing}" if gate.missing else points


def _apart(one: float, other: float) -> str:
    apart = abs(one - other)
    return number(apart) if math.isfinite(apart) else "an unbounded distance"
