"""HTML pages."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.generative.documents.loaders.loader import Found, tidy

__all__ = ["HtmlPage", "markdown_of_html"]

_SHORT = 250
"""Characters; the main part of a page has more, as a rule."""
_FRAME = ("nav", "header", "footer", "aside", "script", "style")


class HtmlPage(msgspec.Struct, frozen=True):
    """The main text of a page by trafilatura: headings, lists, tables and code are kept; navigation is left out."""

    kind: str = "an HTML page"
    endings: tuple[str, ...] = (".html", ".htm", ".xhtml")
    media_types: tuple[str, ...] = ("text/html", "application/xhtml+xml")

    def load(self, data: bytes, name: str) -> Iterator[Found]:
        """See `Loader.load`."""
        tree = _tree(data)
        if tree is None:
            raise ProjectError("it is no HTML", where=name, hint="give it the ending of its kind")
        title = " ".join((tree.findtext(".//title") or "").split())
        named = {str(each.get("name")).lower(): str(each.get("content") or "") for each in tree.iter("meta")}
        language = str(tree.get("lang") or "").replace("_", "-").partition("-")[0].lower()
        text = _markdown(tree)
        if not text:
            hint = "is its text in images, or made by a script? Save the page as the browser shows it"
            raise ProjectError("the page holds no text", where=name, hint=hint)
        yield Found(text=text, title=title, owner=named.get("author", ""), language=language)


def markdown_of_html(page: str) -> str:
    """The main text of a page, or of a part of one; empty where there is none."""
    tree = _tree(page)
    return "" if tree is None else _markdown(tree)


def _tree(page: str | bytes) -> Any:
    """The page parsed; None where it is no HTML. A part of a page becomes a page."""
    import trafilatura

    found = trafilatura.load_html(page)
    if (found is None or found.find(".//body") is None) and page.lstrip()[:1] in ("<", b"<"):
        whole = f"<html><body>{page}</body></html>" if isinstance(page, str) else b"<html><body>%s</body></html>" % page
        found = trafilatura.load_html(whole)
    return found


def _markdown(tree: Any) -> str:
    """By trafilatura's rules for the main part; where they find next to nothing, all but the frame of the page."""
    text = _extracted(tree)
    if len(text) < _SHORT and (body := tree.find(".//body")) is not None:
        article = body.makeelement("article")
        for each in list(body):
            if each.tag not in _FRAME:
                article.append(each)
        body.append(article)
        text = max(_extracted(tree), text, key=len)
    return text


def _extracted(tree: Any) -> str:
    import trafilatura
    from trafilatura.settings import use_config

    config = use_config()
    config["DEFAULT"]["MIN_EXTRACTED_SIZE"] = "1"  # else a short page is given without its headings
    found = trafilatura.extract(
        deepcopy(tree), output_format="markdown", include_comments=False, include_tables=True, include_formatting=True,
        favor_recall=True, config=config,
    )  # fmt: skip
    return tidy(found or "")
