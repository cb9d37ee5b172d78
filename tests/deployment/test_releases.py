"""Releases over a real ledger: approvals, canaries, going back, and the published pointer."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kreis.clock import SimulatedClock
from kreis.deployment.pointer import FILE, read_pointer
from kreis.deployment.releases import (
    advance_canary,
    challenger_of,
    champion_of,
    promote,
    publish,
    release,
    rollback,
    start_canary,
)
from kreis.deployment.signing import FileKeys
from kreis.errors import KreisError, PolicyError, ProjectError, SignatureError
from kreis.identifiers import new_id
from kreis.ledger.audit import entries
from kreis.ledger.models import add_approval, register_model
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


def approve(ledger, model, actor="olu", role="product owner"):
    now = ledger.clock.now()
    approval = Approval(id=new_id(now), model=model, role=role, actor=actor, reason="good", key=f"user {actor}", at=now)
    with ledger.record(event="approve", subject=model, actor=actor, reason="good") as tx:
        add_approval(tx, approval)


def routes(made):
    return [(route.model[0], round(route.share, 6), route.mode) for route in made.routes]


def test_release_is_one_entry_in_the_record(ledger):
    made = release(ledger, "flights", A, fallback=B, shadows=[C], **SAY)
    assert (made.number, routes(made), made.fallback) == (1, [("a", 1.0, "live"), ("c", 1.0, "shadow")], B)
    with ledger.read() as connection:
        entry = list(entries(connection))[-1]
    assert (entry.event, entry.actor, entry.outputs["release"]) == ("release", "mara", made.id)


def test_releasing_again_what_is_current_changes_nothing(ledger):
    first = release(ledger, "flights", A, **SAY)
    assert release(ledger, "flights", A, **SAY) == first


def test_an_unregistered_model_is_refused(ledger):
    with pytest.raises(ProjectError, match="not registered"):
        release(ledger, "flights", "e" * 64, **SAY)
    with ledger.read() as connection:
        assert current_release(connection, "flights") is None


def test_without_the_approval_of_another_person_nothing_is_released(ledger):
    ask = {"approval": "product owner", **SAY}
    with pytest.raises(PolicyError, match="not approved") as caught:
        release(ledger, "flights", A, **ask)
    assert "kreis approve aaaaaaaaaaaa" in str(caught.value)
    approve(ledger, B)
    approve(ledger, A, role="engineer")
    with pytest.raises(PolicyError, match="not approved"):
        release(ledger, "flights", A, **ask)
    approve(ledger, A, actor="mara")
    with pytest.raises(PolicyError, match="only by the one who releases"):
        release(ledger, "flights", A, **ask)
    approve(ledger, A)
    assert release(ledger, "flights", A, **ask).number == 1
    for challenger, allowed in ((C, False), (B, True)):
        if allowed:
            assert challenger_of(start_canary(ledger, "flights", challenger, 0.05, **ask)) == B
        else:
            with pytest.raises(PolicyError):
                start_canary(ledger, "flights", challenger, 0.05, **ask)


def test_a_canary_grows_and_is_promoted(ledger):
    release(ledger, "flights", A, fallback=D, shadows=[B], **SAY)
    assert routes(start_canary(ledger, "flights", B, 0.05, **SAY)) == [("a", 0.95, "live"), ("b", 0.05, "live")]
    assert routes(advance_canary(ledger, "flights", 0.25, **SAY)) == [("a", 0.75, "live"), ("b", 0.25, "live")]
    with pytest.raises(ProjectError, match="25% already"):
        advance_canary(ledger, "flights", 0.25, **SAY)
    with pytest.raises(PolicyError, match="already going on"):
        start_canary(ledger, "flights", C, 0.05, **SAY)
    made = advance_canary(ledger, "flights", 1.0, **SAY)
    assert (made.kind, routes(made), made.fallback) == ("promotion", [("b", 1.0, "live")], D)
    with pytest.raises(ProjectError, match="no canary"):
        promote(ledger, "flights", **SAY)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_out_of_bounds_is_refused(ledger, share):
    release(ledger, "flights", A, **SAY)
    with pytest.raises(ProjectError):
        start_canary(ledger, "flights", B, share, **SAY)


def test_rollback_of_a_canary_takes_the_challenger_out(ledger):
    release(ledger, "flights", A, **SAY)
    start_canary(ledger, "flights", B, 0.05, **SAY)
    advance_canary(ledger, "flights", 0.25, **SAY)
    assert routes(rollback(ledger, "flights", **SAY)) == [("a", 1.0, "live")]


def test_rollback_of_a_promotion_goes_behind_its_canary(ledger):
    release(ledger, "flights", A, **SAY)
    start_canary(ledger, "flights", B, 0.05, **SAY)
    promote(ledger, "flights", **SAY)
    made = rollback(ledger, "flights", **SAY)
    assert (made.kind, made.number, routes(made)) == ("rollback", 4, [("a", 1.0, "live")])


def test_rollback_twice_goes_further_back_not_forth(ledger):
    for model in (A, B, C):
        release(ledger, "flights", model, **SAY)
    assert champion_of(rollback(ledger, "flights", **SAY)) == B
    assert champion_of(rollback(ledger, "flights", **SAY)) == A
    with pytest.raises(ProjectError, match="no earlier release"):
        rollback(ledger, "flights", **SAY)
    assert champion_of(rollback(ledger, "flights", to=3, **SAY)) == C


def test_simultaneous_releases_get_numbers_of_their_own(ledger):
    def one(model):
        for _ in range(5):
            release(ledger, "flights", model, actor=model, reason="a race")

    threads = [threading.Thread(target=one, args=(model,)) for model in MODELS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        numbers = [each.number for each in list_releases(connection, "flights")]
    assert numbers == list(range(len(numbers), 0, -1))


def test_what_a_release_rests_on_is_on_record_and_not_in_the_pointer(ledger, tmp_path):
    keys = FileKeys(tmp_path / "keys")
    release(ledger, "flights", A, **SAY)
    made = start_canary(ledger, "flights", B, 0.2, detail={"margin": 1100.0}, **SAY)
    with ledger.read() as connection:
        assert current_release(connection, "flights") == made
        assert [each.detail for each in list_releases(connection)] == [{"margin": 1100.0}, None]
    assert publish(ledger, "flights", tmp_path / "service", keys) == made
    pointed = read_pointer(tmp_path / "service", keys.trusted()).release
    assert (pointed.number, pointed.detail) == (2, None)


def test_publish_heals_what_a_crash_left(ledger, tmp_path):
    keys, folder = FileKeys(tmp_path / "keys"), tmp_path / "service"
    assert publish(ledger, "flights", folder, keys) is None
    made = release(ledger, "flights", A, fallback=B, **SAY)
    assert publish(ledger, "flights", folder, keys) == made
    pointer = read_pointer(folder, keys.trusted())
    assert (pointer.release, set(pointer.models)) == (made, {A, B})
    before = (folder / FILE).stat().st_mtime_ns
    publish(ledger, "flights", folder, keys)
    assert (folder / FILE).stat().st_mtime_ns == before
    (folder / FILE).write_bytes(b"{}")
    publish(ledger, "flights", folder, keys)
    assert read_pointer(folder, keys.trusted()).release == made


def test_a_forged_pointer_is_refused(ledger, tmp_path):
    keys, folder = FileKeys(tmp_path / "keys"), tmp_path / "service"
    release(ledger, "flights", A, **SAY)
    publish(ledger, "flights", folder, FileKeys(tmp_path / "stranger"))
    with pytest.raises(SignatureError):
        read_pointer(folder, keys.trusted())


class Releasing(RuleBasedStateMachine):
    """Whatever is asked in whatever order: one current release, its shares whole, no unapproved model in it."""

    def __init__(self):
        import tempfile

        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = fill(self.folder.name + "/ledger.db")
        self.approved = set()

    @rule(model=st.sampled_from(MODELS))
    def approve(self, model):
        approve(self.ledger, model)
        self.approved.add(model)

    @rule(
        act=st.sampled_from([release, start_canary, advance_canary, promote, rollback]),
        model=st.sampled_from(MODELS),
        share=st.sampled_from([0.05, 0.25, 0.5]),
    )
    def act(self, act, model, share):
        self.ledger.clock.advance(self.ledger.clock.now() + timedelta(seconds=1))
        given = {release: [model], start_canary: [model, share], advance_canary: [share], promote: [], rollback: []}
        ask = {} if act is rollback else {"approval": "product owner"}
        try:
            act(self.ledger, "flights", *given[act], **ask, **SAY)
        except KreisError:
            return

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
