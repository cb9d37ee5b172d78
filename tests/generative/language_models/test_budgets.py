"""What was spent of a budget is never forgotten and never spent twice, whoever asks and whoever is killed."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.generative.misbehaving import Misbehaving, refuses, silent, slow, truncated, well

from kreis.clock import SimulatedClock
from kreis.errors import ProjectError, StoreError
from kreis.generative.language_models.budgeted import Budget, Budgeted
from kreis.generative.language_models.budgets import Budgets, UsedUpError
from kreis.generative.language_models.endpoint import Endpoint
from kreis.generative.language_models.model import Completion, Message, ModelError, Wish
from kreis.generative.language_models.openai_compatible import OpenAICompatible
from kreis.generative.language_models.prices import Price
from kreis.generative.language_models.spending import OpenBudgeted

DAY = "2026-11-26"
SHOP = Budget(name="shop", a_day=10.0, a_tenant_a_day=4.0, in_all=15.0)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "state" / "budgets.sqlite"


@pytest.fixture
def budgets(place: Path) -> Iterator[Budgets]:
    opened = Budgets(place)
    yield opened
    opened.close()


def test_what_is_set_aside_is_spent_until_the_cost_is_booked(budgets: Budgets) -> None:
    receipt = budgets.set_aside(SHOP, "ann", DAY, 3.0)
    assert budgets.spent("shop", DAY) == budgets.set_aside_still("shop") == 3.0
    assert budgets.book(SHOP, receipt, 1.25) == ""
    assert budgets.spent("shop", DAY) == budgets.spent("shop") == 1.25
    assert budgets.set_aside_still("shop") == 0


def test_a_receipt_is_booked_once(budgets: Budgets) -> None:
    receipt = budgets.set_aside(SHOP, "ann", DAY, 3.0)
    for _ in range(3):
        budgets.book(SHOP, receipt, 1.0)
    assert budgets.spent("shop", DAY) == 1.0


def test_each_limit_stops(budgets: Budgets) -> None:
    budgets.set_aside(SHOP, "ann", DAY, 4.0)  # to the last cent
    with pytest.raises(UsedUpError, match=r"used up: 4 for a tenant's day"):
        budgets.set_aside(SHOP, "ann", DAY, 0.000000001)
    budgets.set_aside(SHOP, "bob", DAY, 4.0)
    with pytest.raises(UsedUpError, match="used up: 10 for a day"):
        budgets.set_aside(SHOP, "eve", DAY, 2.01)
    budgets.set_aside(SHOP, "", DAY, 2.0)  # without a tenant, only the limits for all hold
    budgets.set_aside(SHOP, "ann", "2026-11-27", 4.0)
    with pytest.raises(UsedUpError, match="used up: 15 in all"):
        budgets.set_aside(SHOP, "bob", "2026-11-27", 1.01)
    assert budgets.spent("shop") == 14.0, "what was refused is not spent"
    assert budgets.spent("shop", DAY) == 10.0
    budgets.set_aside(Budget(name="other", a_day=1.0), "ann", DAY, 1.0)


def test_a_tenant_is_not_all_tenants(budgets: Budgets) -> None:
    budget = Budget(name="shop", a_tenant_a_day=1.0)
    budgets.set_aside(budget, "*", DAY, 1.0)
    budgets.set_aside(budget, "=*", DAY, 1.0)
    with pytest.raises(UsedUpError):
        budgets.set_aside(budget, "*", DAY, 0.1)
    assert budgets.spent("shop", DAY) == 2.0


def test_people_are_alerted_before_it_ends(budgets: Budgets) -> None:
    budget = Budget(name="shop", a_day=10.0, in_all=100.0, alert_at=0.8)
    receipt = budgets.set_aside(budget, "", DAY, 7.99)
    assert budgets.book(budget, receipt, 7.99) == ""
    receipt = budgets.set_aside(budget, "", DAY, 0.02)
    assert budgets.book(budget, receipt, 0.02) == "budget 'shop': spent are 8.01 of 10 for a day"


def test_sums_are_exact(budgets: Budgets) -> None:
    for _ in range(10):
        budgets.book(SHOP, budgets.set_aside(SHOP, "ann", DAY, 0.3), 0.1)
    assert budgets.spent("shop") == 1.0


WORKER = """
import sys
from pathlib import Path
from kreis.generative.language_models.budgeted import Budget
from kreis.generative.language_models.budgets import Budgets, UsedUpError

