"""What examinations found: of a candidate, in a run and after it; and which there are to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.actions.examine import CandidateExamined, examinations_of, judged_run
from kreis.errors import ProjectError
from kreis.evaluation.examinations.examination import Examined
from kreis.evaluation.examinations.kinds import EXAMINATIONS
from kreis.ledger import steps
from kreis.ways.results import EXAMINATION, AskedLater, Judged
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "CandidateExaminedView",
    "EstimateView",
    "ExaminationView",
    "ExaminationsView",
    "ExaminedView",
    "FindingView",
    "candidate_examined_view",
    "examinations_view",
    "examined_later",
    "examined_view",
    "examined_views",
]


class EstimateView(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its interval; None where it is undefined. See `kreis.evaluation.intervals.Estimate`."""

    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    blocks: int
    method: str
    effective: float | None = None
    warning: str | None = None


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an examination found. See `kreis.evaluation.examinations.examination.Finding`."""

    measure: str
    said: str
    estimate: EstimateView | None = None
    column: str = ""
    group: str = ""
    serious: bool = False
    detail: dict[str, Any] = {}


class ExaminedView(msgspec.Struct, frozen=True, kw_only=True):
    """What an examination answered."""

    examination: str
    asks: str = ""
    """The question, in plain words; empty where this version has no such examination."""
    findings: list[FindingView] = []
    tables: dict[str, list[dict[str, Any]]] = {}
    notes: list[str] = []
    lacks: str = ""
    """Why it could not be asked here; then there are no findings."""
    later: bool = False
    """Whether a person asked for it after the run."""


class CandidateExaminedView(msgspec.Struct, frozen=True, kw_only=True):
    """What some examinations found of a candidate."""

    run: str
    candidate: str
    examined: list[ExaminedView]


class ExaminationView(msgspec.Struct, frozen=True, kw_only=True):
    """An examination that can be asked."""

    name: str
    asks: str
    measures: list[str]
    """Of which a gate may be made."""
    each_run: bool
    """Whether each run asks it: by default, or because the project or a gate wants it."""
    asked: str
    """Of the candidate: "in the run", "later", or empty where it has not been asked."""
    serious: int
    """Findings that a person should look at."""


class ExaminationsView(msgspec.Struct, frozen=True, kw_only=True):
    """All examinations, and which of them a candidate was asked."""

    run: str | None
    candidate: str | None
    """None where none has been judged yet."""
    examinations: list[ExaminationView]


def candidate_examined_view(examined: CandidateExamined) -> CandidateExaminedView:
    """What `kreis examine NAME` shows."""
    found = [examined_view(each) for each in examined.found]
    return CandidateExaminedView(run=examined.run, candidate=examined.candidate, examined=found)


def examined_view(examined: Examined, *, later: bool = False) -> ExaminedView:
    """What one examination answered; what is undefined is None."""
    known = EXAMINATIONS.get(examined.examination)
    document = msgspec.json.decode(msgspec.json.encode(examined))
    asks = "" if known is None else known.asks
    return msgspec.convert({**document, "asks": asks, "later": later}, ExaminedView)


def examined_views(in_run: Sequence[Examined], later: Sequence[Examined]) -> list[ExaminedView]:
    """What was asked in a run and after it; of two of one name the later one."""
    found = {each.examination: examined_view(each) for each in in_run}
    found |= {each.examination: examined_view(each, later=True) for each in later}
    return list(found.values())


def examined_later(connection: Connection, evaluation: str, candidate: str) -> list[Examined]:
    """What a candidate was asked after the run.

    Args:
        connection: To the ledger.
        evaluation: Key of the step that judged it.
        candidate: Its name.
    """
    known = steps.steps_beginning(connection, "evaluation", EXAMINATION)
    found = [AskedLater.from_document(step.outputs) for step in known if step.inputs.get("evaluation") == evaluation]
    return [each.examined for each in found if each.candidate == candidate]


def examinations_view(workspace: Workspace, *, candidate: str = "", run: str = "") -> ExaminationsView:
    """All examinations, and which of them a candidate was asked.

    Args:
        workspace: Where.
        candidate: The one that the run chose if it is empty.
        run: The last one that judged any if it is empty.

    Raises:
        ProjectError: no such run or candidate.
    """
    project = workspace.load_project()
    walked, name, found = _asked(workspace, candidate, run)
    each_run, asked = {each.name for each in project.examinations}, {each.examination: each for each in found}
    return ExaminationsView(
        run=walked,
        candidate=name,
        examinations=[
            ExaminationView(
                name=each.name,
                asks=each.asks,
                measures=list(each.measures),
                each_run=each.name in each_run,
                asked="" if each.name not in asked else "later" if asked[each.name].later else "in the run",
                serious=sum(one.serious for one in asked[each.name].findings) if each.name in asked else 0,
            )
            for each in examinations_of(project).values()
        ],
    )


def _asked(workspace: Workspace, candidate: str, run: str) -> tuple[str | None, str | None, list[ExaminedView]]:
    """The run, the candidate and what it was asked; nothing where none was named and none has been judged."""
    try:
        walked, step = judged_run(workspace, run)
    except ProjectError:
        if run or candidate:
            raise
        return None, None, []
    judged = Judged.from_document(step.outputs)
    name = candidate or judged.candidate
    if judged.report_of(name) is None:
        raise ProjectError.unknown_name("candidate", name, [judged.candidate, *judged.others], where=walked.id)
    with workspace.ledger.read() as connection:
        later = examined_later(connection, step.key, name)
    return walked.id, name, examined_views(judged.report.examined if name == judged.candidate else [], later)
