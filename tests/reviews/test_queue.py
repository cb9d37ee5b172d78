"""Queue: several reviewers, blind; agreement, disputes, and a judge that is corrected by people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from kreis.clock import SimulatedClock
from kreis.errors import ProjectError
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger
from kreis.reviews.desk import Desk
from kreis.reviews.items import Item, Label
from kreis.reviews.queue import Queue

New: TypeAlias = Callable[[str, list[str]], Queue]
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(NOW)) as ledger:
        yield Lake(tmp_path / "lake", ledger)


@pytest.fixture
def new(lake: Lake, tmp_path: Path) -> New:
    """Makes a queue of the same lake, at the same desk."""
    desk = Desk(tmp_path / "service" / "reviews.db")
    return lambda name, labels: Queue(lake, desk, name, labels, actor="Ada", clock=SimulatedClock(NOW))


@pytest.fixture
def queue(new: New) -> Queue:
    made = new("answers", ["right", "wrong"])
    made.put([Item(item=f"a{n}", shown={"answer": f"It is {n}."}, judge="right") for n in range(6)])
    return made


def say(queue: Queue, who: str, **labels: str) -> int:
    return queue.take(who, [Label(item=item, label=label) for item, label in labels.items()])


def test_a_reviewer_gets_what_they_have_not_labelled_and_nothing_of_what_others_said(queue: Queue) -> None:
    say(queue, "Bo", a0="wrong", a1="right")
    first = queue.next("Cy", 10)
    assert {each.item for each in first} == {f"a{n}" for n in range(6)}
    assert all(each.judge is None for each in first)
    assert {each.item for each in queue.next("Bo", 10)} == {f"a{n}" for n in range(2, 6)}


def test_each_reviewer_has_an_order_of_their_own(queue: Queue) -> None:
    orders = {tuple(each.item for each in queue.next(who, 10)) for who in ("Bo", "Cy", "Di", "Em")}
    assert len(orders) > 1
    assert tuple(each.item for each in queue.next("Bo", 10)) in orders  # and keeps it


def test_what_two_have_labelled_is_asked_no_more(queue: Queue) -> None:
    say(queue, "Bo", a0="right")
    say(queue, "Cy", a0="right")
    assert "a0" not in {each.item for each in queue.next("Di", 10)}
    assert queue.state().open == 5


def test_labels_come_once_and_stay_as_they_were_given(queue: Queue) -> None:
    assert say(queue, "Bo", a0="right") == 1
    assert say(queue, "Bo", a0="right", a1="right") == 1
    with pytest.raises(ProjectError, match="Bo said 'right' of 'a0' before"):
        say(queue, "Bo", a2="right", a0="wrong")
    assert queue.state().reviewers == {"Bo": 2}


def test_unknown_items_and_labels_are_refused_and_none_is_taken(queue: Queue) -> None:
    with pytest.raises(ProjectError, match="unknown item 'b1'"):
        say(queue, "Bo", a0="right", b1="right")
    with pytest.raises(ProjectError, match="unknown label 'rigth'"):
        say(queue, "Bo", a0="rigth")
    assert queue.state().reviewers == {}


def test_a_dispute_is_named_until_somebody_settles_it(queue: Queue) -> None:
    say(queue, "Bo", a0="right", a1="right")
    queue.take("Cy", [Label(item="a0", label="wrong", comment="it is 7"), Label(item="a1", label="right")])
    assert queue.state().disputed == ["a0"]
    assert queue.said_of("a0") == [("Bo", "right", ""), ("Cy", "wrong", "it is 7")]
    queue.settle(Label(item="a0", label="wrong"), by="Di")
    state = queue.state()
    assert state.disputed == []
    assert state.reviewers == {"Bo": 2, "Cy": 2}
    assert state.agreement is not None
    assert state.agreement.value < 0.5


def test_a_judge_is_held_against_people_and_corrected_by_them(new: New) -> None:
    queue = new("judged", ["right", "wrong"])
    queue.put([Item(item=f"a{n}", shown={}, judge="right" if n % 4 else "wrong") for n in range(400)])
    wrong = {n for n in range(400) if n % 4 == 0 or n % 10 == 1}  # the judge overlooks every tenth
    asked = range(0, 400, 3)
    for who in ("Bo", "Cy"):
        say(queue, who, **{f"a{n}": "wrong" if n in wrong else "right" for n in asked})
    state = queue.state()
    assert state.agreement is not None
    assert state.agreement.value == 1.0
    assert state.judge_agreement is not None
    assert 0.5 < state.judge_agreement.value < 0.95
    share = state.shares["right"]
    assert share.low <= 1 - len(wrong) / 400 <= share.high
    assert share.high < 0.75  # what the judge alone would say


def test_a_judge_of_one_item_alone_is_left_out(new: New) -> None:
    queue = new("few", ["right", "wrong"])
    queue.put([Item(item=f"a{n}", shown={}, judge="right" if n == 0 else None) for n in range(3)])
    say(queue, "Bo", a0="right", a1="wrong", a2="right")
    assert round(queue.state().shares["right"].value, 2) == 0.67


def test_two_queues_do_not_mix(new: New, queue: Queue) -> None:
    other = new("rows", ["yes", "no"])
    assert other.put([Item(item="a0", shown={})]) == 1
    assert other.put([Item(item="a0", shown={})]) == 0
    assert (other.state().items, queue.state().items) == (1, 6)


def test_a_queue_without_a_choice_is_refused(new: New) -> None:
    with pytest.raises(ProjectError, match="two different labels"):
        new("one", ["yes", "yes"])
