"""`kreis why`: from a prediction back to the goal."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here, working

__all__ = ["why"]


def why(
    prediction: Annotated[
        str, typer.Argument(help="Identifier of a prediction, as the service returned it.", metavar="PREDICTION")
    ],
    counterfactual: Annotated[
        bool, typer.Option("--counterfactual", help="Look for the smallest changes that lead to another decision.")
    ] = False,
    immutable: Annotated[
        list[str] | None, typer.Option(help="A feature, or field, that stays as it is in them.", metavar="NAME")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Walk back from a prediction to the goal.

    What each feature added, model, run, features with their values and source rows, columns, tables, contracts, goal.

    Example:

        kreis why 013e5f2a-7c00-7000-8f00-2b1f6d1c9a10
        kreis why 013e5f2a-7c00-7000-8f00-2b1f6d1c9a10 --counterfactual --immutable age
    """
    from kreis.governance.pages.why import why_page
    from kreis.governance.views.why import why_view

    with working("walking back", quiet=json):
        walk = why_view(here(), prediction, counterfactual=counterfactual, immutable=immutable or ())
    answer(walk, why_page, json=json)
