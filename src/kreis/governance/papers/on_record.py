"""Where the numbers of a paper stand on record: a link in each part leads to their places at the end of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from shlex import quote

from kreis.governance.papers.parts import section, text
from kreis.governance.papers.traced import Traced, derived

__all__ = ["linked_to_record"]

_TABLE = re.compile(r'(<div class="wide".*?</table></div>)', re.DOTALL)
_CAPTION = re.compile(r"<caption>(.*?)</caption>", re.DOTALL)
_ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
_MARKED = re.compile(r'<span data-record="([^"]*)"[^>]*>([^<]*)</span>')
_TAG = re.compile(r"<[^>]*>")
_LABEL = 70
"""Characters of what is said, by which a reader knows it again."""
_SHORTEST = 5
"""Parts of a place that is about one thing: table, key, "outputs", "report", and what of it."""
_BELOW = 2
"""Parts by which the place of a number may be longer than that of its row."""
_SAYS = "where these numbers stand"


def linked_to_record(parts: Sequence[tuple[str, str]]) -> tuple[list[str], str]:
    """The parts with a link in each table and each part that holds numbers, and the section that the links lead to.

    A row of a table is named by what its numbers have in common, so that a page has tens of places, not thousands.

    Args:
        parts: The name of each part of a page, and its HTML.
    """
    blocks: list[str] = []
    return [_linked(name, html, blocks) for name, html in parts], section("on-record", "On record", [_HOW, *blocks])


_HOW = (
    "<p>The ledger's rows, and the paths in them, from which the numbers above come."
    ' <span class="key">kreis show record PLACE</span> shows what stands there.</p>'
)


def _linked(name: str, html: str, blocks: list[str]) -> str:
    """One part; its places are added to `blocks`."""
    pieces = _TABLE.split(html)
    rest = "".join(pieces[::2])
    for place in range(1, len(pieces), 2):
        caption = _CAPTION.search(pieces[place])
        said = unescape(_TAG.sub("", caption[1])) if caption else name
        link = _block(said, _rows(pieces[place]), blocks)
        pieces[place] = pieces[place].replace("</caption>", f" {link}</caption>", 1) if link else pieces[place]
    if link := _block(name, _texts(rest), blocks):
        end = pieces[-1].rpartition("</section>")
        pieces[-1] = f"{end[0]}<p>{link}</p>{end[1]}{end[2]}" if end[1] else f"{pieces[-1]}<p>{link}</p>"
    return "".join(pieces)


def _block(said: str, named: Iterator[tuple[str, str]], blocks: list[str]) -> str:
    """The link to the places of one table or part; empty where it has none."""
    rows = "".join(
        f'<dt>{derived(label, Traced(place, ""))}</dt><dd class="key">{text(quote(place))}</dd>'
        for place, label in {place: label for place, label in named if place}.items()
    )
    if not rows:
        return ""
    anchor = f"record-{len(blocks) + 1}"
    blocks.append(f'<h3 id="{anchor}">{text(said)}</h3><dl>{rows}</dl>')
    return f'<a href="#{anchor}" aria-label="{_SAYS}: {text(said)}">{_SAYS}</a>'


def _rows(table: str) -> Iterator[tuple[str, str]]:
    """Of each row of a table the place that its numbers have in common, else each, and what the row is called."""
    for row in _ROW.findall(table):
        places = list(
            dict.fromkeys(place for found, _ in _MARKED.findall(row) for place in unescape(found).split("\n"))
        )
        label = _label(row.partition("</th>")[0])
        common = _common(places)
        yield from ((place, label) for place in ([common] if common else places))


def _texts(html: str) -> Iterator[tuple[str, str]]:
    for found, said in _MARKED.findall(html):
        yield from ((place, _label(said)) for place in unescape(found).split("\n"))


def _common(places: Sequence[str]) -> str:
    """The place that all lie at or little below; empty where there is none."""
    parts = [place.split("/") for place in places]
    same = [each[0] for each in zip(*parts, strict=False) if len(set(each)) == 1]
    count = next((at for at, each in enumerate(zip(*parts, strict=False)) if len(set(each)) > 1), len(same))
    deepest = max((len(each) for each in parts), default=0)
    return "/".join(same[:count]) if count >= max(_SHORTEST, deepest - _BELOW) else ""


def _label(html: str) -> str:
    said = unescape(_TAG.sub("", html)).strip()
    return said if len(said) <= _LABEL else f"{said[:_LABEL]}…"
