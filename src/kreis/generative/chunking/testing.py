"""What every kind of chunker must do. A new kind is done when each of these passes for any text:

@given(texts)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_chunker_behaves(check, text):
    check(lambda: MyChunker(), text)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from kreis.digests import canonical_json
from kreis.generative.chunking.chunker import Chunk, Chunker
from kreis.generative.documents.document import Document

__all__ = ["CHECKS", "document_of"]

Factory = Callable[[], Chunker]
_LONGEST = 200
_WORD = re.compile(r"[^\s。！？]+|[。！？]")
"""Chinese and Japanese sentences follow each other without a blank."""


def document_of(text: str, *, pages: tuple[int, ...] = ()) -> Document:
    """A document with a text."""
    return Document(id="document", text=text, known_at=datetime(2026, 1, 1, tzinfo=UTC), pages=pages)


def _chunks(make: Factory, text: str) -> list[Chunk]:
    return list(make().chunks(document_of(text)))


def chunks_lie_in_the_text(make: Factory, text: str) -> None:
    """In order of their ends, none twice, none empty, none with blanks at its ends; a parent holds its chunk."""
    last = 0
    for each in _chunks(make, text):
        part = text[each.start : each.end]
        assert 0 <= each.start < each.end <= len(text)
        assert part == part.strip() != ""
        assert each.end > last
        last = each.end
        if each.parent is not None:
            assert 0 <= each.parent[0] <= each.start < each.end <= each.parent[1] <= len(text)


def every_word_is_in_a_chunk(make: Factory, text: str) -> None:
    """As a whole, unless it is so long that it must be cut; and whatever is no blank, in any case."""
    chunks = _chunks(make, text)
    for word in _WORD.finditer(text):
        start, end = word.span()
        within = [each for each in chunks if each.start < end and start < each.end]
        assert all(any(each.start <= at < each.end for each in within) for at in range(start, end)), word
        if end - start <= _LONGEST:
            assert any(each.start <= start and end <= each.end for each in within), word


def the_same_text_gives_the_same_chunks(make: Factory, text: str) -> None:
    """From a chunker made anew, too."""
    assert _chunks(make, text) == _chunks(make, text)


def a_chunk_is_on_the_page_where_it_begins(make: Factory, text: str) -> None:
    """Counted from 1; pages change no chunk."""
    half = len(text) // 2
    paged = list(make().chunks(document_of(text, pages=(0, half))))
    assert [msgspec.structs.replace(each, page=None) for each in paged] == _chunks(make, text)
    assert all(each.page == (2 if half and each.start >= half else 1) or not half for each in paged)


def its_parameters_say_all(make: Factory, text: str) -> None:
    """They are data, and a chunker that is read back from them cuts alike."""
    chunker = make()
    parameters = chunker.parameters()
    read = msgspec.json.decode(canonical_json(parameters), type=type(chunker))
    assert read == chunker
    assert list(read.chunks(document_of(text))) == _chunks(make, text)


CHECKS: list[Callable[[Factory, str], None]] = [
    chunks_lie_in_the_text,
    every_word_is_in_a_chunk,
    the_same_text_gives_the_same_chunks,
    a_chunk_is_on_the_page_where_it_begins,
    its_parameters_say_all,
]
