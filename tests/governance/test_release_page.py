"""What `kreis show release` and `kreis release plan` print."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from kreis.deployment.canary import Canary
from kreis.deployment.canary_plan import CanaryPlan, plan_canary
from kreis.governance.pages.release import plan_page, release_page
from kreis.governance.views.release import ReleaseView
from kreis.ledger.records import LevelMove
from kreis.tasks.binary.decision_value import DecisionValue

EVIDENCE = {
    "requests": 6_300,
    "mature": 5_400,
    "whole": 5_390,
    "outcomes": 5_310,
    "days": 6,
    "low": -820.0,
    "difference": -120.4,
    "high": 610.0,
    "margin": 1055.0,
    "unit": "EUR per 1,000 flights",
    "dependence": 2.9,
    "needed": 5_312,
    "false_promotion": 0.05,
    "false_rollback": 0.05,
}


def planned() -> CanaryPlan:
    return plan_canary(
        Canary(steps=(0.2, 1.0), hold="2d"),
        DecisionValue("EUR per 1,000 flights", true_positive=120, false_positive=-35).task,
        {"value": 10_550.0, "base_rate": 0.22, "positive_rate": 0.38, "recall": 0.62},
        per_day=900,
        outcomes_within=timedelta(hours=36),
    )


def shown(detail: dict[str, Any] | None, moves: list[LevelMove] | None = None) -> str:
    release = ReleaseView(
        number=3,
        project="flights",
        kind="promotion",
        at=datetime(2013, 6, 20, tzinfo=UTC),
        actor="ann",
        reason="shown",
        id="1",
        detail=detail,
        routes=[],
        history=[],
        moves=moves or [],
    )
    return str(release_page(release))


def test_a_release_shows_what_it_rests_on():
    page = shown(EVIDENCE)
    assert "-120.4 (-820 to 610) EUR per 1,000 flights against the champion, margin 1,055" in page
    assert "5,310 outcomes of 6,300 requests: 5,400 were old enough, 5,390 of them held the features of both" in page
    assert "at most 5% for a promotion, 5% for a rollback" in page


def test_a_canary_shows_its_plan_and_what_it_warns_of():
    page = shown({"days_before": {}, "plan": msgspec.to_builtins(planned())})
    assert "an equal challenger gets 100% after about 19 days, at 900 requests a day" in page
    assert "hold of 2d is too short for its margin of 10%" in page


def test_a_release_that_rests_on_nothing_else_shows_its_reason():
    assert "evidence" not in shown(None)


def test_a_release_shows_how_its_levels_moved_and_why():
    own = {"north": {"level": 0.95, "outcomes": 60}, "south": {"level": 0.9, "outcomes": 49}}
    move = LevelMove(
        number=2,
        model="a" * 64,
        release=3,
        levels={"general": 0.93, "outcomes": 300, "groups": own},
        before={"general": 0.9, "outcomes": 100, "groups": {}},
        days=[
            {"day": "2013-06-21", "answers": 120, "covered": 100},
            {"day": "2013-06-22", "answers": 80, "covered": 70},
        ],
        at=datetime(2013, 6, 23, tzinfo=UTC),
    )
    page = shown(None, [move])
    (line,) = [each for each in page.splitlines() if "2013-06-21 to 2013-06-22" in each]
    assert line.split()[-5:] == ["200", "85.0%", "0.9000", "0.9300", "1"]
    assert "Levels of coverage" not in shown(None)


def test_a_plan_is_a_table_of_challengers():
    lines = str(plan_page(planned())).splitlines()
    assert any(line.startswith("margin") and "1,055 EUR per 1,000 flights" in line for line in lines)
    assert [line.split()[0] for line in lines[-5:]] == ["equal", "6%", "21%", "random", "inverted"]
