"""What differs between two candidates and the runs that made them: code, data, parameters, libraries, metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.errors import KreisError, StoreError
from kreis.evaluation.power import detectable
from kreis.governance.views.candidate import CandidateView
from kreis.governance.views.examined import EstimateView
from kreis.governance.views.logged import LoggedSeries, logged_of
from kreis.governance.views.paired_answers import paired_answers
from kreis.ledger import documents, runs, steps
from kreis.ledger.records import Run, Step
from kreis.tasks.task import answers_questions
from kreis.texts import counted
from kreis.tracking.git import run_git
from kreis.ways.results import Trained
from kreis.ways.tabular.side_by_side import PairedSide, paired_metrics
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Change", "Curves", "DifferencesView", "PairedChange", "PairedView", "differences_of"]

_LONGEST_PATCH = 200_000
"""Letters of a difference of code that are shown."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not the same; None where one of the two lacks it."""

    name: str
    first: Any
    second: Any


class PairedChange(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of both, and what the second has more of it, row by row on the same rows."""

    name: str
    difference: EstimateView
    told_apart: bool
    """Whether the two differ for certain, among so many metrics."""
    detectable: float | None = None
    """The smallest difference that these rows would have shown with a chance of 80%; None: none."""


class PairedView(msgspec.Struct, frozen=True, kw_only=True):
    """Both on the same rows, which neither learned from."""

    rows: int
    judged_on: str
    """How many rows, of how many days or groups, in words."""
    which: str
    """Which rows these are, in words."""
    unit: str
    """Of the business metric."""
    metrics: list[PairedChange]
    each: str = "row"
    """What is compared one by one: a row, or a question."""


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """What both logged while they were trained."""

    first: list[LoggedSeries]
    second: list[LoggedSeries]


class DifferencesView(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two candidates."""

    first: str
    """What they are called."""
    second: str
    code: list[str]
    """Steps whose code or declaration is another one: "preparation/settled", "preparation/features order: its view"."""
    commits: Change | None
    """None where git does not know, or it is the same."""
    patch: str
    """From the first one's code to the second one's, where git has both; else empty."""
    data: list[Change]
    """Tables with their version, rows and the beginning of their fingerprint."""
    parameters: list[Change]
    libraries: list[Change]
    goal: list[Change]
    """Parts of the goal."""
    paired: PairedView | None
    unpaired: str
    """Why the two cannot be held against each other row by row; empty where they can."""
    curves: Curves


def differences_of(workspace: Workspace, first: CandidateView, second: CandidateView) -> DifferencesView:
    """What differs between two candidates."""
    both = (first, second)
    with workspace.ledger.read() as connection:
        ran = [runs.get_run(connection, each.run) for each in both]
        used = [_used(connection, each) for each in both]
        logged = [_curves(workspace, connection, *each) for each in zip(both, ran, strict=True)]
        goals = [_goal(connection, run) for run in ran]
    paired, unpaired = _paired(workspace, both, used)
    names = [_label(each, first.run != second.run) for each in both]
    return DifferencesView(
        first=names[0],
        second=names[1],
        code=list(_code(*used)),
        commits=_commits(*ran),
        patch=_patch(workspace, *ran),
        data=list(_changes(*({name: _table(step) for name, step in each.items() if _table(step)} for each in used))),
        parameters=list(_changes(*map(_parameters, both, ran))),
        libraries=list(_changes(*map(_libraries, used))),
        goal=list(_changes(*goals)),
        paired=paired,
        unpaired=unpaired,
        curves=Curves(first=logged[0], second=logged[1]),
    )


def _label(candidate: CandidateView, runs_differ: bool) -> str:
    if candidate.version is not None:
        return f"version {candidate.version} ({candidate.name})"
    return f"{candidate.run[:13]}/{candidate.name}" if runs_differ else candidate.name


def _used(connection: Connection, candidate: CandidateView) -> dict[str, Step]:
    """The steps that a candidate rests on, by discipline and name; of training, its own alone, under one name."""
    found = {}
    for _, step in steps.steps_of(connection, candidate.run):
        if step.discipline in ("collection", "preparation"):
            found[f"{step.discipline}/{step.name}"] = step
        elif step.discipline == "training" and step.name == candidate.name:
            found["training"] = step
    return found


def _code(first: Mapping[str, Step], second: Mapping[str, Step]) -> Iterator[str]:
    for name in sorted(first.keys() & second.keys()):
        before, after = first[name].basis, second[name].basis
        if before is None or after is None or name == "training":
            continue
        if before.code != after.code:
            yield name
        for each in sorted({*before.parameters, *after.parameters} - {"as_of"}):
            if before.parameters.get(each) != after.parameters.get(each):
                yield f"{name}: its {each}"
    for name in sorted(first.keys() ^ second.keys()):
        yield f"{name} (only the {'first' if name in first else 'second'} has it)"


def _table(step: Step) -> str:
    left = step.outputs
    if not isinstance(left.get("fingerprint"), str):
        return ""
    return f"{counted(left.get('rows', 0), 'row')}, {left['fingerprint'][:12]}"


def _parameters(candidate: CandidateView, run: Run) -> dict[str, Any]:
    training = candidate.training
    kept = {name: value for name, value in training.items() if name in ("seed", "threads", "refit", "rows", "cut_off")}
    fitted = training.get("parameters", {})
    pins = {name: run.pins[name] for name in ("python", "machine", "dependency_lock") if name in run.pins}
    return {
        "as of": run.as_of.isoformat(),
        "candidate": candidate.name,
        **fitted,
        **kept,
        "trials": len(training.get("trials", ())),
        "decides": candidate.decides,
        **{f"feature {name}": True for name in candidate.features},
        **pins,
    }


def _libraries(used: Mapping[str, Step]) -> dict[str, str]:
    found: dict[str, str] = {}
    for step in used.values():
        found |= {} if step.basis is None else step.basis.libraries
    return found


def _goal(connection: Connection, run: Run) -> dict[str, Any]:
    found = documents.find_document(connection, run.goal)
    if found is None:
        return {}
    document: dict[str, Any] = msgspec.json.decode(found.body)
    return document


def _changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys([*first, *second]):
        before, after = first.get(name), second.get(name)
        if before != after:
            yield Change(name=name, first=before, second=after)


def _commits(first: Run, second: Run) -> Change | None:
    said = [_commit(run) for run in (first, second)]
    return None if said[0] == said[1] else Change(name="commit", first=said[0], second=said[1])


def _commit(run: Run) -> str | None:
    commit = run.pins.get("git_commit")
    if commit is None:
        return None
    diff = run.pins.get("git_diff", "")
    return f"{commit[:12]}{' and changes ' + diff[:12] if run.pins.get('git_dirty') else ''}"


def _patch(workspace: Workspace, first: Run, second: Run) -> str:
    """The difference between two commits; or what a run's folder had otherwise than its commit."""
    commits = [str(run.pins.get("git_commit", "")) for run in (first, second)]
    said = ""
    if all(commits) and commits[0] != commits[1]:
        found = run_git(workspace.folder, "diff", "--no-ext-diff", "--no-color", "--relative", *commits, "--", ".")
        said += "" if found is None else found.decode(errors="replace")
    kept = [run.pins.get("git_diff") for run in (first, second)]
    for name, digest in zip(("first", "second"), kept, strict=True):
        if digest is not None and kept[0] != kept[1]:
            try:
                text = workspace.artifacts.get(digest).decode(errors="replace")
            except StoreError as error:
                text = f"cannot be read: {error}\n"
            said += f"# the {name} one's folder, less its commit\n{text}"
    return said if len(said) <= _LONGEST_PATCH else f"{said[:_LONGEST_PATCH]}\n# … and more"


def _curves(workspace: Workspace, connection: Connection, candidate: CandidateView, run: Run) -> list[LoggedSeries]:
    logged = logged_of(workspace, connection, run)
    return [each for each in logged.series if (each.discipline, each.step) == ("training", candidate.name)]


def _paired(
    workspace: Workspace, both: tuple[CandidateView, CandidateView], used: list[dict[str, Step]]
) -> tuple[PairedView | None, str]:
    try:
        project = workspace.load_project()
        if answers_questions(project.goal.task):
            return _paired_answers(workspace, both), ""
        sides = [
            PairedSide(each.run, Trained.from_document(steps["training"].outputs).opened(workspace.artifacts))
            for each, steps in zip(both, used, strict=True)
        ]
        found = paired_metrics(project, workspace, *sides)
    except KreisError as error:
        return None, error.message
    metrics = [
        PairedChange(
            name=name,
            difference=msgspec.convert(each.to_document(), EstimateView),
            told_apart=name in found.told_apart,
            detectable=detectable(each),
        )
        for name, each in found.differences.items()
    ]
    unit = project.goal.metric.unit
    return PairedView(rows=found.rows, judged_on=found.judged_on, which=found.which, unit=unit, metrics=metrics), ""


def _paired_answers(workspace: Workspace, both: tuple[CandidateView, CandidateView]) -> PairedView:
    found = paired_answers(workspace, *both)
    difference = msgspec.convert(found.to_document(), EstimateView)
    return PairedView(
        rows=found.n,
        judged_on=f"{found.n:,} test questions",
        which="that both answered",
        unit="",
        metrics=[
            PairedChange(
                name="correctness",
                difference=difference,
                told_apart=found.low > 0 or found.high < 0,
                detectable=detectable(found),
            )
        ],
        each="question",
    )
