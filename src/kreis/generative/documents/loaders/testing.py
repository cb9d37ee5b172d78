"""What every loader must do. A new kind is done when each of these passes for a sample of its files:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_loader_behaves(check):
    check(lambda: MyLoader(), sample, "leave.xyz")
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

from kreis.errors import ProjectError
from kreis.generative.documents.loaders.kinds import loader_of
from kreis.generative.documents.loaders.load import load_documents
from kreis.generative.documents.loaders.loader import Found, Loader

__all__ = ["CHECKS"]

Factory = Callable[[], Loader]
_AT = datetime(2026, 1, 1, tzinfo=UTC)


def it_is_found_by_name_and_by_media_type(make: Factory, data: bytes, name: str) -> None:
    """By any of its endings, in capitals too."""
    loader = make()
    assert loader.kind
    for ending in loader.endings:
        assert loader_of(f"a{ending}") == loader_of(f"a{ending.upper()}") == loader
    for media_type in loader.media_types:
        assert loader_of("a", f"{media_type}; charset=utf-8") == loader


def its_texts_are_markdown_with_line_feeds(make: Factory, data: bytes, name: str) -> None:
    """And none is empty; pages begin in order, inside."""
    found = [each for each in make().load(data, name) if isinstance(each, Found)]
    assert found
    for each in found:
        assert each.text.strip()
        assert "\r" not in each.text
        assert list(each.pages) == sorted(each.pages)
        assert all(0 <= place <= len(each.text) for place in each.pages)
    assert len({each.part for each in found}) == len(found)


def the_same_bytes_give_the_same_texts(make: Factory, data: bytes, name: str) -> None:
    """From a loader made anew, too."""
    assert list(make().load(data, name)) == list(make().load(data, name))


def what_is_damaged_is_read_or_refused(make: Factory, data: bytes, name: str) -> None:
    """Cut off, or with other bytes in it: a document, or a `ProjectError` that says where and what to do."""
    generator = random.Random(7)
    for _ in range(60):
        damaged = bytearray(data[: generator.randrange(len(data) + 1)] if generator.random() < 0.3 else data)
        for _ in range(generator.randrange(20)):
            if damaged:
                damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        refused = None
        try:
            load_documents(bytes(damaged), name, known_at=_AT)
        except ProjectError as error:
            refused = error
        assert refused is None or (refused.where and refused.hint), str(refused)


CHECKS: list[Callable[[Factory, bytes, str], None]] = [
    it_is_found_by_name_and_by_media_type,
    its_texts_are_markdown_with_line_feeds,
    the_same_bytes_give_the_same_texts,
    what_is_damaged_is_read_or_refused,
]
