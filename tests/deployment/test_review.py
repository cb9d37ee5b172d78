"""A release has the yes of those whom it needs, to what they saw; nothing else passes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kreis.clock import SimulatedClock
from kreis.deployment.people import Proof, make_person_key, prove, signed
from kreis.deployment.releases import check_approval
from kreis.deployment.review import Review, lacking
from kreis.errors import PolicyError, ProjectError
from kreis.ledger import models, people
from kreis.ledger.records import Approval, Evaluation, Run
from kreis.ledger.runs import start_run
from kreis.ledger.store import Ledger, open_ledger

M, OTHER = "d" * 64, "e" * 64
NOTE = {"event": "e", "subject": "s", "reason": "r"}
TWO = Review.asked(["scientist", "owner"])
HIGH = Review.asked(["scientist", "owner"], high=True)


@pytest.fixture
def clock() -> SimulatedClock:
    """Noon."""
    return SimulatedClock(datetime(2025, 8, 15, 12, tzinfo=UTC))


@pytest.fixture
def ledger(tmp_path: Path, clock: SimulatedClock) -> Iterator[Ledger]:
    """Two models that ann trained, each judged once; bob, carl and ann have keys."""
    at = clock.now()
    with open_ledger(tmp_path / "ledger.db", clock=clock) as opened:
        with opened.record(event="run.started", subject="r", actor="ann", reason="manual") as tx:
            start_run(tx, Run(id="r", project="p", as_of=at, status="running", trigger="", started_at=at, goal="g"))
            for digest in (M, OTHER):
                models.register_model(tx, digest=digest, project="p", candidate="c", run="r", signature="{}")
        for digest in (M, OTHER):
            judge(opened, digest, "1")
        with opened.record(**NOTE, actor="ann") as tx:
            for person in ("ann", "bob", "carl"):
                people.add_person_key(tx, person, make_person_key(tmp_path / f"{person}.key"))
        yield opened


def judge(ledger: Ledger, model: str, number: str) -> str:
    """A further evaluation; its digest."""
    with ledger.record(**NOTE, actor="ann") as tx:
        found = Evaluation(
            id=f"{model[0]}{number}", model=model, run="r", metrics={"n": number}, gates=[], passed=True, at=tx.now
        )
        models.add_evaluation(tx, found)
    return models.evaluation_digest(found)


def approve(ledger: Ledger, folder: Path, who: str, role: str, model: str = M, **changed: Any) -> Approval:
    """A yes to the newest evaluation, signed by the person."""
    with ledger.record(**NOTE, actor=who) as tx:
        proof = prove(tx.connection, who, {}, folder / f"{who}.key")
        last = models.latest_evaluation(tx.connection, model)
        assert proof is not None
        assert last is not None
        seen = models.evaluation_digest(last)
        name = f"{who}-{role}-{model[0]}-{len(models.approvals_of(tx.connection, model))}"
        said = Approval(id=name, model=model, role=role, actor=who, reason="x", at=tx.now, evaluation=seen)
        said = signed(msgspec.structs.replace(said, **changed), proof)
        models.add_approval(tx, said)
    return said


def missing(ledger: Ledger, review: Review, releases: str = "dora") -> list[str]:
    with ledger.read() as connection:
        return [f"{each.role}: {each.what}" for each in lacking(connection, M, review, releases=releases)]


def test_each_role_says_yes(ledger: Ledger, tmp_path: Path) -> None:
    assert missing(ledger, TWO) == ["scientist: not approved", "owner: not approved"]
    approve(ledger, tmp_path, "bob", "scientist")
    assert missing(ledger, TWO) == ["owner: not approved"]
    approve(ledger, tmp_path, "bob", "owner")
    assert missing(ledger, TWO) == []
    assert missing(ledger, TWO, releases="bob") == [
        f"{role}: approved only by the one who releases it" for role in TWO.roles
    ]


def test_high_risk_takes_two_people_who_did_not_train_it(ledger: Ledger, tmp_path: Path) -> None:
    approve(ledger, tmp_path, "ann", "scientist")
    approve(ledger, tmp_path, "bob", "owner")
    assert missing(ledger, TWO) == []
    assert missing(ledger, HIGH) == ["scientist: approved only by the one who trained it"]
    approve(ledger, tmp_path, "bob", "scientist")
    assert missing(ledger, HIGH) == [": approved only by bob, and 2 different people must"]
    approve(ledger, tmp_path, "carl", "owner")
    assert missing(ledger, HIGH) == []


def test_a_yes_is_to_what_was_seen(ledger: Ledger, tmp_path: Path) -> None:
    one = Review.asked("owner")
    approve(ledger, tmp_path, "bob", "owner")
    assert missing(ledger, one) == []
    judge(ledger, M, "2")
    assert missing(ledger, one) == ["owner: approved for another evaluation than the one on record"]
    with ledger.read() as connection:
        check_approval(connection, M, one, "dora", at_start=False)  # a canary goes on with what it began with
        with pytest.raises(PolicyError, match="for another evaluation"):
            check_approval(connection, M, one, "dora")
    approve(ledger, tmp_path, "bob", "owner")
    assert missing(ledger, one) == []


def test_a_yes_of_an_earlier_version_counts_for_what_stood_on_record_then(
    ledger: Ledger, tmp_path: Path, clock: SimulatedClock
) -> None:
    one = Review.asked("owner")
    approve(ledger, tmp_path, "bob", "owner", evaluation=None)
    assert missing(ledger, one) == []
    clock.advance(clock.now() + timedelta(minutes=1))
    judge(ledger, M, "2")
    assert missing(ledger, one) == ["owner: approved for another evaluation than the one on record"]


def test_no_attempt_passes_without_two_people_bound_to_what_is_released(ledger: Ledger, tmp_path: Path) -> None:
    """Approvals of the wrong person, for the wrong model, replayed, unsigned or outdated, in any order."""
    chance = random.Random(0)
    counted: set[tuple[str, str]] = set()
    given: list[Approval] = []
    for number in range(60):
        match chance.choice(["right", "trainer", "other model", "replayed", "unsigned", "judged again"]):
            case "right":
                who, role = chance.choice(["bob", "carl"]), chance.choice(HIGH.roles)
                given.append(approve(ledger, tmp_path, who, role))
                counted.add((who, role))
            case "trainer":
                approve(ledger, tmp_path, "ann", chance.choice(HIGH.roles))
            case "other model":
                given.append(approve(ledger, tmp_path, "carl", chance.choice(HIGH.roles), OTHER))
            case "replayed" if given:
                old = chance.choice(given)
                with ledger.record(**NOTE, actor=old.actor) as tx:
                    models.add_approval(tx, msgspec.structs.replace(old, id=f"again-{number}", model=M))
            case "unsigned":
                with ledger.record(**NOTE, actor="carl") as tx:
                    bare = Approval(id=f"b{number}", model=M, role="owner", actor="carl", reason="x", at=tx.now)
                    models.add_approval(tx, msgspec.structs.replace(bare, key="f" * 64))
            case "judged again" if number % 3 == 0:
                judge(ledger, M, f"again {number}")
                counted.clear()
        enough = {role for _, role in counted} == set(HIGH.roles) and len({who for who, _ in counted}) == 2
        with ledger.read() as connection:
            if enough:
                check_approval(connection, M, HIGH, "dora")
            else:
                with pytest.raises(PolicyError):
                    check_approval(connection, M, HIGH, "dora")


@pytest.mark.parametrize("roles", [[], ["owner", "owner"], [" "]])
def test_roles_are_named_once(roles: list[str]) -> None:
    with pytest.raises(ProjectError, match="name one or more"):
        Review.asked(roles)


def test_user_of_the_system_stands_for_himself(ledger: Ledger) -> None:
    with ledger.record(**NOTE, actor="dora") as tx:
        last = models.latest_evaluation(tx.connection, M)
        assert last is not None
        said = Approval(
            id="x",
            model=M,
            role="owner",
            actor="dora",
            reason="x",
            at=tx.now,
            evaluation=models.evaluation_digest(last),
        )
        models.add_approval(tx, signed(said, Proof(by="user dora")))
    assert missing(ledger, Review.asked("owner"), releases="ann") == []
