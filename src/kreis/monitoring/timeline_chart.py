"""Draws a timeline: money on top, discrimination and drift beneath, on one axis of time.

Colours are of Okabe and Ito's palette, which colour-blind readers can tell apart; lines carry their names.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from kreis.monitoring.timeline import Band, Month, Timeline

__all__ = ["specification"]

_SERVED, _FROZEN, _BASELINE, _ALARM, _INK, _FAINT = "#0072B2", "#E69F00", "#7A7A7A", "#D55E00", "#222222", "#E4E4E4"
_WIDTH, _TALL = 860, 380


def specification(timeline: Timeline) -> dict[str, Any]:
    """The Vega-Lite specification."""
    import altair as alt

    names = {"served": "kreis", "frozen": "first version, frozen", "baseline": f"baseline: {timeline.baseline}"}
    colours = {names["served"]: _SERVED, names["frozen"]: _FROZEN, names["baseline"]: _BASELINE}
    parts = [_money(alt, timeline, names, colours)]
    if any(each.auc for each in timeline.months):
        parts.append(_discrimination(alt, timeline))
    if any(each.drift is not None for each in timeline.months):
        parts.append(_drift(alt, timeline))
    if timeline.send_backs:
        parts.append(_reasons(alt, timeline))
    chart = (
        alt.vconcat(*parts, spacing=18)
        .properties(title=_title(alt, timeline), background="white", padding=24)
        .configure(font="DejaVu Sans, Helvetica, Arial, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
            labelColor=_INK,
            titleColor=_INK,
            gridColor=_FAINT,
            domain=False,
            ticks=False,
            labelPadding=6,
        )
    )
    document: dict[str, Any] = chart.to_dict()
    return document


def _title(alt: Any, timeline: Timeline) -> Any:
    overall, gain = timeline.overall, timeline.gain
    head = f"{timeline.project}: {overall.value:,.0f} {timeline.unit}" if overall else timeline.project
    facts = [f"{_span(timeline.months)}."]
    if gain:
        facts.append(
            f"{_signed(gain.value)} [{_signed(gain.low)}, {_signed(gain.high)}] against the first version, frozen."
        )
    facts.append("Bands are 95% intervals, with the day as the unit.")
    return alt.TitleParams(
        head,
        subtitle=[" ".join(facts)],
        fontSize=20,
        subtitleFontSize=14,
        subtitleColor="#555555",
        anchor="start",
        color=_INK,
        offset=16,
        subtitlePadding=6,
    )


def _signed(amount: float) -> str:
    return f"{'+' if amount >= 0 else '−'}{abs(amount):,.0f}"


def _span(months: list[Month]) -> str:
    first, last = months[0].month, months[-1].month
    return f"{first:%B %Y} to {last:%B %Y}"


def _middle(month: date) -> str:
    return (month + timedelta(days=calendar.monthrange(month.year, month.month)[1] // 2)).isoformat()


def _rows(timeline: Timeline, names: dict[str, str]) -> Iterator[dict[str, Any]]:
    for each in timeline.months:
        bands: dict[str, Band | None] = {"served": each.value, "frozen": each.frozen, "baseline": each.baseline}
        for key, band in bands.items():
            if band:
                yield {
                    "at": _middle(each.month),
                    "who": names[key],
                    "value": band.value,
                    "low": band.low,
                    "high": band.high,
                }


def _time(alt: Any, timeline: Timeline, *, labels: bool) -> Any:
    last = timeline.months[-1].month
    end = last.replace(day=calendar.monthrange(last.year, last.month)[1])
    domain = [timeline.months[0].month.isoformat(), end.isoformat()]
    middles = [_middle(each.month) for each in timeline.months]
    axis = alt.Axis(format="%b", labels=labels, grid=False, values=middles, title=None, labelOverlap=True)
    return alt.X("at:T", scale=alt.Scale(domain=domain, nice=False), axis=axis)


def _money(alt: Any, timeline: Timeline, names: dict[str, str], colours: dict[str, str]) -> Any:
    rows = list(_rows(timeline, names))
    x = _time(alt, timeline, labels=False)
    present = [name for name in colours if any(row["who"] == name for row in rows)]
    colour = alt.Color("who:N", scale=alt.Scale(domain=present, range=[colours[each] for each in present]), legend=None)
    y = alt.Y("value:Q", title=timeline.unit, axis=alt.Axis(format=",.0f", tickCount=6))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=colour)
    layers = [
        *_changes(alt, timeline, x),
        base.mark_area(opacity=0.16).encode(y=alt.Y("low:Q", title=timeline.unit), y2="high:Q"),
        base.mark_line(strokeWidth=3).encode(y=y),
        base.mark_point(filled=True, size=60, opacity=1).encode(y=y),
        *_names(alt, rows, x, colour),
    ]
    return alt.layer(*layers).properties(width=_WIDTH, height=_TALL)


def _names(alt: Any, rows: list[dict[str, Any]], x: Any, colour: Any) -> list[Any]:
    """Each line's name at its right end, pushed apart where they would cover each other."""
    last = {row["who"]: row for row in rows}
    span = max(row["high"] for row in rows) - min(row["low"] for row in rows) or 1.0
    placed: list[dict[str, Any]] = []
    for row in sorted(last.values(), key=lambda each: each["value"]):
        lowest = placed[-1]["y"] + 0.055 * span if placed else row["value"]
        placed.append({"at": row["at"], "who": row["who"], "y": max(row["value"], lowest)})
    return [
        alt.Chart(alt.Data(values=placed))
        .mark_text(align="left", dx=12, fontSize=14, fontWeight="bold", clip=False)
        .encode(x=x, y=alt.Y("y:Q"), text="who:N", color=colour)
    ]


