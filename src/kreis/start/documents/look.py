"""What a folder of documents holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath

import msgspec

from kreis.errors import ProjectError
from kreis.generative.documents.checks import PersonalData
from kreis.generative.documents.document import Document, Unreadable
from kreis.generative.documents.language import language_of
from kreis.generative.documents.loaders.load import load_folder

__all__ = ["Held", "look_at"]

_SHOWN = 3


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder of documents holds."""

    documents: int
    words: int
    endings: dict[str, int]
    """By the ending of their files, how many documents."""
    languages: dict[str, int]
    """By language, ISO 639-1, how many; those whose words do not tell are left out."""
    unreadable: dict[str, str]
    """By name, why no document could be made of it."""
    repeated: int
    """Documents whose text is that of another one."""
    personal: dict[str, int]
    """By kind of personal data, how many documents hold some."""

    @property
    def english(self) -> bool:
        """Whether no document is seen to be in another language."""
        return set(self.languages) == {"en"}

    @property
    def set_aside(self) -> float:
        """The share of all that a contract would set aside as it is now."""
        return (len(self.unreadable) + self.repeated) / (self.documents + len(self.unreadable))


def look_at(folder: Path) -> tuple[list[Document], Held]:
    """Read a folder.

    Args:
        folder: Where the documents lie, in it and in the folders below.

    Returns:
        The documents, each text once, and what was seen in all of them.

    Raises:
        ProjectError: there is no such folder, it is empty, or nothing in it can be read.
        MissingLibraryError: the extra `kreis[generate]` is not installed.
    """
    if not folder.is_dir():
        problem = "it is a file" if folder.exists() else "there is no such folder"
        hint = "kreis init NAME --documents FOLDER; of a table: --file FILE --predict COLUMN"
        raise ProjectError(problem, where=f"{folder}, --documents", hint=hint)
    if not any(each.is_file() for each in folder.rglob("[!.]*")):
        raise ProjectError("there is no file in it", where=f"{folder}, --documents", hint="put documents there first")
    found = list(load_folder(folder))
    documents = [each for each in found if isinstance(each, Document) and _words(each)]
    unreadable = {each.id: each.reason for each in found if isinstance(each, Unreadable)}
    unreadable |= {each.id: "it has no words" for each in found if isinstance(each, Document) and not _words(each)}
    if not documents:
        shown = "; ".join(f"{name}: {why}" for name, why in list(unreadable.items())[:_SHOWN])
        more = f"; and {len(unreadable) - _SHOWN:,} more" if len(unreadable) > _SHOWN else ""
        hint = "Markdown, text, HTML, PDF with text, Word (.docx), e-mail, CSV and JSON Lines can be read"
        raise ProjectError(f"nothing in it can be read: {shown}{more}", where=f"{folder}, --documents", hint=hint)
    once = list({each.text: each for each in reversed(documents)}.values())[::-1]
    return once, _held(documents, len(documents) - len(once), unreadable)


def _words(document: Document) -> int:
    """How many words it has."""
    return len(document.text.split())


def _held(documents: Sequence[Document], repeated: int, unreadable: dict[str, str]) -> Held:
    personal = PersonalData().found([each.text for each in documents])
    kinds = Counter(kind for each in personal if each for kind in each.split(", "))
    languages = Counter(each.language or language_of(each.text) for each in documents)
    del languages[""]
    return Held(
        documents=len(documents),
        words=sum(map(_words, documents)),
        endings=dict(Counter(PurePath(each.id.partition("#")[0]).suffix.lower() for each in documents).most_common()),
        languages=dict(languages.most_common()),
        unreadable=unreadable,
        repeated=repeated,
        personal=dict(sorted(kinds.items())),
    )
