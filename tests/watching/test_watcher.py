"""Watcher: what a look shows to the monitors, puts on record, and does about it. The log is written, not served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from kreis.actions.run import run_circle
from kreis.clock import SimulatedClock, microseconds
from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import read_manifest
from kreis.deployment.predictions.frames import failures_frame, outcomes_frame, predictions_frame
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.records import FailureRecord, OutcomeRecord, PredictionRecord
from kreis.deployment.predictions.shipping import FAILURES, OUTCOMES, PREDICTIONS
from kreis.digests import digest_of
from kreis.disciplines import Discipline
from kreis.errors import ServiceError, StoreError
from kreis.evaluation.evaluate import EvaluationReport
from kreis.governance.views.status import status_view
from kreis.ledger import alerts, audit, models, releases, runs, steps, watchers
from kreis.ledger.records import Alert, Route, Run, RunStep
from kreis.monitoring.monitor import Finding
from kreis.monitoring.monitors.age import Age
from kreis.monitoring.monitors.availability import Availability
from kreis.monitoring.monitors.business_metric import BusinessMetric
from kreis.monitoring.monitors.drift import Drift
from kreis.monitoring.monitors.latency import Latency
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.store import Rows
from kreis.watching.children import CircleOutcome, run_in_child
from kreis.watching.looking import Viewer
from kreis.watching.watcher import Look, Watcher
from kreis.ways.tabular.feeding import stale_features
from kreis.workspace import Workspace

START = datetime(2025, 8, 15, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def released_then(tmp_path_factory: pytest.TempPathFactory, new_shop: Callable[..., Any]) -> Path:
    """The example with one release, of 15 August 2025 also by the record's clock; for copies only."""
    shop = new_shop(tmp_path_factory.mktemp("watched") / "shop")
    workspace = Workspace(shop.folder, clock=SimulatedClock(START))
    assert run_circle(workspace.load_project(), workspace, as_of=START).status == "advanced"
    workspace.ledger.close()
    return Path(shop.folder)


