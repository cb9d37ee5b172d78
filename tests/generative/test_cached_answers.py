"""Answerer with a cache: an answer is given again without a model, and never beyond who may read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.generative.answers import Scripted, answerer_of, asked_in_turn, broken
from tests.generative.handbook import page

from kreis.generative.cache.policy import CachePolicy
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.index.index import Access
from kreis.generative.questions import Answered

MINILM = LocalEmbedding("minilm-l6-int8")
PAGES = (page("leave.md", "Employees have 30 days of leave a year."),)
ASKED = "How many days of leave do employees have?"
GOOD = "Employees have 30 days of leave a year. [1]"


@pytest.fixture(scope="module")
def policy() -> CachePolicy:
    return CachePolicy(threshold=0.9, embedding=MINILM.open().digest, entries=100)


def asked(folder: Path, policy: CachePolicy, model: Scripted, *questions: tuple[str, dict[str, Any]]) -> list[Answered]:
    return asked_in_turn(answerer_of(PAGES, folder, model=model, cache=policy, embedding=MINILM), *questions)


def test_are_given_again_for_nothing(tmp_path: Path, policy: CachePolicy) -> None:
    model = Scripted(GOOD)
    first, again = asked(tmp_path, policy, model, (ASKED, {}), ("How many days of the leave do employees have", {}))
    assert (first.cached, again.cached) == (False, True)
    assert again.text == first.text == GOOD
    assert again.citations == first.citations
    assert (first.signals[1], again.signals[1]) == (110, 0)
    assert again.question == "How many days of the leave do employees have"


def test_are_not_given_to_others_or_to_another_question(tmp_path: Path, policy: CachePolicy) -> None:
    model = Scripted(*[GOOD] * 4)
    others = [(ASKED, {"access": Access(tenant="acme")}), (ASKED, {"access": Access(groups=frozenset({"board"}))})]
    answers = asked(tmp_path, policy, model, (ASKED, {}), *others, ("How many days of leave do managers have?", {}))
    assert [each.cached for each in answers] == [False] * 4
    assert len(model.wishes) == 4


def test_are_streamed_as_one_piece(tmp_path: Path, policy: CachePolicy) -> None:
    model = Scripted(GOOD)
    _, again = asked(tmp_path, policy, model, (ASKED, {}), (ASKED, {"stream": True}))
    assert again.cached


def test_by_the_fallback_are_not_kept(tmp_path: Path, policy: CachePolicy) -> None:
    first, second = asked(tmp_path, policy, Scripted(broken(), GOOD), (ASKED, {}), (ASKED, {}))
    assert first.why == "by the fallback: HTTP 500"
    assert (second.cached, second.text) == (False, GOOD)
