"""The project.py that is written for series, and the names that it gives the columns."""

from __future__ import annotations

from collections.abc import Mapping

from kreis.preparation.series import AHEAD, FORECAST, HORIZON, KNOWN_AT, ORIGIN, PERIOD
from kreis.rows.columns import as_identifiers
from kreis.start.columns import Column
from kreis.start.contract import quoted
from kreis.start.project_file import Asked, head_of, project_of
from kreis.start.series.found import ALL, Found
from kreis.start.series.question import SeriesQuestion
from kreis.start.written import as_python
from kreis.texts import plain

__all__ = ["SOURCE", "key_of", "names_of", "project_text", "series_contract"]

SOURCE = "periods"
_KEY, _TIME, _KNOWN = "series", "time", "known_at"
_LATEST = "latest"
_TAKEN = {AHEAD, FORECAST, HORIZON, KNOWN_AT, ORIGIN, PERIOD, _KEY, _TIME, _KNOWN, SOURCE, _LATEST, "last", "trend"}
_OF_HISTORY = ("lag_", "change_", "mean_", "spread_", "season_")


def names_of(columns: list[str], found: Found, predict: str) -> dict[str, str]:
    """What the project calls the columns that it takes: the key, the value, and the other numbers."""
    wanted = [*([found.key] if found.key else []), predict, *found.latest]
    names = as_identifiers(columns)
    used: set[str] = set()
    for each in wanted:
        while names[each] in _TAKEN | used or names[each].startswith(_OF_HISTORY):
            names[each] = f"n_{names[each]}"
        used.add(names[each])
    return {each: names[each] for each in wanted}


def key_of(names: Mapping[str, str], found: Found) -> str:
    """What the project calls the column that names a series.

    Args:
        names: As `names_of` gives them.
        found: The series.
    """
    return names[found.key] if found.key else _KEY


def project_text(asked: Asked, columns: list[str], question: SeriesQuestion) -> str:
    """The text of a project that forecasts the series of a table.

    Args:
        asked: What the person said.
        columns: The table's.
        question: What is to be forecast.
    """
    found = question.found
    names = names_of(columns, found, asked.outcome)
    value, key = names[asked.outcome], key_of(names, found)
    parts = [
        head_of(question.asks, question.names, also=["from pathlib import Path", "", "import polars as pl", ""]),
        project_of(asked, question.asks, question.metric),
        _source(asked, found, names, key),
        _series(found, value, key),
        _latest(found, names, value, key),
        [f'project.split(TimeSplit(test="{found.test_days}d"))  # the last days judge: a fifth of all'],
        question.candidates(),
        [
            "# A new model first answers a tenth of the requests, and goes on only if it does not do worse.",
            'project.release(Canary(steps=[0.1, 1.0], hold="1d"), fallback="last value")',
            'project.monitor(Drift(), BusinessMetric(), sends_back_to="collection")',
        ],
    ]
    text = "\n\n".join("\n".join(part) for part in parts if part) + "\n"
    # Two empty lines around a function.
    return text.replace("\n\n@project", "\n\n\n@project").replace('("known_at"))\n\n', '("known_at"))\n\n\n')


def _source(asked: Asked, found: Found, names: dict[str, str], key: str) -> list[str]:
    options = f", separator={as_python(asked.separator)}" if asked.separator else ""
    options += "" if asked.header else ", header=False"
    named = f"pl.col({as_python(found.key)}).cast(pl.String)" if found.key else f'pl.lit("{ALL}")'
    others = [
        f"        pl.col({as_python(each)}){'' if each == name else f'.alias({as_python(name)})'},"
        for each, name in names.items()
        if each != found.key
    ]
    return [
        f'@project.source(contract={as_python(asked.contract)}, known_at="{_KNOWN}")',
        f"def {SOURCE}(window: Window) -> pl.LazyFrame:",
        '    """One row for each series and period."""',
        f"    table = read_table(Path(__file__).parent / {as_python(asked.file)}{options})",
        "    rows = table.select(",
        f"        {named}.alias({as_python(key)}),",
        f'        {found.times.written}.alias("{_TIME}"),',
        *others,
        "    )",
        "    # TO BE EDITED, where values come later: a value is taken to be known as soon as its period is over.",
        f'    rows = rows.with_columns({_KNOWN}=pl.col("{_TIME}").dt.offset_by("{found.every}"))',
        f'    return rows.filter(window.contains("{_KNOWN}"))',
    ]