class Place:
    """A released project whose log a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = SimulatedClock(START)
        self.workspace = Workspace(folder, clock=self.clock)
        self.project = self.workspace.load_project()
        self.project._monitors._declared.clear()
        self.releases = self.workspace.releases(self.project.name)
        self.circles: list[datetime] = []
        self.ends_as = ["advanced"]
        """How the circles end, one after the other; the last one for all that follow."""
        with self.workspace.ledger.read() as connection:
            release = releases.current_release(connection, self.project.name)
            assert release is not None
            model = models.get_model(connection, release.routes[0].model)
        self.manifest: Manifest = read_manifest(model.digest, model.signature, self.workspace.keys.trusted())
        self.model = model

    def watch(self, *monitors: Any, at_most_every: str = "7d") -> Watcher:
        if monitors:
            self.project.monitor(*monitors, at_most_every=at_most_every)
        return Watcher(self.project, self.workspace, circle=self.circle)

    def circle(self, now: datetime, trigger: str, to: Discipline) -> CircleOutcome:
        """A circle that only leaves its run behind."""
        self.circles.append(now)
        status = self.ends_as.pop(0) if len(self.ends_as) > 1 else self.ends_as[0]
        if status == "raises":
            raise StoreError("another kreis run is at work in this folder")
        run = Run(
            id=f"run{len(self.circles)}-{now:%m%d%H}",
            project=self.project.name,
            as_of=now,
            status="running",
            trigger=trigger,
            started_at=now,
            goal=self.project.goal.digest,
        )
        with self.workspace.ledger.record(event="run.started", subject=run.id, actor="a", reason="r") as tx:
            runs.start_run(tx, run)
            runs.finish_run(tx, run.id, status, now)
        return CircleOutcome(run=run.id, status=status, reason="a reason")

    def log(
        self,
        first: int,
        last: int,
        *,
        rows: int = 120,
        shift: float = 0.0,
        latency_us: int = 900,
        honest: bool = True,
        after: timedelta = timedelta(days=3),
    ) -> None:
        """Days of traffic like the training data, numbered from the release's day on.

        Args:
            first: First day.
            last: Last day.
            rows: A day.
            shift: Added to the first feature.
            latency_us: Of each answer.
            honest: Whether what happens follows the scores; otherwise nothing that was decided on comes true.
            after: When outcomes become known.
        """
        predictions, outcomes = [], []
        for number in range(first, last + 1):
            rng = np.random.default_rng([11, number])
            matrix = np.stack([self._drawn(rng, name, rows) for name in self.manifest.features], axis=1)
            matrix[:, 0] += shift
            for row in range(rows):
                at = START + number * DAY + timedelta(minutes=row * 1440 / rows)
                score = float(rng.beta(2, 4))
                decision = self.manifest.decision.one(score)
                happens = rng.random() < score if honest else not decision and rng.random() < 0.3
                name = f"d{number}-{row}"
                predictions.append(
                    PredictionRecord(
                        id=name,
                        at=microseconds(at),
                        release="r",
                        model=self.model.digest,
                        keys={},
                        fields={},
                        features=matrix[row].tolist(),
                        score=score,
                        decision=decision,
                        latency_us=latency_us,
                    )
                )
                outcomes.append(
                    OutcomeRecord(prediction=name, outcome=float(happens), known_at=microseconds(at + after))
                )
        by = {"actor": "test", "reason": "log"}
        self.workspace.lake.append(PREDICTIONS, predictions_frame(predictions), step=f"p{first}", **by)
        self.workspace.lake.append(OUTCOMES, outcomes_frame(outcomes), step=f"o{first}", **by)

    def _drawn(self, rng: np.random.Generator, name: str, rows: int) -> np.ndarray:
        """Values that fall into the training data's bins as often as there."""
        found = self.manifest.reference[name]
        edges = np.array([*found.edges, (found.edges[-1] if found.edges else 0.0) + 1e-3])
        counts = np.array([*found.counts, found.missing], dtype=float)
        places = rng.choice(len(counts), rows, p=counts / counts.sum())
        return np.append(edges, np.nan)[places]

    def look(self, watcher: Watcher, number: float) -> Look:
        now = START + number * DAY
        self.clock.advance(now)
        return watcher.look(now)

    def looks(self, watcher: Watcher, first: int, last: int) -> list[Look]:
        return [self.look(watcher, number) for number in range(first, last + 1)]

    def alerts(self, **only: Any) -> list[Alert]:
        with self.workspace.ledger.read() as connection:
            return alerts.list_alerts(connection, self.project.name, **only)[::-1]

    def raise_alert(self, monitor: str = "drift") -> Alert:
        """An alert that waits for a circle."""
        alert = Alert(
            id="al1",
            project=self.project.name,
            monitor=monitor,
            level="warning",
            summary="s",
            detail={},
            to="training",
            cause="",
            at=self.clock.now(),
        )
        with self.workspace.ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
            alerts.add_alert(tx, alert)
        return alert


@pytest.fixture
def place(tmp_path: Path, released_then: Path) -> Iterator[Place]:
    folder = tmp_path / "place"
    shutil.copytree(released_then, folder)
    made = Place(folder)
    yield made
    made.workspace.ledger.close()


class Counting:
    """A monitor that notes which days it was shown, and fails or finds something when told to."""

    def __init__(self, name: str, *, needs_outcomes: bool = False, fails_on: str = "", finds: str = "") -> None:
        self.name = name
        self.needs_outcomes = needs_outcomes
        self.fails_on = fails_on
        self.finds = finds
        self.shown: list[str] = []
        self.held: Any = None
        self.models: list[str] = []

    def observe(self, day: Any, state: Any, watched: Any) -> Any:
        if day.day.isoformat() == self.fails_on:
            raise ValueError("no such luck")
        self.shown.append(day.day.isoformat())
        self.held = watched
        self.models.append(watched.release)
        found = Finding(level="warning", monitor=self.name, summary="found what it looks for", sends_back=True)
        return {"last": self.shown[-1]}, [found] if self.shown[-1] == self.finds else []


def days(first: int, last: int) -> list[str]:
    return [(START + number * DAY).date().isoformat() for number in range(first, last + 1)]


# Which days are shown


def test_each_monitor_is_shown_each_day_once_when_it_can_judge_it(place: Place) -> None:
    """Outcomes take 14 days in the example: a day is judged by them when all its requests are as old."""
    early, late = Counting("early"), Counting("late", needs_outcomes=True)
    watcher = place.watch(early, late)
    place.log(0, 19)
    place.looks(watcher, 1, 20)
    assert early.shown == days(0, 19)
    assert late.shown == days(0, 5)


