"""A candidate: how it was trained and judged, whether it passed or not; and candidates side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from kreis.governance.pages.examined import examined_grids
from kreis.governance.pages.page import Cell, Grid, Number, Page
from kreis.texts import bounds, counted, date, number, short_id

if TYPE_CHECKING:
    from kreis.governance.views.candidate import CandidateView, JudgedView
    from kreis.governance.views.examined import EstimateView
    from kreis.training.importance import Importance
from kreis.training.mitigations.said import mitigation_said

__all__ = ["OUTCOMES", "candidate_page", "comparison_page", "parameters_of", "told"]

OUTCOMES = {"pass": "✓", "fail": "✗", "undecided": "?"}
_NOT_JUDGED = "–"


def candidate_page(candidate: CandidateView) -> Page:
    """The page of a candidate."""
    evaluation = candidate.evaluation
    grids = [] if evaluation is None else list(_evaluation(evaluation))
    if candidate.importance:
        unit = "value" if evaluation is None else evaluation.unit
        grids.append(_importance(candidate.importance, unit))
    version = "" if candidate.version is None else f", version {candidate.version}"
    return Page(
        title=f"Candidate {candidate.name}{version} of run {short_id(candidate.run)}",
        facts=tuple(_facts(candidate)),
        grids=grids,
        end="" if evaluation is not None else "It was not judged: the run did not get as far as evaluation.",
    )


def comparison_page(candidates: Sequence[CandidateView]) -> Page:
    """Candidates side by side, a column each."""
    names = [each.name if each.version is None else f"v{each.version}" for each in candidates]
    judged = [each.evaluation for each in candidates]
    metrics = dict.fromkeys(("value", *(name for each in judged if each is not None for name in each.metrics)))
    unit = next((each.unit for each in judged if each is not None), "value")
    rows: list[tuple[Cell, ...]] = [
        ("run", *(short_id(each.run) for each in candidates)),
        ("as of", *(each.as_of for each in candidates)),
        ("chosen", *("yes" if each.chosen else "" for each in candidates)),
        ("gates", *(_gates(each) for each in judged)),
        ("test rows", *(_NOT_JUDGED if each is None else f"{each.rows:,}" for each in judged)),
    ]
    for name in metrics:
        title = unit if name == "value" else name.replace("_", " ")
        cells = (_NOT_JUDGED if each is None else _interval(each.metrics.get(name)) for each in judged)
        rows.append((title, *cells))
    rows += [
        ("decides", *(each.decides for each in candidates)),
        ("features", *(str(len(each.features)) for each in candidates)),
        ("on validation rows", *(number(each.validation["value"]) for each in candidates)),
        ("parameters", *(parameters_of(each.training) or _NOT_JUDGED for each in candidates)),
    ]
    return Page(title="Candidates side by side", grids=(Grid("", ("", *names), rows),))


def parameters_of(training: dict[str, Any]) -> str:
    """The parameters that a candidate was fitted with, in one line."""
    shown = {
        name: value
        for name, value in training.get("parameters", {}).items()
        if value is not None and name not in ("kind", "expression")
    }
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items()
    )


def _facts(candidate: CandidateView) -> Iterator[tuple[str, str]]:
    training, validation = candidate.training, candidate.validation
    from kreis.evaluation.blocks import in_folds, of_blocks  # brings NumPy, which a status page need not load

    evaluation = candidate.evaluation
    yield "run", f"{candidate.run}, as of {date(candidate.as_of)} UTC"
    why_not = (
        "it is a baseline, which others must beat"
        if candidate.baseline
        else "another did better in validation, or as well and is simpler"
    )
    yield "chosen", "yes" if candidate.chosen else f"no: {why_not}"
    if evaluation is not None:
        of = of_blocks(evaluation.days, evaluation.blocks_are) + in_folds(evaluation.folds)
        judged = f"{evaluation.rows:,} test rows{of}"
        rarer = "" if evaluation.rarer is None else f", {evaluation.rarer:,} {evaluation.rarer_are}"
        yield "judged on", judged + rarer
        yield "looks", "" if evaluation.look is None else evaluation.look.paid
    if "rows" in training:
        span = f", {str(training['from'])[:10]} to {str(training['until'])[:10]}" if "from" in training else ""
        yield "learned from", f"{counted(training['rows'], 'row')}{span}"
    yield "validation", f"worth {number(validation['value'])} on {counted(validation['rows'], 'row')}"
    yield "decides", candidate.decides
    yield "features", str(len(candidate.features))
    yield "parameters", parameters_of(training)
    if (fair := mitigation_said(training)) is not None:
        yield "groups", fair


def _evaluation(evaluation: JudgedView) -> Iterator[Grid]:
    level = f"{evaluation.level:.0%} interval"
    yield Grid("Gates", ("", "finding"), [(OUTCOMES[each.outcome], each.says) for each in evaluation.gates])
    names = {"value": evaluation.unit}
    yield Grid(
        "Metrics on rows that it had not seen",
        ("metric", "value", level),
        [(names.get(name, name.replace("_", " ")), *_cells(found)) for name, found in evaluation.metrics.items()],
    )
    differences = [
        (f"less {name}", *_cells(found), told(found.low, found.high, evaluation.detectable[name]))
        for name, found in evaluation.differences.items()
    ]
    if differences:
        yield Grid(f"Compared row by row, {evaluation.unit}", ("", "difference", level, ""), differences)
    if evaluation.slices:
        yield _slices(evaluation)
    bins = [each for each in evaluation.reliability if each.get("rows") or each.get("n")]
    if bins:
        columns = [name for name in ("score", "frequency", "rows") if name in bins[0]]
        yield Grid("Calibration", columns, [tuple(each[name] for name in columns) for each in bins])
    yield from examined_grids(evaluation.examined)


def told(low: float | None, high: float | None, detectable: float | None, *, apart: bool = True) -> str:
    """What a difference says: more, less, or not told apart; and what would have been told apart.

    Args:
        low: The lower end of its interval.
        high: The upper one.
        detectable: The smallest difference that these rows would have shown with a chance of 80%; None: none.
        apart: Whether it is certain among all comparisons that are made.
    """
    if apart and low is not None and low > 0:
        return "more"
    if apart and high is not None and high < 0:
        return "less"
    if detectable is None:
        return "too few rows to tell"
    return f"not told apart; {number(detectable)} would be, with a chance of 80%"


def _slices(evaluation: JudgedView) -> Grid:
    metrics = list(dict.fromkeys(name for each in evaluation.slices for name in each.metrics))
    rows: list[tuple[Cell, ...]] = [
        (each.column, each.group, each.n, *(_interval(each.metrics.get(name)) for name in metrics))
        for each in evaluation.slices
    ]
    titles = [evaluation.unit if name == "value" else name.replace("_", " ") for name in metrics]
    return Grid("By group", ("column", "group", "rows", *titles), rows)


def _importance(importance: Sequence[Importance], unit: str) -> Grid:
    rows = [
        (
            each.feature,
            Number(each.loss, f"{number(each.loss)} ± {number(0.0 if isnan(each.error) else 1.96 * each.error)}"),
            None if each.gain is None else Number(each.gain, f"{each.gain:.1%}"),
        )
        for each in sorted(importance, key=lambda each: -each.loss)
    ]
    title = f"Features: {unit} lost when its values are shuffled (validation rows, 95%); share of the trees' gain"
    return Grid(title, ("feature", "lost", "gain"), rows)


def _gates(evaluation: JudgedView | None) -> str:
    if evaluation is None:
        return _NOT_JUDGED
    outcomes = [each.outcome for each in evaluation.gates]
    return " ".join(f"{OUTCOMES[kind]} {outcomes.count(kind)}" for kind in OUTCOMES if kind in outcomes)


def _cells(found: EstimateView) -> tuple[Cell, Cell]:
    if found.value is None:
        return "undefined", ""
    return found.value, bounds(found.low, found.high)


def _interval(found: EstimateView | None) -> str:
    if found is None or found.value is None:
        return _NOT_JUDGED
    return f"{number(found.value)} ({bounds(found.low, found.high)})"