budgets, budget, had = Budgets(Path(sys.argv[1])), Budget(name="shop", a_day=60.0), 0
for number in range(40):
    try:
        receipt = budgets.set_aside(budget, f"tenant {number % 3}", "2026-11-26", 2.0)
        budgets.book(budget, receipt, 1.0)
        had += 1
    except UsedUpError:
        pass
print(had)
"""


def test_workers_share_a_budget(place: Path) -> None:
    """Four processes ask for 160 answers that cost 1 each; there is room for 60 (each needs 2 while it is asked)."""
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, place], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    had = sum(int(worker.communicate(timeout=60)[0]) for worker in workers)
    budgets = Budgets(place)
    assert budgets.spent("shop", DAY) == had
    assert 56 <= had <= 60
    budgets.close()


KILLED = """
import os, sys
from pathlib import Path
from kreis.generative.language_models.budgeted import Budget
from kreis.generative.language_models.budgets import Budgets

Budgets(Path(sys.argv[1])).set_aside(Budget(name="shop", a_day=10.0), "ann", "2026-11-26", 6.0)
os.kill(os.getpid(), 9)
"""


def test_a_killed_process_leaves_what_it_set_aside_spent(place: Path) -> None:
    """It may have paid: a restart must not spend that again."""
    assert subprocess.run([sys.executable, "-c", KILLED, place], check=False).returncode == -signal.SIGKILL
    budgets = Budgets(place)
    assert budgets.spent("shop", DAY) == budgets.set_aside_still("shop") == 6.0
    with pytest.raises(UsedUpError):
        budgets.set_aside(SHOP, "bob", DAY, 4.1)
    budgets.close()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "budgets.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="cannot be read or written"):
        Budgets(tmp_path / "budgets.sqlite")


# --- the model that it stands before

PRICE = Price(tokens_in=1_000.0, tokens_out=10_000.0, currency="EUR", version="1", digest="0" * 64)
API = OpenAICompatible(env="LLM_URL", name="api", price=PRICE, attempts=2)
WISH = Wish(messages=[Message("user", "How long is a week?")], most_tokens=40, tenant="ann", deadline_s=5.0)


def opened(server: Misbehaving, budgets: Budgets, budget: Budget, clock: SimulatedClock) -> OpenBudgeted:
    return OpenBudgeted(Budgeted(API, budget), Endpoint(API, server.url, ""), budgets, clock=clock)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2026, 11, 26, 23, 59, tzinfo=UTC))


def test_an_answer_costs_what_it_costs(budgets: Budgets, clock: SimulatedClock) -> None:
    async def asked() -> None:
        model = opened(server, budgets, SHOP, clock)
        done = await model.complete(WISH)
        assert budgets.spent("shop", DAY) == pytest.approx(done.money)
        items = [item async for item in model.stream(WISH)]
        assert isinstance(items[-1], Completion)
        assert budgets.spent("shop", DAY) == pytest.approx(2 * done.money)
        assert budgets.set_aside_still("shop") == 0
        await model.close()

    with Misbehaving(well("A week has seven days.")) as server:
        asyncio.run(asked())


def test_what_failed_is_booked_as_it_was_spent(budgets: Budgets, clock: SimulatedClock) -> None:
    async def asked() -> None:
        model = opened(server, budgets, SHOP, clock)
        spent = 0.0
        for stream in (False, True):
            try:
                async for _ in model.stream(WISH) if stream else _one(model):
                    pass
            except ModelError as error:
                spent += error.spent.money
        assert budgets.spent("shop", DAY) == pytest.approx(spent)
        assert spent == pytest.approx(sum(PRICE.of(each.tokens_in, each.tokens_out) for each in server.requests))
        assert budgets.set_aside_still("shop") == 0
        server.will(refuses(401))
        with pytest.raises(ModelError, match="401"):
            await model.complete(WISH)
        assert budgets.spent("shop", DAY) == pytest.approx(spent), "a refusal costs nothing"
        await model.close()

    with Misbehaving(truncated("A week")) as server:
        asyncio.run(asked())


async def _one(model: OpenBudgeted):  # type: ignore[no-untyped-def]
    yield await model.complete(WISH)


def test_a_caller_that_goes_away_leaves_what_was_set_aside_spent(budgets: Budgets, clock: SimulatedClock) -> None:
    async def left() -> None:
        model = opened(server, budgets, SHOP, clock)
        pieces = model.stream(WISH)
        await anext(pieces)
        await pieces.aclose()
        await model.close()

    with Misbehaving(silent("A week")) as server:
        asyncio.run(left())
    again = Budgets(budgets._path)
    assert again.spent("shop", DAY) == again.set_aside_still("shop") > 0.4
    again.close()


ASKING = """
import asyncio
from kreis.generative.language_models.budgeted import Budget
from kreis.generative.language_models.budgeted import Budgeted
from kreis.generative.language_models.model import Message, Wish
from kreis.generative.language_models.openai_compatible import OpenAICompatible
from kreis.generative.language_models.prices import Price

