"""Routing: deterministic, in the shares that the release says, and steady while a canary grows."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.deployment.canary import Canary
from kreis.deployment.routing import Router, place, unit_of
from kreis.errors import ProjectError
from kreis.ledger.records import Release, Route

A, B, C = "a" * 64, "b" * 64, "c" * 64


def router(*routes):
    release = Release(
        id="r", project="flights", number=1, actor="tester", reason="a test", at=datetime(2013, 5, 1, tzinfo=UTC),
        routes=[Route(model=model, share=share) for model, share in routes],
    )  # fmt: skip
    return Router(release)


@given(st.text())
def test_the_same_unit_always_gets_the_same_model(unit):
    assert router((A, 0.5), (B, 0.5)).choose(unit) == router((A, 0.5), (B, 0.5)).choose(unit)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5])
def test_shares_are_met(share):
    chooser = router((A, 1 - share), (B, share))
    met = sum(chooser.choose(f"unit-{number}") == B for number in range(20_000)) / 20_000
    assert abs(met - share) < 4 * (share * (1 - share) / 20_000) ** 0.5


def test_who_met_the_challenger_keeps_meeting_it_while_the_canary_grows():
    small, large = router((A, 0.95), (B, 0.05)), router((A, 0.75), (B, 0.25))
    units = [f"unit-{number}" for number in range(5_000)]
    assert {unit for unit in units if small.choose(unit) == B} < {unit for unit in units if large.choose(unit) == B}


def test_two_canaries_split_independently():
    first, second = router((A, 0.5), (B, 0.5)), router((A, 0.5), (C, 0.5))
    units = [f"unit-{number}" for number in range(10_000)]
    both = sum(first.choose(unit) == B and second.choose(unit) == C for unit in units) / len(units)
    assert abs(both - 0.25) < 0.02


def test_places_are_pinned():
    # Another value would move every unit to another model in the middle of a canary.
    assert place(b"salt", "unit") == pytest.approx(0.9620971939632726, abs=1e-15)


def test_the_unit_is_the_reference_or_the_keys_or_the_fields():
    assert unit_of("x", {"a": "1"}, {}) == unit_of("x", {"a": "2"}, {"f": 1})
    assert unit_of(None, {"a": "1", "b": "2"}, {}) == unit_of(None, {"b": "2", "a": "1"}, {"f": 1})
    assert len({unit_of("x", {}, {}), unit_of(None, {"x": ""}, {}), unit_of(None, {}, {"x": ""})}) == 3


def test_shadows_never_answer():
    release = Release(
        id="r", project="flights", number=1, actor="tester", reason="a test", at=datetime(2013, 5, 1, tzinfo=UTC),
        routes=[Route(model=A, share=1.0), Route(model=B, share=1.0, mode="shadow")],
    )  # fmt: skip
    assert {Router(release).choose(str(number)) for number in range(100)} == {A}
    assert Router(release).shadows == (B,)


@pytest.mark.parametrize("steps", [(), (0.5,), (0.0, 1.0), (0.5, 0.25, 1.0), (0.5, 1.0, 2.0)])
def test_steps_that_do_not_rise_to_one_are_refused(steps):
    with pytest.raises(ProjectError, match="do not rise"):
        Canary(steps=steps)


def test_a_canary_walks_its_steps():
    canary = Canary(steps=(0.05, 0.25, 1.0), hold="36h")
    assert [canary.next_step(share) for share in (0.0, 0.05, 0.25, 1.0)] == [0.05, 0.25, 1.0, None]
    assert canary.held.total_seconds() == 36 * 3600
    with pytest.raises(ProjectError, match="not a valid duration"):
        Canary(hold="two days")
