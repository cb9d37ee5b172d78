"""From question to answer over real endpoints that misbehave: the right fallback each time, and no double charge."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.generative.answers import ask, streamed
from tests.generative.misbehaving import (
    Behaviour,
    Misbehaving,
    drops,
    error_in_stream,
    huge,
    invalid_json,
    long_line,
    refuses,
    slow,
    truncated,
    well,
    wrong_shape,
)
from tests.generative.test_asking import ASKED, GOOD, PAGES, prompt

from kreis.generative.answering import Answerer
from kreis.generative.chunking.by_structure import ByStructure
from kreis.generative.index.build import build_index
from kreis.generative.language_models.budgeted import Budget, Budgeted
from kreis.generative.language_models.budgets import Budgets
from kreis.generative.language_models.fallback import Fallback
from kreis.generative.language_models.kinds import ModelKind
from kreis.generative.language_models.llama_cpp import LlamaCpp
from kreis.generative.language_models.openai_compatible import OpenAICompatible
from kreis.generative.language_models.prices import Price
from kreis.generative.language_models.routed import Route, Routed
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS
from kreis.generative.retrieval.kinds import Lexical

PRICE = Price(tokens_in=100.0, tokens_out=400.0, currency="EUR", version="1", digest="0" * 64)
FIRST = OpenAICompatible(env="FIRST_URL", name="first", price=PRICE, attempts=1, first_token_s=0.6)
SECOND = OpenAICompatible(env="SECOND_URL", name="second", price=PRICE, attempts=1)
MISBEHAVIOURS: dict[str, Behaviour] = {
    "slow": slow(),
    "429 with Retry-After": refuses(429, retry_after="3600"),
    "429 without Retry-After": refuses(429),
    "500": refuses(500),
    "drops the connection": drops(),
    "truncated": truncated("Employees have"),
    "an error within a stream": error_in_stream("Employees have"),
    "invalid JSON": invalid_json(),
    "wrong schema": wrong_shape(),
    "endless line": long_line(),
    "huge body": huge(),
}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Misbehaving, Misbehaving]]:
    with Misbehaving() as first, Misbehaving(well(GOOD)) as second:
        yield first, second


def answerer(model: ModelKind, folder: Path) -> Answerer:
    built = build_index(PAGES, chunker=ByStructure(), embedding=None, cache=None, place=folder / "index")
    pipeline = Pipeline(
        knowledge_base="handbook",
        index=built.file,
        index_version=built.version,
        search=Lexical(),
        prompt=prompt(),
        model=model,
    )
    return Answerer(pipeline, lambda file: folder / "index")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", MISBEHAVIOURS)
def test_a_question_is_answered_all_the_same(
    servers: tuple[Misbehaving, Misbehaving], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stream: bool
) -> None:
    first, second = servers
    first.will(MISBEHAVIOURS[name])
    for server in servers:
        server.requests.clear()
    monkeypatch.setenv("FIRST_URL", first.url)
    monkeypatch.setenv("SECOND_URL", second.url)
    monkeypatch.setenv("KREIS_BUDGETS", str(tmp_path / "budgets.sqlite"))
    budget = Budget(name="handbook", a_day=100.0)
    chain = Fallback((Budgeted(FIRST, budget), Budgeted(SECOND, budget)), share=0.05 if name == "slow" else 0.6)

    opened = answerer(chain, tmp_path)
    answered = streamed(opened, ASKED)[1] if stream else ask(opened, ASKED)

    assert answered.outcome == "answered"
    signals = dict(zip(SIGNALS, answered.signals, strict=True))
    assert signals["tokens"] == first.charged + second.charged, "each attempt is counted once"
    asked = [*first.requests, *second.requests]
    money = sum(PRICE.of(each.tokens_in, each.tokens_out) for each in asked)
    assert signals["money"] == pytest.approx(money)
    budgets = Budgets(tmp_path / "budgets.sqlite")
    assert (budgets.spent("handbook"), budgets.set_aside_still("handbook")) == (pytest.approx(money), 0.0)
    budgets.close()
    assert len(first.requests) == 1
    assert answered.text == GOOD
    assert (answered.model, answered.fallback) == ("second", "model")
    assert "first at 127.0.0.1:" in answered.why


@pytest.mark.slow
def test_the_small_model_answers_at_the_end_of_a_chain(
    servers: tuple[Misbehaving, Misbehaving], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It seldom says what a passage supports: then it abstains, and what it cost is counted all the same."""
    first, _ = servers
    first.will(refuses(500))
    monkeypatch.setenv("FIRST_URL", first.url)
    answered = ask(answerer(Fallback((FIRST, LlamaCpp("smollm2-135m", 2048))), tmp_path), ASKED)
    assert answered.model == "smollm2-135m"
    assert answered.outcome in ("answered", "abstained")
    signals = dict(zip(SIGNALS, answered.signals, strict=True))
    assert signals["tokens"] > 100
    assert signals["money"] == 0.0


def test_a_question_of_a_kind_goes_to_its_model(
    servers: tuple[Misbehaving, Misbehaving], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = servers
    first.will(well(GOOD))
    monkeypatch.setenv("FIRST_URL", first.url)
    monkeypatch.setenv("SECOND_URL", second.url)
    routes = (Route(kind="number", model="small"),)
    routed = Routed(models={"small": FIRST, "large": SECOND}, routes=routes, otherwise="large")
    assert [ask(answerer(routed, tmp_path), ASKED, kind=kind).model for kind in ("number", "", "why")] == [
        "first",
        "second",
        "second",
    ]


def test_what_was_given_is_not_taken_back(
    servers: tuple[Misbehaving, Misbehaving], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence was given before it broke off: the answer ends there, and the next model is not asked."""
    first, second = servers
    first.will(truncated(f"{GOOD} Leave can be"))
    second.requests.clear()
    first.requests.clear()
    monkeypatch.setenv("FIRST_URL", first.url)
    monkeypatch.setenv("SECOND_URL", second.url)
    pieces, answered = streamed(answerer(Fallback((FIRST, SECOND)), tmp_path), ASKED)
    assert pieces == [GOOD]
    assert answered.why.startswith("it ends early: first at")
    assert not second.requests
    assert dict(zip(SIGNALS, answered.signals, strict=True))["tokens"] == first.charged
