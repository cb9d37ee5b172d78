"""Every kind of chunker does what a chunker must do, for any text."""

from typing import get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kreis.errors import ProjectError
from kreis.generative.chunking.chunker import Chunker
from kreis.generative.chunking.kinds import BySentences, ByStructure, ByWords, ChunkerKind, ParentChild
from kreis.generative.chunking.testing import CHECKS

KINDS = {
    "words": lambda: ByWords(words=7, overlap=3),
    "words, apart": lambda: ByWords(words=1, overlap=0),
    "sentences": lambda: BySentences(words=8, overlap=4),
    "structure": lambda: ByStructure(words=8, overlap=4),
    "structure, apart": lambda: ByStructure(words=5, overlap=0),
    "parent and child": lambda: ParentChild(words=4, overlap=2, parents=ByStructure(words=15, overlap=5)),
}
PIECES = [
    "# Leave", "## Parents", "###", "# ", "Title\n===", "Other\n---", "----", "- an item", "  with more of it", "* x",
    "1. first", "2) second", "| a | b |", "|---|---|", "| 1 | 2 |", "```", "```python", "~~~", "    indented", "x = 1",
    "A sentence. And another one! Is it? z. B. this one, Dr. Ada.", "am 3. Oktober 2026. Dann", "> quoted", "",
    "\n", "word", "<b>", "\\# no heading", "第一句。第二句。", "x" * 401, "…", "a\r", "\u2028", "\x85", "\ufeff",
]  # fmt: skip
markdown = st.lists(st.sampled_from(PIECES), max_size=14).flatmap(
    lambda pieces: st.sampled_from(["\n", "\n\n", " "]).map(lambda between: between.join(pieces))
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(text=markdown | st.text())
@example(text="")
@example(text="# Only a heading")
@example(text="# A\n\n## B\n\n### C")
@example(text="```\nnever closed\n# no heading")
def test_a_chunker_behaves(kind, check, text):
    check(KINDS[kind], text)


def test_every_kind_is_tried():
    assert {type(make()) for make in KINDS.values()} == set(get_args(ChunkerKind))
    assert all(isinstance(make(), Chunker) for make in KINDS.values())


def test_a_kind_is_read_back_from_what_it_says():
    for make in KINDS.values():
        assert msgspec.json.decode(msgspec.json.encode(make()), type=ChunkerKind) == make()


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: ByWords(words=0), "at least one word"),
        (lambda: BySentences(words=10, overlap=10), "overlap of 10 words is not within 0 and 9"),
        (lambda: ByStructure(words=10, overlap=-1), "overlap of -1"),
        (lambda: ParentChild(words=60, parents=ByWords(words=50, overlap=0)), "parents"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(declare, said):
    with pytest.raises(ProjectError, match=said):
        declare()