def test_days_are_not_lost_when_no_look_was_made_and_a_new_watcher_goes_on(place: Place) -> None:
    early = Counting("early")
    place.log(0, 19)
    place.look(place.watch(early), 3)
    assert place.look(place.watch(), 20).days == [date.fromisoformat(each) for each in days(3, 19)]
    assert early.shown == days(0, 19)


def test_a_first_look_shows_all_days_of_the_champion_whatever_canary_began_meanwhile(place: Place) -> None:
    early = Counting("early")
    place.log(0, 5)
    place.clock.advance(START + 3 * DAY)
    with place.workspace.ledger.read() as connection:
        rule = next(each for each in models.list_models(connection) if each.digest != place.model.digest)
    place.releases.start_canary(rule.digest, 0.2, actor="a", reason="r")
    place.look(place.watch(early), 5)
    assert early.shown == days(0, 4)


def test_a_first_look_shows_no_day_of_a_former_champion(place: Place) -> None:
    early = Counting("early")
    place.log(0, 5)
    place.clock.advance(START + 3 * DAY)
    with place.workspace.ledger.read() as connection:
        rule = next(each for each in models.list_models(connection) if each.digest != place.model.digest)
    place.releases.release(rule.digest, actor="a", reason="r")
    place.look(place.watch(early), 5)
    assert early.shown == days(3, 4)
    assert early.models == [rule.digest] * 2  # also on the day that began with the release
    with place.workspace.ledger.read() as connection:
        outputs = [step.outputs for _, step in steps.steps_of(connection, rule.run) if step.discipline == "evaluation"]
    report = EvaluationReport.from_document(outputs[0]["report"])
    own = next(each for each in report.others if each.name == rule.candidate)
    assert (early.held.release, early.held.value) == (rule.digest, own.metrics["value"])
    assert own.metrics["value"] != report.challenger.metrics["value"]
    assert (early.held.daily, early.held.baseline, early.held.advantage) == ((), "", None)


def test_a_monitor_that_fails_stays_at_its_day_while_others_go_on(place: Place) -> None:
    broken, well = Counting("broken", fails_on=days(2, 2)[0]), Counting("well")
    watcher = place.watch(broken, well)
    place.log(0, 9)
    place.looks(watcher, 1, 5)
    assert (broken.shown, well.shown) == (days(0, 1), days(0, 4))
    (alert,) = place.alerts(open_only=True)
    assert (alert.monitor, alert.cause) == ("watch", "monitor broken")
    assert "ValueError: no such luck" in alert.summary
    broken.fails_on = ""
    place.look(watcher, 6)
    assert broken.shown == well.shown == days(0, 5)
    assert place.alerts(open_only=True) == []
    assert place.alerts()[0].closed_at == START + 6 * DAY


# Monitors fire


def test_drift_fires_once_while_it_lasts(place: Place) -> None:
    watcher = place.watch(Drift())
    place.log(0, 19)
    place.log(20, 49, shift=1000.0)
    found = [look for look in place.looks(watcher, 1, 50) if look.findings]
    assert len(found) == 1
    (alert,) = place.alerts(open_only=True)
    assert alert.monitor == "drift"
    assert place.manifest.features[0] in alert.summary
    assert alert.to is None


def test_two_monitors_of_a_kind_both_report(place: Place) -> None:
    first, second = place.manifest.features[:2]
    watcher = place.watch(Drift(name="one", features=(first,)), Drift(name="other", features=(first, second)))
    place.log(0, 19, shift=1000.0)
    place.looks(watcher, 1, 20)
    assert {each.monitor for each in place.alerts(open_only=True)} == {"drift one", "drift other"}


def test_business_metric_fires_when_what_was_decided_on_stops_happening(place: Place) -> None:
    watcher = place.watch(BusinessMetric())
    place.log(0, 9)
    place.log(10, 59, honest=False)
    looks = place.looks(watcher, 1, 74)
    (alert,) = place.alerts()
    assert alert.monitor == "business_metric"
    assert alert.to == "collection"
    assert alert.closed_at is None
    assert alert.detail["against"] == "rule"
    pauses = np.diff(place.circles)
    assert len(pauses) > 0  # again while it lasts, at most every seven days
    assert set(pauses) == {7 * DAY}
    assert sum(look.sent_back is not None for look in looks) == len(place.circles)


