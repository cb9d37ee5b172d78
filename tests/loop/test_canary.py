"""move_canary: on after its hold, back when the challenger is shown to be worse or slow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.canary import Canary
from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import Package, build_package, open_package, sign_package
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.deployment.predictions.shipping import OUTCOMES, PREDICTIONS, outcomes_frame, predictions_frame
from kreis.deployment.releases import release, start_canary
from kreis.identifiers import new_id
from kreis.ledger import models, runs
from kreis.ledger.records import Release, Run
from kreis.loop.canary import CanaryMove, move_canary
from kreis.loop.workspace import Workspace
from kreis.preparation.expressions.tree import Call, Column, Literal
from kreis.preparation.views import RequestView
from kreis.project import Project
from kreis.requirements.goal import Goal, Risk, ServiceLevels
from kreis.requirements.metric import DecisionValue
from kreis.settings import Settings

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, PER_DAY = 10, 60


class Place:
    """A project with two registered rule models, and a log of requests whose outcome is x > 0.5."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(START)
        self.workspace = Workspace(folder, settings=Settings(), clock=self.clock)
        goal = Goal(
            question="Does it?",
            decision="Act.",
            metric=DecisionValue("EUR per 1,000", true_positive=10, false_positive=-8),
            service=ServiceLevels(p99_ms=20),
            risk=Risk.minimal(because="a test"),
        )
        self.project = Project("canary", goal=goal)
        self.project.release(Canary(steps=(0.2, 1.0), hold="2d"))
        with self.workspace.ledger.record(event="run.started", subject="r", actor="a", reason="r") as tx:
            run = Run(
                id="r", project="canary", as_of=START, status="running", trigger="t", started_at=START, goal=goal.digest
            )
            runs.start_run(tx, run)

    def model(self, name: str, above: float) -> str:
        """A model that says yes where x is above a limit."""
        manifest = Manifest(
            project="canary",
            candidate=name,
            kind="rule",
            files={},
            rule=Call("greater", (Column("v__x"), Literal(above))),
            features=["v__x"],
            views=[],
            request_views=[RequestView(name="v", fields={"x": "number"}, features={"x": Column("x")})],
            threshold=0.5,
            goal=self.project.goal.digest,
            metric=self.project.goal.metric.to_document(),
            outcome="y",
            inputs={},
            training={},
            reference={},
        )
        built = build_package(manifest, {}, self.workspace.artifacts)
        with self.workspace.ledger.record(event="model.registered", subject=name, actor="a", reason="r") as tx:
            models.register_model(
                tx,
                digest=built.digest,
                project="canary",
                candidate=name,
                run="r",
                signature=sign_package(built, self.workspace.keys),
            )
        return built.digest

    def canary(self, champion: str, challenger: str) -> Release:
        ledger = self.workspace.ledger
        release(ledger, "canary", champion, actor="a", reason="first")
        return start_canary(ledger, "canary", challenger, 0.2, actor="a", reason="better")

    def log(self, made: Release, *, slow: str | None = None, until: int = DAYS * PER_DAY) -> None:
        """Ten days of requests, a fifth answered by the challenger; the first ones of a model may be slow."""
        champion, challenger = (route.model for route in made.routes)
        predictions, outcomes = [], []
        for number in range(DAYS * PER_DAY):
            at = microseconds(START + timedelta(days=number / PER_DAY))
            x = (number * 7919 % 1000) / 1000
            model = challenger if number % 5 == 0 else champion
            record = PredictionRecord(
                id=new_id(at),
                at=at,
                release=made.id,
                model=model,
                keys={},
                fields={"x": x},
                features=[x],
                score=1.0,
                decision=True,
                latency_us=90_000 if model == slow and number < until else 500,
            )
            predictions += [record] * (3 if slow else 1)
            outcomes.append(OutcomeRecord(prediction=record.id, outcome=float(x > 0.5), known_at=at + 3_600_000_000))
        lake = self.workspace.lake
        lake.append(PREDICTIONS, predictions_frame(predictions), step="p", actor="a", reason="log")
        lake.append(OUTCOMES, outcomes_frame(outcomes), step="o", actor="a", reason="log")

    def open(self, digest: str) -> Package:
        with self.workspace.ledger.read() as connection:
            model = models.get_model(connection, digest)
        return open_package(digest, model.signature, self.workspace.artifacts, self.workspace.keys.trusted())

    def move(self, made: Release, *, after: timedelta) -> CanaryMove | None:
        self.clock.advance(START + after)
        return move_canary(self.project, self.workspace, made, START + after, open_model=self.open)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_is_left_alone_before_its_hold_is_over(place: Place) -> None:
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5))
    place.log(made)
    assert place.move(made, after=timedelta(days=1)) is None


def test_is_promoted_after_its_hold_when_nothing_speaks_against_it(place: Place) -> None:
    challenger = place.model("challenger", 0.5)
    made = place.canary(place.model("champion", 0.6), challenger)
    place.log(made)
    move = place.move(made, after=timedelta(days=2))
    assert move is not None
    assert move.kind == "promoted"
    assert [route.model for route in move.release.routes] == [challenger]


def test_goes_back_when_the_challenger_is_worth_less(place: Place) -> None:
    champion = place.model("champion", 0.5)
    made = place.canary(champion, place.model("challenger", -1.0))
    place.log(made)
    move = place.move(made, after=timedelta(days=DAYS))
    assert move is not None
    assert move.kind == "rolled back"
    assert "worth less, by 3,987 EUR" in move.reason
    assert [route.model for route in move.release.routes] == [champion]


def test_goes_back_when_the_challenger_is_slow(place: Place) -> None:
    challenger = place.model("challenger", 0.5)
    made = place.canary(place.model("champion", 0.6), challenger)
    place.log(made, slow=challenger)
    move = place.move(made, after=timedelta(days=DAYS))
    assert move is not None
    assert move.kind == "rolled back"
    assert "90.0 ms" in move.reason


def test_stays_when_answers_are_slow_for_a_moment(place: Place) -> None:
    challenger = place.model("challenger", 0.5)
    made = place.canary(place.model("champion", 0.6), challenger)
    place.log(made, slow=challenger, until=6)  # 6 of its 360 answers, in two of the hold's parts
    move = place.move(made, after=timedelta(days=DAYS))
    assert move is not None
    assert move.kind == "promoted"


def test_does_nothing_where_there_is_no_canary(place: Place) -> None:
    made = release(place.workspace.ledger, "canary", place.model("only", 0.5), actor="a", reason="first")
    assert place.move(made, after=timedelta(days=3)) is None
