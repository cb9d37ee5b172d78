"""`POST /v1/explain`: why the model in service says what it says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kreis.expressions.scalars import category
from kreis.expressions.tree import Call, Column
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
