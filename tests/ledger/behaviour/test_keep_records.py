"""What goes in by one module's functions comes out by its others."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from kreis.digests import digest_of
from kreis.errors import PolicyError, ProjectError, StoreError
from kreis.ledger import alerts, documents, models, releases, runs, steps, tables
from kreis.ledger.records import Route, RunStep
from kreis.ledger.store import Ledger, Transaction

Write = Callable[..., AbstractContextManager[Transaction]]
LATER = datetime(2013, 5, 2, 12, 30, 0, 123456, tzinfo=UTC)
EARLIER = datetime(2013, 5, 1, tzinfo=UTC)


def test_runs_are_listed_newest_first(ledger: Ledger, write: Write, make) -> None:
    first, other, last = make.run(), make.run(project="trains"), make.run()
    with write() as tx:
        for run in (last, first, other):
            runs.start_run(tx, run)
    with ledger.read() as connection:
        assert runs.list_runs(connection) == [last, other, first]
        assert runs.list_runs(connection, "flights") == [last, first]
        assert runs.list_runs(connection, limit=1) == [last]


def test_run_is_finished_once(ledger: Ledger, write: Write, make) -> None:
    run = make.run()
    with write() as tx:
        runs.start_run(tx, run)
        runs.finish_run(tx, run.id, "advanced", LATER)
    with ledger.read() as connection:
        assert runs.get_run(connection, run.id) == msgspec.structs.replace(run, status="advanced", finished_at=LATER)
    with pytest.raises(ProjectError, match="has ended"), write() as tx:
        runs.finish_run(tx, run.id, "failed", LATER)


def test_unfinished_runs_are_those_running_or_held(ledger: Ledger, write: Write, make) -> None:
    done, held, running = make.run(), make.run(), make.run()
    with write() as tx:
        for run in (done, held, running):
            runs.start_run(tx, run)
        runs.finish_run(tx, done.id, "failed", LATER)
        runs.finish_run(tx, held.id, "held", LATER)
    with ledger.read() as connection:
        assert [run.id for run in runs.unfinished_runs(connection, "flights")] == [running.id, held.id]


def test_run_is_found_by_a_unique_beginning(ledger: Ledger, write: Write, make) -> None:
    with write() as tx:
        for name in ("abc-1", "abc-2", "abd", "ab%"):
            runs.start_run(tx, make.run(id=name))
    with ledger.read() as connection:
        assert runs.get_run(connection, "abd").id == "abd"
        assert runs.get_run(connection, "abc-1").id == "abc-1"
        assert runs.get_run(connection, "ab%").id == "ab%"
        with pytest.raises(ProjectError, match="several runs begin with 'abc'"):
            runs.get_run(connection, "abc")
        with pytest.raises(ProjectError, match="did you mean 'abc-2' or 'abc-1'"):
            runs.get_run(connection, "abc-3")
        with pytest.raises(ProjectError, match="unknown run ''"):
            runs.get_run(connection, "")


def test_run_whose_id_begins_another_is_found_by_the_whole(ledger: Ledger, write: Write, make) -> None:
    with write() as tx:
        runs.start_run(tx, make.run(id="run"))
        runs.start_run(tx, make.run(id="run-2"))
    with ledger.read() as connection:
        assert runs.get_run(connection, "run").id == "run"


def test_verdicts_come_in_the_order_in_which_they_fell(ledger: Ledger, write: Write, make) -> None:
    run = make.run()
    fell = [
        make.verdict(run, kind="send_back", to="training", detail={"auc": 0.5}),
        make.verdict(run),
        make.verdict(run),
    ]
    with write() as tx:
        runs.start_run(tx, run)
        for verdict in fell:
            runs.add_verdict(tx, verdict)
    with ledger.read() as connection:
        assert runs.verdicts_of(connection, run.id) == fell


def test_step_of_a_known_key_keeps_the_first(ledger: Ledger, write: Write, make) -> None:
    first, second = make.step("k"), make.step("k", name="other")
    with write() as tx:
        assert steps.add_step(tx, first) == first
        assert steps.add_step(tx, second) == first
    with ledger.read() as connection:
        assert steps.find_step(connection, "k") == first
        assert steps.find_step(connection, "unknown") is None


def test_many_steps_are_found_at_once(ledger: Ledger, write: Write, make) -> None:
    made = {f"k{number}": make.step(f"k{number}") for number in range(3)}
    with write() as tx:
        for step in made.values():
            steps.add_step(tx, step)
    with ledger.read() as connection:
        assert steps.find_steps(connection, [*made, *(f"unknown{number}" for number in range(1200))]) == made
        assert steps.find_steps(connection, []) == {}


def test_run_rests_on_its_steps_in_order(ledger: Ledger, write: Write, make) -> None:
    run = make.run()
    uses = [RunStep(run=run.id, key=key, position=at, remembered=key == "a") for at, key in enumerate("ba")]
    with write() as tx:
        runs.start_run(tx, run)
        for use in reversed(uses):
            steps.add_step(tx, make.step(use.key))
            steps.use_step(tx, use)
            steps.use_step(tx, msgspec.structs.replace(use, remembered=True, position=9))
    with ledger.read() as connection:
        assert steps.steps_of(connection, run.id) == [(use, make.step(use.key)) for use in uses]


def test_table_versions_are_found_by_number_and_by_step(ledger: Ledger, write: Write, make) -> None:
    made = [make.table_version("bronze/flights", version, known_until=LATER) for version in range(3)]
    with write() as tx:
        for version in made:
            tables.add_table_version(tx, version)
        tables.add_table_version(tx, make.table_version("bronze/weather", 0))
    with ledger.read() as connection:
        assert tables.latest_version(connection, "bronze/flights") == made[2]
        assert tables.get_version(connection, "bronze/flights", 1) == made[1]
        assert tables.versions_of(connection, "bronze/flights") == made
        assert tables.find_version_by_step(connection, "bronze/flights", "step-1") == made[1]
        assert tables.find_version_by_step(connection, "bronze/weather", "step-1") is None
        assert tables.list_tables(connection) == ["bronze/flights", "bronze/weather"]


def test_version_that_reaches_farthest_is_found(ledger: Ledger, write: Write, make) -> None:
    reaches = [None, LATER, LATER, EARLIER, None]
    made = [make.table_version("silver/landed", number, known_until=until) for number, until in enumerate(reaches)]
    with write() as tx:
        for version in made:
            tables.add_table_version(tx, version)
        for number in range(2):
            tables.add_table_version(tx, make.table_version("silver/sky", number))
    with ledger.read() as connection:
        assert tables.farthest_version(connection, "silver/landed") == made[2]
        assert tables.farthest_version(connection, "silver/sky") == tables.get_version(connection, "silver/sky", 1)
        assert tables.farthest_version(connection, "silver/none") is None


def test_missing_table_version_says_what_there_is(ledger: Ledger, write: Write, make) -> None:
    with write() as tx:
        tables.add_table_version(tx, make.table_version("bronze/flights", 0))
    with ledger.read() as connection:
        assert tables.latest_version(connection, "silver/none") is None
        with pytest.raises(ProjectError, match="newest version is 0"):
            tables.get_version(connection, "bronze/flights", 1)
        with pytest.raises(ProjectError, match="did you mean 'bronze/flights'"):
            tables.get_version(connection, "bronze/flight", 0)


def test_table_version_is_acknowledged_once(ledger: Ledger, write: Write, make) -> None:
    with write() as tx:
        tables.add_table_version(tx, make.table_version("bronze/flights", 0))
    with pytest.raises(StoreError, match="contradicts"), write() as tx:
        tables.add_table_version(tx, make.table_version("bronze/flights", 0, rows=5))


def test_models_count_up_in_each_project(ledger: Ledger, write: Write, make) -> None:
    run, other = make.run(), make.run(project="trains")
    with write() as tx:
        runs.start_run(tx, run)
        runs.start_run(tx, other)
        numbers = [make.model(tx, each, name).version for each, name in [(run, "a"), (other, "b"), (run, "c")]]
    assert numbers == [1, 1, 2]
    with ledger.read() as connection:
        assert [model.candidate for model in models.list_models(connection, "flights")] == ["c", "a"]


def test_model_registered_again_keeps_its_row(ledger: Ledger, write: Write, make) -> None:
    run = make.run()
    with write() as tx:
        runs.start_run(tx, run)
        first = make.model(tx, run, "a")
        assert make.model(tx, run, "a", candidate="renamed") == first
        with pytest.raises(ProjectError, match="belongs to project 'flights'"):
            make.model(tx, run, "a", project="trains")
    with ledger.read() as connection:
        assert models.list_models(connection) == [first]


def test_model_is_found_by_digest_beginning_and_number(ledger: Ledger, write: Write, make) -> None:
    run, other = make.run(), make.run(project="trains")
    with write() as tx:
        runs.start_run(tx, run)
        runs.start_run(tx, other)
        model, second = make.model(tx, run, "a"), make.model(tx, run, "b")
        make.model(tx, other, "c")
    with ledger.read() as connection:
        assert models.get_model(connection, model.digest) == model
        assert models.get_model(connection, model.digest[:8]) == model
        assert models.get_model(connection, 1, project="flights") == model
        assert models.get_model(connection, 2) == second
        assert models.find_model(connection, model.digest[:8]) is None
        with pytest.raises(ProjectError, match="several projects have a model version 1"):
            models.get_model(connection, 1)
        with pytest.raises(ProjectError, match="newest version is 2"):
            models.get_model(connection, 3, project="flights")


def test_evaluations_and_approvals_are_bound_to_the_model(ledger: Ledger, write: Write, make) -> None:
    run = make.run()
    with write() as tx:
        runs.start_run(tx, run)
        model = make.model(tx, run)
        first, last = make.evaluation(model, run), make.evaluation(model, run, passed=False)
        approval = make.approval(model)
        models.add_evaluation(tx, last)
        models.add_evaluation(tx, first)
        models.add_approval(tx, approval)
    with ledger.read() as connection:
        assert models.evaluations_of(connection, model.digest) == [first, last]
        assert models.latest_evaluation(connection, model.digest) == last
        assert models.approvals_of(connection, model.digest) == [approval]
        assert models.latest_evaluation(connection, "unknown") is None


def test_approval_in_another_name_is_refused(write: Write, make) -> None:
    run = make.run()
    with write() as tx:
        runs.start_run(tx, run)
        model = make.model(tx, run)
    with pytest.raises(PolicyError, match="'eve' cannot approve as 'anna'"), write(actor="eve") as tx:
        models.add_approval(tx, make.approval(model))


def test_releases_count_up_and_name_the_one_before(ledger: Ledger, write: Write, make) -> None:
    run = make.run()
    with write(reason="first one") as tx:
        runs.start_run(tx, run)
        model, shadow = make.model(tx, run, "a"), make.model(tx, run, "b")
        first = releases.add_release(tx, project="flights", routes=[Route(model=model.digest, share=1.0)])
    routes = [
        Route(model=model.digest, share=0.95),
        Route(model=shadow.digest, share=0.05),
        Route(model=shadow.digest, share=1.0, mode="shadow"),
    ]
    with write() as tx:
        canary = releases.add_release(
            tx, project="flights", routes=routes, fallback=model.digest, kind="canary", run=run.id
        )
    assert (first.number, first.previous, first.reason, first.actor) == (1, None, "first one", "anna")
    assert (canary.number, canary.previous) == (2, first.id)
    with ledger.read() as connection:
        assert releases.current_release(connection, "flights") == canary
        assert releases.current_release(connection, "trains") is None
        assert releases.get_release(connection, 1, project="flights") == first
        assert releases.get_release(connection, canary.id) == canary
        assert releases.list_releases(connection, "flights") == [canary, first]
        with pytest.raises(ProjectError, match="newest release is 2"):
            releases.get_release(connection, 7)


@pytest.mark.parametrize("shares", [[], [0.5], [0.5, 0.6], [1.5, -0.5], [0.0, 1.0], [float("nan")]])
def test_release_whose_shares_do_not_add_up_is_refused(write: Write, make, shares: list[float]) -> None:
    run = make.run()
    with write() as tx:
        runs.start_run(tx, run)
        model = make.model(tx, run)
        with pytest.raises(ProjectError, match="shares"):
            releases.add_release(
                tx, project="flights", routes=[Route(model=model.digest, share=share) for share in shares]
            )


def test_release_of_an_unregistered_model_is_refused(write: Write) -> None:
    with write() as tx, pytest.raises(ProjectError, match="not registered"):
        releases.add_release(tx, project="flights", routes=[Route(model="f" * 64, share=1.0)])


def test_alert_waits_until_a_run_answers_and_is_open_until_it_is_closed(ledger: Ledger, write: Write, make) -> None:
    run, first, last = make.run(), make.alert(to="collection"), make.alert(monitor="latency", to=None)
    with write() as tx:
        runs.start_run(tx, run)
        alerts.add_alert(tx, first)
        alerts.add_alert(tx, last)
        assert alerts.list_alerts(tx.connection, waiting_only=True) == [first]
        answered = alerts.answer_alert(tx, first.id, run.id)
        assert alerts.answer_alert(tx, first.id, run.id) == answered
    with ledger.read() as connection:
        assert alerts.list_alerts(connection, waiting_only=True) == []
        assert alerts.list_alerts(connection, "flights", open_only=True) == [last, answered]
        assert alerts.get_alert(connection, first.id).run == run.id
    with write() as tx:
        another = make.run()
        runs.start_run(tx, another)
        assert alerts.answer_alert(tx, first.id, another.id).run == another.id
        answered = alerts.answer_alert(tx, first.id, run.id)
    with write() as tx:
        closed = alerts.close_alert(tx, last, "over")
    with ledger.read() as connection:
        assert alerts.list_alerts(connection, open_only=True) == [answered]
        assert alerts.list_alerts(connection, limit=1) == [closed]
        assert closed.closed_because == "over"


def test_alerts_are_found_by_monitor_kind_and_time(ledger: Ledger, write: Write, make) -> None:
    names = ("drift", "drift wind", "drifting", "latency")
    made = [make.alert(monitor=name) for name in names]
    with write() as tx:
        for alert in made:
            alerts.add_alert(tx, alert)
    with ledger.read() as connection:
        assert [each.monitor for each in alerts.list_alerts(connection, monitor="drift")] == ["drift wind", "drift"]
        assert alerts.list_alerts(connection, monitor="drift wind") == [made[1]]
        assert alerts.list_alerts(connection, since=made[0].at) == made[::-1]
        assert alerts.list_alerts(connection, since=made[0].at + timedelta(days=1)) == []


def test_alert_is_acknowledged_once_by_whoever_records_it(ledger: Ledger, write: Write, make) -> None:
    alert = make.alert()
    with write() as tx:
        alerts.add_alert(tx, alert)
        seen = alerts.acknowledge_alert(tx, alert.id, "a storm; nothing to do")
        assert (seen.acknowledged_by, seen.acknowledged_at) == (tx.actor, tx.now)
    with pytest.raises(ProjectError, match="a storm; nothing to do"), write() as tx:
        alerts.acknowledge_alert(tx, alert.id, "again")
    with ledger.read() as connection:
        assert alerts.list_alerts(connection, open_only=True) == [seen]


def test_document_is_kept_once_under_its_digest(ledger: Ledger, write: Write, make) -> None:
    document = make.document('{"question":"späte Ankunft?"}')
    with write() as tx:
        documents.put_document(tx, document)
        documents.put_document(tx, document)
    with ledger.read() as connection:
        assert documents.get_document(connection, document.digest[:10]) == document
        assert documents.list_documents(connection, "goal") == [document]
        assert documents.find_document(connection, "unknown") is None
        with pytest.raises(ProjectError, match="unknown document"):
            documents.get_document(connection, "zzz")


def test_document_under_a_false_digest_is_refused(write: Write, make) -> None:
    with pytest.raises(ProjectError, match="not that of its body"), write() as tx:
        documents.put_document(tx, make.document("text", digest=digest_of(b"other")))
