"""A release: which models answer which share of the traffic, and the releases before it."""

from __future__ import annotations

from typing import Any

from kreis.governance.pages.page import Grid, Page
from kreis.governance.pages.texts import date, short

__all__ = ["release_page", "routes_grid"]


def release_page(release: dict[str, Any]) -> Page:
    """The page of a release's document."""
    fallback = ""
    if release["fallback"]:
        fallback = f"{release['fallback_candidate']} version {release['fallback_version']}"
        fallback += f" ({short(release['fallback'])}) answers when a live one cannot"
    history = [
        (str(each["number"]), each["kind"], date(each["at"]), each["actor"], each["reason"])
        for each in release["history"]
    ]
    return Page(
        title=f"Release {release['number']} of {release['project']} ({release['kind']})",
        facts=(
            ("since", f"{date(release['at'])} UTC, by {release['actor']}"),
            ("because", release["reason"]),
            ("fallback", fallback),
            ("id", release["id"]),
        ),
        grids=(
            routes_grid("Routes", release["routes"]),
            Grid("Releases", ("number ", "kind", "at (UTC)", "by", "because"), history),
        ),
    )


def routes_grid(title: str, routes: list[dict[str, Any]]) -> Grid:
    """Routes as a table."""
    rows = [
        (f"{each['share']:.0%}", each["mode"], each["candidate"], str(each["version"]), short(each["model"]))
        for each in routes
    ]
    return Grid(title, ("share ", "mode", "candidate", "version ", "model"), rows)
