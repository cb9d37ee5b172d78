"""`kreis keys`: who is who, and the key that signs packages."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here

__all__ = ["app"]

app = typer.Typer(help="Keys of people, and the one that signs packages.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def new(
    person: Annotated[str, typer.Argument(help="Whose key.", metavar="NAME")],
    json: JsonOption = False,
) -> None:
    """Make a key for a person, and put it on record.

    The private half stays in a file of yours (`key` in [people] of kreis.toml); with it you approve. The first key of a
    name goes to whoever asks first: compare the fingerprint with what the person reads out.

    Example:

        kreis keys new bob
    """
    from kreis.actions.keys import new_person_key

    made = new_person_key(here(), person)
    answer(made, f"{made.person} has the key {made.key[:16]} ({made.file}). Keep the file to yourself.", json=json)


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List who has a key on record.

    Example:

        kreis keys list
    """
    from kreis.actions.keys import person_keys

    found = person_keys(here())
    lines = [f"{person}  {', '.join(each[:16] for each in fingerprints)}" for person, fingerprints in found.items()]
    answer(found, "\n".join(lines) or "Nobody has a key on record. Next: kreis keys new NAME", json=json)


@app.command()
def renew(
    reason: Annotated[str, typer.Option(help="Why; it goes into the record.", metavar="TEXT")],
    json: JsonOption = False,
) -> None:
    """Make a new signing key; sign what the record vouches for.

    For a key that is lost, or that somebody else may have. Old keys are no longer trusted. Start the service again
    afterwards: it read the trusted keys when it began.

    Example:

        kreis keys renew --reason "the laptop was stolen"
    """
    from kreis.actions.keys import renew_keys
    from kreis.texts import counted

    done = renew_keys(here(), reason=reason)
    answer(
        done,
        f"{counted(done.models, 'model is', 'models are')} signed with the new key {done.key[:16]}. Next:"
        " start the service again",
        json=json,
    )
