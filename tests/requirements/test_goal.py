"""Goal, guardrails, service levels and risk: what they refuse, and the goal's name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kreis.errors import ProjectError
from kreis.requirements.goal import Goal, Guardrail, Risk, ServiceLevels
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.tasks.regression.task import Regression
from kreis.tasks.task import Task

METRIC = DecisionValue("EUR per 1,000 flights", true_positive=120, false_positive=-35)


def goal(**other: Any) -> Goal:
    fields: dict[str, Any] = {"question": "Late?", "decision": "Rebook.", "metric": METRIC, **other}
    return Goal(**fields)


def test_a_goal_is_named_by_all_that_it_says() -> None:
    plain = goal()
    assert plain.digest == goal().digest
    assert len(plain.digest) == 64
    changes: list[dict[str, Any]] = [
        {"question": "Very late?"},
        {"metric": DecisionValue("EUR per 1,000 flights", 121, -35)},
        {"better_than_baseline": 1.0},
        {"guardrails": [Guardrail("recall", at_least=0.4)]},
        {"guardrails": [Guardrail("recall", at_least=0.4, least=10)]},
        {"favourable": "negative"},
        {"least": 31},
        {"replaced_in_vain": 0.05},
        {"service": ServiceLevels(p99_ms=20)},
        {"risk": Risk.limited(because="talks to people")},
    ]
    assert len({plain.digest, *(goal(**change).digest for change in changes)}) == 1 + len(changes)


def test_a_goal_is_a_plain_document() -> None:
    document = goal(guardrails=[Guardrail("recall", at_least=0.4, by="origin")]).to_document()
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    assert document["guardrails"][0] == {"metric": "recall", "at_least": 0.4, "at_most": None, "by": "origin"}


class Rounding(Regression):
    """Another kind of question that an error's cost fits."""

    name = "rounding"


class RoundingCost(ErrorCost, frozen=True):
    @property
    def tasks(self) -> tuple[Task, ...]:
        return Regression(self), Rounding(self)


def test_a_goal_asks_what_its_metric_says_or_what_it_names() -> None:
    cost = RoundingCost("EUR", over=1, under=2)
    assert goal(metric=cost).task == Regression(cost)
    named = goal(metric=cost, task="rounding")
    assert named.task == Rounding(cost)
    assert named.digest != goal(metric=cost).digest
    assert msgspec.structs.replace(named, least=3).task == Rounding(cost)
    assert goal(metric=cost, task="regression").digest == goal(metric=cost).digest
    assert "task" not in goal(metric=cost).to_document()


def test_a_task_that_the_metric_does_not_fit_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ProjectError, match="unknown task of RoundingCost 'roundin'") as caught:
        goal(metric=RoundingCost("EUR", over=1, under=2), task="roundin")
    assert "'rounding'" in str(caught.value.hint)
    with pytest.raises(ProjectError, match="unknown task of DecisionValue"):
        goal(task="rounding")
    with pytest.raises(AttributeError, match="immutable"):
        goal().task = "regression"


def test_a_goal_written_before_a_field_keeps_its_name() -> None:
    document = goal(guardrails=[Guardrail("recall", at_least=0.4)]).to_document()
    assert not {"favourable", "least", "replaced_in_vain"} & set(document)
    assert set(document["service"]) == {"p99_ms", "availability"}
    assert goal(service=ServiceLevels(memory_mb=200)).to_document()["service"]["memory_mb"] == 200


@pytest.mark.parametrize("amount", [0, -1.0, float("inf"), float("nan")])
def test_memory_is_some_megabytes(amount: float) -> None:
    with pytest.raises(ProjectError, match="memory_mb is"):
        ServiceLevels(memory_mb=amount)


@pytest.mark.parametrize("metric", ["disparate_impact", "equal_opportunity", "predictive_parity"])
def test_a_fairness_guardrail_needs_to_know_which_decision_is_the_favourable_one(metric: str) -> None:
    rail = Guardrail(metric, at_least=0.8, by="origin")
    with pytest.raises(ProjectError, match="does not say which that is") as caught:
        goal(guardrails=[rail])
    assert 'favourable="negative"' in str(caught.value.hint)
    assert goal(guardrails=[rail], favourable="negative").favourable == "negative"
    with pytest.raises(ProjectError, match="needs a column"):
        goal(guardrails=[Guardrail(metric, at_least=0.8)], favourable="positive")


@pytest.mark.parametrize("change", [{"least": 0}, {"replaced_in_vain": 0.0}, {"replaced_in_vain": 1.0}])
def test_numbers_that_could_decide_nothing_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ProjectError, match=next(iter(change))):
        goal(**change)
    assert goal(least=1, replaced_in_vain=0.99).least == 1


def test_a_guardrail_that_asks_for_no_rows_is_refused() -> None:
    with pytest.raises(ProjectError, match="least is 0"):
        Guardrail("recall", at_least=0.4, least=0)
    assert Guardrail("recall", at_least=0.4, least=1).least == 1


def test_a_guardrail_bounds_one_side() -> None:
    assert Guardrail("recall", at_least=0.4).holds(0.4)
    assert not Guardrail("recall", at_least=0.4).holds(0.39)
    assert Guardrail("error", at_most=0.0).holds(0.0)
    assert not Guardrail("error", at_most=0.1).holds(0.2)


@pytest.mark.parametrize("guardrail", [Guardrail("m", at_least=0.0), Guardrail("m", at_most=0.0)])
def test_a_value_that_is_not_known_holds_no_guardrail(guardrail: Guardrail) -> None:
    assert not guardrail.holds(float("nan"))


@pytest.mark.parametrize("bounds", [{}, {"at_least": 0.1, "at_most": 0.2}, {"at_least": float("nan")}])
def test_a_guardrail_without_one_finite_bound_is_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ProjectError, match="guardrail"):
        Guardrail("recall", **bounds)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"question": " "}, "question is empty"),
        ({"decision": ""}, "decision is empty"),
        ({"metric": DecisionValue("EUR", true_positive=-120, false_positive=35)}, "worth no more"),
        ({"better_than_baseline": -1}, "better_than_baseline"),
        ({"guardrails": [Guardrail("r", at_least=0.1), Guardrail("r", at_least=0.2)]}, "same side"),
    ],
)
def test_a_goal_that_says_too_little_or_two_things_is_refused(other: dict[str, Any], what: str) -> None:
    with pytest.raises(ProjectError, match=what):
        goal(**other)


def test_guardrails_may_differ_by_group_and_side() -> None:
    goal(
        guardrails=[
            Guardrail("rate", at_least=0.1),
            Guardrail("rate", at_most=0.9),
            Guardrail("rate", at_least=0.1, by="origin"),
        ]
    )


@pytest.mark.parametrize(
    "levels", [{"p99_ms": 0}, {"p99_ms": float("inf")}, {"availability": 0}, {"availability": 99.9}]
)
def test_service_levels_that_cannot_be_are_refused(levels: dict[str, float]) -> None:
    with pytest.raises(ProjectError, match="is"):
        ServiceLevels(**levels)


def test_a_risk_needs_a_known_class_and_a_reason() -> None:
    assert Risk.minimal(because="x").level == "minimal"
    assert Risk.high(because="annex III, 4a").level == "high"
    with pytest.raises(ProjectError, match="did you mean 'minimal'"):
        Risk("minimum", "x")  # type: ignore[arg-type]
    with pytest.raises(ProjectError, match="no reason"):
        Risk.limited(because=" ")
