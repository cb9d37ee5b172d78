"""Two answerers in service are compared between arms: the stated error rates hold, whatever people say feedback of."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kreis import AnswerValue, Canary, Goal, Project
from kreis.arrays import Floats
from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import PAYLOAD_TYPE, build_package
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord, Several
from kreis.deployment.predictions.shipping import OUTCOMES, PREDICTIONS, outcomes_frame, predictions_frame
from kreis.deployment.signing import sign
from kreis.evaluation.paired import FALSE_PROMOTION, FALSE_ROLLBACK, Paired
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS
from kreis.generative.retrieval.kinds import Lexical
from kreis.generative.stored import StoredFile
from kreis.identifiers import new_id
from kreis.ledger import models, runs
from kreis.ledger.records import Evaluation, Release, Run
from kreis.settings import Settings
from kreis.tasks.decisions import AnswerFrom
from kreis.tasks.outcomes import Feedback
from kreis.ways.canary import move_canary
from kreis.ways.generative.arms import compare_arms, read_arms
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Simulations

METRIC = AnswerValue("EUR per 1,000 questions", right=4.0, wrong=-12.0, passed_on=-1.5)
MARGIN = 1.0
START = datetime(2026, 3, 1, tzinfo=UTC)


class World:
    """Requests of two answerers: how often each passes a question on, and how often its answers are right."""

    def __init__(self, seed: int, n: int, *, champion: tuple[float, float], challenger: tuple[float, float]) -> None:
        rng = np.random.default_rng(seed)
        self.n = n
        self.share = np.where(np.arange(n) < n // 3, 0.2, 0.5)
        self.own = rng.random(n) < self.share
        passes, right = (np.where(self.own, one, other) for one, other in zip(challenger, champion, strict=True))
        self.decisions = np.where(rng.random(n) < passes, -1.0, 1.0)
        self.outcomes = np.where(rng.random(n) < right, Feedback.SOLVED, Feedback.WRONG)
        self.drawn, self.luck = rng.random(n), rng.random(n)
        self.worth = value(*champion)

    def seen(self, count: int, told: Callable[[World], Floats]) -> Paired:
        """The first requests, as they are compared; `told` says how likely feedback is for each."""
        outcomes = np.where(self.luck < told(self), self.outcomes, math.nan)
        part = slice(0, count)
        arms = compare_arms(
            METRIC,
            own=self.own[part],
            share=self.share[part],
            decisions=self.decisions[part],
            outcomes=outcomes[part],
            drawn=self.drawn[part],
            worth=self.worth,
        )
        days = (np.arange(count) // 300)[arms.taken]
        return Paired.of(arms.differences, days, most=arms.most, margin=MARGIN, within_day=0.0)


def value(passes: float, right: float) -> float:
    return passes * METRIC.passed_on + (1 - passes) * (right * METRIC.right + (1 - right) * METRIC.wrong)


def alike(world: World) -> Floats:
    return np.full(world.n, 0.4)


EVERYONE: Callable[[World], Floats] = lambda world: np.ones(world.n)  # noqa: E731
GOOD = (0.3, 0.95)
CAREFUL = (1 - (value(*GOOD) - METRIC.passed_on) / (METRIC.right - METRIC.passed_on), 1.0)
"""As good as the other on the whole: passes on more, and is always right."""
WORSE = (0.3, 0.95 - MARGIN / (16 * 0.7))
"""Worse by the margin."""


def ends(
    seed: int, *, challenger: tuple[float, float], told: Callable[[World], Floats], n: int = 3_600, look: int = 600
) -> str:
    world = World(seed, n, champion=GOOD, challenger=challenger)
    for count in range(look, n + 1, look):
        seen = world.seen(count, told)
        if seen.worse:
            return "rolled back"
        if seen.no_worse:
            return "promoted"
    return "undecided"


def test_the_mean_of_what_arms_say_is_the_difference_in_value_whatever_the_shares() -> None:
    found = []
    for seed in range(60):
        world = World(seed, 2_000, champion=GOOD, challenger=(0.1, 0.9))
        found.append(world.seen(2_000, EVERYONE).difference)
    error = float(np.std(found)) / math.sqrt(len(found))
    assert np.mean(found) == pytest.approx(value(0.1, 0.9) - value(*GOOD), abs=3 * error)


def test_who_passes_on_more_is_not_judged_by_that_alone_where_feedback_is_rare() -> None:
    assert value(*CAREFUL) == pytest.approx(value(*GOOD))
    found = [World(seed, 4_000, champion=GOOD, challenger=CAREFUL).seen(4_000, alike).difference for seed in range(60)]
    error = float(np.std(found)) / math.sqrt(len(found))
    assert np.mean(found) == pytest.approx(0.0, abs=3 * error)


def test_arms_whose_answers_get_feedback_unlike_often_prove_nothing() -> None:
    world = World(0, 2_000, champion=GOOD, challenger=GOOD)
    likely = np.where(world.own, 0.2, 0.4)
    outcomes = np.where(world.luck < likely, world.outcomes, math.nan)
    arms = compare_arms(
        METRIC,
        own=world.own,
        share=world.share,
        decisions=world.decisions,
        outcomes=outcomes,
        drawn=world.drawn,
        worth=world.worth,
    )
    assert "of the challenger's answers and of" in arms.unlike


@pytest.mark.simulation
@pytest.mark.parametrize(("name", "told"), [("of all answers", EVERYONE), ("of two answers in five", alike)])
def test_stated_error_rates_hold_between_arms(
    simulations: Simulations, name: str, told: Callable[[World], Floats]
) -> None:
    runs = simulations.runs(120)
    equal = [ends(seed, challenger=GOOD, told=told) for seed in range(runs)]
    careful = [ends(seed, challenger=CAREFUL, told=told) for seed in range(runs)]
    worse = [ends(seed, challenger=WORSE, told=told) for seed in range(runs)]
    better = [ends(seed, challenger=(0.1, 0.99), told=told) for seed in range(runs)]
    said = f"between arms, feedback {name}"
    simulations.at_most(f"{said}: an equal answerer is rolled back", equal.count("rolled back"), runs, FALSE_ROLLBACK)
    simulations.at_most(
        f"{said}: an equal one that passes on more is rolled back", careful.count("rolled back"), runs, FALSE_ROLLBACK
    )
    simulations.at_most(
        f"{said}: one that is worse by the margin is promoted", worse.count("promoted"), runs, FALSE_PROMOTION
    )
    simulations.at_least(f"{said}: a better one is promoted", better.count("promoted"), runs, 0.9)


class Place:
    """A project with two registered answerers, and a log of questions."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(START)
        self.workspace = Workspace(folder, settings=Settings(), clock=self.clock)
        goal = Goal(question="What?", decision="Answer.", metric=METRIC)
        self.project = Project("arms", goal=goal)
        self.project.release(Canary(steps=(0.2, 1.0), hold="1d", margin=1000 * MARGIN, at_most="20d"))
        with self.workspace.ledger.record(event="run.started", subject="r", actor="a", reason="r") as tx:
            run = Run(
                id="r", project="arms", as_of=START, status="running", trigger="t", started_at=START, goal=goal.digest
            )
            runs.start_run(tx, run)

    def model(self, name: str, worth: float) -> str:
        form = Pipeline(
            knowledge_base=name,
            index=StoredFile(self.workspace.artifacts.put(b"an index"), 8),
            index_version="v",
            search=Lexical(),
        )
        manifest = Manifest(
            project="arms",
            candidate=name,
            model=form,
            features=list(SIGNALS),
            views=[],
            request_views=[],
            decision=AnswerFrom(0.5),
            goal=self.project.goal.digest,
            metric=METRIC.to_document(),
            outcome="solved",
            outcomes=Feedback(),
            inputs={},
            training={},
            reference={},
        )
        built = build_package(manifest, form, self.workspace.artifacts)
        with self.workspace.ledger.record(event="model.registered", subject=name, actor="a", reason="r") as tx:
            models.register_model(
                tx,
                digest=built.digest,
                project="arms",
                candidate=name,
                run="r",
                signature=sign(built.canonical(), PAYLOAD_TYPE, self.workspace.keys),
            )
            metrics = {"value": {"value": worth, "low": worth, "high": worth}}
            models.add_evaluation(
                tx,
                Evaluation(
                    id=new_id(START), model=built.digest, run="r", metrics=metrics, gates=[], passed=True, at=START
                ),
            )
        return built.digest

    def log(self, made: Release, world: World, *, told: float = 1.0, again: int = 0, talks: bool = False) -> None:
        """Each question once; the first `again` of them a second time, or another one in the same conversation, with
        another outcome.
        """
        champion, challenger = (route.model for route in made.routes)
        predictions, outcomes = [], []
        for number in [*range(world.n), *range(again)]:
            moment = START + timedelta(minutes=number, seconds=len(predictions) >= world.n)
            at = microseconds(moment)
            decision = float(world.decisions[number])
            record = PredictionRecord(
                id=new_id(at),
                at=at,
                release=made.id,
                model=challenger if world.own[number] else champion,
                keys={},
                fields={"question": f"question {len(predictions) if talks else number}"},
                reference=f"talk {number}" if talks else None,
                features=[0.9, *[None] * 7],
                score=Several(0.9, [0.9, 0.0]),
                decision=decision,
                latency_us=500,
            )
            predictions.append(record)
            if decision > 0 and world.luck[number] < told:
                known_at = microseconds(moment + timedelta(minutes=5))
                outcome = float(world.outcomes[number]) if len(predictions) <= world.n else Feedback.WRONG
                outcomes.append(OutcomeRecord(prediction=record.id, outcome=outcome, known_at=known_at))
        lake = self.workspace.lake
        lake.append(PREDICTIONS, predictions_frame(predictions), step="p", actor="a", reason="log")
        lake.append(OUTCOMES, outcomes_frame(outcomes), step="o", actor="a", reason="log")


