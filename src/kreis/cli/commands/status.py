"""`kreis status`: what is in service, how the last run ended, what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from kreis.cli.output import JsonOption, date, emit, mark, plain, print_table, print_title, short, short_id

if TYPE_CHECKING:
    from kreis.loop.workspace import Workspace

__all__ = ["status", "status_document"]

_ALERTS = 3
"""Open alerts that are printed; --json has all."""


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
    _print_release(document["release"])
    _print_runs(document["runs"], document["verdicts"])
    _print_alerts(document["alerts"])


def _print_release(release: dict[str, Any] | None) -> None:
    if release is None:
        print_title("In service: nothing yet")
        typer.echo("kreis run walks the circle to the first release.")
        return
    print_title(f"In service: release {release['number']} since {date(release['at'])} UTC")
    typer.echo(plain(release["reason"]))
    print_table(
        "",
        ("share ", "mode", "candidate", "version ", "model"),
        (
            (f"{each['share']:.0%}", each["mode"], each["candidate"], str(each["version"]), short(each["model"]))
            for each in release["routes"]
        ),
    )


def _print_runs(runs: list[dict[str, Any]], verdicts: list[dict[str, Any]]) -> None:
    if not runs:
        return
    print_table(
        "\nLast runs (times in UTC)",
        ("run", "as of", "status", "took ", "started", "because"),
        (
            (
                short_id(run["id"]),
                date(run["as_of"]),
                run["status"].replace("_", " "),
                _took(run),
                date(run["started_at"]),
                "by hand" if run["trigger"] == "manual" else f"alert {short_id(run['trigger'])}",
            )
            for run in runs
        ),
    )
    print_table(
        "\nThe last one",
        ("", "discipline", "conclusion"),
        (
            (
                mark(each["kind"]),
                each["discipline"],
                (f"back to {each['to']}: " if each["to"] else "") + each["reason"],
            )
            for each in verdicts
        ),
    )


def _took(run: dict[str, Any]) -> str:
    if run["finished_at"] is None:
        return "–"
    return f"{(run['finished_at'] - run['started_at']).total_seconds():.1f} s"


def _print_alerts(alerts: list[dict[str, Any]]) -> None:
    if not alerts:
        return
    last = sorted(alerts, key=lambda each: each["at"])[-_ALERTS:]
    print_table(
        f"\nOpen alerts: {len(alerts)}" + (f", the last {_ALERTS}" if len(alerts) > _ALERTS else ""),
        ("at (UTC)", "monitor", "level", "finding"),
        ((date(each["at"]), each["monitor"], each["level"], each["summary"]) for each in last),
    )


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
