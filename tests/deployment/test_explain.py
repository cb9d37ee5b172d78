"""`POST /v1/explain`: why the model in service says what it says."""

from __future__ import annotations

import asyncio
import math
import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kreis.clock import SimulatedClock
from kreis.deployment.predictions.log import FolderLog
from kreis.deployment.server.explaining import MOST_WAITING, Explain, Explaining
from kreis.deployment.server.messages import Refusal, Unavailable
from kreis.deployment.server.models import LoadedRelease
from kreis.expressions.scalars import category
from kreis.expressions.tree import Call, Column
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.explainer import Explanation
from kreis.models.explanations.weights import Weights
from kreis.preparation.views import RequestView
from kreis.training.reference import histogram

FEATURES = ["request__hour", "request__distance", "request__city"]
VIEW = RequestView(
    name="request",
    fields={"hour": "integer", "distance": "number", "city": "string"},
    features={"hour": Column("hour"), "distance": Column("distance"), "city": Call("category", (Column("city"),))},
)
CITIES = ["Bonn", "Köln"]
ROW = {"fields": {"hour": 2, "distance": 0.5, "city": "Köln"}}


def weights() -> Additive:
    """What `linear_model` computes of small numbers: the sum of the features, against means of 1."""
    ones, none = np.full((3, 1), 1e-7), np.zeros((3, 1))
    part = Weights(weights=ones, means=np.ones(3), medians=np.zeros(3), flags=none, absent=np.zeros(3))
    return Additive.of(part, FEATURES, link="sigmoid")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service whose answers are explained."""
    from tests.deployment.conftest import Service

    made = Service(tmp_path_factory.mktemp("explained"), simulated=True)
    hours, cities = np.arange(24.0), np.array([float(category(each)) for each in CITIES])
    reference = {"request__hour": histogram(hours), "request__distance": histogram(hours / 10)}
    model = made.package(
        made.linear_model(slope=1e-7, width=3),
        explanation=Explanation.of(weights()),
        features=FEATURES,
        request_views=[VIEW],
        categories={"request__city": CITIES},
        reference={**reference, "request__city": histogram(cities)},
    )
    made.release(model)
    try:
        made.start()
        made.wait_for(1)
        yield made
    finally:
        made.stop()


def test_the_parts_add_up_to_what_is_answered(service) -> None:
    _, answered = service.predict(ROW)
    status, found = service.call("POST", "/v1/explain", ROW)
    assert status == 200
    (told,) = found["explained"]
    margin = told["base"] + sum(each["adds"] for each in told["reasons"])
    assert margin == pytest.approx(told["margin"], abs=1e-12)
    assert 1 / (1 + math.exp(-margin)) == pytest.approx(answered["score"], abs=1e-6)
    assert (found["score"], found["decision"], found["model"]) == tuple(
        answered[n] for n in ("score", "decision", "model")
    )
    assert told["measured"] == "log-odds"


def test_values_are_said_as_the_user_wrote_them(service) -> None:
    _, found = service.call("POST", "/v1/explain", {"fields": {"hour": 2, "city": "Ulm"}})
    values = {each["feature"]: each["value"] for each in found["explained"][0]["reasons"]}
    assert values == {"request__hour": 2.0, "request__distance": None, "request__city": "Ulm"}


def test_a_past_answer_is_explained_by_its_id(service) -> None:
    _, answered = service.predict(ROW)
    status, found = service.call("POST", "/v1/explain", {"prediction": answered["id"], "most": 1})
    assert status == 200
    (told,) = found["explained"]
    assert [each["feature"] for each in told["reasons"]] == ["request__city"]
    assert told["others"] == pytest.approx(told["margin"] - told["base"] - told["reasons"][0]["adds"])


def test_a_past_answer_is_explained_until_it_is_in_the_lake_and_then_it_is_said_where(service, tmp_path) -> None:
    _, answered = service.predict(ROW)
    asked = {"prediction": answered["id"]}
    _, before = service.call("POST", "/v1/explain", asked)
    service.call("POST", "/v1/flush", {})
    assert service.call("POST", "/v1/explain", asked) == (200, before)  # its segment is closed, and waits to be moved
    clock = SimulatedClock(datetime(2030, 1, 1, tzinfo=UTC))
    with open_ledger(tmp_path / "ledger.db", clock=clock) as ledger:
        FolderLog(service.config.log).ship(Lake(tmp_path / "lake", ledger), "ann")
    status, refused = service.call("POST", "/v1/explain", asked)
    assert (status, refused["error"]["code"]) == (422, "unknown_prediction")
    assert refused["error"]["message"].endswith("is in the lake by now: kreis why ID")


def test_what_would_have_led_to_another_decision(service) -> None:
    asked = {"fields": {"hour": -3, "distance": 0.5, "city": None}, "counterfactual": True}
    _, before = service.predict({"fields": asked["fields"]})
    _, found = service.call("POST", "/v1/explain", asked)
    assert found["decision"] is before["decision"] is False
    assert found["instead"]["found"]
    for each in found["instead"]["found"]:
        fields = {
            **asked["fields"],
            **{change["feature"].partition("__")[2]: change["instead"] for change in each["changes"]},
        }
        fields["hour"] = int(fields["hour"])
        assert service.predict({"fields": fields})[1]["decision"] is True
    names = {change["feature"] for each in found["instead"]["found"] for change in each["changes"]}
    _, kept = service.call("POST", "/v1/explain", {**asked, "immutable": ["city"]})
    assert "request__city" in names
    assert all(change["feature"] != "request__city" for each in kept["instead"]["found"] for change in each["changes"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"prediction": "0190f5c8-0000-7000-8000-000000000000"}, "unknown_prediction"),
        ({"prediction": "x", "fields": {"hour": 1}}, "ambiguous"),
        ({"rows": []}, "wrong_shape"),
        ({**ROW, "most": 0}, "wrong_shape"),
        ({"fields": {"unheard": 1}}, "unknown_field"),
        ({**ROW, "immutable": ["x"] * 1_001}, "wrong_shape"),
        ({**ROW, "immutable": ["city"]}, "wrong_shape"),
        ({**ROW, "immutable": ["city", "citty"], "counterfactual": True}, "unknown_field"),
        ({"prediction": "../" * 1_000}, "unknown_prediction"),
    ],
)
def test_what_cannot_be_explained_is_refused(service, body, code) -> None:
    status, answer = service.call("POST", "/v1/explain", body)
    assert status == 422
    assert answer["error"]["code"] == code


def test_nothing_is_logged(service) -> None:
    before = sum(path.stat().st_size for path in service.config.log.glob("*.log"))
    assert service.call("POST", "/v1/explain", ROW)[0] == 200
    assert sum(path.stat().st_size for path in service.config.log.glob("*.log")) == before


def test_it_is_described(service) -> None:
    _, document = service.get("/openapi.json")
    assert "/v1/explain" in document["paths"]
    assert set(document["components"]["schemas"]["Explain"]["properties"]) >= {"prediction", "counterfactual", "most"}


def test_a_model_that_is_no_sum_says_so(make_service) -> None:
    made = make_service("unexplained")
    made.release(made.package(), fallback=made.rule_package())
    made.start()
    made.wait_for(1)
    status, answer = made.call("POST", "/v1/explain", {"fields": {"hour": 1}})
    assert (status, answer["error"]["code"]) == (422, "not_explained")


def test_a_model_that_is_no_sum_is_explained_from_the_typical_row(make_service) -> None:
    made = make_service("along_path")
    hours = np.arange(25.0)
    reference = {name: histogram(hours) for name in FEATURES[:2]}
    reference["request__city"] = histogram(np.full(9, float(category("Bonn"))))
    model = made.package(
        made.linear_model(slope=1e-7, width=3),
        features=FEATURES,
        request_views=[VIEW],
        categories={"request__city": CITIES},
        reference=reference,
    )
    made.release(model)
    made.start()
    made.wait_for(1)
    status, found = made.call("POST", "/v1/explain", ROW)
    assert status == 200
    (told,) = found["explained"]
    adds = {each["feature"]: each["adds"] for each in told["reasons"]}
    assert told["base"] + sum(adds.values()) + told.get("left", 0.0) == pytest.approx(told["margin"], abs=1e-9)
    assert 1 / (1 + math.exp(-told["margin"])) == pytest.approx(found["score"], abs=2e-6)
    assert adds["request__city"] == pytest.approx(1e-7 * (category("Köln") - category("Bonn")), abs=1e-5)
    assert told["map"].endswith("from the typical training row, by integrated gradients")


def test_few_are_computed_at_once_and_no_more_than_some_wait() -> None:
    """Each may take a second: whoever asks for many waits, and predictions go on."""
    go, running = threading.Event(), []

    class Log:
        def find(self, prediction: str) -> None:
            running.append(prediction)
            go.wait(10)

    explaining = Explaining(SimpleNamespace(current=LoadedRelease.__new__(LoadedRelease)), Log())

    async def ask() -> list[Any]:
        asked = Explain(prediction="0190f5c8-0000-7000-8000-000000000000")
        all_of_them = [
            asyncio.ensure_future(explaining.explain(asked, datetime.now(UTC))) for _ in range(MOST_WAITING + 5)
        ]
        done, _ = await asyncio.wait(all_of_them, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 5
        assert len(running) <= 2
        go.set()
        return list(await asyncio.gather(*all_of_them, return_exceptions=True))

    said = asyncio.run(ask())
    assert [each.code for each in said if isinstance(each, Unavailable)] == ["overloaded"] * 5
    assert [each.code for each in said if type(each) is Refusal] == ["unknown_prediction"] * MOST_WAITING


def test_a_log_that_cannot_be_read_is_no_fault_without_a_name(service) -> None:
    """A pipe stands where a segment should, or a segment was moved meanwhile."""
    gone = service.config.log / "gone.log"
    gone.symlink_to(service.config.log / "nothing")
    body = {"prediction": "0190f5c8-0000-7000-8000-000000000000"}
    try:
        assert service.call("POST", "/v1/explain", body)[1]["error"]["code"] == "unknown_prediction"
        gone.unlink()
        gone.mkdir()
        status, answer = service.call("POST", "/v1/explain", body)
        assert (status, answer["error"]["code"]) == (503, "unavailable")
        assert str(service.root) not in answer["error"]["message"]
    finally:
        gone.rmdir()
