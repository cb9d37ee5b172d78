"""`kreis why`: from a prediction back to the goal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kreis.cli.output import JsonOption, date, emit, number, print_facts, print_table, print_title, short, working

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

    with working("walking back", quiet=json):
        walk = explain(Workspace.find(), prediction)
    if json:
        emit(walk)
    else:
        _print(walk)


def _print(walk: dict[str, Any]) -> None:
    prediction, model, run, goal = walk["prediction"], walk["model"], walk["run"], walk["goal"]
    print_title(f"{goal['question']} {'Yes' if prediction['decision'] else 'No'}.")
    keys = ", ".join(f"{name} {key}" for name, key in prediction["keys"].items())
    trigger = "by hand" if run["trigger"] == "manual" else f"because of alert {run['trigger']}"
    print_facts(
        (
            ("score", f"{prediction['score']:.3f}; yes from {model['threshold']:.3f}"),
            ("what happened", _outcome(prediction["outcome"])),
            ("prediction", f"{prediction['id']} at {date(prediction['at'])} UTC"),
            ("reference", prediction["reference"] or ""),
            ("keys", keys),
            ("release", f"{walk['release']['number']} ({walk['release']['kind']}): {walk['release']['reason']}"),
            (
                "model",
                f"{model['candidate']} version {model['version']} ({short(model['digest'])}), signature"
                f" {model['signature']}",
            ),
            ("run", f"{run['id']} as of {date(run['as_of'])} UTC, {trigger}"),
            ("goal", f"{short(goal['digest'])}: {goal['decision']}"),
        )
    )
    print_table(
        "\nWhat it rested on",
        ("feature", "value ", "rows ", "read from", "table@version", "contract"),
        (
            (
                feature["name"],
                "missing" if feature["value"] is None else number(feature["value"]),
                "" if feature["source_rows"] is None else f"{feature['source_rows']:,}",
                ", ".join(feature["columns"]),
                feature["table"],
                ", ".join(f"{name} {short(digest)}" for name, digest in feature["contracts"].items()),
            )
            for feature in walk["features"]
        ),
    )
    typer.echo(f"\nWalked back in {walk['seconds']:.2f} s.")


def _outcome(outcome: float | None) -> str:
    return "not known yet" if outcome is None else ("yes" if outcome > 0.5 else "no")
