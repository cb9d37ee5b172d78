"""A release: which models answer which share of the traffic, and the releases before it."""

from __future__ import annotations

from typing import Any

from kreis.cli.output import date, print_facts, print_table, print_title, short

__all__ = ["print_release"]


def print_release(release: dict[str, Any]) -> None:
    """Print it."""
    print_title(f"Release {release['number']} of {release['project']} ({release['kind']})")
    fallback = ""
    if release["fallback"]:
        fallback = f"{release['fallback_candidate']} version {release['fallback_version']}"
        fallback += f" ({short(release['fallback'])}) answers when a live one cannot"
    print_facts(
        (
            ("since", f"{date(release['at'])} UTC, by {release['actor']}"),
            ("because", release["reason"]),
            ("fallback", fallback),
            ("id", release["id"]),
        )
    )
    print_table(
        "\nRoutes",
        ("share ", "mode", "candidate", "version ", "model"),
        (
            (f"{each['share']:.0%}", each["mode"], each["candidate"], str(each["version"]), short(each["model"]))
            for each in release["routes"]
        ),
    )
    print_table(
        "\nReleases",
        ("number ", "kind", "at (UTC)", "by", "because"),
        (
            (str(each["number"]), each["kind"], date(each["at"]), each["actor"], each["reason"])
            for each in release["history"]
        ),
    )
