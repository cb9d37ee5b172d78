"""`kreis why`: from a prediction back to the goal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kreis.cli.output import JsonOption, console, date, emit, print_table, short

if TYPE_CHECKING:
    pass

__all__ = ["why"]


def why(
    prediction: Annotated[
        str, typer.Argument(help="Identifier of a prediction, as the service returned it.", metavar="PREDICTION")
    ],
    json: JsonOption = False,
) -> None:
    """Walk back from a prediction to the goal.

    Model, run, features with their values and source rows, columns, tables, contracts, goal.

    Example:

        kreis why 013e5f2a-7c00-7000-8f00-2b1f6d1c9a10
    """
    from kreis.governance.why import explain
    from kreis.loop.workspace import Workspace

    walk = explain(Workspace.find(), prediction)
    if json:
        emit(walk)
    else:
        _print(walk)


def _print(walk: dict[str, Any]) -> None:
    out = console()
    prediction, model, run = walk["prediction"], walk["model"], walk["run"]
    verdict = "yes" if prediction["decision"] else "no"
    outcome = "not known yet" if prediction["outcome"] is None else ("yes" if prediction["outcome"] > 0.5 else "no")
    out.print(
        f"[bold]{walk['goal']['question']}[/]  [bold]{verdict}[/] ({prediction['score']:.3f}, decided from"
        f" {model['threshold']:.3f}); what happened: {outcome}"
    )
    out.print(f"prediction  {prediction['id']} at {date(prediction['at'])}, reference {prediction['reference'] or '–'}")
    out.print("keys        " + ", ".join(f"{key}={value}" for key, value in prediction["keys"].items()))
    out.print(f"release     {walk['release']['number']} ({walk['release']['kind']}): {walk['release']['reason']}")
    out.print(
        f"model       {model['candidate']} version {model['version']}, {short(model['digest'])}, signed"
        f" {model['signature']}"
    )
    out.print(f"run         {run['id']} as of {date(run['as_of'])}, because: {run['trigger']}")
    print_table(
        "",
        ("feature", "value ", "source rows ", "read from columns", "table@version", "contract"),
        (
            (
                feature["name"],
                "missing" if feature["value"] is None else f"{feature['value']:.4g}",
                "" if feature["source_rows"] is None else str(feature["source_rows"]),
                ", ".join(feature["columns"]),
                feature["table"],
                ", ".join(f"{name} {short(digest)}" for name, digest in feature["contracts"].items()),
            )
            for feature in walk["features"]
        ),
    )
    out.print(f"\ngoal        {short(walk['goal']['digest'])}: {walk['goal']['decision']}")
    out.print(f"answered in {walk['seconds']:.2f} s")
