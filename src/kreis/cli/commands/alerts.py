"""`kreis alerts`: what monitors found, one line for each cause."""

from __future__ import annotations

from typing import Annotated

import typer

from kreis.cli.output import JsonOption, answer, here

__all__ = ["app"]

app = typer.Typer(help="What monitors found: one line for each cause.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def alerts(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all/--open", help="Also those whose cause is over. [default: open]", show_default=False)
    ] = False,
    monitor: Annotated[
        str,
        typer.Option(
            help='Of one monitor ("drift wind"), or of all of its kind ("drift").', metavar="NAME", show_default=False
        ),
    ] = "",
    since: Annotated[
        str, typer.Option(help="Raised on this day or later: 2013-05-01.", metavar="WHEN", show_default=False)
    ] = "",
    page: Annotated[int, typer.Option(help="Which page of twenty lines.", min=1, metavar="NUMBER")] = 1,
    json: JsonOption = False,
) -> None:
    """Show alerts, the newest first. An alert is open while its cause lasts.

    Examples:

        kreis alerts

        kreis alerts --all --monitor latency --since 2013-05-01

        kreis alerts acknowledge 013fda7a-1000 --because "a storm; nothing to do"
    """
    if context.invoked_subcommand is not None:
        return
    from kreis.clock import parse_time
    from kreis.errors import ProjectError
    from kreis.governance.pages.alert import alert_page
    from kreis.governance.views.alert import alerts_view

    try:
        moment = parse_time(since) if since else None
    except ValueError as error:
        raise ProjectError(f"{since!r} is not a valid time", where="--since", hint="write a day: 2013-05-01") from error
    view = alerts_view(here(), open_only=not everything, monitor=monitor or None, since=moment, page=page)
    answer(view, alert_page, json=json)


@app.command()
def acknowledge(
    alert: Annotated[str, typer.Argument(help="The (beginning of the) alert's identifier.", metavar="ALERT")],
    because: Annotated[str, typer.Option(help="What you say of it; it goes into the record.", metavar="TEXT")],
    json: JsonOption = False,
) -> None:
    """Say that you have seen an alert.

    It stays open while its cause lasts; one that tells of an event is closed.

    Example:

        kreis alerts acknowledge 013fda7a-1000 --because "a storm; nothing to do"
    """
    from kreis.actions.alerts import acknowledge as record_acknowledgement

    seen = record_acknowledgement(here(), alert, because)
    state = "open while its cause lasts" if seen.closed_at is None else "closed"
    answer(seen, f"{seen.acknowledged_by} acknowledged the alert of {seen.monitor}; it is {state}.", json=json)
