"""Plots as plain SVG: nothing to load, nothing that runs. Colours are of Okabe and Ito's palette."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from kreis.texts import number, plain

__all__ = ["COLOURS", "interval_plot", "line_plot"]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7A7A7A")
_WIDTH, _HEIGHT = 520, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 14, 34, 30
_ROW = 30
_NAMES = 190

Points = Sequence[tuple[float, float | None]]


def line_plot(title: str, lines: Sequence[tuple[str, Points]]) -> str:
    """Lines over one axis; a gap where a value is not finite.

    Args:
        title: Above it.
        lines: Each with its name. One without points takes a colour all the same, so that others keep theirs.
    """
    known = [(x, y) for _, points in lines for x, y in points if y is not None and math.isfinite(y)]
    if not known:
        return ""
    across = _Scale([x for x, _ in known], _LEFT, _WIDTH - _RIGHT)
    up = _Scale([y for _, y in known], _HEIGHT - _BOTTOM, _TOP)
    parts = [_text(_LEFT, 16, title, size=14, bold=True)]
    for value in up.ticks():
        y = up(value)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#E4E4E4"/>')
        parts.append(_text(_LEFT - 6, y + 4, number(value), anchor="end"))
    parts += [_text(across(value), _HEIGHT - 10, number(value), anchor="middle") for value in across.ticks()]
    for place, (name, points) in enumerate(lines):
        if not points:
            continue
        colour = COLOURS[place % len(COLOURS)]
        for piece in _pieces(points):
            path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in piece)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            if len(piece) == 1:
                parts.append(
                    f'<circle cx="{across(piece[0][0]):.1f}" cy="{up(piece[0][1]):.1f}" r="3" fill="{colour}"/>'
                )
        parts.append(_text(_WIDTH - _RIGHT, _TOP + 4 + 15 * place, name, anchor="end", colour=colour, bold=True))
    return _svg(_WIDTH, _HEIGHT, title, parts)


def interval_plot(
    title: str, rows: Sequence[tuple[str, float, float | None, float | None]], *, zero: bool = False
) -> str:
    """Numbers with their intervals, a row each, and a line at 0 where they lie on both sides of it.

    Args:
        title: Above it.
        rows: Name, value, low and high; an end that nothing bounds is None.
        zero: Whether 0 is always in view: of differences.
    """
    if not rows:
        return ""
    ends = [each for _, *values in rows for each in values if each is not None and math.isfinite(each)]
    across = _Scale([*ends, *([0.0] if zero else [])], _NAMES, _WIDTH - _RIGHT)
    height = _TOP + _ROW * len(rows) + _BOTTOM
    parts = [_text(8, 16, title, size=14, bold=True)]
    for value in across.ticks():
        x = across(value)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _BOTTOM}" stroke="#E4E4E4"/>')
        parts.append(_text(x, height - 10, number(value), anchor="middle"))
    if zero or min(ends) < 0 < max(ends):
        x = across(0.0)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _BOTTOM}" stroke="#222222"/>')
    for place, (name, value, low, high) in enumerate(rows):
        y, colour = _TOP + _ROW * (place + 0.5), COLOURS[place % 2 if len(rows) == 2 else 0]
        start, end = (across(across.low if low is None else low), across(across.high if high is None else high))
        parts.append(_text(_NAMES - 10, y + 4, name, anchor="end"))
        parts.append(f'<line x1="{start:.1f}" x2="{end:.1f}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<circle cx="{across(value):.1f}" cy="{y}" r="5" fill="{colour}"/>')
    return _svg(_WIDTH, height, title, parts)


class _Scale:
    """From values to places on the page."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        margin = (high - low) * 0.04 or abs(high) * 0.04 or 1.0
        self.low, self.high = low - margin, high + margin
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        return self._start + (value - self.low) / (self.high - self.low) * (self._end - self._start)

    def ticks(self) -> Iterator[float]:
        """Round values, four or five."""
        rough = (self.high - self.low) / 4
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * each for each in (1, 2, 5, 10) if size * each >= rough)
        place = math.ceil(self.low / step)
        while place * step <= self.high:
            yield place * step
            place += 1


def _pieces(points: Points) -> Iterator[list[tuple[float, float]]]:
    """The stretches between values that are not finite."""
    piece: list[tuple[float, float]] = []
    for x, y in points:
        if y is not None and math.isfinite(y):
            piece.append((x, y))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _text(
    x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", colour: str = "#222222", bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="{size}" fill="{colour}"{weight}>{escape(plain(text))}</text>'


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    said = f' role="img" aria-label="{escape(plain(title), quote=True)}" font-family="sans-serif">'
    return head + said + "".join(parts) + "</svg>"
