"""`kreis erase`: a person's rows, or a document, leave every place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kreis.cli.output import JsonOption, emit, here, working

if TYPE_CHECKING:
    from kreis.actions.erase import Found

__all__ = ["erase"]

_NOTHING = "No table and no log holds rows of it: check the value."


def erase(
    entity: Annotated[str, typer.Option(help="Whose rows: a key and its value.", metavar="KEY=VALUE")] = "",
    document: Annotated[str, typer.Option(help="Which document, by its id.", metavar="ID")] = "",
    tenant: Annotated[
        str, typer.Option(help="Whose document, where tenants have some of the same id.", metavar="TENANT")
    ] = "",
    because: Annotated[
        str, typer.Option(help="Why; it goes into the record, so it must not name the person.", metavar="TEXT")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what holds such rows.")] = False,
    json: JsonOption = False,
) -> None:
    """Erase a person's rows, or a document, everywhere.

    From the tables, the prediction log and the online store; every earlier version that held them goes too. Documents
    that name the person, or the one document, leave the indexes as well: each index is written anew without them, and
    the models that answer from it are replaced. The record keeps a keyed digest, not the value. Says which models
    learned from them, and what holds the value still. Delete the rows at their source too; then `kreis run` makes the
    tables and the online store again.

    Examples:

        kreis erase --entity customer=C00017 --because "asked for it, ticket 4711"

        kreis erase --document leave.md --because "ticket 4712"
    """
    from kreis.actions import erase as erasing
    from kreis.errors import ProjectError

    if bool(entity) == bool(document):
        raise ProjectError("name one: whose rows, or a document", where="kreis erase", hint="--entity, or --document")
    key, _, value = entity.partition("=")
    subject = erasing.Subject("id", document, True, tenant or None) if document else erasing.Subject(key, value)
    workspace = here()
    if dry_run:
        found = erasing.find(workspace, subject)
        if json:
            emit(found)
            return
        _say("", found)
        return
    if not because.strip():
        raise ProjectError("an erasure needs a reason", where="kreis erase", hint="--because TEXT")
    with working("erasing", quiet=json):
        done = erasing.erase(workspace, subject, because=because)
    if json:
        emit(done)
        return
    _say("erased from ", done.erased)
    for name in [] if document else done.documents:
        typer.echo(f"erased whole, as it names the person: document {name}; give it again without, at its source")
    for model, successor in done.successors.items():
        typer.echo(f"model {model[:12]} answered from it: model {successor[:12]} takes its place")
    for model in done.models:
        typer.echo(f"learned from these rows: model {model[:12]}")
    for place in done.left:
        by_chance = ", perhaps by chance: the value is short" if len(subject.value) < erasing.SHORT else ""
        typer.echo(f"holds the value still{by_chance}: {place}")
    typer.echo(f"On record as subject {done.subject[:16]}.")
    typer.echo("Next: delete the rows at their source too, else they come back when it is read again; then kreis run")


def _say(before: str, found: list[Found]) -> None:
    from kreis.actions.erase import holding
    from kreis.texts import counted

    for each in found:
        typer.echo(f"{before}{each.place}: {each.where}" + (f" ({counted(each.rows, 'row')})" if each.rows else ""))
    if not holding(found):
        typer.echo(_NOTHING)
