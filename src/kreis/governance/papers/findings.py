"""What examinations found, drawn from its shape alone: a new examination appears without a line here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from kreis.governance.papers.parts import section, table, text
from kreis.governance.papers.plots import Dot, curves, dots, figure, reliability, tradeoff
from kreis.governance.papers.traced import Traced

__all__ = ["examined_sections"]

_PLOTS, _PLOTS_OF_TABLE = 10, 6
"""Of one examination, and of one of its tables; what is not drawn stands in the tables."""
_ROWS = 25
"""Of a table of details."""
_SHARES = ("frequency", "share", "observed", "outcome")
_ALONG = ("value", "first_day")
"""What other numbers of a row go along: across in plots."""
_ORDER = ("first_day", "effect", "gap", "loss", "value", "score", *_SHARES, "low", "high", "rows", "n")
"""Numbers of tables, as they are shown; the others follow by name."""
_SLACK = 1e-9


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
    """Tables whose columns say how they are drawn."""
    for name, rows in examined.get("tables", {}).items():
        if rows.value:
            yield from list(_of_table(name.replace("_", " "), rows.value))[:_PLOTS_OF_TABLE]


def _of_table(name: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    """The plots of one table: a reliability diagram, curves with bands, a trade-off, or values with intervals."""
    columns = list(rows[0])
    share = next((each for each in _SHARES if each in columns), None)
    centre = _within_bounds(rows)
    along = next((each for each in _ALONG if each in columns and each != centre), None)
    pairs = [each for each in columns if {f"{each}_low", f"{each}_high"} <= set(columns)]
    if "score" in columns and share is not None:
        for label, part in _series(rows, ("score", share)):
            points = [(row["score"], row[share], row.get("rows", row.get("n", 1))) for row in part]
            said = f"{name}{label}: what happened against what was predicted, {len(points)} bins. The table has them."
            yield figure(reliability(points), f"{name}{label}; dashed: where both agree", said)
    elif centre is not None and along is not None:
        for label, part in _series(rows, (along, centre), without=(along,)):
            across = along.replace("_", " ")
            said = f"{name}{label}: {centre} by {across}, {len(part)} points with their band. The table has them."
            yield figure(curves(part, x=along, y=centre, band=True), f"{name}{label}", said)
    elif centre is not None:
        own = _naming(rows)
        for label, part in _series(rows, (centre,), without=(own,)):
            shown = [(str(row.get(own)), row[centre], row["low"], row["high"]) for row in part]
            yield figure(dots(shown, title=centre.replace("_", " ")), f"{name}{label}", _told(name + label, shown))
    elif len(pairs) > 1:
        said = f"{name}: {pairs[1]} against {pairs[0]}, {len(rows)} points. The table has them."
        yield figure(tradeoff(rows, x=pairs[0], y=pairs[1], by=_naming(rows)), name, said)


def _within_bounds(rows: list[dict[str, Any]]) -> str | None:
    """The column of which "low" and "high" are the interval: it always lies between them."""
    if not {"low", "high"} <= set(rows[0]):
        return None
    known = [row for row in rows if _known(row, "low", "high")]
    for name in sorted(set(rows[0]) - {"low", "high", "rows", "n"}, key=_place):
        own = [row for row in known if _known(row, name)]
        if own and all(row["low"] - _SLACK <= row[name] <= row["high"] + _SLACK for row in own):
            return name
    return None


def _naming(rows: list[dict[str, Any]]) -> str:
    """The column that names the rows: of texts, the one with most different ones, and that changes most often."""
    texts = [name for name in rows[0] if any(isinstance(row.get(name), str) for row in rows)]

    def differs(name: str) -> tuple[int, int]:
        said = [row.get(name) for row in rows]
        return len(set(said)), sum(one != other for one, other in pairwise(said))

    return max(texts, key=differs, default="")


def _place(name: str) -> tuple[int, str]:
    """Where a column stands: the record keeps no order of columns."""
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def _known(row: dict[str, Any], *names: str) -> bool:
    return all(isinstance(row.get(name), int | float) for name in names)


def _series(
    rows: list[dict[str, Any]], numbers: tuple[str, ...], *, without: tuple[str, ...] = ()
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows apart by what their texts say they are of, where there are several that have the numbers."""
    texts = [name for name in rows[0] if any(isinstance(row.get(name), str) for row in rows) and name not in without]
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if all(row.get(name) is not None for name in numbers):
            parts.setdefault(", ".join(str(row.get(name)) for name in texts), []).append(row)
    yield from ((f": {label}" if label else "", part) for label, part in parts.items() if len(part) > 1)


def _details(name: str, rows: Traced) -> str:
    if not rows.value:
        return ""
    columns = sorted(dict.fromkeys(column for row in rows.value for column in row), key=_place)
    columns.sort(key=lambda column: not any(isinstance(row.get(column), str) for row in rows.value))
    shown = [[row[column].html if column in row.value else "–" for column in columns] for row in list(rows)[:_ROWS]]
    left = len(rows.value) - len(shown)
    caption = name.replace("_", " ") + (": the first rows, the others stand on record" if left > 0 else "")
    numbers = [
        place
        for place, column in enumerate(columns)
        if any(isinstance(row.get(column), int | float) for row in rows.value)
    ]
    return table(caption, [column.replace("_", " ") for column in columns], shown, numbers=numbers)
