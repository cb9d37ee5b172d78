"""A handbook of a few pages, of two tenants, in two languages, and a chunker that is easy to follow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from kreis.generative.chunking.chunker import Chunk
from kreis.generative.documents.document import Document

KNOWN = datetime(2026, 1, 1, tzinfo=UTC)
E5 = "multilingual-e5-small-int4"


class Paragraphs(msgspec.Struct, frozen=True):
    """One chunk for each paragraph; its parent is the document, where that is wanted."""

    parents: bool = False

    def chunks(self, document: Document) -> Iterator[Chunk]:
        for found in re.finditer(r"[^\n]+", document.text):
            parent = (0, len(document.text)) if self.parents else None
            yield Chunk(start=found.start(), end=found.end(), parent=parent)

    def parameters(self) -> dict[str, Any]:
        return {"kind": "paragraphs", "parents": self.parents}


def page(name: str, text: str, **fields: Any) -> Document:
    return Document(id=name, text=text, known_at=KNOWN, **fields)


PAGES = (
    page("leave.md", "Every employee has 30 days of paid leave a year.\nParental leave lasts up to 36 months.",
         title="Leave", language="en", owner="people", licence="CC BY 4.0", source="https://handbook.test/leave"),
    page("urlaub.md", "Jede Mitarbeiterin hat 30 Tage Urlaub im Jahr.\nDie Elternzeit dauert bis zu 36 Monate.",
         title="Urlaub", language="de", owner="people"),
    page("travel.md", "Trains are booked in second class.\nA hotel may cost 120 euros a night.", title="Travel",
         language="en", owner="finance"),
    page("salaries.md", "The salary bands are reviewed every spring.", title="Salaries", language="en", owner="people",
         groups=("managers", "payroll")),
    page("menu.md", "On the 24th the canteen serves goose.", title="Menu", language="en", expires=KNOWN),
    page("plans.md", "Acme opens a hotel in Lisbon.", title="Plans", language="en", tenant="acme"),
    page("plans.md", "Globex closes its hotel in Rome.", title="Plans", language="en", tenant="globex"),
    page("merger.md", "Acme buys a hotel chain.", title="Merger", language="en", tenant="acme", groups=("board",)),
)  # fmt: skip
