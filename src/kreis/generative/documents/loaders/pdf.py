"""PDF files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.generative.documents.loaders.loader import Found, Gap, tidy
from kreis.generative.documents.loaders.pdf_layout import Segment, compared, markdown_of_page, with_headings

__all__ = ["PdfFile"]

_MOST_PAGES = 10_000
_MOST_SEGMENTS = 20_000
"""Of a page; what has more is a drawing, and its text is taken as it comes."""
_MOST_HEADINGS = 10_000
_PICTURE = 3  # FPDF_PAGEOBJ_IMAGE
_SCAN = "run text recognition (OCR) over it first, then load the result"


class PdfFile(msgspec.Struct, frozen=True):
    """The text of each page by pypdfium2, in the order of the file. Tables are found by the places of their cells,
    headings by the outline of the file, where it has one.
    """

    kind: str = "a PDF"
    endings: tuple[str, ...] = (".pdf",)
    media_types: tuple[str, ...] = ("application/pdf",)

    def load(self, data: bytes, name: str) -> Iterator[Found | Gap]:
        """See `Loader.load`. Pages that are pictures without a text are gaps."""
        import pypdfium2

        try:
            document: Any = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                hint = "save it without the password"
                raise ProjectError("the PDF is protected by a password", where=name, hint=hint) from error
            raise ProjectError(f"it is no readable PDF: {error}", where=name, hint="open and save it anew") from error
        try:
            yield from _document(document, name)
        finally:
            document.close()


def _document(document: Any, name: str) -> Iterator[Found | Gap]:
    if len(document) > _MOST_PAGES:
        raise ProjectError(f"it has {len(document):,} pages", where=name, hint=f"part it: at most {_MOST_PAGES:,}")
    headings = _headings(document)
    text, pages, pictures = "", [], []
    for number in range(len(document)):
        page = document[number]
        shown = tidy(with_headings(_page(page), headings.get(number, {})))
        if not shown and any(each.type == _PICTURE for each in page.get_objects(filter=[_PICTURE], max_depth=3)):
            pictures.append(number + 1)
        page.close()
        text += "\n\n" if text and shown else ""
        pages.append(len(text))
        text += shown
    if not text:
        what = "page images without a text" if pictures else "no text on its pages"
        raise ProjectError(f"the PDF holds {what}: it is unreadable as it is", where=name, hint=_SCAN)
    if pictures:
        told = ", ".join(map(str, pictures[:20])) + (", …" if len(pictures) > 20 else "")
        yield Gap(part=f"#page {told}", reason=f"pictures without a text; {_SCAN}")
    said = document.get_metadata_dict()
    yield Found(text=text, title=said.get("Title", ""), owner=said.get("Author", ""), pages=tuple(pages))


def _headings(document: Any) -> dict[int, dict[str, int]]:
    """The titles of its outline, as they are compared, and their levels from 1; by page. Empty where there is none."""
    import pypdfium2

    found: dict[int, dict[str, int]] = {}
    try:
        for item in islice(document.get_toc(max_depth=6), _MOST_HEADINGS):
            place = item.get_dest()
            if place is not None and (title := compared(item.get_title())):
                found.setdefault(place.get_index(), {})[title] = item.level + 1
    except (pypdfium2.PdfiumError, RecursionError):  # a damaged outline costs the headings, not the document
        return {}
    return found


def _page(page: Any) -> str:
    held = page.get_textpage()
    try:
        count = held.count_rects()
        if count > _MOST_SEGMENTS:
            return str(held.get_text_range()).replace("\r\n", "\n")
        segments = []
        for number in range(count):
            left, bottom, right, top = held.get_rect(number)
            said = str(held.get_text_bounded(left, bottom, right, top)).replace("\r\n", " ")
            if said.strip():
                segments.append(Segment(left, bottom, right, top, said))
        return markdown_of_page(segments)
    finally:
        held.close()
