"""`kreis run`: walk the circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kreis.cli.output import JsonOption, answer, emit, here

if TYPE_CHECKING:
    from datetime import datetime

    from kreis.project import Project
    from kreis.workspace import Workspace

__all__ = ["run"]

EXIT_SENT_BACK = 10
EXIT_HELD = 11


def _disciplines() -> list[str]:
    from kreis.disciplines import DISCIPLINES

    return list(DISCIPLINES[:-1])


_AsOf = Annotated[
    str,
    typer.Option(
        help="The moment to run for (ISO 8601, UTC): nothing known later is used. [default: kreis.toml, or today]",
        metavar="TIME",
        show_default=False,
    ),
]
_Until = Annotated[
    str, typer.Option(help="Last discipline to walk.", metavar="DISCIPLINE", autocompletion=_disciplines)
]
_StartAt = Annotated[
    str,
    typer.Option(
        help="Start at this discipline and recompute from there, whatever is remembered; what comes before it is"
        " taken over from the last run. [default: the first, nothing recomputed]",
        metavar="DISCIPLINE",
        show_default=False,
        autocompletion=_disciplines,
    ),
]
_Plan = Annotated[bool, typer.Option("--plan", help="Say what would be computed, and why; do nothing.")]
_SimulatedTime = Annotated[
    bool,
    typer.Option("--simulated-time", help="Use --as-of as the current time in the ledger as well. For replays only."),
]
_Accept = Annotated[
    list[str] | None,
    typer.Option(
        help="Accept that many rows of this source that were collected before are gone or changed; on record.",
        metavar="SOURCE",
    ),
]


def run(
    as_of: _AsOf = "",
    until: _Until = "deployment",
    start_at: _StartAt = "",
    start: Annotated[str, typer.Option("--from", hidden=True, autocompletion=_disciplines)] = "",
    plan: _Plan = False,
    simulated_time: _SimulatedTime = False,
    accept: _Accept = None,
    trigger: Annotated[str, typer.Option(hidden=True)] = "manual",
    present: Annotated[str, typer.Option(hidden=True)] = "",
    json: JsonOption = False,
) -> None:
    """Walk the circle, from the goal to a release.

    Requirements, collection, preparation, training, evaluation, deployment: each returns a verdict, and one that sends
    the work back has it done again from there. What has been computed before is remembered; after a crash, run it
    again and it goes on where it stopped.

    Examples:

        kreis run

        kreis run --as-of 2013-05-01 --until evaluation

        kreis run --start-at training

        kreis run --plan
    """
    from kreis.actions.run import moment_of, run_circle
    from kreis.cli.live import observer_for
    from kreis.clock import SimulatedClock

    if start:
        typer.echo("warning: --from is now called --start-at", err=True)
        start_at = start_at or ("" if start == "requirements" else start)
    workspace = here()
    if present or simulated_time:
        workspace.clock = SimulatedClock(workspace.moment(present or as_of))
    project = workspace.load_project()
    moment = moment_of(project, workspace, as_of, until=until, start_at=start_at)
    if plan:
        _say_plan(project, workspace, moment, until, start_at, json=json)
        return
    try:
        with observer_for(project, moment, json=json) as observer:
            result = run_circle(
                project,
                workspace,
                as_of=moment,
                until=until,
                start_at=start_at,
                trigger=trigger,
                accept=accept or (),
                observer=observer,
            )
    except KeyboardInterrupt:
        typer.echo("Interrupted. What is finished is remembered: kreis run goes on from there.", err=True)
        raise
    finally:
        _mirror(workspace)
    if json:
        from kreis.governance.views.result import result_view

        emit(result_view(result))
    raise typer.Exit({"advanced": 0, "sent_back": EXIT_SENT_BACK, "held": EXIT_HELD, "failed": 1}[result.status])


def _mirror(workspace: Workspace) -> None:
    """Show what has ended where the project also wants it shown."""
    if workspace.settings.tracking.mlflow:
        from kreis.integrations.mlflow import mirror

        mirror(workspace)


def _say_plan(
    project: Project, workspace: Workspace, as_of: datetime, until: str, start_at: str, *, json: bool
) -> None:
    from kreis.actions.run import plan_circle
    from kreis.governance.pages.plan import plan_page

    found = plan_circle(project, workspace, as_of=as_of, until=until, start_at=start_at)
    answer(found, plan_page, json=json)