price = Price(tokens_in=1_000.0, tokens_out=10_000.0, currency="EUR", version="1", digest="0" * 64)
api = OpenAICompatible(env="LLM_URL", name="api", price=price)
wish = Wish(messages=[Message("user", "How long is a week?")], most_tokens=40)
asyncio.run(Budgeted(api, Budget(name="shop", a_day=1.0)).open().complete(wish))
"""


def test_a_process_that_is_killed_while_it_pays_loses_nothing(place: Path) -> None:
    begun = threading.Event()

    def worked_on(handler: Any, request: Any) -> None:
        begun.set()
        slow()(handler, request)

    with Misbehaving(worked_on) as server:
        environment = {**os.environ, "LLM_URL": server.url, "KREIS_BUDGETS": str(place)}
        asking = subprocess.Popen([sys.executable, "-c", ASKING], env=environment)
        assert begun.wait(30)
        asking.kill()
        asking.wait()
    (request,) = server.requests
    budgets = Budgets(place)
    assert budgets.spent("shop") == pytest.approx(PRICE.of(request.tokens_in, request.tokens_out))
    budgets.close()


def test_it_stops_before_it_asks_and_goes_on_the_next_day(budgets: Budgets, clock: SimulatedClock) -> None:
    budget = Budget(name="shop", a_day=0.5, alert_at=0.2)

    async def asked() -> None:
        model = opened(server, budgets, budget, clock)
        assert "budget 'shop': spent are 0.12" in (await model.complete(WISH)).alert
        with pytest.raises(ModelError, match=r"api: the budget 'shop' is used up: 0\.5 for a day") as caught:
            await model.complete(WISH)
        assert (caught.value.spent.tokens, caught.value.spent.attempts) == (0, 0)
        with pytest.raises(ModelError, match="used up"):
            await anext(model.stream(WISH))
        assert len(server.requests) == 1
        clock.advance(datetime(2026, 11, 27, tzinfo=UTC))
        assert (await model.complete(WISH)).text
        await model.close()

    with Misbehaving(well("A week has seven days.")) as server:
        asyncio.run(asked())


def test_a_budget_that_cannot_be_asked_stops_too(budgets: Budgets, clock: SimulatedClock) -> None:
    async def asked() -> None:
        model = opened(server, budgets, SHOP, clock)
        with sqlite3.connect(budgets._path) as db:
            db.execute("DROP TABLE spent")
        with pytest.raises(ModelError, match="its budget cannot be asked"):
            await model.complete(WISH)
        await model.close()

    with Misbehaving() as server:
        asyncio.run(asked())
        assert not server.requests


def test_a_model_without_a_price_has_no_budget() -> None:
    with pytest.raises(ValueError, match="free has no price"):
        Budgeted(OpenAICompatible(env="LLM_URL", name="free"), SHOP)


def test_a_file_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KREIS_BUDGETS", raising=False)
    with pytest.raises(ProjectError, match="no file for the budget 'shop'"):
        Budgeted(API, SHOP).open()
