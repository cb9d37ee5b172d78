"""Word documents."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.generative.documents.loaders.loader import Found, table_of, tidy

__all__ = ["WordDocument"]

_MOST_UNPACKED = 256 << 20
_MOST_RATIO = 200
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


class WordDocument(msgspec.Struct, frozen=True):
    """Headings, paragraphs, lists and tables in their order. Notes, comments, headers and text boxes are left out."""

    kind: str = "a Word document"
    endings: tuple[str, ...] = (".docx", ".docm")
    media_types: tuple[str, ...] = ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",)

    def load(self, data: bytes, name: str) -> Iterator[Found]:
        """See `Loader.load`."""
        import docx

        _check(data, name)
        document: Any = docx.Document(io.BytesIO(data))
        text = tidy("\n".join(_blocks(document.element.body, document)))
        if not text:
            hint = "is it a scan? Run text recognition (OCR) over it first"
            raise ProjectError("the document holds no text", where=name, hint=hint)
        said = document.core_properties
        language = (said.language or "").partition("-")[0].lower()
        yield Found(text=text, title=said.title or "", owner=said.author or "", language=language)


def _check(data: bytes, name: str) -> None:
    """It is unpacked in memory: no more than is told."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(each.file_size for each in archive.infolist())
    except zipfile.BadZipFile as error:
        hint = "open it in Word and save it as .docx; an old .doc is another format"
        raise ProjectError(f"it is no Word document: {error}", where=name, hint=hint) from error
    if size > min(_MOST_UNPACKED, max(len(data), 1 << 16) * _MOST_RATIO):
        hint = "take out its pictures, if you trust it"
        raise ProjectError(f"it unfolds from {len(data):,} to {size:,} bytes", where=name, hint=hint)


def _blocks(element: Any, document: Any) -> Iterator[str]:
    """Lines of Markdown: an empty one before each block but for items of a list that follow one another."""
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    for child in element:
        if child.tag == f"{_W}p":
            yield from _paragraph(Paragraph(child, document))
        elif child.tag == f"{_W}tbl":
            yield from ("", table_of(list(_rows(Table(child, document)))), "")
        elif child.tag == f"{_W}sdt":  # a field of a form, with blocks in it
            for content in child.iterchildren(f"{_W}sdtContent"):
                yield from _blocks(content, document)


def _paragraph(paragraph: Any) -> Iterator[str]:
    text = " ".join(paragraph.text.split("\t")).strip()
    if not text:
        return
    style = str(paragraph.style.name or "") if paragraph.style is not None else ""
    heading = _HEADING.match(style)
    if style == "Title" or heading:
        level = min(int(heading[1]), 6) if heading else 1
        yield from ("", f"{'#' * level} {' '.join(text.split())}", "")
        return
    numbering = paragraph._p.pPr.numPr if paragraph._p.pPr is not None else None
    if style.startswith("List") or numbering is not None:
        depth = numbering.ilvl.val if numbering is not None and numbering.ilvl is not None else 0
        mark = "1." if style.startswith("List Number") else "-"
        yield f"{'  ' * min(depth, 8)}{mark} {' '.join(text.split())}"
        return
    yield from ("", text, "")


def _rows(table: Any) -> Iterator[list[str]]:
    """Cells that are joined come once."""
    for row in table.rows:
        cells: dict[Any, str] = {}
        for cell in row.cells:
            cells[cell._tc] = cell.text
        yield list(cells.values())
