"""Levels of coverage on record: who has them, how the service is told, and that none is taken back."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime

import msgspec
import pytest
from tests.deployment.test_releases import SAY, A, B, fill, pointed, releases_of

from kreis.deployment.coverage_levels import in_service_since, levels_in_service
from kreis.deployment.pointer import PointerFile, read_highest, read_pointer, remember_highest, write_pointer
from kreis.deployment.predictions.reader import parse_segment
from kreis.errors import CorruptionError
from kreis.ledger import schema
from kreis.ledger.levels import add_move, last_move, moves_of, newest_move
from kreis.ledger.records import LevelMove, Route
from kreis.ledger.releases import list_releases
from kreis.ledger.rows import row_digest
from kreis.models.answer_parts.grid import QuantileGrid
from kreis.models.answer_parts.grouped import Grouped
from kreis.models.answer_parts.levels import Levels
from kreis.models.answer_parts.sets import CoverageSet

AT = datetime(2013, 5, 1, tzinfo=UTC)
GRID = QuantileGrid((0.8, 0.9, 0.95), (0.6, 0.7, 0.75), {"9": (0.4, 0.55)})
SETS = CoverageSet(level=0.9, quantile=Grouped(0.7, "hour", {"9": 0.55}, GRID, Levels(0.9)), rows=100)


@pytest.fixture
def ledger(tmp_path):
    with fill(tmp_path / "ledger.db") as ledger:
        yield ledger


@pytest.fixture
def releases(ledger, tmp_path):
    return releases_of(ledger, tmp_path)


def move(ledger, model, release, level, **groups):
    own = {name: {"level": each, "outcomes": 60} for name, each in groups.items()}
    new = LevelMove(
        model=model,
        release=release,
        levels={"general": level, "outcomes": 80, "groups": own},
        before={"general": 0.9, "outcomes": 0, "groups": {}},
        days=[{"day": "2013-05-01", "answers": 80, "covered": 70}],
        at=AT,
    )
    with ledger.record(event="watch.looked", subject="flights", **SAY) as tx:
        return add_move(tx, new)


def test_moves_are_numbered_and_kept_with_what_they_rest_on(ledger):
    first, second, other = move(ledger, A, 1, 0.91), move(ledger, A, 1, 0.92), move(ledger, B, 1, 0.8)
    assert [each.number for each in (first, second, other)] == [1, 2, 3]
    with ledger.read() as connection:
        assert newest_move(connection) == 3
        assert last_move(connection, A) == second
        assert moves_of(connection, A) == [second, first]
        assert last_move(connection, "c" * 64) is None


def test_a_move_that_was_put_there_by_something_else_is_refused(ledger, tmp_path):
    move(ledger, A, 1, 0.91)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.db")) as other:
        found = other.execute("select name, body from documents").fetchone()
        row = dict(zip(("name", "body"), found, strict=True))
        row |= {"digest": "f" * 64, "kind": "coverage level 00000009"}
        row["sha256"] = row_digest(schema.documents, row)
        into = "documents (digest, kind, name, body, sha256)"
        other.execute(f"insert into {into} values (:digest, :kind, :name, :body, :sha256)", row)
        other.commit()
    with pytest.raises(CorruptionError, match="no audit entry covers"), ledger.read() as connection:
        last_move(connection, A)
    with pytest.raises(CorruptionError, match="no audit entry covers"), ledger.read() as connection:
        newest_move(connection)  # a service would never go back behind its number


def test_levels_hold_for_one_stay_in_service(ledger, releases):
    """A canary beside it does not end the champion's stay; another model, or going back to it, does."""
    releases.release(A, **SAY)
    move(ledger, A, 1, 0.93, north=0.95)
    levels = Levels(0.93, {"north": 0.95})
    releases.start_canary(B, 0.1, **SAY)
    assert pointed(releases).levels == {A: levels}
    releases.advance_canary(1.0, **SAY)
    assert pointed(releases).levels == {}
    releases.roll_back(**SAY)
    with ledger.read() as connection:
        history = list_releases(connection, "flights")
        assert in_service_since(history, A).number == 4
        assert in_service_since(history, B) is None
        assert levels_in_service(connection, history, A) is None
    move(ledger, A, 4, 0.85)
    releases.publish()
    assert pointed(releases).levels == {A: Levels(0.85)}


def test_the_service_is_told_of_a_move_once_it_is_on_record_and_of_none_where_there_is_none(ledger, releases):
    """The first publication after a crash between the two tells it."""
    releases.release(A, **SAY)
    envelope = releases.pointer.read()
    assert (pointed(releases).moved, pointed(releases).levels) == (0, {})
    assert b"moved" not in msgspec.json.encode(pointed(releases).release)
    move(ledger, A, 1, 0.93)
    assert releases.pointer.read() == envelope
    releases.publish()
    assert (pointed(releases).moved, pointed(releases).levels) == (1, {A: Levels(0.93)})


def test_a_worker_that_is_behind_takes_back_no_move_that_another_one_wrote_down(releases, tmp_path):
    release = releases.release(A, **SAY)
    for moved in (5, 3):
        remember_highest(tmp_path, release, moved)
    assert read_highest(tmp_path).moved == 5
    later = msgspec.structs.replace(release, number=2)
    remember_highest(tmp_path, later, 0)
    assert (read_highest(tmp_path).number, read_highest(tmp_path).moved) == (2, 0)


def published(service, route, moved, levels):
    place = PointerFile(service.pointer_folder)
    pointer = read_pointer(place, service.keys.trusted())
    route = [Route(model=route, share=1.0)]
    pointer = service.pointer(route, number=1) if pointer is None else pointer
    write_pointer(place, msgspec.structs.replace(pointer, levels=levels, moved=moved), service.keys)


def test_the_service_follows_levels_without_a_restart_logs_them_and_never_goes_back(make_service):
    service = make_service()
    digest = service.package(parts=[SETS])
    published(service, digest, 0, {})
    service.start().wait_for(1)
    row = {"fields": {"hour": 9}}

    def said():
        return service.predict(row)[1]["parts"]["coverage"]

    assert said() == {"level": 0.9, "adapted_level": 0.9, "set": [True], "group": "9"}
    published(service, digest, 2, {digest: Levels(0.95, {"9": 0.8})})
    service.until(lambda: said()["adapted_level"] == 0.8)
    assert service.predict({"fields": {"hour": 0}})[1]["parts"]["coverage"] == {
        "level": 0.9,
        "adapted_level": 0.95,
        "set": [False, True],
        "group": None,
    }
    published(service, digest, 3, {})
    service.until(lambda: said()["adapted_level"] == 0.9)  # in another stay a model that is still warm begins anew
    published(service, digest, 4, {digest: Levels(0.95, {"9": 0.8})})
    service.until(lambda: said()["adapted_level"] == 0.8)
    published(service, digest, 1, {digest: Levels(0.85)})
    service.until(lambda: "move 1 of a level is not newer than 4, by which it answers" in service.log())
    assert said()["adapted_level"] == 0.8
    service.stop()
    logged = [
        each.parts["coverage"]["adapted_level"]
        for path in sorted(service.config.log.glob("*.log"))
        for each in parse_segment(path, path.read_bytes()).predictions
    ]
    assert {0.9, 0.8, 0.95} == set(logged)
    service.start()
    service.until(lambda: "by which it answered here before" in service.log())
    assert service.predict(row)[0] == 503
    published(service, digest, 5, {})
    service.wait_for(1)
    assert said()["adapted_level"] == 0.9  # as it was fitted