def _changes(alt: Any, timeline: Timeline, x: Any) -> list[Any]:
    """A rule where another version took over and where work went back, each named; reasons stand beneath."""
    rows = [{"at": each.at.isoformat(), "label": f"v{each.version}"} for each in timeline.changes]
    back = [{"at": each.at.isoformat(), "label": f"{n}: sent back"} for n, each in enumerate(timeline.send_backs, 1)]
    layers = []
    if rows:
        base = alt.Chart(alt.Data(values=rows)).encode(x=x)
        layers.append(base.mark_rule(color=_INK, strokeDash=[2, 3], opacity=0.7))
        text = base.mark_text(align="left", dx=4, dy=7, fontSize=13, fontWeight="bold", color=_INK)
        layers.append(text.encode(y=alt.value(0), text="label:N"))
    if back:
        base = alt.Chart(alt.Data(values=back)).encode(x=x)
        layers.append(base.mark_rule(color=_ALARM, strokeWidth=1.5, opacity=0.9))
        text = base.mark_text(align="right", baseline="bottom", angle=270, dx=-4, dy=-4, fontSize=12, color=_ALARM)
        layers.append(text.encode(y=alt.value(0), text="label:N"))
    return layers


def _reasons(alt: Any, timeline: Timeline) -> Any:
    """Why the work went back, a line each."""
    lines = [
        {"row": n, "text": f"{n}: {each.at:%d %B}, back to {each.to}: {each.reason}"}
        for n, each in enumerate(timeline.send_backs, 1)
    ]
    y = alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.2))
    text = alt.Chart(alt.Data(values=lines)).mark_text(align="left", fontSize=12, color=_ALARM, limit=_WIDTH + 120)
    return text.encode(x=alt.value(0), y=y, text="text:N").properties(width=_WIDTH, height=18 * len(lines))


def _discrimination(alt: Any, timeline: Timeline) -> Any:
    rows = [
        {"at": _middle(each.month), "value": each.auc.value, "low": each.auc.low, "high": each.auc.high}
        for each in timeline.months
        if each.auc
    ]
    x = _time(alt, timeline, labels=timeline.months[0].drift is None and not any(m.drift for m in timeline.months))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x)
    scale = alt.Scale(zero=False, nice=True)
    y = alt.Y("value:Q", title="AUC", scale=scale, axis=alt.Axis(format=".2f", tickCount=3))
    band = base.mark_area(opacity=0.16, color=_SERVED).encode(y=alt.Y("low:Q", title="AUC", scale=scale), y2="high:Q")
    line = base.mark_line(strokeWidth=2.5, color=_SERVED).encode(y=y)
    return alt.layer(band, line, line.mark_point(filled=True, size=45, color=_SERVED, opacity=1)).properties(
        width=_WIDTH, height=100
    )


def _drift(alt: Any, timeline: Timeline) -> Any:
    rows = [
        {
            "at": each.month.isoformat(),
            "until": (
                each.month + timedelta(days=calendar.monthrange(each.month.year, each.month.month)[1] - 2)
            ).isoformat(),
            "value": max(each.drift, 0.0),
            "zero": 0,
            "feature": each.drifting or "",
        }
        for each in timeline.months
        if each.drift is not None
    ]
    x = _time(alt, timeline, labels=True)
    y = alt.Y("value:Q", title="drift (PSI)", axis=alt.Axis(tickCount=3))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x)
    bars = base.mark_rect(color=_BASELINE, opacity=0.45).encode(x2="until:T", y=y, y2="zero:Q")
    text = base.mark_text(align="left", dx=2, dy=-7, fontSize=10, color=_INK, limit=100).encode(y=y, text="feature:N")
    limit = alt.Chart(alt.Data(values=[{"y": 0.25}])).mark_rule(color=_ALARM, strokeDash=[4, 3]).encode(y="y:Q")
    return alt.layer(bars, text, limit).properties(width=_WIDTH, height=90)
