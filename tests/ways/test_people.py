"""People: which answers they look at, and what their labels say of all that were given."""

from __future__ import annotations

from typing import Any

from kreis.evaluation.agreement import share_by_judge
from kreis.tasks.decisions import AnswerFrom
from kreis.ways.people import given_of, share_right


def line(number: int, confidence: float = 0.9, outcome: str = "answered", right: bool = True) -> dict[str, Any]:
    said = {"question": f"What is {number}?", "answer": f"It is {number}.", "citations": []}
    return {**said, "outcome": outcome, "confidence": confidence, "right": right}


def test_people_look_at_what_was_given_and_not_passed_on() -> None:
    lines = [line(0), line(1, confidence=0.4), line(2, outcome="abstained"), line(3, confidence=0.5)]
    given = given_of(lines, AnswerFrom(0.5))
    assert [each["question"] for each in given.values()] == ["What is 0?", "What is 3?"]


def test_an_answer_keeps_its_name_and_another_one_to_the_question_has_its_own() -> None:
    (one,) = given_of([line(0)], AnswerFrom(0.5))
    (same,) = given_of([line(0, confidence=0.7, right=False)], AnswerFrom(0.5))
    (other,) = given_of([{**line(0), "answer": "It is 1."}], AnswerFrom(0.5))
    assert one == same
    assert one != other


def test_the_rule_helps_where_people_looked_at_some() -> None:
    given = given_of([line(number, right=number % 3 > 0) for number in range(300)], AnswerFrom(0.5))
    sample = sorted(given)[:60]
    people = {name: given[name]["right"] and place % 8 > 0 for place, name in enumerate(sample)}
    found = share_right(people, given)
    rule = {name: bool(each["right"]) for name, each in given.items()}
    rest = [right for name, right in rule.items() if name not in people]
    assert found == share_by_judge(list(people.values()), [rule[name] for name in sample], rest)
    assert found.method.startswith("prediction-powered")
    assert (found.n, found.blocks) == (300, 60)
    stricter = share_right(people, given, level=0.9875)
    assert (stricter.level, stricter.value) == (0.9875, found.value)
    assert stricter.low < found.low
