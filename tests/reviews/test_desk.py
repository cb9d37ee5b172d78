"""Desk: what the service and the commands of a machine share: one place that decides what a reviewer said first."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kreis.errors import CorruptionError, ProjectError
from kreis.reviews.desk import Desk
from kreis.reviews.items import Given, Label


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "service" / "reviews.db"


@pytest.fixture
def desk(path: Path) -> Desk:
    made = Desk(path)
    put(made, items=6)
    return made


def put(desk: Desk, *, items: int, given: list[Given] | None = None, settled: tuple[str, ...] = ()) -> None:
    shown = {f"a{n}": f'{{"answer":"It is {n}."}}' for n in range(items)}
    desk.publish("answers", ["right", "wrong"], 2, shown, settled, given or [])


def test_what_is_left_stays_when_the_lake_is_published_again(desk: Desk) -> None:
    desk.take("answers", "Bo", [Label(item="a1", label="wrong")], 5)
    put(desk, items=6, given=[Given("a0", "Cy", "right", "", 3)])
    assert desk.given("answers") == [Given("a0", "Cy", "right", "", 3), Given("a1", "Bo", "wrong", "", 5)]


def test_an_item_that_is_gone_goes_with_its_labels_and_its_bytes(desk: Desk, path: Path) -> None:
    desk.take("answers", "Bo", [Label(item="a5", label="wrong", comment="said by Ada Lovelace")], 5)
    assert b"Ada Lovelace" in path.read_bytes()
    put(desk, items=5)
    assert desk.given("answers") == []
    assert b"Ada Lovelace" not in path.read_bytes()
    assert b"It is 5." not in path.read_bytes()
    assert b"It is 4." in path.read_bytes()


def test_what_is_settled_is_asked_no_more(desk: Desk) -> None:
    put(desk, items=6, settled=("a2",))
    labels, items = desk.next("answers", "Bo", 10)
    assert labels == ["right", "wrong"]
    assert {each.item for each in items} == {"a0", "a1", "a3", "a4", "a5"}


def test_of_many_who_say_something_else_at_once_one_is_first(path: Path, desk: Desk) -> None:
    def say(number: int) -> str:
        label = ("right", "wrong")[number % 2]
        try:
            return label if Desk(path).take("answers", "Bo", [Label(item="a0", label=label)], number) else "again"
        except ProjectError:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(say, range(24)))
    (first,) = [each for each in said if each in ("right", "wrong")]
    assert (said.count("again"), said.count("refused")) == (11, 12)
    assert [each.label for each in desk.given("answers")] == [first]


def test_the_same_item_twice_in_one_message_is_held_to_itself(desk: Desk) -> None:
    twice = [Label(item="a0", label="right"), Label(item="a0", label="wrong")]
    with pytest.raises(ProjectError, match="said 'right' of 'a0' before"):
        desk.take("answers", "Bo", twice, 1)
    assert desk.given("answers") == []


def test_each_commit_waits_for_the_disk(desk: Desk) -> None:
    with desk._writing() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (3,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)


@pytest.mark.parametrize(
    "spoilt",
    [
        "UPDATE labels SET label = 'wrong'",
        "UPDATE labels SET by = 'Cy'",
        "UPDATE items SET shown = '{}' WHERE item = 'a3'",
        "UPDATE queues SET per_item = 1",
    ],
)
def test_a_changed_row_is_not_taken_for_what_was_written(desk: Desk, path: Path, spoilt: str) -> None:
    desk.take("answers", "Bo", [Label(item="a0", label="right")], 1)
    with sqlite3.connect(path) as db:
        db.execute(spoilt)
    db.close()
    with pytest.raises(CorruptionError, match="is not as it was written"):
        desk.next("answers", "Di", 10)


def test_without_a_file_nothing_is_up_and_none_is_made(path: Path) -> None:
    with pytest.raises(ProjectError, match="nothing is up for review"):
        Desk(path).next("answers", "Bo", 10)
    assert Desk(path).given("answers") == []
    assert not path.exists()


def test_an_unknown_queue_is_refused(desk: Desk) -> None:
    with pytest.raises(ProjectError, match="unknown queue 'answer'"):
        desk.next("answer", "Bo", 10)


_DIES = """
import os, signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
rows = [(str(n), "x" * 900) for n in range(200)]
db.executemany("INSERT INTO labels VALUES ('answers', ?, 'Eve', 'right', ?, 1, '')", rows)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_process_left_half_written_is_taken_back_by_whoever_reads_next(desk: Desk, path: Path) -> None:
    desk.take("answers", "Bo", [Label(item="a1", label="wrong")], 5)
    subprocess.run([sys.executable, "-c", _DIES, str(path)], check=False)
    assert path.with_name("reviews.db-journal").stat().st_size > 0
    assert [each.by for each in desk.given("answers")] == ["Bo"]
    assert len(desk.next("answers", "Cy", 10)[1]) == 6
