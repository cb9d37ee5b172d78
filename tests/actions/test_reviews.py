"""Reviews as files: out, filled in, and back."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from kreis.actions.reviews import give_out, put_in, settle, state_of, take_back
from kreis.errors import ProjectError
from kreis.reviews.desk import Desk
from kreis.reviews.items import Label
from kreis.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "kreis.toml").write_text("")
    return Workspace(tmp_path)


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.jsonl"
    path.write_bytes(b"".join(b'{"item": "a%d", "shown": {"answer": "It is %d."}}\n' % (n, n) for n in range(3)))
    return path


def fill_in(path: Path, label: str) -> Path:
    rows = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    rows[-1]["label"] = ""  # the last one waits
    path.write_bytes(
        b"".join(msgspec.json.encode({**row, "label": row["label"] or label}) + b"\n" for row in rows[:-1])
    )
    return path


def test_items_go_out_and_labels_come_back(workspace: Workspace, items: Path, tmp_path: Path) -> None:
    assert put_in(workspace, "answers", items, labels=["right", "wrong"]) == 3
    assert put_in(workspace, "answers", items) == 0
    for who, label in (("Bo", "right"), ("Cy", "wrong")):
        out = tmp_path / f"{who}.jsonl"
        assert give_out(workspace, "answers", who, out) == 3
        assert b"judge" not in out.read_bytes()
        assert take_back(workspace, "answers", who, fill_in(out, label)) == 2
    state = state_of(workspace, "answers")
    assert state.reviewers == {"Bo": 2, "Cy": 2}
    for item in state.disputed:
        settle(workspace, "answers", item, "wrong", "the page says so")
    assert state_of(workspace, "answers").disputed == []


def test_what_is_no_item_is_refused_by_its_line(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"item": "a1", "shown": {}}\n{"itme": "a2"}\n')
    with pytest.raises(ProjectError, match="it is no item") as refused:
        put_in(workspace, "answers", path, labels=["right", "wrong"])
    assert (refused.value.where or "").endswith("items.jsonl:2")


def test_queues_that_are_not_there_and_labels_that_differ_are_refused(
    workspace: Workspace, items: Path, tmp_path: Path
) -> None:
    with pytest.raises(ProjectError, match="no labels are given"):
        put_in(workspace, "answers", items)
    put_in(workspace, "answers", items, labels=["right", "wrong"])
    with pytest.raises(ProjectError, match="has the labels right, wrong"):
        put_in(workspace, "answers", items, labels=["yes", "no"])
    with pytest.raises(ProjectError, match="unknown queue 'answer'"):
        give_out(workspace, "answer", "Bo", tmp_path / "out.jsonl")


def test_a_file_that_is_there_is_not_replaced(workspace: Workspace, items: Path) -> None:
    put_in(workspace, "answers", items, labels=["right", "wrong"])
    with pytest.raises(ProjectError, match="is there already"):
        give_out(workspace, "answers", "Bo", items)


def test_labels_left_over_http_and_in_files_are_one_queue(workspace: Workspace, items: Path, tmp_path: Path) -> None:
    put_in(workspace, "answers", items, labels=["right", "wrong"])
    desk = Desk(workspace.reviews_file)  # as the service has it
    out = tmp_path / "bo.jsonl"
    give_out(workspace, "answers", "Bo", out)
    desk.take("answers", "Bo", [Label(item="a0", label="wrong")], 7)
    desk.take("answers", "Cy", [Label(item=f"a{n}", label="right", comment="seen") for n in range(3)], 8)
    with pytest.raises(ProjectError, match="Bo said 'wrong' of 'a0' before"):
        take_back(workspace, "answers", "Bo", fill_in_all(out, "right"))
    assert state_of(workspace, "answers").reviewers == {"Bo": 1, "Cy": 3}
    assert workspace.reviews.get("answers").said_of("a0") == [("Bo", "wrong", ""), ("Cy", "right", "seen")]
    assert {each.item for each in desk.next("answers", "Bo", 9)[1]} == {"a1", "a2"}
    settle(workspace, "answers", "a1", "wrong", "the page says so")
    assert {each.item for each in desk.next("answers", "Di", 9)[1]} == {"a2"}


def test_a_desk_that_is_gone_is_made_anew_from_the_lake(workspace: Workspace, items: Path, tmp_path: Path) -> None:
    put_in(workspace, "answers", items, labels=["right", "wrong"])
    Desk(workspace.reviews_file).take("answers", "Bo", [Label(item="a0", label="wrong")], 7)
    state_of(workspace, "answers")
    workspace.reviews_file.unlink()
    assert give_out(workspace, "answers", "Bo", tmp_path / "bo.jsonl") == 2
    assert [each.item for each in Desk(workspace.reviews_file).given("answers")] == ["a0"]


def fill_in_all(path: Path, label: str) -> Path:
    rows = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    path.write_bytes(b"".join(msgspec.json.encode({**row, "label": label}) + b"\n" for row in rows))
    return path
