"""`kreis status`: what is in service, how the last run ended, what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kreis.cli.output import JsonOption, console, date, emit, print_table, short

if TYPE_CHECKING:
    from kreis.loop.workspace import Workspace

__all__ = ["status", "status_document"]

_ALERTS = 3


def status(json: JsonOption = False) -> None:
    """Show what is in service, the last runs, what is open.

    Examples:

        kreis status

        kreis status --json
    """
    from kreis.loop.workspace import Workspace

    document = status_document(Workspace.find())
    if json:
        emit(document)
        return
    out = console()
    release = document["release"]
    if release is None:
        out.print("[bold]In service:[/] nothing yet. `kreis run` walks the circle to the first release.")
    else:
        out.print(f"[bold]In service:[/] release {release['number']} since {date(release['at'])}: {release['reason']}")
        for route in release["routes"]:
            out.print(
                f"  {route['share']:.0%} {route['mode']}: {route['candidate']} version {route['version']}"
                f" ({short(route['model'])})"
            )
    print_table(
        "\nLast runs",
        ("run", "as of", "status", "why", "started"),
        (
            (run["id"], date(run["as_of"]), run["status"], run["trigger"], date(run["started_at"]))
            for run in document["runs"]
        ),
    )
    for verdict in document["verdicts"]:
        out.print(f"  {verdict['discipline']:<13} {verdict['kind']:<9} {verdict['reason']}", soft_wrap=True)
    if document["alerts"]:
        out.print(f"\n[bold]{len(document['alerts'])} open alerts[/], the last ones:")
    for alert in document["alerts"][:_ALERTS]:
        out.print(f"  {date(alert['at'])} {alert['monitor']}: {alert['summary']}", soft_wrap=True, markup=False)


def status_document(workspace: Workspace) -> dict[str, Any]:
    """The status as a document."""
    import msgspec

    from kreis.ledger import alerts, models, releases, runs

    with workspace.ledger.read() as connection:
        last = runs.list_runs(connection, limit=5)
        project = last[0].project if last else None
        release = releases.current_release(connection, project) if project else None
        routes = []
        for route in release.routes if release else []:
            model = models.get_model(connection, route.model)
            routes.append({**msgspec.structs.asdict(route), "candidate": model.candidate, "version": model.version})
        verdicts = runs.verdicts_of(connection, last[0].id) if last else []
        open_alerts = alerts.list_alerts(connection, open_only=True)
    return {
        "project": project,
        "folder": str(workspace.folder),
        "release": {**msgspec.structs.asdict(release), "routes": routes} if release else None,
        "runs": [msgspec.structs.asdict(run) for run in last],
        "verdicts": [msgspec.structs.asdict(verdict) for verdict in verdicts],
        "alerts": [msgspec.structs.asdict(alert) for alert in open_alerts],
    }
