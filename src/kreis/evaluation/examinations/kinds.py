"""All examinations that there are, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.evaluation.examinations.behaviour import Behaviour
from kreis.evaluation.examinations.calibration import Calibration
from kreis.evaluation.examinations.coverage import MeasuredCoverage
from kreis.evaluation.examinations.examination import Examination, Examined, Subject, Tell
from kreis.evaluation.examinations.explanations import Explanations
from kreis.evaluation.examinations.fairness import Fairness
from kreis.evaluation.examinations.familiarity import MeasuredFamiliarity
from kreis.evaluation.examinations.gate import Gate
from kreis.evaluation.examinations.influence import Influence
from kreis.evaluation.examinations.labels import LabelErrors
from kreis.evaluation.examinations.mitigation import Mitigation
from kreis.evaluation.examinations.package import Packaging, Speed, Variants
from kreis.evaluation.examinations.panel import Panel
from kreis.evaluation.examinations.privacy import Memorising
from kreis.evaluation.examinations.robustness import Robustness
from kreis.evaluation.examinations.slices import Slices

__all__ = ["EXAMINATIONS", "chosen", "examine", "parameters"]

_ALL: tuple[Examination, ...] = (
    Calibration(),
    MeasuredCoverage(),
    Slices(),
    Fairness(),
    MeasuredFamiliarity(),
    Explanations(),
    Mitigation(),
    Robustness(),
    Behaviour(),
    Packaging(),
    Speed(),
    Variants(),
    LabelErrors(),
    Memorising(),
    Influence(),
    Panel(),
)
EXAMINATIONS: Mapping[str, Examination] = {each.name: each for each in _ALL}
"""By name, as they are asked where a project says nothing."""


def chosen(declared: Iterable[Examination], gates: Iterable[Gate]) -> list[Examination]:
    """What is asked in each run: what is asked by default, what is declared, and what gates need.

    Raises:
        ProjectError: a gate names a measure that no examination has.
    """
    found = {name: each for name, each in EXAMINATIONS.items() if each.by_default}
    wanted = {each.name: each for each in declared}
    found |= wanted
    for gate in gates:
        known_to_all = {**EXAMINATIONS, **wanted}.values()
        named = next((each for each in known_to_all if gate.measure in each.measures), None)
        if named is None:
            known = [measure for each in known_to_all for measure in each.measures]
            raise ProjectError.unknown_name("measure", gate.measure, known, where=f"Gate({gate.measure!r})")
        found.setdefault(named.name, named)
    order = {name: place for place, name in enumerate(EXAMINATIONS)}
    return sorted(found.values(), key=lambda each: order.get(each.name, len(order)))


def parameters(asked: Sequence[Examination]) -> dict[str, Any]:
    """How they are asked, as a JSON document."""
    return {each.name: _parameters(each) for each in asked}


def _parameters(examination: Examination) -> dict[str, Any]:
    own = getattr(examination, "parameters", None)
    found: dict[str, Any] = asdict(examination) if own is None else own()  # type: ignore[call-overload]  # a protocol
    return found


def examine(asked: Sequence[Examination], subject: Subject, tell: Tell) -> list[Examined]:
    """Ask a model some questions.

    Args:
        asked: The examinations.
        subject: The model and its rows.
        tell: Told the examination's name and how many are done.
    """
    found = []
    for number, each in enumerate(asked):
        tell(each.name, number, len(asked))
        lacks = each.lacks(subject)
        answered = each.examine(subject, tell) if lacks is None else Examined(examination=each.name, lacks=lacks)
        found.append(_sure(answered))
    return found


def _sure(found: Examined) -> Examined:
    """Nothing is serious whose own interval says that it should not decide anything."""
    doubtful = [each.serious and each.estimate is not None and bool(each.estimate.warning) for each in found.findings]
    if not any(doubtful):
        return found
    told = zip(found.findings, doubtful, strict=True)
    findings = [msgspec.structs.replace(each, serious=False) if doubt else each for each, doubt in told]
    return msgspec.structs.replace(found, findings=findings)