def _series(found: Found, value: str, key: str) -> list[str]:
    season = [f"    season={found.season},"] if found.season else []
    return [
        "# One row to be answered for each series, moment at which a period is over, and horizon (periods ahead).",
        "series = project.series(",
        f'    "{value}",',
        f"    table={SOURCE},",
        f'    key="{key}",',
        f'    time="{_TIME}",',
        f'    value="{value}",',
        f'    known_at="{_KNOWN}",',
        f'    every="{found.every}",',
        f"    horizons={found.horizons},",
        *season,
        ")",
    ]


def _latest(found: Found, names: dict[str, str], value: str, key: str) -> list[str]:
    if not found.latest:
        return []
    return [
        '@project.table(layer="silver")',
        f"def {_LATEST}({SOURCE}: pl.LazyFrame) -> pl.LazyFrame:",
        '    """What else is known of the last period, when a forecast is made."""',
        f'    return {SOURCE}.drop("{value}")',
        "",
        "",
        "project.feature_view(",
        f'    "{_LATEST}",',
        f'    entity="{key}",',
        f"    table={_LATEST},",
        f'    event_time="{_TIME}",',
        f'    known_at="{_KNOWN}",',
        f'    ttl="{_ttl(found)}",',
        "    features={",
        *(f'        "{names[each]}": pl.col("{names[each]}"),' for each in found.latest),
        "    },",
        ")",
    ]


_LONGEST = {"m": "m", "h": "h", "d": "d", "w": "d", "mo": "d", "q": "d", "y": "d"}
_DAYS = {"w": 7, "mo": 31, "q": 92, "y": 366}


def _ttl(found: Found) -> str:
    """Six periods: older numbers say little."""
    unit = found.every.lstrip("0123456789")
    count = 6 * int(found.every.removesuffix(unit)) * _DAYS.get(unit, 1)
    return f"{count}{_LONGEST[unit]}"


def series_contract(asked: Asked, title: str, columns: list[Column], found: Found) -> str:
    """The contract of the source, as Open Data Contract Standard YAML."""
    names = names_of([each.name for each in columns], found, asked.outcome)
    key = key_of(names, found)
    lines = [
        f"# What the periods of {plain(title)} promise. Written from what was seen: edit what is not meant so.",
        "# A row that breaks it is set aside (quarantine) and counted; it never reaches a model.",
        "apiVersion: v3.2.0",
        "kind: DataContract",
        f"id: {asked.name}-{SOURCE}",
        f"name: {asked.name}",
        "version: 1.0.0",
        "status: draft  # active, once you have read it",
        "schema:",
        f"  - name: {SOURCE}",
        "    physicalType: file",
        "    properties:",
        f"      - {{name: {quoted(key)}, logicalType: string, primaryKey: true, primaryKeyPosition: 1}}",
        f"      - {{name: {_TIME}, logicalType: timestamp, primaryKey: true, primaryKeyPosition: 2}}",
        f"      - {{name: {_KNOWN}, logicalType: timestamp, required: true}}",
    ]
    for each in columns:
        if each.name in names and each.name != found.key:
            missing = f", missing in {each.missing / each.rows:.1%}" if each.missing else ""
            lines.append(f"      # {each.low:,.6g} to {each.high:,.6g}{missing}")
            required = "" if each.missing else ", required: true"
            kind = "integer" if each.kind == "integer" else "number"
            lines.append(f"      - {{name: {quoted(names[each.name])}, logicalType: {kind}{required}}}")
    return "\n".join([*lines, "    customProperties:", "      - {property: kreis.quarantine.at_most, value: 0.01}", ""])
