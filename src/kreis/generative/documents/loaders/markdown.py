"""Markdown and plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.generative.documents.loaders.loader import Found, as_text, groups_of, moment_of

__all__ = ["MarkdownFile"]

_FRONT = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n*", re.DOTALL | re.MULTILINE)
_MOST_FRONT = 64 << 10
_TITLE = re.compile(r"\s*(?:<!--.*?-->\s*)*#[ \t]+([^\n]+)", re.DOTALL)


class MarkdownFile(msgspec.Struct, frozen=True):
    """Markdown as it is. A mapping in YAML between `---` lines at its beginning says what is known of it."""

    kind: str = "a Markdown text"
    endings: tuple[str, ...] = (".md", ".markdown", ".txt")
    media_types: tuple[str, ...] = ("text/markdown", "text/plain")

    def load(self, data: bytes, name: str) -> Iterator[Found]:
        """See `Loader.load`. The text begins after the front matter."""
        text = as_text(data, name)
        said, begin = _front_matter(text, name)
        title = _TITLE.match(text, begin)
        yield Found(
            text=text[begin:],
            title=str(said.get("title") or (title[1].strip(" #\t`*") if title else "")),
            owner=_text(said, "owner", "author"),
            licence=_text(said, "licence", "license"),
            language=_text(said, "language", "lang"),
            groups=groups_of(said.get("groups")),
            known_at=moment_of(said.get("known_at"), "known_at", name),
            expires=moment_of(said.get("expires"), "expires", name),
            source=_text(said, "source"),
        )


def _text(said: dict[str, Any], *names: str) -> str:
    return next((str(said[name]) for name in names if said.get(name) is not None), "")


def _front_matter(text: str, name: str) -> tuple[dict[str, Any], int]:
    """What it says, and where the text begins. Lines between two rules that are no mapping belong to the text."""
    found = _FRONT.match(text)
    if found is None:
        return {}, 0
    import yaml

    if len(found[1]) > _MOST_FRONT:
        raise ProjectError("the front matter is too long", where=name, hint=f"at most {_MOST_FRONT:,} characters")
    try:
        if any(isinstance(each, yaml.AliasEvent) for each in yaml.parse(found[1], Loader=yaml.SafeLoader)):
            raise ProjectError("the front matter holds an alias", where=name, hint="write it out")
        said = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 2}" if mark else name
        problem = getattr(error, "problem", None) or str(error)
        hint = "put texts with a colon in quotes"
        raise ProjectError(f"the front matter is not readable: {problem}", where=where, hint=hint) from error
    return (
        ({str(key).lower(): value for key, value in said.items()}, found.end()) if isinstance(said, dict) else ({}, 0)
    )
