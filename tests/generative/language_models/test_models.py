"""Every kind of language model does what a model must do."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from tests.generative.misbehaving import Misbehaving, refuses, well

from kreis.generative.language_models.budgeted import Budget
from kreis.generative.language_models.kinds import (
    Budgeted,
    Fallback,
    LlamaCpp,
    ModelKind,
    OpenAICompatible,
    Routed,
)
from kreis.generative.language_models.prices import Price
from kreis.generative.language_models.routed import Route
from kreis.generative.language_models.testing import CHECKS, Check

PRICE = Price(tokens_in=100, tokens_out=400, currency="EUR", version="1", digest="0" * 64)
API = OpenAICompatible(env="LLM_URL", name="api", price=PRICE)
SICK = OpenAICompatible(env="SICK_URL", name="sick", attempts=1)
LLAMA = LlamaCpp("smollm2-135m", 512)
BUDGETED = Budgeted(API, Budget(name="shop", a_day=1_000.0))
KINDS: dict[str, ModelKind] = {
    "endpoint": API,
    "llama.cpp": LLAMA,
    "budgeted": BUDGETED,
    "routed": Routed(models={"big": API, "small": LLAMA}, routes=(Route(kind="", model="big"),), otherwise="small"),
    "fallback": Fallback((SICK, BUDGETED)),
}


@pytest.fixture(autouse=True, scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    budgets = tmp_path_factory.mktemp("budgets") / "budgets.sqlite"
    well_one, sick_one = Misbehaving(well("A week has seven days.")), Misbehaving(refuses(503))
    with well_one as server, sick_one as sick, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_URL", server.url)
        patch.setenv("SICK_URL", sick.url)
        patch.setenv("KREIS_BUDGETS", str(budgets))
        yield


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_behaves(kind: str, check: Check) -> None:
    asyncio.run(check(KINDS[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_data_in_a_package(kind: str) -> None:
    data = msgspec.json.encode(KINDS[kind])
    assert msgspec.json.decode(data, type=ModelKind) == KINDS[kind]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(data[:-1] + b',"later": 1}', type=ModelKind)
