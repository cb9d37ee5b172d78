"""Coverage that adapts, the whole way: served, missed, watched, moved on record, followed, explained, replayed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.end_to_end.test_rows import PROJECT, loans
from tests.end_to_end.test_service import Serving, serving

from kreis.actions.run import run_circle
from kreis.actions.serve import close_segment
from kreis.clock import SimulatedClock
from kreis.deployment.releases import Releases
from kreis.errors import StoreError
from kreis.evaluation.coverage.adapting import RATE
from kreis.ledger import audit, levels
from kreis.watching.watcher import Look, Watcher
from kreis.workspace import Workspace

pytestmark = pytest.mark.slow

START, DAY = datetime(2026, 9, 1, tzinfo=UTC), timedelta(days=1)
LEVEL = 0.8


@dataclass
class Credit:
    """A released project, served, and watched in this process."""

    shop: Any
    workspace: Workspace
    watcher: Watcher
    served: Serving

    @property
    def model(self) -> str:
        return str(self.shop.document("status")["release"]["routes"][0]["model"])

    def answer(self, day: int, purpose: str, count: int = 100) -> list[dict[str, Any]]:
        """Loans of a day."""
        drawn = loans(1_000).rename({"credit amount": "credit_amount"}).sample(count, seed=day)
        rows = drawn.select("credit_amount", "age", "duration", "status").to_dicts()
        asked = [{"fields": {**row, "purpose": purpose}} for row in rows]
        return self.served.post("/v1/predict", {"rows": asked}, at=self.at(day))["predictions"]

    def happen(self, day: int, answers: list[dict[str, Any]], *, as_said: bool) -> None:
        """What a set of one did not hold, or what it held; of both anything."""
        happened = []
        for each in answers:
            said = each["parts"]["coverage"]["set"]
            yes = said[0] if as_said or len(said) > 1 else not said[0]
            at = (self.at(day) + timedelta(hours=1)).isoformat()
            happened.append({"prediction": each["id"], "outcome": int(yes), "known_at": at})
        self.served.post("/v1/outcomes", {"outcomes": happened}, at=self.at(day) + timedelta(hours=2))

    def at(self, day: int) -> datetime:
        return START + day * DAY + timedelta(hours=10)

    def look(self, day: int) -> Look:
        """The morning of a day."""
        now = START + day * DAY + timedelta(hours=2)
        self.workspace.clock.advance(now)
        return self.watcher.look(now)

    def says(self, day: int, purpose: str) -> dict[str, Any]:
        return dict(self.answer(day, purpose, 1)[0]["parts"]["coverage"])

    def until(self, condition: Any) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Iterator[Credit]:
    like: Path = tmp_path_factory.mktemp("like")
    declared = PROJECT.replace('leave_out=["duration"]', 'outcome_within="1h"').replace("Canary,", "Canary, Coverage,")
    declared += f'\nproject.answer_with(Coverage({LEVEL}, by="purpose", adapts=True))\n'
    (like / "project.py").write_text(declared)
    (like / "kreis.toml").write_text("[training]\nseed = 7\n")
    loans(1_000).write_csv(like / "credit.csv", separator=";")
    shop = new_shop(tmp_path_factory.mktemp("credit") / "credit", like=like)
    workspace = Workspace(shop.folder, clock=SimulatedClock(START))
    assert run_circle(workspace.load_project(), workspace, as_of=START).status == "advanced"
    with serving(shop) as served:
        yield Credit(shop, workspace, watching(workspace), served)
    workspace.ledger.close()


def watching(workspace: Workspace) -> Watcher:
    return Watcher(
        workspace.load_project(),
        workspace,
        circle=lambda *asked: pytest.fail("no circle"),
        close_log=lambda: close_segment(workspace),
    )


def test_a_day_of_misses_moves_the_level_on_record_and_the_service_follows(credit: Credit) -> None:
    answers = credit.answer(0, "car")
    assert {each["parts"]["coverage"]["adapted_level"] for each in answers} == {LEVEL}
    credit.happen(0, answers, as_said=False)
    look = credit.look(1)
    (move,) = look.moved
    missed = sum(len(each["parts"]["coverage"]["set"]) == 1 for each in answers)
    assert missed > 50
    assert move.days == [{"day": "2026-09-01", "answers": 100, "covered": 100 - missed}]
    assert move.before == {"general": LEVEL, "outcomes": 0, "groups": {}}
    assert move.levels["groups"]["car"]["outcomes"] == 100
    assert move.levels["groups"]["car"]["level"] > LEVEL + 20 * RATE
    assert "were covered; said at a level of" in look.text
    with credit.workspace.ledger.read() as connection:
        entry = list(audit.entries(connection))[-1]
        assert levels.last_move(connection, move.model) == move
    assert (entry.event, entry.outputs["moved"]) == ("watch.looked", [1])
    assert "100 answers of 2026-09-01 were covered" in entry.reason
    own = move.levels["groups"]["car"]["level"]
    credit.until(lambda: credit.says(1, "car")["adapted_level"] == own)
    assert credit.says(1, "business")["adapted_level"] == move.levels["general"]
    assert credit.look(1.1).moved == []  # a day is taken in once


def test_why_and_parity_tell_each_answer_at_the_level_of_its_moment(credit: Credit) -> None:
    later = credit.answer(1, "car", 5)
    credit.look(2)
    first = credit.shop.document("why", later[0]["id"])["prediction"]
    assert first["parts"] == later[0]["parts"]
    assert "said at a level of" in first["parts_said"]["coverage"]
    found = credit.shop.document("parity")
    (report,) = found["models"].values()
    assert found["ok"]
    assert (report["covered_checked"], report["covered_differing"]) == (report["rows"], 0)


def test_the_release_and_a_file_of_rows_have_the_level_in_service(credit: Credit) -> None:
    shown = credit.shop.document("show", "release")
    assert [each["number"] for each in shown["moves"]] == [1]
    assert "Levels of coverage" in credit.shop.kreis("show", "release")
    loans(20).write_csv(credit.shop.folder / "new.csv")
    credit.shop.kreis("predict", "new.csv", "--output", "answers.jsonl")
    said = [json.loads(line)["coverage"] for line in (credit.shop.folder / "answers.jsonl").read_text().splitlines()]
    said = [json.loads(each) if isinstance(each, str) else each for each in said]
    moved = shown["moves"][0]["levels"]
    assert {each["adapted_level"] for each in said} == {moved["general"], moved["groups"]["car"]["level"]}


def test_a_look_that_ends_between_record_and_service_is_made_good_by_the_next(
    credit: Credit, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = credit.answer(2, "business")
    credit.happen(2, answers, as_said=True)

    def ends(self: Releases) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Releases, "publish", ends)
        look = credit.look(3)
    assert [each.number for each in look.moved] == [2]
    assert any("levels: the disk is full" in each for each in look.errors)
    after = look.moved[0].levels
    assert after["general"] < look.moved[0].before["general"]
    assert credit.says(3, "business")["adapted_level"] == look.moved[0].before["general"]
    assert credit.look(3.1).moved == []
    credit.until(lambda: credit.says(3, "business")["adapted_level"] == after["general"])


def test_a_day_that_another_watcher_has_taken_in_is_not_taken_in_again(credit: Credit) -> None:
    credit.happen(3, credit.answer(3, "car"), as_said=True)
    (move,) = replace(credit, watcher=watching(credit.workspace)).look(4).moved
    assert move.days[0]["day"] == "2026-09-04"
    assert credit.look(4.1).moved == []


def test_levels_that_can_rise_no_further_are_said(credit: Credit) -> None:
    for day in range(4, 7):
        credit.happen(day, credit.answer(day, "education", 200), as_said=False)
        found = credit.look(day + 1).findings
        if any("can rise no further" in each.summary for each in found):
            break
    else:
        pytest.fail("the highest level was not reached")
