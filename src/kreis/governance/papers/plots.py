"""Plots of a paper: Vega-Lite drawn here, without a browser, into an image that a page holds.

They are narrow, so that they can be read on a telephone; nothing in them is told by colour alone, and each has a text
for those who do not see it. The page's tables hold the same numbers.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from kreis.texts import plain

__all__ = ["Dot", "curves", "dots", "figure", "over_time", "reliability", "tradeoff"]

_INK, _FAINT, _BLUE, _ORANGE = "#222222", "#DDDDDD", "#0072B2", "#B34700"
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A7A7A")
"""Of Okabe and Ito's palette."""
_WIDTH = 250
_NAMES = 150
_MOST = 24
"""Rows of one plot; the table beside it has them all."""

Dot = tuple[str, float, float | None, float | None]
"""Name, value, and the ends of its interval, where they are known."""


def figure(image: str, caption: str, said: str) -> str:
    """A plot with its caption, and what it shows in words.

    Args:
        image: SVG, as `dots` and its like make it; nothing is made of an empty one.
        caption: Below it.
        said: For those who do not see it.
    """
    if not image:
        return ""
    data = base64.b64encode(image.encode()).decode()
    told = escape(plain(said), quote=True)
    shown = f'<img alt="{told}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure>{shown}<figcaption>{escape(plain(caption))}</figcaption></figure>"


def dots(rows: Sequence[Dot], *, title: str, line: float | None = None) -> str:
    """Values with their intervals, a row each.

    Args:
        rows: What is shown; the first ones where there are many.
        title: Of the axis.
        line: Where a line is drawn: a bound, or 0 of differences.
    """
    known = [row for row in rows if row[1] is not None and math.isfinite(row[1])][:_MOST]
    if not known:
        return ""
    ends = [each for row in known for each in row[1:] if each is not None and math.isfinite(each)]
    ends += [] if line is None else [line]
    low, high = min(ends), max(ends)
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    bottom, top = low - margin, high + margin
    values = [
        {"name": _short(name), "value": value, "low": _inside(start, bottom), "high": _inside(end, top)}
        for name, value, start, end in known
    ]
    scale = {"domain": [bottom, top], "nice": False}
    across = {"field": "value", "type": "quantitative", "scale": scale, "title": plain(title), "axis": {"tickCount": 4}}
    names = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": _NAMES}}
    whisker = {"mark": {"type": "rule", "size": 2, "color": _INK}}
    whisker["encoding"] = {"x": {**across, "field": "low"}, "x2": {"field": "high"}, "y": names}
    dot = {"mark": {"type": "point", "filled": True, "size": 70, "color": _BLUE, "opacity": 1}}
    layers: list[dict[str, Any]] = [whisker, {**dot, "encoding": {"x": across, "y": names}}]
    if line is not None:
        rule = {"mark": {"type": "rule", "strokeDash": [5, 4], "color": _ORANGE, "size": 2}}
        layers.insert(0, {**rule, "encoding": {"x": {"datum": line, "type": "quantitative", "scale": scale}}})
    return _svg({"data": {"values": values}, "layer": layers, "width": _WIDTH, "height": {"step": 24}})


