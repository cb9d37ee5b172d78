"""`kreis run`: walk the circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreis.cli.output import JsonOption, emit

if TYPE_CHECKING:
    from kreis.loop.machine import RunResult

__all__ = ["result_document", "run"]

EXIT_SENT_BACK = 10
EXIT_HELD = 11


def _disciplines() -> list[str]:
    return ["requirements", "collection", "preparation", "training", "evaluation", "deployment"]


def run(
    as_of: Annotated[
        str,
        typer.Option(
            help="The moment to run for (ISO 8601, UTC): nothing known later is used. [default: kreis.toml, or today]",
            metavar="TIME",
            show_default=False,
        ),
    ] = "",
    until: Annotated[
        str, typer.Option(help="Last discipline to walk.", metavar="DISCIPLINE", autocompletion=_disciplines)
    ] = "deployment",
    start: Annotated[
        str,
        typer.Option(
            "--from",
            help="Compute anew from this discipline on, whatever is remembered. [default: nothing anew]",
            metavar="DISCIPLINE",
            show_default=False,
            autocompletion=_disciplines,
        ),
    ] = "requirements",
    simulated_time: Annotated[
        bool,
        typer.Option(
            "--simulated-time", help="Use --as-of as the current time in the ledger as well. For replays only."
        ),
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            help="Accept that many rows of this source that were collected before are gone or changed; on record.",
            metavar="SOURCE",
        ),
    ] = None,
    trigger: Annotated[str, typer.Option(hidden=True)] = "manual",
    json: JsonOption = False,
) -> None:
    """Walk the circle, from the goal to a release.

    Requirements, collection, preparation, training, evaluation, deployment: each returns a verdict. What has been
    computed before is remembered; after a crash, run it again and it goes on where it stopped.

    Examples:

        kreis run

        kreis run --as-of 2013-05-01 --until evaluation
    """
    from kreis.actions.run import discipline_of, run_circle
    from kreis.cli.live import observer_for
    from kreis.clock import SimulatedClock
    from kreis.workspace import Workspace

    workspace = Workspace.find()
    moment = workspace.moment(as_of)
    if simulated_time:
        workspace.clock = SimulatedClock(moment)
    project = workspace.load_project()
    last, first = discipline_of(project, until), discipline_of(project, start)
    try:
        with observer_for(project, moment, json=json) as observer:
            result = run_circle(
                project,
                workspace,
                as_of=moment,
                until=last,
                start=first,
                trigger=trigger,
                accept=accept or (),
                observer=observer,
            )
    except KeyboardInterrupt:
        typer.echo("Interrupted. What is finished is remembered: kreis run goes on from there.", err=True)
        raise
    if json:
        emit(result_document(result))
    raise typer.Exit({"advanced": 0, "sent_back": EXIT_SENT_BACK, "held": EXIT_HELD, "failed": 1}[result.status])


def result_document(result: RunResult[Any]) -> dict[str, object]:
    """A run's result as JSON."""
    return {
        "run": result.run,
        "as_of": result.as_of,
        "status": result.status,
        "steps": {"computed": result.computed, "remembered": len(result.steps) - result.computed},
        "computed": [f"{step.discipline}/{step.name}" for step in result.steps if not step.remembered],
        "verdicts": [
            {"discipline": discipline, "kind": type(verdict).__name__, **vars(verdict)}
            for discipline, verdict in result.verdicts.items()
        ],
    }
