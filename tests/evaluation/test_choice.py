"""The one-standard-error rule: the simplest of those that are as good as the best."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kreis.evaluation.choice import FEWEST, Choice, Contender, choose, paired_error

BASELINE, LINEAR, TREES, NETWORK = range(4)


def contender(name: str, value: float, complexity: int, *, apart: float = 0.0, days: int = 16) -> Contender:
    """Of so much value; each day is `apart` from it, to the one side or the other."""
    blocks = [(50 * (value + (-1) ** day * apart), 50) for day in range(days)]
    return Contender(name=name, value=value, blocks=blocks, complexity=complexity, baseline=complexity == BASELINE)


def chosen(*contenders: Contender) -> Choice:
    return choose({each.name: each for each in contenders}, "EUR")


ERROR = 8 / math.sqrt(15)
"""Of the difference to a candidate whose 16 days are 8 apart where the other's are not: s / sqrt(n)."""


@pytest.mark.parametrize(
    ("lead", "name"), [(0.95 * ERROR, "linear"), (1.05 * ERROR, "trees")], ids=["within", "beyond"]
)
def test_a_simpler_one_is_chosen_within_one_standard_error_and_not_beyond(lead: float, name: str) -> None:
    found = chosen(contender("linear", 100, LINEAR, apart=8), contender("trees", 100 + lead, TREES))
    assert (found.candidate, found.best) == (name, "trees")
    assert bool(found.said) == (name == "linear")


def test_one_that_is_not_simpler_is_never_preferred() -> None:
    found = chosen(
        contender("a", 99.9, TREES, apart=8), contender("net", 99.9, NETWORK, apart=8), contender("b", 100, TREES)
    )
    assert found == Choice(candidate="b", best="b")


def test_of_several_as_good_the_simplest_is_chosen_and_of_these_the_best() -> None:
    found = chosen(
        contender("net", 100.3, NETWORK),
        contender("trees", 100.2, TREES, apart=8),
        contender("line", 100.0, LINEAR, apart=8),
        contender("other line", 100.1, LINEAR, apart=8),
    )
    assert found.candidate == "other line"
    assert (
        "other line is preferred to net by the one-standard-error rule: it is simpler, and net leads by 0.2 EUR"
        in found.said
    )


@pytest.mark.parametrize(("lead", "said"), [(0.95 * ERROR, True), (1.05 * ERROR, False), (-1.0, True)])
def test_a_baseline_does_not_go_on_and_is_named_where_it_is_as_good(lead: float, said: bool) -> None:
    found = chosen(contender("rule", 100, BASELINE, apart=8), contender("trees", 100 + lead, TREES))
    assert found.candidate == "trees"
    assert ("the baseline rule is as good as trees" in found.said) == said


def test_where_there_are_only_baselines_the_best_goes_on() -> None:
    assert chosen(contender("rule", 3, BASELINE), contender("mean", 1, BASELINE)) == Choice(
        candidate="rule", best="rule"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"days": FEWEST - 1}, {"days": FEWEST - 1}),
        ({"days": 16}, {"days": 15}),
    ],
    ids=["too few", "others"],
)
def test_days_that_are_few_or_others_prefer_nothing(one: dict[str, Any], other: dict[str, Any]) -> None:
    found = chosen(contender("linear", 99.9, LINEAR, apart=8, **one), contender("trees", 100, TREES, **other))
    assert found == Choice(candidate="trees", best="trees")


def test_candidates_of_an_earlier_version_have_no_blocks_and_are_chosen_by_value() -> None:
    assert math.isnan(paired_error([], []))


def test_the_error_is_how_much_the_difference_varies_from_one_history_to_another() -> None:
    rng = np.random.default_rng(8)
    leads, errors = [], []
    for _ in range(400):
        rows = rng.integers(5, 40, 25)
        day = rng.normal(0, 3, 25)  # shared by both: pairing takes it out
        own = rng.normal(0, 1, 25)  # of the difference, shared by the rows of a day
        ones = [(float((each + d + o) * n + rng.normal(0, 2) * n**0.5), int(n)) for each, d, o, n in zip(
            np.zeros(25), day, own, rows, strict=True)]  # fmt: skip
        others = [(float(d * n), int(n)) for d, n in zip(day, rows, strict=True)]
        leads.append((sum(a for a, _ in ones) - sum(b for b, _ in others)) / rows.sum())
        errors.append(paired_error(ones, others))
    assert np.mean(errors) == pytest.approx(np.std(leads), rel=0.1)