def reliability(points: Sequence[tuple[float, float, float]]) -> str:
    """How often it happened, by what was predicted: on the dashed line they agree; larger points have more rows.

    Args:
        points: Mean score, share, and rows of each bin.
    """
    known = [each for each in points if all(math.isfinite(value) for value in each)]
    if not known:
        return ""
    values = [{"score": score, "share": share, "rows": rows} for score, share, rows in known]
    most = max(1.0, *(max(score, share) for score, share, _ in known))
    axis = {"type": "quantitative", "scale": {"domain": [0, most]}, "axis": {"tickCount": 5}}
    x = {**axis, "field": "score", "title": "what was predicted"}
    y = {**axis, "field": "share", "title": "what happened"}
    size = {"field": "rows", "type": "quantitative", "legend": None, "scale": {"range": [30, 260]}}
    agree = {"values": [{"score": 0, "share": 0}, {"score": most, "share": most}]}
    layers: list[dict[str, Any]] = [
        {"data": agree, "mark": {"type": "line", "strokeDash": [5, 4], "color": _ORANGE}, "encoding": {"x": x, "y": y}},
        {"mark": {"type": "line", "color": _BLUE}, "encoding": {"x": x, "y": y}},
        {"mark": {"type": "point", "filled": True, "color": _BLUE, "opacity": 1}, "encoding": {"x": x, "y": y}},
    ]
    layers[-1]["encoding"] = {"x": x, "y": y, "size": size}
    return _svg({"data": {"values": values}, "layer": layers, "width": _WIDTH, "height": _WIDTH})


def lines(series: Sequence[tuple[str, Sequence[tuple[float, float | None]]]], *, title: str) -> str:
    """Lines over one axis; a gap where a value is not finite.

    Args:
        series: Names with places and values. Each keeps its colour, whether or not the others have values.
        title: What is measured.
    """
    values, colours = list[dict[str, Any]](), dict[str, str]()
    for place, (name, points) in enumerate(series):
        known = [{"of": plain(name), "x": x, "y": None if y is None or not math.isfinite(y) else y} for x, y in points]
        if any(each["y"] is not None for each in known):
            values += known
            colours[plain(name)] = COLOURS[place % len(COLOURS)]
    if not colours:
        return ""
    scale = {"nice": False, "zero": False}
    kind = {"type": "quantitative", "scale": scale, "axis": {"tickCount": 5}}
    colour = {"domain": list(colours), "range": list(colours.values())}
    legend = {"orient": "top", "title": None, "labelFontSize": 12}
    encoding = {
        "x": {**kind, "field": "x", "title": None},
        "y": {**kind, "field": "y", "title": plain(title)},
        "color": {"field": "of", "type": "nominal", "scale": colour, "legend": legend},
    }
    drawn = {"mark": {"type": "line", "point": {"size": 12}}, "encoding": encoding}
    return _svg({"data": {"values": values}, "layer": [drawn], "width": _WIDTH + 60, "height": 160})


def over_time(values: Sequence[float], *, title: str, line: float | None = None) -> str:
    """A number from day to day.

    Args:
        values: Of each day, in order.
        title: Of the axis.
        line: Where a line is drawn: the mean.
    """
    known = [{"day": day + 1, "value": value} for day, value in enumerate(values) if math.isfinite(value)]
    if len(known) < 2:
        return ""
    x: dict[str, Any] = {"field": "day", "type": "quantitative", "title": "day of the test", "axis": {"tickCount": 5}}
    x["scale"] = {"nice": False, "zero": False}
    y: dict[str, Any] = {"field": "value", "type": "quantitative", "title": plain(title), "axis": {"tickCount": 4}}
    y["scale"] = {"zero": False}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "line", "color": _BLUE, "point": {"size": 18, "color": _BLUE}}, "encoding": {"x": x, "y": y}}
    ]
    if line is not None:
        rule = {"mark": {"type": "rule", "strokeDash": [5, 4], "color": _ORANGE, "size": 2}}
        layers.append({**rule, "encoding": {"y": {"datum": line, "type": "quantitative"}}})
    return _svg({"data": {"values": known}, "layer": layers, "width": _WIDTH + 60, "height": 160})


