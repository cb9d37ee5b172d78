"""What examinations found, drawn from its shape alone: a new examination appears without a line here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kreis.governance.papers.parts import section, table, text
from kreis.governance.papers.plots import Dot, curves, dots, figure, reliability
from kreis.governance.papers.traced import Traced

__all__ = ["examined_sections"]

_PLOTS = 6
"""Of one examination; its tables hold the rest."""
_ROWS = 25
"""Of a table of details."""
_SHARES = ("frequency", "share", "observed", "outcome")
_GROUPED = ("feature", "column", "group", "measure", "name")


def examined_sections(examined: Iterable[tuple[Traced, str]]) -> Iterator[str]:
    """A section for each.

    Args:
        examined: What each answered, with the question that it asks.
    """
    for each, asks in examined:
        name = str(each["examination"].value)
        parts = [f"<p>{text(asks)}</p>" if asks else "", *_parts(each)]
        yield section(f"examined-{name}", name.replace("_", " ").capitalize(), parts, level=3)


def _parts(examined: Traced) -> Iterator[str]:
    if examined.get("lacks", "").value:
        yield f"<p>It was not asked: {examined['lacks'].html}.</p>"
        return
    findings = list(examined.get("findings", []))
    for each in findings:
        if each.get("serious", False).value:
            yield f'<p class="look">▲ To look at: {each["said"].html}</p>'
    drawn = [*_plots(findings), *_drawn(examined)][:_PLOTS]
    yield f'<div class="plots">{"".join(drawn)}</div>' if drawn else ""
    yield table(
        "What was found, with intervals where there are any",
        ("of", "number", "in words"),
        [(_of(each), _number(each), each["said"].html) for each in findings],
    )
    for name, rows in examined.get("tables", {}).items():
        yield _details(name, rows)
    notes = "".join(f"<li>{note.html}</li>" for note in examined.get("notes", []))
    yield f"<ul>{notes}</ul>" if notes else ""


def _of(finding: Traced) -> str:
    group = finding.get("group", "").value
    column = finding.get("column", "").value
    measure = str(finding["measure"].value).replace("_", " ")
    whom = f", {column}: {group}" if group and column else f", {column or group}" if column or group else ""
    return f'<span data-record="{text(finding.place)}" data-made="">{text(measure + whom)}</span>'


def _number(finding: Traced) -> str:
    found = finding.get("estimate")
    return "–" if found.value is None else found.html


def _plots(findings: list[Traced]) -> Iterator[str]:
    """A plot of each measure and column of which there are several numbers."""
    series: dict[tuple[str, str], list[Dot]] = {}
    for each in findings:
        found = each.get("estimate").value
        if found is None or found["value"] is None:
            continue
        column, group = str(each.get("column", "").value), str(each.get("group", "").value)
        key = (str(each["measure"].value), column if group else "")
        dot = (group or column or "all", found["value"], found["low"], found["high"])
        series.setdefault(key, []).append(dot)
    for (measure, column), rows in series.items():
        if len(rows) < 2:
            continue
        title = measure.replace("_", " ")
        image = dots(rows, title=title)
        by = f" by {column}" if column else ""
        yield figure(image, f"{title}{by}", _told(title + by, rows))


def _told(title: str, rows: list[Dot]) -> str:
    lowest, highest = min(rows, key=lambda row: row[1]), max(rows, key=lambda row: row[1])
    return (
        f"{title}: {len(rows)} values with intervals; lowest {lowest[0]} with {lowest[1]:.4g},"
        f" highest {highest[0]} with {highest[1]:.4g}. The table has them all."
    )


def _drawn(examined: Traced) -> Iterator[str]:
    """Tables whose columns say how they are drawn: a reliability diagram, or curves with their bands."""
    for name, rows in examined.get("tables", {}).items():
        for label, part in _series(rows.value):
            title = f"{name.replace('_', ' ')}{f': {label}' if label else ''}"
            columns = list(part[0])
            share = next((each for each in _SHARES if each in columns), None)
            if "score" in columns and share is not None:
                points = [
                    (row["score"], row[share], row.get("rows", row.get("n", 1)))
                    for row in part
                    if _known(row, "score", share)
                ]
                said = f"{title}: what happened against what was predicted, {len(points)} bins. The table has them."
                yield figure(reliability(points), f"{title}; dashed: where both agree", said)
            elif {"value", "low", "high"} <= set(columns) and columns[0] not in ("value", "low", "high"):
                x = next((each for each in columns if each not in ("value", "low", "high", *_GROUPED)), columns[0])
                known = [row for row in part if _known(row, "value")]
                said = f"{title}: value by {x}, {len(known)} points with their band. The table has them."
                yield figure(curves(known, x=x, y="value", band=True), title, said)


def _known(row: dict[str, Any], *names: str) -> bool:
    return all(isinstance(row.get(name), int | float) for name in names)


def _series(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows apart by what they are of, where a column says that."""
    if not rows:
        return
    by = [name for name in _GROUPED if name in rows[0] and len(rows[0]) > 2]
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        parts.setdefault(", ".join(str(row.get(name)) for name in by), []).append(row)
    yield from ((label, part) for label, part in parts.items() if len(part) > 1)


def _details(name: str, rows: Traced) -> str:
    if not rows.value:
        return ""
    columns = list(dict.fromkeys(column for row in rows.value for column in row))
    shown = [[row[column].html if column in row.value else "–" for column in columns] for row in list(rows)[:_ROWS]]
    left = len(rows.value) - len(shown)
    caption = name.replace("_", " ") + (": the first rows, the others stand on record" if left > 0 else "")
    numbers = [
        place
        for place, column in enumerate(columns)
        if any(isinstance(row.get(column), int | float) for row in rows.value)
    ]
    return table(caption, [column.replace("_", " ") for column in columns], shown, numbers=numbers)
