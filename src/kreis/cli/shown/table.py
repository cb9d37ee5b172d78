"""A table: its columns with the first rows, and its versions."""

from __future__ import annotations

from datetime import date as Day
from datetime import datetime
from typing import Any

from kreis.cli.output import date, print_facts, print_table, print_title, short_id, size

__all__ = ["print_table_of_lake"]

_LONGEST = 40


def print_table_of_lake(document: dict[str, Any]) -> None:
    """Print one, or the list of all."""
    if "tables" in document:
        print_table(
            "",
            ("table", "version ", "rows ", "known until", "written (UTC)"),
            (
                (
                    each["table"],
                    str(each["version"]),
                    f"{each['rows']:,}",
                    date(each["known_until"]),
                    date(each["at"]),
                )
                for each in document["tables"]
            ),
        )
        return
    print_title(f"{document['table']}, version {document['version']}: {document['rows']:,} rows")
    known_until = document["known_until"]
    print_facts(
        (
            ("written", f"{date(document['at'])} UTC"),
            ("known until", f"{date(known_until)} UTC" if known_until else ""),
            ("fingerprint", document["fingerprint"]),
        )
    )
    rows = document["first_rows"]
    print_table(
        "\nColumns",
        ("column", "type", *(f"row {place}" for place in range(1, len(rows) + 1))),
        ((column, kind, *(_cell(row[column]) for row in rows)) for column, kind in document["columns"].items()),
    )
    print_table(
        "\nVersions",
        ("version ", "mode", "rows ", "added ", "written (UTC)", "run"),
        (
            (
                str(each["version"]),
                each["mode"],
                f"{each['rows']:,}",
                size(each["added_bytes"]),
                date(each["at"]),
                short_id(each["run"]),
            )
            for each in document["history"]
        ),
    )


def _cell(value: Any) -> str:
    match value:
        case None:
            return "–"
        case datetime():
            return date(value)
        case Day():
            return value.isoformat()
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case list():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
