"""A goal that asks for a number, on real data: run, serve, outcome, watch, canary, why, parity."""

from __future__ import annotations

import gzip
import json
import os
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.end_to_end.test_service import Serving, serving

from kreis.actions.run import run_circle
from kreis.actions.serve import close_segment
from kreis.clock import SimulatedClock
from kreis.collection.sources import Window
from kreis.ledger import releases
from kreis.watching.children import CircleOutcome
from kreis.watching.watcher import Look, Watcher
from kreis.workspace import Workspace

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("KREIS_TEST_DATA", ROOT.parent / "shared" / "data"))
DATA = DATA / "bike_sharing" / "bike_rental_hourly.csv.gz"
START = datetime(2012, 10, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

pytestmark = [
    pytest.mark.skipif(not DATA.is_file(), reason=f"the bike sharing data are not at {DATA}"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def bikes(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    """The example with its data, as of October 2012, and a weak first model in service."""
    shop = new_shop(tmp_path_factory.mktemp("bikes") / "bikes", like=ROOT / "examples" / "bikes")
    (shop.folder / "data").mkdir(exist_ok=True)
    (shop.folder / "data" / "rentals.csv").write_bytes(gzip.decompress(DATA.read_bytes()))
    shop.edit("GradientBoosting(trees=150)", "GradientBoosting(trees=12)")
    shop.edit("at_most=80.0", "at_most=800.0")
    shop.run("run")
    shop.edit("GradientBoosting(trees=12)", "GradientBoosting(trees=150)")
    return shop


class Hours:
    """Asks the service at the start of each hour, and says at the end of the day what happened."""

    def __init__(self, project: Any) -> None:
        rentals = project.sources["rentals"].rows(Window(after=None, until=START + 60 * DAY))
        hours = project.tables["hours"].function(rentals.lazy()).collect()
        numbers = [pl.col(name).cast(pl.Float64, strict=False) for name in ("temp", "hum", "cnt")]
        self.rows = hours.with_columns(*numbers).filter(pl.col("begins") >= START).sort("begins")
        self.answers: list[dict[str, Any]] = []

    def happen(self, service: Serving, start: datetime) -> None:
        day = self.rows.filter(pl.col("begins").is_between(start, start + DAY, closed="left"))
        outcomes: list[dict[str, Any]] = []
        for row in day.iter_rows(named=True):
            fields = {name: row[name] for name in ("temp", "hum", "workingday", "weathersit")}
            fields["begins"] = row["begins"].isoformat()
            asked = {"keys": {"city": row["city"]}, "fields": fields, "reference": row["hour"]}
            self.answers.append(service.post("/v1/predict", asked, at=row["begins"]))
            outcome = {"reference": row["hour"], "outcome": row["cnt"], "known_at": row["counted_at"].isoformat()}
            outcomes.append(outcome)
        service.post("/v1/outcomes", {"outcomes": outcomes}, at=start + DAY)


@pytest.fixture(scope="module")
def watched(bikes: Any) -> Iterator[tuple[Any, Workspace, Hours, list[Look]]]:
    """Three weeks of October: each hour asked and answered, each day watched, a better model released on the second."""
    workspace = Workspace(bikes.folder, clock=SimulatedClock(START))
    project = workspace.load_project()
    hours = Hours(project)

    def circle(now: datetime, trigger: str) -> CircleOutcome:
        result = run_circle(project, workspace, as_of=now, trigger=trigger)
        return CircleOutcome(run=result.run, status=result.status, reason=str(result.last))

    def collect(now: datetime) -> CircleOutcome:
        result = run_circle(project, workspace, as_of=now, until="preparation")
        return CircleOutcome(run=result.run, status=result.status, reason=str(result.last))

    looks: list[Look] = []
    watcher = Watcher(project, workspace, circle=circle, collect=collect, close_log=lambda: close_segment(workspace))
    run_circle(project, workspace, as_of=START, until="preparation")  # the service knows no later hour
    with serving(bikes) as service:
        for number in range(21):
            now = START + (number + 1) * DAY
            hours.happen(service, now - DAY)
            workspace.clock.advance(now)
            looks.append(watcher.look(now))
            if number == 1:
                assert run_circle(project, workspace, as_of=now).status == "advanced"
            service.follow(workspace, project.name)
        asked = {"outcomes": [{"reference": "x", "outcome": float("1e999")}]}
        with pytest.raises(urllib.error.HTTPError, match=r"400|422"):
            service.post("/v1/outcomes", asked, at=now)
        with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/openapi.json") as described:
            schemas = json.load(described)["components"]["schemas"]
    assert schemas["Reply"]["properties"]["decision"]["type"] == "number"
    assert schemas["Outcome"]["properties"]["outcome"] == {"type": "number"}
    yield bikes, workspace, hours, looks
    workspace.ledger.close()


def test_answers_are_numbers_by_the_rule_of_the_package(watched: Any) -> None:
    bikes, _, hours, _ = watched
    answer = hours.answers[-1]
    model = bikes.document("show", "model", str(answer["version"]))
    assert model["manifest"]["decision"]["rule"] in ("shift", "identity")
    by = model["manifest"]["decision"].get("by", 0.0)
    assert answer["decision"] == pytest.approx(answer["score"] + by)
    assert 0 < sum(each["decision"] for each in hours.answers) / len(hours.answers) < 600


def test_every_day_is_watched_and_no_part_of_a_look_fails(watched: Any) -> None:
    _, _, hours, looks = watched
    assert not [error for look in looks for error in look.errors]
    assert sum(look.outcomes for look in looks) == len(hours.answers) > 450
    assert looks[-1].drift is not None


def test_a_canary_of_numbers_is_judged_by_what_errors_cost(watched: Any) -> None:
    _, workspace, _, looks = watched
    moves = [look.canary for look in looks if look.canary is not None]
    assert moves[-1].kind == "promoted", moves[-1].reason
    evidence = moves[-1].evidence
    assert evidence["unit"] == "EUR per 1,000 hours"
    assert -evidence["margin"] < evidence["low"] < evidence["difference"] < evidence["high"]
    with workspace.ledger.read() as connection:
        assert releases.current_release(connection, "bikes").kind == "promotion"


def test_walks_back_from_a_number_to_the_goal(watched: Any) -> None:
    bikes, _, hours, _ = watched
    answer = hours.answers[-30]
    told = bikes.kreis("why", answer["id"])
    assert re.search(r"How many bicycles will be rented in this hour\? \d+", told)
    assert re.search(r"what happened +\d+", told)
    assert re.search(r"decides +cnt: the score", told)


def test_a_category_is_shown_by_its_text(watched: Any) -> None:
    bikes, _, hours, _ = watched
    walk = bikes.document("why", hours.answers[-1]["id"])
    features = {each["name"]: each["value"] for each in walk["features"]}
    assert features["hour__weather"] in ("Clear", "Mist", "Light Rain", None)
    model = bikes.document("show", "model", str(hours.answers[-1]["version"]))
    assert "hour__weather" in model["manifest"]["features"]


def test_serves_what_the_training_join_computes(watched: Any) -> None:
    bikes, _, hours, _ = watched
    found = bikes.document("parity", "--rows", "400")
    assert (found["ok"], found["differences"]) == (True, 0), found
    assert found["rows"] == 400 <= len(hours.answers)
