"""The kinds of files that documents are loaded from."""

from __future__ import annotations

from pathlib import PurePath

from kreis.errors import ProjectError
from kreis.generative.documents.loaders.docx import WordDocument
from kreis.generative.documents.loaders.html import HtmlPage
from kreis.generative.documents.loaders.loader import Loader
from kreis.generative.documents.loaders.mail import Mail
from kreis.generative.documents.loaders.markdown import MarkdownFile
from kreis.generative.documents.loaders.pdf import PdfFile
from kreis.generative.documents.loaders.records import CsvRows, JsonLines

__all__ = ["LOADERS", "loader_of"]

LOADERS: tuple[Loader, ...] = (
    MarkdownFile(), HtmlPage(), PdfFile(), WordDocument(), Mail(), CsvRows(), JsonLines(),
)  # fmt: skip


def loader_of(name: str, media_type: str = "") -> Loader:
    """The loader for a file.

    Args:
        name: The file's; its ending says which kind it is.
        media_type: Where the ending says nothing: "text/html; charset=utf-8".

    Raises:
        ProjectError: no loader reads it.
    """
    ending = PurePath(name).suffix.lower()
    kind = media_type.partition(";")[0].strip().lower()
    for loader in LOADERS:
        if ending in loader.endings:
            return loader
    for loader in LOADERS:
        if kind in loader.media_types:
            return loader
    known = ", ".join(each for loader in LOADERS for each in loader.endings)
    raise ProjectError(
        f"no loader reads {ending or kind or 'a name without an ending'!r}", where=name, hint=f"known: {known}"
    )
