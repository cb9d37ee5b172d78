"""Rules that turn several numbers into a decision."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.tasks.decisions import Above, Cheapest, Level, Placed
from kreis.tasks.outcomes import OneOf, class_number

CLASSES = ("ham", "spam", "fraud")
COSTS = ((0.0, 1.0, 50.0), (5.0, 0.0, 50.0), (2.0, 2.0, 0.0))
"""Of taking a mail for ham, spam, fraud; by what it is."""


def chosen(rule: Cheapest, *probabilities: float) -> str:
    found = OneOf(rule.classes).shown(rule.one(list(probabilities)))
    assert isinstance(found, str)
    return found


def test_the_class_of_the_least_expected_cost_is_chosen_not_the_likeliest():
    rule = Cheapest(CLASSES, COSTS)
    # ham costs 0.04 * 50 + 0.26, spam 0.7 * 5 + 2, fraud 0.96 * 2
    assert chosen(rule, 0.70, 0.26, 0.04) == "fraud"
    assert chosen(rule, 0.70, 0.30, 0.00) == "ham"
    assert chosen(rule, 0.10, 0.90, 0.00) == "spam"


def test_of_equal_costs_the_first_class_is_chosen():
    alike = Cheapest(("a", "b"), ((0.0, 1.0), (1.0, 0.0)))
    assert chosen(alike, 0.5, 0.5) == "a"


@pytest.mark.parametrize("count", [3, 7, 77])
def test_a_row_is_decided_alone_as_among_thousands(count: int):
    rng = np.random.default_rng(count)
    rule = Cheapest(tuple(map(str, range(count))), tuple(map(tuple, rng.gamma(1, 1, (count, count)).tolist())))
    scores = rng.dirichlet(np.ones(count), 3_000).astype(np.float32)
    many = rule.many(scores)
    assert [rule.one(row) for row in scores[:200].tolist()] == many[:200].tolist()
    assert rule.many(scores[-1:]).tolist() == many[-1:].tolist()


def test_monitoring_keeps_the_largest_probability():
    kept = Cheapest(CLASSES, COSTS).kept(np.array([[0.2, 0.7, 0.1], [0.9, 0.1, 0.0]]))
    assert kept.tolist() == [0.7, 0.9]


@pytest.mark.parametrize(
    "wrong",
    [
        {"costs": ((0.0, 1.0), (1.0, 0.0))},
        {"costs": ((0.0, 1.0, float("nan")), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0))},
    ],
)
def test_costs_that_do_not_fit_are_refused(wrong: dict):
    with pytest.raises(ProjectError):
        Cheapest(**{"classes": CLASSES, "costs": COSTS, **wrong})


def test_a_class_is_sent_by_its_text_or_number_and_shown_by_its_text():
    form = OneOf(("1", "2", "other"))
    for sent, text in (("other", "other"), (1, "1"), (2.0, "2"), (class_number("2"), "2")):
        assert form.refusal(sent) is None
        assert form.shown(form.number(sent)) == form.said(form.number(sent)) == text
    for sent in ("3", 3, float("nan"), ["1"], True):
        assert "must be one of '1', '2', 'other'" in str(form.refusal(sent))


def test_a_label_is_given_from_its_own_probability_on():
    rule = Above(("a", "b"), (0.5, 0.25))
    scores = [[0.5, 0.25], [0.49, 0.25], [0.5, 0.24], [0.0, 0.0]]
    assert [rule.one(row) for row in scores] == rule.many(np.array(scores)).tolist() == [3, 2, 1, 0]
    with pytest.raises(ProjectError, match="not one for each label"):
        Above(("a", "b"), (0.5,))


def test_one_of_the_quantiles_is_decided_by():
    rule = Level((0.1, 0.75, 0.9), 0.75)
    assert rule.names == ("0.1", "0.75", "0.9")
    assert rule.one([1.0, 5.0, 9.0]) == rule.many(np.array([[1.0, 5.0, 9.0]]))[0] == 5
    assert rule.kept(np.array([[1.0, 5.0, 9.0]])).tolist() == [5]
    with pytest.raises(ProjectError, match="is none of"):
        Level((0.1, 0.9), 0.5)


def test_a_place_beyond_the_classes_is_the_nearest():
    rule = Placed(("a", "b"))
    assert [OneOf(("a", "b")).shown(rule.one(each)) for each in (-1.0, 0.4, 0.6, 7.0)] == ["a", "a", "b", "b"]