def begun(folder: Path, world: World, **log: float) -> tuple[Place, Release]:
    world.share = np.full(world.n, 0.2)
    world.own = world.luck[::-1] < 0.2
    place = Place(folder)
    releases = place.workspace.releases("arms")
    releases.release(place.model("champion", 1000 * value(*GOOD)), actor="a", reason="first")
    made = releases.start_canary(place.model("challenger", 0.0), 0.2, actor="a", reason="better")
    place.log(made, world, **log)  # type: ignore[arg-type]
    return place, made


@pytest.mark.parametrize("talks", [False, True], ids=["the same question again", "a conversation goes on"])
def test_the_log_is_read_as_arms_and_a_canary_moves_by_it(tmp_path: Path, talks: bool) -> None:
    world = World(1, 3_000, champion=GOOD, challenger=GOOD)
    place, made = begun(tmp_path, world, again=200, talks=talks)
    now = START + timedelta(days=4)
    pair = place.workspace.open_model(made.routes[0].model), place.workspace.open_model(made.routes[1].model)
    seen = read_arms(place.project, place.workspace, pair, START, now)
    assert seen.mature == 3_000, "what went to the same arm as before is left out"
    passed = world.decisions < 0
    outcomes = np.where(passed, math.nan, world.outcomes)
    arms = compare_arms(
        METRIC,
        own=world.own,
        share=world.share,
        decisions=world.decisions,
        outcomes=outcomes,
        drawn=np.zeros(world.n),
        worth=value(*GOOD),
    )
    assert sorted(seen.differences) == pytest.approx(sorted(arms.differences))
    assert seen.most == arms.most >= float(np.abs(arms.differences).max())
    place.clock.advance(now)
    move = move_canary(place.project, place.workspace, made, now, read_arms)
    assert move is not None
    assert move.kind in ("waits", "promoted")
    assert move.evidence["outcomes"] == len(arms.differences)
    assert move.evidence["dependence"] == pytest.approx(1.0, abs=0.5)
    place.workspace.ledger.close()


