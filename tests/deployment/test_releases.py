"""Releases over a real ledger: approvals, canaries, going back, and the published pointer."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kreis.clock import SimulatedClock
from kreis.deployment.pointer import PointerFile, read_pointer
from kreis.deployment.releases import Releases, challenger_of, champion_of
from kreis.deployment.signing import FileKeys
from kreis.errors import KreisError, PolicyError, ProjectError, SignatureError
from kreis.identifiers import new_id
from kreis.ledger.audit import entries
from kreis.ledger.models import add_approval, add_successor, register_model
from kreis.ledger.records import Approval, Run
from kreis.ledger.releases import current_release, list_releases
from kreis.ledger.runs import start_run
from kreis.ledger.store import open_ledger

SAY = {"actor": "mara", "reason": "a test"}
MODELS = [letter * 64 for letter in "abcd"]
A, B, C, D = MODELS


def fill(path):
    ledger = open_ledger(path, clock=SimulatedClock(datetime(2013, 5, 1, tzinfo=UTC)))
    now = ledger.clock.now()
    run = Run(id="run", project="flights", as_of=now, status="running", trigger="manual", started_at=now, goal="g")
    with ledger.record(event="register", subject="models", **SAY) as tx:
        start_run(tx, run)
        for digest in MODELS:
            register_model(tx, digest=digest, project="flights", candidate="gbdt", run="run", signature="{}")
    return ledger


@pytest.fixture
def ledger(tmp_path):
    with fill(tmp_path / "ledger.db") as ledger:
        yield ledger


@pytest.fixture
def releases(ledger, tmp_path):
    return releases_of(ledger, tmp_path)


def releases_of(ledger, folder):
    return Releases(ledger, "flights", PointerFile(folder / "service"), FileKeys(folder / "keys"))


def pointed(releases):
    return read_pointer(releases.pointer, releases.keys.trusted())


def approve(ledger, model, actor="olu", role="product owner"):
    now = ledger.clock.now()
    approval = Approval(id=new_id(now), model=model, role=role, actor=actor, reason="good", key=f"user {actor}", at=now)
    with ledger.record(event="approve", subject=model, actor=actor, reason="good") as tx:
        add_approval(tx, approval)


def routes(made):
    return [(route.model[0], round(route.share, 6), route.mode) for route in made.routes]


def test_release_is_one_entry_in_the_record(ledger, releases):
    made = releases.release(A, fallback=B, shadows=[C], **SAY)
    assert (made.number, routes(made), made.fallback) == (1, [("a", 1.0, "live"), ("c", 1.0, "shadow")], B)
    with ledger.read() as connection:
        entry = list(entries(connection))[-1]
    assert (entry.event, entry.actor, entry.outputs["release"]) == ("release", "mara", made.id)


def test_releasing_again_what_is_current_changes_nothing(releases):
    first = releases.release(A, **SAY)
    assert releases.release(A, **SAY) == first


def test_an_unregistered_model_is_refused(ledger, releases):
    with pytest.raises(ProjectError, match="not registered"):
        releases.release("e" * 64, **SAY)
    with ledger.read() as connection:
        assert current_release(connection, "flights") is None


def test_without_the_approval_of_another_person_nothing_is_released(ledger, releases):
    ask = {"approval": "product owner", **SAY}
    with pytest.raises(PolicyError, match="not approved") as caught:
        releases.release(A, **ask)
    assert "kreis approve aaaaaaaaaaaa" in str(caught.value)
    approve(ledger, B)
    approve(ledger, A, role="engineer")
    with pytest.raises(PolicyError, match="not approved"):
        releases.release(A, **ask)
    approve(ledger, A, actor="mara")
    with pytest.raises(PolicyError, match="only by the one who releases"):
        releases.release(A, **ask)
    approve(ledger, A)
    assert releases.release(A, **ask).number == 1
    for challenger, allowed in ((C, False), (B, True)):
        if allowed:
            assert challenger_of(releases.start_canary(challenger, 0.05, **ask)) == B
        else:
            with pytest.raises(PolicyError):
                releases.start_canary(challenger, 0.05, **ask)


def test_a_canary_grows_and_is_promoted(releases):
    releases.release(A, fallback=D, shadows=[B], **SAY)
    assert routes(releases.start_canary(B, 0.05, **SAY)) == [("a", 0.95, "live"), ("b", 0.05, "live")]
    assert routes(releases.advance_canary(0.25, **SAY)) == [("a", 0.75, "live"), ("b", 0.25, "live")]
    with pytest.raises(ProjectError, match="25% already"):
        releases.advance_canary(0.25, **SAY)
    with pytest.raises(PolicyError, match="already going on"):
        releases.start_canary(C, 0.05, **SAY)
    made = releases.advance_canary(1.0, **SAY)
    assert (made.kind, routes(made), made.fallback) == ("promotion", [("b", 1.0, "live")], D)
    with pytest.raises(ProjectError, match="no canary"):
        releases.advance_canary(1.0, **SAY)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_out_of_bounds_is_refused(releases, share):
    releases.release(A, **SAY)
    with pytest.raises(ProjectError):
        releases.start_canary(B, share, **SAY)


def test_rollback_of_a_canary_takes_the_challenger_out(releases):
    releases.release(A, **SAY)
    releases.start_canary(B, 0.05, **SAY)
    releases.advance_canary(0.25, **SAY)
    assert routes(releases.roll_back(**SAY)) == [("a", 1.0, "live")]


def test_rollback_of_a_promotion_goes_behind_its_canary(releases):
    releases.release(A, **SAY)
    releases.start_canary(B, 0.05, **SAY)
    releases.advance_canary(1.0, **SAY)
    made = releases.roll_back(**SAY)
    assert (made.kind, made.number, routes(made)) == ("rollback", 4, [("a", 1.0, "live")])


def test_rollback_twice_goes_further_back_not_forth(releases):
    for model in (A, B, C):
        releases.release(model, **SAY)
    assert champion_of(releases.roll_back(**SAY)) == B
    assert champion_of(releases.roll_back(**SAY)) == A
    with pytest.raises(ProjectError, match="no earlier release"):
        releases.roll_back(**SAY)
    assert champion_of(releases.roll_back(to=3, **SAY)) == C


def succeed(ledger, model, successor):
    with ledger.record(event="model.succeeded", subject=successor, **SAY) as tx:
        add_successor(tx, model, successor)


def test_successors_take_the_place_of_both_arms_and_the_plan_of_the_canary_stays(ledger, releases):
    releases.release(A, **SAY)
    begun = releases.start_canary(B, 0.2, detail={"plan": {"days": 3}}, **SAY)
    assert releases.replace_succeeded(**SAY) == begun, "nothing was succeeded"
    succeed(ledger, A, C)
    succeed(ledger, B, D)
    made = releases.replace_succeeded(**SAY)
    assert routes(made) == [("c", 0.8, "live"), ("d", 0.2, "live")]
    assert (made.kind, made.detail) == ("canary", {"plan": {"days": 3}})
    assert pointed(releases).release.routes == made.routes
    assert releases.replace_succeeded(**SAY) == made
    assert routes(releases.roll_back(**SAY)) == [("c", 1.0, "live")]


def test_rollback_goes_to_the_last_successor_of_what_answered_before(ledger, releases):
    releases.release(A, **SAY)
    releases.release(B, **SAY)
    succeed(ledger, A, C)
    succeed(ledger, C, D)
    assert routes(releases.roll_back(**SAY)) == [("d", 1.0, "live")]
    assert routes(releases.roll_back(to=1, **SAY)) == [("d", 1.0, "live")]
    with pytest.raises(ProjectError, match="no earlier release"):
        releases.roll_back(**SAY)


def test_a_rollback_whose_models_are_succeeded_goes_further_back_not_forth(ledger, releases):
    for model in (A, B, C):
        releases.release(model, **SAY)
    assert champion_of(releases.roll_back(**SAY)) == B
    succeed(ledger, B, D)
    assert champion_of(releases.replace_succeeded(**SAY)) == D
    assert champion_of(releases.roll_back(**SAY)) == A


def test_simultaneous_releases_get_numbers_of_their_own(ledger, releases):
    def one(model):
        for _ in range(5):
            releases.release(model, actor=model, reason="a race")

    threads = [threading.Thread(target=one, args=(model,)) for model in MODELS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        numbers = [each.number for each in list_releases(connection, "flights")]
    assert numbers == list(range(len(numbers), 0, -1))


def test_what_a_release_rests_on_is_on_record_and_not_in_the_pointer(ledger, releases):
    releases.release(A, **SAY)
    made = releases.start_canary(B, 0.2, detail={"margin": 1100.0}, **SAY)
    with ledger.read() as connection:
        assert current_release(connection, "flights") == made
        assert [each.detail for each in list_releases(connection)] == [{"margin": 1100.0}, None]
    told = pointed(releases).release
    assert (told.number, told.detail) == (2, None)


@pytest.mark.parametrize("change", ["release", "start_canary", "advance_canary", "promote", "roll_back"])
def test_the_service_is_told_of_every_change(releases, change):
    changes = {
        "release": lambda: releases.release(C, **SAY),
        "start_canary": lambda: releases.start_canary(B, 0.05, **SAY),
        "advance_canary": lambda: releases.advance_canary(0.25, **SAY),
        "promote": lambda: releases.advance_canary(1.0, **SAY),
        "roll_back": lambda: releases.roll_back(**SAY),
    }
    releases.release(A, **SAY)
    if change not in ("release", "start_canary"):
        changes["start_canary"]()
    made = changes[change]()
    assert pointed(releases).release == made


def test_publish_heals_what_a_crash_left(releases):
    file = Path(releases.pointer.where)
    assert releases.publish() is None
    made = releases.release(A, fallback=B, **SAY)
    pointer = pointed(releases)
    assert (pointer.release, set(pointer.models)) == (made, {A, B})
    before = file.stat().st_mtime_ns
    assert releases.publish() == made
    assert file.stat().st_mtime_ns == before
    for heal in (releases.publish, lambda: releases.release(A, fallback=B, **SAY)):
        file.write_bytes(b"{}")
        assert heal() == made
        assert pointed(releases).release == made


def test_a_forged_pointer_is_refused(ledger, releases, tmp_path):
    Releases(ledger, "flights", releases.pointer, FileKeys(tmp_path / "stranger")).release(A, **SAY)
    with pytest.raises(SignatureError):
        pointed(releases)


class Releasing(RuleBasedStateMachine):
    """Whatever is asked in whatever order: one current release, its shares whole, no unapproved model in it."""

    def __init__(self):
        import tempfile

        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = fill(self.folder.name + "/ledger.db")
        self.releases = releases_of(self.ledger, Path(self.folder.name))
        self.approved = set()

    @rule(model=st.sampled_from(MODELS))
    def approve(self, model):
        approve(self.ledger, model)
        self.approved.add(model)

    @rule(
        act=st.sampled_from(["release", "start_canary", "advance_canary", "promote", "roll_back"]),
        model=st.sampled_from(MODELS),
        share=st.sampled_from([0.05, 0.25, 0.5]),
    )
    def act(self, act, model, share):
        self.ledger.clock.advance(self.ledger.clock.now() + timedelta(seconds=1))
        given = {"release": [model], "start_canary": [model, share], "advance_canary": [share], "promote": [1.0]}
        ask = {} if act == "roll_back" else {"approval": "product owner"}
        change = getattr(self.releases, "advance_canary" if act == "promote" else act)
        try:
            made = change(*given.get(act, []), **ask, **SAY)
        except KreisError:
            return
        assert pointed(self.releases).release == made

    @invariant()
    def whole(self):
        with self.ledger.read() as connection:
            current = current_release(connection, "flights")
            every = list_releases(connection, "flights")
        assert [each.number for each in every] == list(range(len(every), 0, -1))
        if current is not None:
            live = [route for route in current.routes if route.mode == "live"]
            assert abs(sum(route.share for route in live) - 1) < 1e-9
            assert {route.model for route in live} <= self.approved
            assert len(live) <= 2

    def teardown(self):
        self.ledger.close()
        self.folder.cleanup()


Releasing.TestCase.settings = settings(
    max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestReleasing = Releasing.TestCase
