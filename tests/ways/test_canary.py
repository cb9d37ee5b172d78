"""move_canary: on when the challenger is shown to be no worse, back when it is shown to be worse or slow, or waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.canary import Canary
from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import PAYLOAD_TYPE, build_package
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.deployment.predictions.shipping import OUTCOMES, PREDICTIONS, outcomes_frame, predictions_frame
from kreis.deployment.releases import challenger_of
from kreis.deployment.signing import sign
from kreis.errors import PolicyError, ProjectError
from kreis.evaluation.sequential import MeanTest
from kreis.expressions.tree import Call, Column, Literal
from kreis.identifiers import new_id
from kreis.ledger import models, releases, runs
from kreis.ledger.records import Evaluation, Release, Run
from kreis.models.form import Formula
from kreis.preparation.views import RequestView
from kreis.project import Project
from kreis.requirements.goal import Goal, Risk, ServiceLevels
from kreis.settings import Settings
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.decisions import Cut
from kreis.ways.canary import CanaryMove, _first_step, move_canary
from kreis.ways.tabular.paired_traffic import read_paired
from kreis.workspace import Workspace

if TYPE_CHECKING:
    from tests.conftest import Simulations

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, PER_DAY = 10, 60
SAY = {"actor": "a", "reason": "better"}


class Place:
    """A project with two registered rule models, and a log of requests whose outcome is x > 0.5."""

    def __init__(self, folder: Path, *, within: str = "6h", approval: str | None = None, **canary: object) -> None:
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
        given = {"steps": (0.2, 1.0), "hold": "2d", "margin": 1000.0, "at_most": "20d"} | canary
        self.project.release(Canary(**given), approval=approval)

        @self.project.spine(
            id="id", time="at", keys=["id"], outcome="y", outcome_known_at="known_at", outcome_within=within
        )
        def asked(log: pl.LazyFrame) -> pl.LazyFrame:
            raise NotImplementedError

        with self.workspace.ledger.record(event="run.started", subject="r", actor="a", reason="r") as tx:
            run = Run(
                id="r", project="canary", as_of=START, status="running", trigger="t", started_at=START, goal=goal.digest
            )
            runs.start_run(tx, run)

    def model(self, name: str, above: float, *, feature: str = "v__x", worth: float | None = None) -> str:
        """A model that says yes where x is above a limit, worth so much in its evaluation."""
        form = Formula(expression=Call("greater", (Column(feature), Literal(above))), low=0.0, high=1.0)
        manifest = Manifest(
            project="canary",
            candidate=name,
            model=form,
            features=[feature],
            views=[],
            request_views=[RequestView(name="v", fields={"x": "number"}, features={feature[3:]: Column("x")})],
            decision=Cut(0.5),
            goal=self.project.goal.digest,
            metric=self.project.goal.metric.to_document(),
            outcome="y",
            inputs={},
            training={},
            reference={},
        )
        built = build_package(manifest, form, self.workspace.artifacts)
        with self.workspace.ledger.record(event="model.registered", subject=name, actor="a", reason="r") as tx:
            models.register_model(
                tx,
                digest=built.digest,
                project="canary",
                candidate=name,
                run="r",
                signature=sign(built.canonical(), PAYLOAD_TYPE, self.workspace.keys),
            )
            if worth is not None:
                metrics = {"value": {"value": worth, "low": worth, "high": worth}}
                evaluation = Evaluation(
                    id=new_id(START), model=built.digest, run="r", metrics=metrics, gates=[], passed=True, at=START
                )
                models.add_evaluation(tx, evaluation)
        return built.digest

    def canary(self, champion: str, challenger: str) -> Release:
        releases = self.workspace.releases("canary")
        releases.release(champion, actor="a", reason="first")
        return releases.start_canary(challenger, self.project.release_declaration.canary.steps[0], **SAY)

    def log(
        self,
        made: Release,
        *,
        days: float = DAYS,
        per_day: int = PER_DAY,
        slow: str | None = None,
        until: int = DAYS * PER_DAY,
        late: Callable[[float], timedelta | None] = lambda outcome: timedelta(hours=1),
        truth: Callable[[float, float], bool] = lambda x, luck: x > 0.5,
        seed: int = 1,
        extra: str | None = None,
        latency: Callable[[str], int] | None = None,
    ) -> None:
        """Requests of so many days, a fifth of them answered by the challenger.

        Args:
            made: The canary's release.
            days: How many days.
            per_day: Requests of each.
            slow: A model that is slow up to the request of number `until`.
            until: See `slow`.
            late: How long after its request an outcome of 0 or 1 becomes known; None: never.
            truth: Whether it happens, for x and a random number, both in [0, 1).
            seed: Of x and luck.
            extra: The feature that the other model takes, where it is another one.
            latency: Of a model's answers, in microseconds.
        """
        champion, challenger = (route.model for route in made.routes)
        predictions, outcomes = [], []
        rng = np.random.default_rng(seed)
        for number in range(int(days * per_day)):
            moment = START + timedelta(days=number / per_day)
            at, x = microseconds(moment), float(rng.random())
            model = challenger if number % 5 == 0 else champion
            record = PredictionRecord(
                id=new_id(at),
                at=at,
                release=made.id,
                model=model,
                keys={},
                fields={"x": x},
                features=[x],
                extra={} if extra is None else {extra if model == champion else "v__x": x},
                score=1.0,
                decision=True,
                latency_us=latency(model) if latency else 90_000 if model == slow and number < until else 500,
            )
            predictions += [record] * (3 if slow else 1)
            outcome = float(truth(x, float(rng.random())))
            after = late(outcome)
            if after is not None:
                known_at = microseconds(moment + after)
                outcomes.append(OutcomeRecord(prediction=record.id, outcome=outcome, known_at=known_at))
        lake = self.workspace.lake
        lake.append(PREDICTIONS, predictions_frame(predictions), step="p", actor="a", reason="log")
        if outcomes:
            lake.append(OUTCOMES, outcomes_frame(outcomes), step="o", actor="a", reason="log")

    def current(self) -> Release:
        with self.workspace.ledger.read() as connection:
            now = releases.current_release(connection, "canary")
        assert now is not None
        return now

    def move(self, made: Release, *, after: timedelta) -> CanaryMove:
        self.clock.advance(START + after)
        move = move_canary(self.project, self.workspace, made, START + after, read_paired)
        assert move is not None
        return move

    def look(self, *, every: timedelta, until: timedelta) -> list[CanaryMove]:
        """Look again and again, as long as there is a canary."""
        moves, after = [], every
        while after <= until and challenger_of(self.current()) is not None:
            moves.append(self.move(self.current(), after=after))
            after += every
        return moves


def coin(x: float, luck: float) -> bool:
    """Nothing that a model sees says anything."""
    return luck < 8 / 18


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_is_held_however_clear_the_evidence(place: Place) -> None:
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5))
    place.log(made, per_day=600, days=3)
    move = place.move(made, after=timedelta(days=2, minutes=-1))
    assert (move.kind, move.release) == ("waits", made)
    assert move.evidence["low"] > -1000
    assert "shown to be no worse by 1,050 outcomes; held until 2026-03-03 00:00" in move.reason
    assert place.move(made, after=timedelta(days=2)).kind == "promoted"


def test_is_promoted_when_it_is_shown_to_be_no_worse(tmp_path: Path) -> None:
    place = Place(tmp_path, hold="6h", margin=150.0)
    champion, challenger = place.model("champion", 0.6), place.model("challenger", 0.5)
    made = place.canary(champion, challenger)
    place.log(made)
    moves = place.look(every=timedelta(hours=6), until=timedelta(days=DAYS))
    assert [each.kind for each in moves[-2:]] == ["waits", "promoted"]
    assert moves[-2].evidence["low"] <= -150 < moves[-1].evidence["low"]
    assert moves[-2].evidence["difference"] > 0
    assert [route.model for route in place.current().routes] == [challenger]
    evidence = place.current().detail
    assert evidence == moves[-1].evidence
    assert evidence is not None
    assert (evidence["margin"], evidence["false_promotion"], evidence["false_rollback"]) == (150, 0.05, 0.05)
    assert "shown to be no worse: " in moves[-1].reason
    assert f"from {evidence['outcomes']} outcomes of" in moves[-1].reason


def test_is_not_promoted_on_an_estimate(tmp_path: Path) -> None:
    """It looks better, and is not shown to be no worse."""
    place = Place(tmp_path, margin=200.0)
    made = place.canary(place.model("champion", 0.55), place.model("challenger", 0.45))
    place.log(made, truth=coin, days=6)
    move = place.move(made, after=timedelta(days=5))
    assert move.kind == "waits"
    assert move.evidence["low"] <= -200 < move.evidence["difference"]
    assert f"{move.evidence['outcomes']} of about {move.evidence['needed']:,} outcomes" in move.reason
    assert "at the present traffic until about" in move.reason


def test_goes_back_when_the_challenger_is_shown_to_be_worth_less(place: Place) -> None:
    champion = place.model("champion", 0.5)
    made = place.canary(champion, place.model("challenger", -1.0))
    place.log(made)
    moves = place.look(every=timedelta(hours=6), until=timedelta(days=DAYS))
    assert [each.kind for each in moves[-2:]] == ["waits", "rolled back"]
    assert moves[-1].evidence["high"] < 0 <= moves[-2].evidence["high"]
    assert moves[-2].evidence["difference"] < -1000
    assert "shown to be worth less: -" in moves[-1].reason
    assert [route.model for route in place.current().routes] == [champion]
    assert place.current().detail == moves[-1].evidence


def test_an_equal_model_does_not_go_back_over_many_looks(tmp_path: Path) -> None:
    """It differs in every tenth decision, by a coin that favours neither."""
    place = Place(tmp_path, margin=20.0)
    made = place.canary(place.model("champion", 0.45), place.model("challenger", 0.55))
    place.log(made, truth=coin, per_day=240)
    moves = place.look(every=timedelta(hours=2), until=timedelta(days=DAYS))
    assert {each.kind for each in moves} == {"waits"}
    assert min(each.evidence["difference"] for each in moves) < -400
    assert min(each.evidence["high"] for each in moves) > 0


def test_waits_where_nothing_was_asked(place: Place) -> None:
    made = place.canary(place.model("champion", 0.5), place.model("challenger", -1.0))
    move = place.move(made, after=timedelta(days=5))
    assert (move.kind, move.reason) == ("waits", "canary waits: no request was answered since 2026-03-01 00:00")


def test_waits_for_outcomes(place: Place) -> None:
    made = place.canary(place.model("champion", 0.5), place.model("challenger", -1.0))
    place.log(made, days=3, late=lambda outcome: None)
    early, later = (place.move(made, after=timedelta(hours=hours)) for hours in (5, 66))
    assert "13 requests, none older than 6 hours, when outcomes are complete" in early.reason
    assert "of 151 requests older than 6 hours only 0 outcomes have come in" in later.reason
    assert (early.kind, later.kind) == ("waits", "waits")


def test_waits_while_some_outcomes_stay_away(place: Place) -> None:
    """Those that did not come may not be like the others: here all that speak for the challenger."""
    made = place.canary(place.model("champion", 0.5), place.model("challenger", 0.2))
    place.log(made, late=lambda outcome: timedelta(hours=1) if outcome else None)
    move = place.move(made, after=timedelta(days=9))
    assert move.kind == "waits"
    assert "outcomes have come in" in move.reason


def test_does_not_go_back_on_the_outcomes_that_happen_to_be_known(place: Place) -> None:
    """Only those that speak against the challenger came in: it looks worse, and the others are waited for."""
    made = place.canary(place.model("champion", 0.5), place.model("challenger", -1.0))
    place.log(made, truth=coin, late=lambda outcome: None if outcome else timedelta(hours=1))
    move = place.move(made, after=timedelta(days=9))
    assert move.evidence["high"] < 0
    assert move.kind == "waits"


def test_outcomes_that_come_later_when_they_are_bad_do_not_count_for_less(place: Place) -> None:
    """An equal model that says yes more often: before all outcomes are in, its yes looks the worse."""
    late = {0.0: timedelta(hours=1), 1.0: timedelta(hours=5, minutes=50)}
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.4))
    place.log(made, per_day=480, days=4, truth=coin, late=lambda outcome: late[outcome])
    moves = place.look(every=timedelta(hours=1), until=timedelta(days=4))
    assert {each.kind for each in moves} <= {"waits", "promoted"}
    assert moves[-1].evidence["high"] > 0


def test_evidence_is_carried_over_the_steps(tmp_path: Path) -> None:
    place = Place(tmp_path, steps=(0.1, 0.5, 1.0), hold="1d")
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5))
    place.log(made)
    moves = place.look(every=timedelta(days=1), until=timedelta(days=DAYS))
    kinds = [each.kind for each in moves]
    assert kinds[-2:] == ["advanced", "promoted"]
    assert moves[-1].evidence["outcomes"] == moves[-2].evidence["outcomes"] + PER_DAY
    assert moves[-2].release.detail == moves[-2].evidence


def test_a_canarys_evidence_begins_with_its_own_first_step(tmp_path: Path) -> None:
    place = Place(tmp_path, steps=(0.1, 0.5, 1.0), hold="1d")
    champion, model, other = (place.model(f"m{each}", each) for each in (0.6, 0.5, 0.4))
    releases = place.workspace.releases("canary")
    begun = place.canary(champion, model)
    assert _first_step(place.workspace, begun).number == begun.number
    assert _first_step(place.workspace, releases.advance_canary(0.5, **SAY)).number == begun.number
    assert _first_step(place.workspace, begun).number == begun.number, "what came after it does not count"
    releases.roll_back(**SAY)
    again = releases.start_canary(model, 0.1, **SAY)
    assert _first_step(place.workspace, again).number == again.number, "what went back begins anew"
    releases.roll_back(**SAY)
    another = releases.start_canary(other, 0.1, **SAY)
    assert _first_step(place.workspace, another).number == another.number
    second = releases.advance_canary(0.5, **SAY)
    assert _first_step(place.workspace, second).number == another.number


def test_ends_when_it_cannot_decide(tmp_path: Path) -> None:
    place = Place(tmp_path, at_most="4d", margin=10.0)
    champion = place.model("champion", 0.55)
    made = place.canary(champion, place.model("challenger", 0.45))
    place.log(made, truth=coin)
    before = place.move(made, after=timedelta(days=4, hours=6, minutes=-1))
    assert before.kind == "waits"
    assert "and it ends on 5 March: raise the margin, or its traffic" in before.reason
    move = place.move(made, after=timedelta(days=4, hours=6))
    assert move.kind == "rolled back"
    assert "canary: undecided after 4d: " in move.reason
    assert "kreis rollback --to 2" in move.reason
    assert [route.model for route in move.release.routes] == [champion]


def test_a_margin_is_a_share_of_what_the_champion_was_worth(tmp_path: Path) -> None:
    place = Place(tmp_path, margin="10%")
    made = place.canary(place.model("champion", 0.6, worth=4_000.0), place.model("challenger", 0.5))
    assert place.move(made, after=timedelta(days=1)).evidence["margin"] == pytest.approx(400)


def test_a_share_of_what_no_evaluation_says_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, margin="10%")
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5))
    with pytest.raises(ProjectError, match="no evaluation on record says"):
        place.move(made, after=timedelta(days=1))


def test_a_margin_beyond_all_differences_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, margin=10_000.0)
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5))
    with pytest.raises(ProjectError, match="more than two models can differ by"):
        place.move(made, after=timedelta(days=1))


def test_requests_that_lack_a_models_features_are_counted_and_not_compared(place: Place) -> None:
    """The champion's log does not hold the challenger's feature: only what the challenger answered is whole."""
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5, feature="v__y"))
    place.log(made)
    move = place.move(made, after=timedelta(days=4))
    assert (move.evidence["mature"], move.evidence["whole"], move.evidence["outcomes"]) == (226, 0, 0)
    assert "none of 226 requests can be compared: they lack a model's features" in move.reason


def test_requests_that_hold_the_features_of_both_models_are_compared(place: Place) -> None:
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5, feature="v__y"))
    place.log(made, extra="v__y")
    move = place.move(made, after=timedelta(days=4))
    assert (move.evidence["mature"], move.evidence["whole"], move.evidence["outcomes"]) == (226, 226, 226)
    assert move.evidence["difference"] > 0


def test_outcomes_of_seven_days_are_waited_for(tmp_path: Path) -> None:
    place = Place(tmp_path, within="7d")
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5))
    place.log(made, late=lambda outcome: timedelta(days=7))
    moves = place.look(every=timedelta(days=1), until=timedelta(days=7 + DAYS))
    assert [each.kind for each in moves[:7]] == ["waits"] * 7
    assert "requests, none older than 7 days, when outcomes are complete" in moves[5].reason
    assert moves[-1].kind == "promoted"


@pytest.mark.simulation
def test_an_equal_model_survives_outcomes_whose_delay_depends_on_their_value(
    tmp_path: Path, simulations: Simulations
) -> None:
    """A "no" arrives three days after a "yes"; the challenger says yes more often, which earns as much as it costs."""
    runs, ends = min(simulations.runs(20), 200), []
    late = {1.0: timedelta(hours=1), 0.0: timedelta(hours=73)}
    for run in range(runs):
        place = Place(tmp_path / str(run), within="73h")
        made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.4))
        place.log(made, days=10, per_day=240, truth=coin, late=lambda outcome: late[outcome], seed=run)
        ends.append(place.look(every=timedelta(hours=12), until=timedelta(days=13))[-1].kind)
    simulations.at_most(
        "delay depends on the value: an equal model is rolled back", ends.count("rolled back"), runs, 0.025
    )
    simulations.at_least("delay depends on the value: an equal model is promoted", ends.count("promoted"), runs, 0.8)


@pytest.mark.parametrize("steps", [(0.2, 0.5, 1.0), (0.2, 1.0)])
def test_a_step_needs_the_approval_that_is_declared(tmp_path: Path, steps: tuple[float, ...]) -> None:
    place = Place(tmp_path, steps=steps, approval="owner")
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5))
    place.log(made)
    with pytest.raises(PolicyError, match="not approved"):
        place.move(made, after=timedelta(days=DAYS))
    assert place.current().id == made.id


def test_a_step_needs_somebody_who_is_known_where_approval_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, approval="owner")
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5))
    place.log(made)
    monkeypatch.setattr(Workspace, "proof_of", lambda self, person: None)
    with pytest.raises(PolicyError, match="nothing shows that"):
        place.move(made, after=timedelta(days=DAYS))


def test_says_when_it_will_be_ready_at_the_present_traffic(tmp_path: Path) -> None:
    place = Place(tmp_path, margin=200.0)
    made = place.canary(place.model("champion", 0.55), place.model("challenger", 0.45))
    place.log(made, truth=coin, days=6)
    move = place.move(made, after=timedelta(days=5))
    known, needed = move.evidence["outcomes"], move.evidence["needed"]
    ready = START + timedelta(days=5) + (timedelta(days=5) - timedelta(hours=6)) * ((needed - known) / known)
    assert f"at the present traffic until about {ready.day} {ready:%B}" in move.reason
    late = ready > START + timedelta(days=20, hours=6)
    assert ("and it ends on 21 March: raise the margin, or its traffic" in move.reason) is late


def test_goes_back_when_the_challenger_is_slow(place: Place) -> None:
    challenger = place.model("challenger", 0.5)
    made = place.canary(place.model("champion", 0.6), challenger)
    place.log(made, slow=challenger)
    move = place.move(made, after=timedelta(days=DAYS))
    assert move.kind == "rolled back"
    assert "90.0 ms" in move.reason


@pytest.mark.parametrize(
    ("hold", "part"), [("30m", timedelta(minutes=1)), ("12h", timedelta(minutes=15)), ("4d", timedelta(hours=1))]
)
def test_goes_back_for_latency_at_the_part_of_the_hold_in_which_it_is_shown(
    tmp_path: Path, hold: str, part: timedelta
) -> None:
    """All answers are late: as many parts as the test by betting takes, and not one less."""
    test = MeanTest(-1.0, 1.0, 0.01, "above", 0.025)
    parts = next(n for n in range(1, 99) if test.observe(np.ones(n)).rejected_at is not None)
    place = Place(tmp_path, hold=hold)
    challenger = place.model("challenger", 0.5)
    made = place.canary(place.model("champion", 0.6), challenger)
    place.log(
        made, days=(parts + 1) * (part / timedelta(days=1)), per_day=10 * (timedelta(days=1) // part), slow=challenger
    )
    assert place.move(made, after=(parts - 1) * part).kind == "waits"
    assert place.move(made, after=parts * part).kind == "rolled back"


@pytest.mark.parametrize(("latency_us", "kind"), [(20_000, "promoted"), (20_001, "rolled back")])
def test_an_answer_is_late_when_it_takes_longer_than_promised(place: Place, latency_us: int, kind: str) -> None:
    challenger = place.model("challenger", 0.5)
    made = place.canary(place.model("champion", 0.6), challenger)
    place.log(made, latency=lambda model: latency_us if model == challenger else 500)
    assert place.move(made, after=timedelta(days=DAYS)).kind == kind


def test_stays_when_both_models_are_slow(place: Place) -> None:
    made = place.canary(place.model("champion", 0.6), place.model("challenger", 0.5))
    place.log(made, latency=lambda model: 90_000)
    assert place.move(made, after=timedelta(days=DAYS)).kind == "promoted"


def test_stays_when_answers_are_slow_for_a_moment(place: Place) -> None:
    challenger = place.model("challenger", 0.5)
    made = place.canary(place.model("champion", 0.6), challenger)
    place.log(made, slow=challenger, until=6)  # 6 of its 360 answers, in two of the hold's parts
    assert place.move(made, after=timedelta(days=DAYS)).kind == "promoted"


def test_does_nothing_where_there_is_no_canary(place: Place) -> None:
    made = place.workspace.releases("canary").release(place.model("only", 0.5), actor="a", reason="first")
    assert move_canary(place.project, place.workspace, made, START, read_paired) is None
