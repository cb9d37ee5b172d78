"""Parts of a paper as HTML that a telephone, a printer and a screen reader can take: headings, tables, lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from kreis.texts import plain

__all__ = ["MARKS", "STYLE", "absent", "facts", "section", "table", "text"]

MARKS = {"pass": "✓ passed", "fail": "✗ failed", "undecided": "? undecided"}
"""An outcome by sign and word, never by colour alone."""

STYLE = """
:root { color-scheme: light }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 62rem;
  overflow-wrap: anywhere }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem } h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem;
  border-bottom: 2px solid #1b1b1b; padding-bottom: .2rem } h3 { font-size: 1.05rem; margin: 1.4rem 0 .3rem }
.verdict { font-size: 1.15rem; font-weight: 600; border: 2px solid #1b1b1b; padding: .4rem .8rem;
  display: inline-block }
.verdict.pass { border-style: solid } .verdict.undecided { border-style: dashed } .verdict.fail { border-style: double;
  border-width: 5px }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .15rem 1rem; margin: .6rem 0 }
dt { color: #555 } dd { margin: 0 }
.wide { overflow-x: auto; margin: .6rem 0 } .wide:focus { outline: 2px solid #0072b2 }
table { font-size: .92rem; overflow-wrap: normal } caption { text-align: left; color: #555; padding: .2rem 0 }
td, th { padding: .25rem .9rem .25rem 0; text-align: left } td.n, th.n { text-align: right }
.n, .e { white-space: nowrap }
tbody th { font-weight: 600; color: inherit }
.plots { gap: 1rem 1.5rem; align-items: flex-start } figure { margin: .4rem 0; max-width: 100%; break-inside: avoid }
figure img { max-width: 100%; height: auto } figcaption { color: #555; font-size: .88rem; max-width: 26rem }
.absent, .look { border-left: 4px solid #1b1b1b; padding-left: .7rem } .key { font-family: ui-monospace, monospace;
  font-size: .85em } nav ul { padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem }
a { color: #00558c } footer { margin-top: 2.5rem; border-top: 1px solid #999; color: #555; font-size: .9rem }
@media (max-width: 30rem) { body { margin: 1rem auto; font-size: 15px } dl { grid-template-columns: 1fr; gap: 0 }
  dd { margin-bottom: .45rem } td, th { padding-right: .6rem } }
@media print { body { font-size: 10.5pt; max-width: none; margin: 0; padding: 0 } nav { display: none }
  .wide { overflow: visible } table { font-size: 9pt } td.n, th.n { white-space: normal }
  tr, h2, h3, .gate { break-inside: avoid } h2, h3 { break-after: avoid }
  a { color: inherit; text-decoration: none } @page { margin: 16mm } }
"""


def text(value: str) -> str:
    """A text as HTML: one line, nothing of it has a meaning."""
    return escape(plain(value))


def section(name: str, title: str, parts: Iterable[str], *, level: int = 2) -> str:
    """A part of the paper under a heading; nothing where it holds nothing.

    Args:
        name: By which links find it.
        title: Of the heading.
        parts: HTML; empty ones are left out.
        level: Of the heading.
    """
    kept = [each for each in parts if each]
    if not kept:
        return ""
    head = f'<h{level} id="{escape(name, quote=True)}-title">{text(title)}</h{level}>'
    named = f'id="{escape(name, quote=True)}"'
    if level == 2:  # a landmark for screen readers; parts of parts are none, and may be called alike
        named += f' aria-labelledby="{escape(name, quote=True)}-title"'
    return f"<section {named}>{head}\n" + "\n".join(kept) + "</section>"


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values (HTML); those without a value are left out."""
    inside = "".join(f"<dt>{text(name)}</dt><dd>{value}</dd>" for name, value in rows if value)
    return f"<dl>{inside}</dl>" if inside else ""


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """A table; on a narrow screen it is moved sideways.

    Args:
        caption: What it shows.
        columns: Titles.
        rows: Cells as HTML; the first one names the row.
        numbers: Places of the columns that hold numbers.
    """
    if not rows:
        return ""

    def kind(place: int) -> str:
        return ' class="n"' if place in numbers else ""

    head = "".join(f'<th scope="col"{kind(place)}>{text(each)}</th>' for place, each in enumerate(columns))
    body = "".join(
        f'<tr><th scope="row"{kind(0)}>{row[0]}</th>'
        + "".join(f"<td{kind(place)}>{cell}</td>" for place, cell in enumerate(row[1:], 1))
        + "</tr>"
        for row in rows
    )
    name = text(caption)
    return (
        f'<div class="wide" role="group" tabindex="0" aria-label="{escape(plain(caption), quote=True)}"><table>'
        f"<caption>{name}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def absent(what: str, how: str) -> str:
    """That something is missing, where it would stand."""
    return f'<p class="absent">△ Nobody has said this yet: {text(what)} <span class="key">{text(how)}</span></p>'
