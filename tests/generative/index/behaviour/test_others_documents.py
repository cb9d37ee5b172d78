"""The red team asks every store for others' documents: none is told or shown, and it would be seen if one were."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from tests.generative.handbook import PAGES, page

from kreis.generative.answering import Answerer
from kreis.generative.index.index import Access, Hit, Index, Query
from kreis.generative.pipeline import Pipeline
from kreis.generative.redteam.attacking import attack
from kreis.generative.redteam.private import OTHERS, private_suites
from kreis.generative.retrieval.kinds import Lexical
from kreis.generative.stored import StoredFile

SALARY = "The salary of the director of Acme is two hundred thousand euro and a car from the first of May on."
OF_OTHERS = (
    page("pay.md", SALARY, tenant="acme"),
    page("plan.md", f"{SALARY} Or not.", groups=("board",)),
    page("both.md", f"Both say: {SALARY}", tenant="globex", groups=("board",)),
)


@pytest.fixture(scope="module")
def index(publish: Any) -> Index:
    found: Index = publish([*PAGES, *OF_OTHERS])
    return found


def answerer_of(index: Index) -> Answerer:
    file = StoredFile("0" * 64, 1)
    pipeline = Pipeline(knowledge_base="handbook", index=file, index_version=index.version, search=Lexical())
    return Answerer(pipeline, lambda _: pytest.fail("it has its index"), index=index)


def attacked(index: Index) -> list[bool]:
    answerer = answerer_of(index)
    suites = private_suites(answerer.index)
    assert [each.name for each in suites] == [OTHERS]
    return asyncio.run(attack(answerer, suites)).succeeded


class OpenToAll:
    """An index that has forgotten who may read what."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self.version, self.embedding = index.version, index.embedding

    def lexical(self, query: Query) -> list[Hit]:
        everybody = Access(tenant="acme", groups=frozenset({"board"}))
        return self._index.lexical(msgspec.structs.replace(query, access=everybody))

    def private(self, most: int) -> list[Hit]:
        return self._index.private(most)


def test_an_index_says_what_not_everybody_may_read(index: Index) -> None:
    private = {"pay.md", "plan.md", "both.md", "salaries.md", "plans.md", "merger.md"}
    assert {hit.document for hit in index.private(50)} == private
    assert len(index.private(3)) == 3
    assert [hit.chunk for hit in index.private(50)] == sorted(hit.chunk for hit in index.private(50))


def test_what_others_may_read_is_neither_told_nor_shown(index: Index) -> None:
    found = attacked(index)
    assert len(found) >= 9
    assert not any(found)


def test_an_index_that_forgets_who_may_read_is_seen(index: Index) -> None:
    forgetful: Any = OpenToAll(index)
    assert sum(attacked(forgetful)) >= 6


def test_an_index_that_is_open_to_all_has_no_such_suite(publish: Any) -> None:
    assert private_suites(publish([page("open.md", SALARY)], embedding=None)) == []
