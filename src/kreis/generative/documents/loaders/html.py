"""HTML pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.generative.documents.loaders.loader import Found, tidy

__all__ = ["HtmlPage", "markdown_of_html"]


class HtmlPage(msgspec.Struct, frozen=True):
    """The main text of a page by trafilatura: headings, lists, tables and code are kept; navigation is left out."""

    kind: str = "an HTML page"
    endings: tuple[str, ...] = (".html", ".htm", ".xhtml")
    media_types: tuple[str, ...] = ("text/html", "application/xhtml+xml")

    def load(self, data: bytes, name: str) -> Iterator[Found]:
        """See `Loader.load`."""
        import trafilatura

        tree: Any = trafilatura.load_html(data)
        if tree is None:
            raise ProjectError("it is no HTML", where=name, hint="give it the ending of its kind")
        title = " ".join((tree.findtext(".//title") or "").split())
        named = {str(each.get("name")).lower(): str(each.get("content") or "") for each in tree.iter("meta")}
        language = str(tree.get("lang") or "").replace("_", "-").partition("-")[0].lower()
        text = markdown_of_html(tree)
        if not text:
            hint = "is its text in images, or made by a script? Save the page as the browser shows it"
            raise ProjectError("the page holds no text", where=name, hint=hint)
        yield Found(text=text, title=title, owner=named.get("author", ""), language=language)


def markdown_of_html(tree: Any) -> str:
    """The main text of a page; empty where there is none.

    Args:
        tree: What `trafilatura.load_html` gave, or the page's text.
    """
    import trafilatura

    text = trafilatura.extract(
        tree, output_format="markdown", include_comments=False, include_tables=True, include_formatting=True,
        favor_recall=True,
    )  # fmt: skip
    return tidy(text or "")
