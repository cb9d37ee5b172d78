"""Which answerer goes on: those that answered all questions first, then who answered some, on those."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kreis.ways.generative.state import GenerativeState

GOOD, BAD = 4_000.0, -1_500.0


def state(**worth: list[float]) -> GenerativeState:
    """Candidates with what each was worth on the first validation questions; "plain" is the baseline."""

    def trained(values: list[float]) -> Any:
        return SimpleNamespace(
            output=SimpleNamespace(candidate=SimpleNamespace(validation_blocks=[(value, 1) for value in values]))
        )

    complexity = {"plain": 0, "passage": 0, "other": 0, "slow": 3}
    contenders = {name: (complexity[name], name == "plain") for name in worth}
    project: Any = SimpleNamespace(
        contenders=contenders, folder=".", goal=SimpleNamespace(metric=SimpleNamespace(unit="EUR"))
    )
    context: Any = None
    made = GenerativeState(project=project, context=context)
    made.candidates = {name: trained(values) for name, values in worth.items()}
    return made


PLAIN = [BAD] * 40
FEW = [GOOD] * 10 + [BAD] * 30
MANY = [BAD] * 10 + [GOOD] * 30


@pytest.mark.parametrize(
    ("slow", "chosen"),
    [
        ([GOOD] * 3, "other"),  # so few say nothing
        ([GOOD] * 10, "slow"),
        ([BAD] * 10, "other"),
    ],
    ids=["too few", "better on the same", "no better"],
)
def test_who_answered_some_is_compared_on_those_with_the_one_chosen_on_all(slow: list[float], chosen: str) -> None:
    assert state(plain=PLAIN, passage=FEW, other=MANY, slow=slow).choice.candidate == chosen


def test_a_slow_one_does_not_make_the_others_be_compared_on_few() -> None:
    assert state(plain=PLAIN, passage=FEW, other=MANY).choice.candidate == "other"
    assert state(plain=PLAIN, passage=FEW, other=MANY, slow=[BAD] * 10).choice.candidate == "other"


def test_the_only_one_goes_on_however_few_it_answered() -> None:
    assert state(plain=PLAIN[:3], slow=[GOOD] * 3).choice.candidate == "slow"
    assert state(plain=PLAIN, slow=[GOOD] * 3).choice.candidate == "slow"
