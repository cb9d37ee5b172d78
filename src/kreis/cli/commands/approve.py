"""`kreis approve`: a person's yes to one model, bound to its digest."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, emit, here

__all__ = ["approve"]


def approve(
    model: Annotated[
        str, typer.Argument(help="Version number or (the beginning of) the digest of the model.", metavar="MODEL")
    ],
    role: Annotated[
        str, typer.Option(help="Role in which you approve, as the project's release names it.", metavar="ROLE")
    ],
    reason: Annotated[str, typer.Option(help="Why; it goes into the record.", metavar="TEXT")],
    seen: Annotated[
        str,
        typer.Option(
            help="Evaluation that you saw, as kreis show model names it. [default: the newest]", metavar="DIGEST"
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Approve a model for release.

    The approval is for the model's digest and for its newest evaluation: any change to either needs a new one.

    Example:

        kreis approve 3 --role product_owner --reason "checked the slices with the desk"
    """
    from kreis.actions.approve import approve_model
    from kreis.governance.views.model import model_view
    from kreis.texts import short

    workspace = here()
    approval = approve_model(workspace, model, role=role, reason=reason, seen=seen)
    if json:
        emit(approval)
        return
    missing = model_view(workspace, approval.model).missing
    following = f"Still missing: {'; '.join(missing)}" if missing else "Next: kreis run"
    typer.echo(f"{approval.actor} approved model {short(approval.model)} as {approval.role}. {following}")