def test_latency_fires_once_and_closes_when_the_level_is_kept_again(place: Place) -> None:
    watcher = place.watch(Latency())
    place.log(0, 2, latency_us=10**9)
    place.log(3, 9)
    place.looks(watcher, 1, 3)
    assert [each.monitor for each in place.alerts(open_only=True)] == ["latency"]
    place.looks(watcher, 4, 10)
    (alert,) = place.alerts()
    assert alert.closed_at == START + 6 * DAY
    assert "3 days in a row" in (alert.closed_because or "")


def test_availability_fires_on_requests_that_ended_in_a_server_error(place: Place) -> None:
    watcher = place.watch(Availability())
    place.log(0, 4)
    at = microseconds(START + DAY)
    failed = failures_frame([FailureRecord(at=at, route="/v1/predict", status=503, code="busy", count=40)])
    place.workspace.lake.append(FAILURES, failed, step="f", actor="test", reason="log")
    place.looks(watcher, 1, 5)
    (alert,) = place.alerts()
    assert alert.summary.startswith("on 2025-08-16 40 of 160 requests failed")
    assert alert.closed_at == START + 5 * DAY


def test_availability_fires_where_nothing_was_answered_at_all(place: Place) -> None:
    watcher = place.watch(Availability())
    at = microseconds(START + DAY)
    failed = failures_frame([FailureRecord(at=at, route="/v1/predict", status=503, code="busy", count=40)])
    place.workspace.lake.append(FAILURES, failed, step="f", actor="test", reason="log")
    place.looks(watcher, 1, 2)
    assert [each.monitor for each in place.alerts()] == ["availability"]


# What becomes of an alert