def test_an_answerer_that_is_worse_goes_back(tmp_path: Path) -> None:
    world = World(2, 3_000, champion=GOOD, challenger=GOOD)
    world.luck = np.random.default_rng(3).random(3_000)
    challenger = world.luck[::-1] < 0.2
    world.outcomes = np.where(challenger & (world.drawn < 0.7), Feedback.WRONG, world.outcomes)
    place, made = begun(tmp_path, world)
    now = START + timedelta(days=4)
    place.clock.advance(now)
    move = move_canary(place.project, place.workspace, made, now, read_arms)
    assert move is not None
    assert move.kind == "rolled back"
    assert "shown to be worth less" in move.reason
    place.workspace.ledger.close()


def test_what_was_answered_while_only_one_answered_is_not_compared(tmp_path: Path) -> None:
    place, made = begun(tmp_path, World(4, 300, champion=GOOD, challenger=GOOD))
    pair = place.workspace.open_model(made.routes[0].model), place.workspace.open_model(made.routes[1].model)
    place.workspace.releases("arms").roll_back(actor="a", reason="back")
    seen = read_arms(place.project, place.workspace, pair, START, START + timedelta(days=4))
    assert seen.mature == 300, "the canary's own release counts, whatever came after it"
    place.workspace.ledger.close()