def curves(points: Sequence[Mapping[str, Any]], *, x: str, y: str, band: bool) -> str:
    """A curve, with its band of uncertainty.

    Args:
        points: Rows in order; with `band` they hold "low" and "high".
        x: The column across.
        y: The column upward.
        band: Whether there is a band.
    """
    if len(points) < 2:
        return ""
    kind = "quantitative" if all(isinstance(each[x], int | float) for each in points) else "nominal"
    across: dict[str, Any] = {
        "field": x,
        "type": kind,
        "sort": None,
        "title": plain(x.replace("_", " ")),
        "axis": {"tickCount": 5},
    }
    if kind == "quantitative":
        across["scale"] = {"nice": False, "zero": False}
    up = {
        "type": "quantitative",
        "title": plain(y.replace("_", " ")),
        "axis": {"tickCount": 4},
        "scale": {"zero": False},
    }
    line = {"mark": {"type": "line", "color": _BLUE, "point": {"size": 24, "color": _BLUE}}}
    layers: list[dict[str, Any]] = [{**line, "encoding": {"x": across, "y": {**up, "field": y}}}]
    if band:
        area: dict[str, Any] = {"mark": {"type": "area" if kind == "quantitative" else "rule", "opacity": 0.25}}
        area["encoding"] = {"x": across, "y": {**up, "field": "low"}, "y2": {"field": "high"}}
        layers.insert(0, area)
    values: list[dict[str, Any]] = [{name: each.get(name) for name in (x, y, "low", "high")} for each in points]
    return _svg({"data": {"values": values}, "layer": layers, "width": _WIDTH, "height": 150})


def tradeoff(points: Sequence[Mapping[str, Any]], *, x: str, y: str, by: str) -> str:
    """One number against another, each with its interval; what the points are is told by their shapes.

    Args:
        points: Rows with the two columns, and their ends under "_low" and "_high".
        x: The column across.
        y: The column upward.
        by: The column that names what a point is.
    """
    wanted = [f"{name}{end}" for name in (x, y) for end in ("", "_low", "_high")]
    values = [
        {**{name: each[name] for name in wanted}, "name": _short(str(each.get(by, "")))}
        for each in points
        if all(isinstance(each.get(name), int | float) for name in wanted)
    ]
    if len(values) < 2:
        return ""
    kind = {"type": "quantitative", "scale": {"zero": False}, "axis": {"tickCount": 4}}
    across, up = ({**kind, "field": name, "title": plain(name.replace("_", " "))} for name in (x, y))
    rule = {"mark": {"type": "rule", "color": _INK, "opacity": 0.5}}
    legend = {"orient": "bottom", "columns": 2, "labelFontSize": 12, "title": None}
    layers: list[dict[str, Any]] = [
        {**rule, "encoding": {"x": {**across, "field": f"{x}_low"}, "x2": {"field": f"{x}_high"}, "y": up}},
        {**rule, "encoding": {"x": across, "y": {**up, "field": f"{y}_low"}, "y2": {"field": f"{y}_high"}}},
        {
            "mark": {"type": "point", "filled": True, "size": 70, "color": _BLUE, "opacity": 1},
            "encoding": {"x": across, "y": up, "shape": {"field": "name", "type": "nominal", "legend": legend}},
        },
    ]
    return _svg({"data": {"values": values}, "layer": layers, "width": _WIDTH, "height": 200})


def _inside(end: float | None, edge: float) -> float:
    """An end of an interval; the edge of the plot where nothing bounds it."""
    return edge if end is None or not math.isfinite(end) else end


def _short(name: str) -> str:
    return plain(name) if len(name) <= 26 else plain(name)[:25] + "…"


def _svg(specification: dict[str, Any]) -> str:
    """Draw it. Altair checks the specification, vl-convert draws it."""
    import altair as alt
    import vl_convert

    style = {"labelFontSize": 13, "titleFontSize": 13, "titleFontWeight": "normal", "labelColor": _INK}
    style |= {"titleColor": _INK, "gridColor": _FAINT, "domainColor": _INK, "tickColor": _INK, "labelOverlap": True}
    config = {"font": "Helvetica, Arial, sans-serif", "axis": style, "view": {"stroke": None}}
    chart = alt.Chart.from_dict({**specification, "config": config, "background": "white", "padding": 4})
    return str(vl_convert.vegalite_to_svg(chart.to_dict()))