def test_a_failed_circle_leaves_the_alert_waiting_and_is_tried_again_with_growing_pauses(place: Place) -> None:
    watcher = place.watch(Drift())
    place.log(0, 0)
    alert = place.raise_alert()
    place.ends_as = ["failed", "raises", "failed", "failed", "advanced"]
    for hour in range(24 * 3):
        place.look(watcher, 1 + hour / 24)
    assert [(each - START - DAY) // timedelta(hours=1) for each in place.circles] == [0, 1, 3, 7, 15]
    (waited,), (failure,) = place.alerts(monitor="drift"), place.alerts(monitor="watch")
    assert (waited.id, waited.run) == (alert.id, f"run5-{place.circles[-1]:%m%d%H}")
    assert waited.closed_at is None  # a run has answered it; its cause may last
    assert (failure.monitor, failure.cause) == ("watch", "circle")
    assert failure.closed_at == place.circles[-1]


def test_one_circle_answers_all_alerts_that_wait_and_the_next_one_waits_for_its_time(place: Place) -> None:
    finds = [Counting(f"m{n}", finds=days(n, n)[0]) for n in (1, 1, 3)]
    for number, monitor in enumerate(finds):
        monitor.name = f"m{number}"
    watcher = place.watch(*finds)
    place.log(0, 12)
    place.looks(watcher, 1, 13)
    assert [each - START for each in place.circles] == [2 * DAY, 9 * DAY]
    assert len({each.run for each in place.alerts()}) == 1  # the second circle answers all whose cause lasts


def test_no_circle_is_walked_while_a_canary_goes_on(place: Place) -> None:
    watcher = place.watch(Drift())
    place.log(0, 0)
    place.raise_alert()
    say = {"actor": "a", "reason": "r"}
    with place.workspace.ledger.read() as connection:
        rule = next(each for each in models.list_models(connection) if each.digest != place.model.digest)
    place.releases.start_canary(rule.digest, 0.2, **say)
    assert place.look(watcher, 1).sent_back is None
    assert place.circles == []
    place.releases.roll_back(**say)
    place.look(watcher, 1.5)
    assert place.circles == [START + 1.5 * DAY]


def test_alerts_and_memory_are_written_together(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill in between is a transaction that never ends: neither is there, and the next look raises it once."""
    watcher = place.watch(Latency())
    place.log(0, 2, latency_us=10**9)
    monkeypatch.setattr("kreis.watching.watcher.save_memory", _raise)
    with pytest.raises(KeyboardInterrupt):
        place.look(watcher, 1)
    assert place.alerts() == []
    monkeypatch.undo()
    place.look(place.watch(), 2)
    place.look(place.watch(), 3)
    assert [each.monitor for each in place.alerts()] == ["latency"]
    with place.workspace.ledger.read() as connection:
        assert audit.verify(connection).ok


def _raise(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_look_that_finds_nothing_new_writes_nothing(place: Place) -> None:
    watcher = place.watch(Latency())
    place.log(0, 2)
    place.look(watcher, 3)
    with place.workspace.ledger.read() as connection:
        before = audit.head(connection)
    place.look(watcher, 3.5)
    with place.workspace.ledger.read() as connection:
        assert audit.head(connection) == before


def test_another_version_in_service_closes_what_was_found_about_the_former(place: Place) -> None:
    finds = Counting("m", finds=days(1, 1)[0])
    watcher = place.watch(finds)
    place.log(0, 5)
    place.ends_as = ["failed"]
    place.looks(watcher, 1, 2)
    place.clock.advance(START + 2.1 * DAY)
    with place.workspace.ledger.record(event="release.made", subject="x", actor="a", reason="another") as tx:
        rule = next(each for each in models.list_models(tx.connection) if each.digest != place.model.digest)
        releases.add_release(tx, project=place.project.name, routes=[Route(model=rule.digest, share=1.0)])
    place.looks(watcher, 3, 5)
    (alert,) = place.alerts(monitor="m")
    assert alert.closed_because == "another version is in service"
    assert place.circles == [START + 2 * DAY]  # until it is closed, it is no reason to walk for the other version
    assert finds.shown == days(0, 4)


# What fails does not end it


def test_a_log_that_somebody_else_ships_is_told_and_the_days_are_looked_at(place: Place) -> None:
    import fcntl

    early = Counting("early")
    watcher = place.watch(early)
    place.log(0, 1)
    place.workspace.journal_folder.mkdir(parents=True, exist_ok=True)
    with (place.workspace.journal_folder / "shipping.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        (place.workspace.journal_folder / "0.log").write_bytes(b"KREISPL1")
        look = place.look(watcher, 1)
    assert any("another process ships this log" in each for each in look.errors)
    assert look.exit_code == StoreError.exit_code
    assert early.shown == days(0, 0)
    assert place.look(watcher, 2).errors == []
    assert [(each.cause, each.closed_at is None) for each in place.alerts()] == [("log", False)]


def test_new_data_are_collected_at_most_once_an_hour_and_a_source_that_is_down_is_told(place: Place) -> None:
    collected: list[datetime] = []
    status = ["advanced"]

    def collect(now: datetime) -> CircleOutcome:
        collected.append(now)
        return CircleOutcome(run="r", status=status[0], reason="the shop's database does not answer")

    early = Counting("early")
    place.project.monitor(early)
    watcher = Watcher(place.project, place.workspace, circle=place.circle, collect=collect)
    place.log(0, 2)
    place.look(watcher, 0.02)  # half an hour after the run of the release
    place.look(watcher, 1 / 24 - 1e-9)
    assert collected == []
    place.look(watcher, 1 / 24)
    assert collected == [START + timedelta(hours=1)]
    collected.clear()
    place.look(watcher, 1)
    assert collected == [START + DAY]
    status[0] = "failed"
    look = place.look(watcher, 2)
    assert "does not answer" in look.errors[0]
    assert early.shown == days(0, 1)
    status[0] = "advanced"
    place.look(watcher, 3)
    assert [(each.cause, each.closed_at) for each in place.alerts()] == [("collection", START + 3 * DAY)]


def test_a_service_that_refuses_to_close_its_log_is_told_and_the_look_goes_on(place: Place) -> None:
    def refuses() -> None:
        raise ServiceError("the log's segment is not closed: 401 Unauthorized")

    early = Counting("early")
    place.project.monitor(early)
    watcher = Watcher(place.project, place.workspace, circle=place.circle, close_log=refuses)
    place.log(0, 2)
    look = place.look(watcher, 1)
    assert look.exit_code == ServiceError.exit_code
    assert "401" in look.text
    assert early.shown == days(0, 0)


def test_damage_in_the_log_is_an_alert_until_a_person_has_seen_it(place: Place) -> None:
    watcher = place.watch(Counting("early"))
    place.workspace.journal_folder.mkdir(parents=True, exist_ok=True)
    (place.workspace.journal_folder / "0a.log").write_bytes(b"not a segment")
    place.looks(watcher, 1, 3)
    (alert,) = place.alerts(open_only=True)
    assert "0a.log" in alert.summary
    with place.workspace.ledger.record(event="e", subject="s", actor="ann", reason="r") as tx:
        alerts.acknowledge_alert(tx, alert.id, "restored from a copy")
    assert place.alerts(open_only=True) == []


def test_a_clock_that_was_ahead_once_is_told_and_mended(place: Place) -> None:
    early = Counting("early")
    watcher = place.watch(early)
    place.log(0, 5)
    place.look(watcher, 2)
    watcher.look(START + 500 * DAY)
    early.shown.clear()
    look = place.look(watcher, 4)
    assert early.shown == days(0, 3)
    assert any("clock was ahead" in finding.summary for finding in look.findings)
    place.look(watcher, 5)
    assert early.shown == days(0, 4)
    assert place.alerts(open_only=True, monitor="watch") == []


@pytest.mark.parametrize(("ahead", "told"), [(timedelta(minutes=50), False), (timedelta(minutes=70), True)])
def test_predictions_that_lie_more_than_an_hour_ahead_are_told(place: Place, ahead: timedelta, told: bool) -> None:
    place.log(0, 0, rows=1)
    known_until = START + DAY + ahead
    empty = place.workspace.lake.scan(PREDICTIONS).head(0).collect()
    place.workspace.lake.append(PREDICTIONS, empty, step="x", actor="a", reason="r", known_until=known_until)
    look = place.look(place.watch(Counting("early")), 1)
    assert any("the service's clock was ahead" in each.summary for each in look.findings) is told


def test_a_pause_that_a_fast_clock_made_long_is_shortened(place: Place) -> None:
    watcher = place.watch(Drift())
    place.log(0, 0)
    place.raise_alert()
    watcher.look(START + 100 * DAY)
    for number in (2, 8.9, 9.1):
        place.look(watcher, number)
    assert [each - START for each in place.circles] == [100 * DAY, 9.1 * DAY]


def test_a_model_is_held_against_the_last_evaluation_of_its_run(place: Place) -> None:
    with place.workspace.ledger.record(event="test", subject="run", actor="a", reason="a second round") as tx:
        used = steps.steps_of(tx.connection, place.model.run)
        use, judged = next(each for each in used if each[1].discipline == "evaluation")
        outputs = json.loads(msgspec.json.encode(judged.outputs))
        outputs["report"]["challenger"]["metrics"]["value"]["value"] = 7.0
        again = msgspec.structs.replace(judged, key=digest_of(judged.key.encode()), outputs=outputs)
        steps.add_step(tx, again)
        steps.use_step(tx, RunStep(run=use.run, key=again.key, position=use.position + len(used), remembered=False))
    assert Viewer(place.project, place.workspace).watched(place.model.digest).value.value == 7.0


def test_a_release_that_a_fast_clock_dated_later_is_watched(place: Place) -> None:
    early = Counting("early")
    watcher = place.watch(early)
    place.log(0, 0)
    place.look(watcher, 1)
    ahead = Workspace(place.folder, clock=SimulatedClock(START + 4000 * DAY))
    with ahead.ledger.record(event="release.made", subject="x", actor="a", reason="again") as tx:
        current = releases.current_release(tx.connection, place.project.name)
        assert current is not None
        releases.add_release(tx, project=place.project.name, routes=current.routes)
    place.log(1, 3)
    place.look(watcher, 3)
    assert early.shown == days(0, 2)


# The memory of earlier versions


def test_a_memory_in_a_file_is_taken_over_once(place: Place) -> None:
    path = place.workspace.state / "watch.json"
    path.write_text(
        json.dumps(
            {
                "champion": place.model.digest,
                "next_day": days(2, 2)[0],
                "states": {"early": {"last": days(1, 1)[0]}},
                "quiet_until": None,
                "waiting": None,
            }
        )
    )
    early = Counting("early")
    place.log(0, 3)
    place.look(place.watch(early), 4)
    assert early.shown == days(2, 3)
    assert not path.exists()
    with place.workspace.ledger.read() as connection:
        assert watchers.recall(connection, place.project.name) is not None


@pytest.mark.parametrize("content", [b'{"champion": "', b"\xff\xfe", b"[1]"])
def test_a_damaged_memory_in_a_file_is_named_and_left(place: Place, content: bytes) -> None:
    path = place.workspace.state / "watch.json"
    path.write_bytes(content)
    early = Counting("early")
    watcher = place.watch(early)
    place.log(0, 1)
    look = place.look(watcher, 1)
    assert str(path) in look.errors[0]
    assert early.shown == []
    assert path.read_bytes() == content
    path.unlink()
    place.look(watcher, 2)
    assert early.shown == days(0, 1)


def test_open_alerts_of_versions_that_closed_none_are_closed(place: Place) -> None:
    old = place.raise_alert("latency")
    with place.workspace.ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
        alerts._ALERTS.update(tx, msgspec.structs.replace(old, cause=None, to=None))
    watcher = place.watch(Latency())
    place.log(0, 0)
    place.look(watcher, 1)
    assert place.alerts(open_only=True) == []


def test_outcomes_that_name_no_prediction_are_told_until_they_name_one(place: Place) -> None:
    place.log(1, 1)
    watcher = place.watch()
    for number, name, told in ((2, "nobody", 1), (3, "nobody else", 1), (6, "d1-0", 0)):
        now = START + number * DAY
        place.clock.advance(now)
        journal = Journal(place.workspace.journal_folder, place.clock)
        journal.append([OutcomeRecord(prediction=name, outcome=1.0, known_at=microseconds(now))])
        journal.close()
        watcher.look(now)
        found = [each for each in status_view(place.workspace).alerts if "name no logged prediction" in each.summary]
        assert len(found) == told


def test_outcomes_from_before_their_prediction_are_told(place: Place) -> None:
    place.log(1, 1)
    now = START + 3 * DAY
    place.clock.advance(now)
    journal = Journal(place.workspace.journal_folder, place.clock)
    asked = PredictionRecord(
        id="p", at=microseconds(now), release="r", model=place.model.digest, keys={}, fields={}, features=[],
        score=0.5, decision=True, latency_us=1, reference="order 1",
    )  # fmt: skip
    journal.append([asked, OutcomeRecord(reference="order 1", outcome=1.0, known_at=microseconds(now - DAY))])
    journal.close()
    place.watch().look(now)
    told = [
        each.summary for each in place.alerts(open_only=True) if "before their prediction was asked" in each.summary
    ]
    assert len(told) == 1


def test_features_that_are_too_old_are_told_until_they_are_fed(place: Place) -> None:
    watcher = Watcher(
        place.project,
        place.workspace,
        circle=place.circle,
        stale=lambda now: stale_features(place.project, place.workspace, now),
    )

    def told(number: float) -> list[str]:
        place.look(watcher, number)
        return [each.summary for each in place.alerts(open_only=True) if "shortest window" in each.summary]

    assert told(29) == told(30) == []
    (said,) = told(31)
    assert "view 'customer' until 2025-" in said
    assert told(40) == [said]
    store = place.workspace.online.open()
    nothing = np.array([], dtype=np.int64)
    layouts = [Layout(view) for view in place.project.views.values()]
    batches = [Rows(each, [], nothing, nothing, np.empty((0, each.columns))) for each in layouts]
    store.append(batches, position=microseconds(place.clock.now()))
    store.close()
    assert told(40.1) == []


@pytest.mark.parametrize(("to", "taken_over"), [("training", 3), ("collection", 0)])
def test_an_alert_starts_a_run_at_the_discipline_that_it_names(place: Place, to: str, taken_over: int) -> None:
    """Real from the log to the child process that walks; none of the data is collected anew for training."""
    place.project.monitor(Age(at_most="10d"), sends_back_to=to)
    walks = run_in_child(place.workspace, simulated=True)
    watcher = Watcher(place.project, place.workspace, circle=walks)
    place.log(0, 14)
    look = place.look(watcher, 15)
    assert look.errors == []
    assert look.circle is not None
    (alert,) = place.alerts()
    with place.workspace.ledger.read() as connection:
        assert audit.verify(connection).ok
        run = runs.get_run(connection, look.circle.run)
        verdicts = runs.verdicts_of(connection, run.id)
        used = {step.name: use.remembered for use, step in steps.steps_of(connection, run.id)}
    assert (alert.to, alert.run, run.trigger) == (to, run.id, alert.id)
    assert run.as_of == (START if to == "training" else START + 15 * DAY)
    assert run.started_at == START + 15 * DAY
    assert [each.detail.get("taken_over_from") is not None for each in verdicts[:3]] == [taken_over == 3] * 3
    assert used["orders"] == (to == "training")
    assert not used["logistic"]
