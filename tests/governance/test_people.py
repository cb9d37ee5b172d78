"""Who is who: a yes is a person's, or it is none."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from kreis.clock import SimulatedClock
from kreis.deployment.people import Proof, approved_by, make_person_key, prove, read_public, signed
from kreis.deployment.releases import check_approval
from kreis.deployment.signing import key_id, load_private
from kreis.errors import PolicyError, StoreError
from kreis.ledger import models, people
from kreis.ledger.people import login, person_of
from kreis.ledger.records import Approval, Run
from kreis.ledger.runs import start_run
from kreis.ledger.store import Ledger, open_ledger

M = "d" * 64
NOTE = {"event": "e", "subject": "s", "reason": "r"}


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    from datetime import UTC, datetime

    at = datetime(2025, 8, 15, tzinfo=UTC)
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(at)) as opened:
        with opened.record(**NOTE, actor="ann") as tx:
            run = Run(id="r", project="p", as_of=at, status="running", trigger="manual", started_at=at, goal="g")
            start_run(tx, run)
            models.register_model(tx, digest=M, project="p", candidate="c", run="r", signature="{}")
        yield opened


def approve(ledger: Ledger, who: str, proof: Proof | None) -> Approval:
    with ledger.record(**NOTE, actor=who) as tx:
        plain = Approval(id=f"{who}-{tx.now}", model=M, role="owner", actor=who, reason="fine", at=tx.now)
        said = plain if proof is None else signed(plain, proof)
        models.add_approval(tx, said)
    return said


def give_key(ledger: Ledger, who: str, path: Path) -> None:
    with ledger.record(**NOTE, actor=who) as tx:
        people.add_person_key(tx, who, make_person_key(path))


def test_every_user_is_one_person() -> None:
    users = {"anna": "am", "bob": "bs"}
    assert [person_of(user, users) for user in ("am", "bs", "root")] == ["anna", "bob", "root"]


def test_login_stands_for_its_person_alone(ledger: Ledger, tmp_path: Path) -> None:
    me, none = login(), tmp_path / "none"
    with ledger.read() as connection:
        assert prove(connection, me, {}, none) == Proof(by=f"user {me}")
        assert prove(connection, "anna", {"anna": me}, none) == Proof(by=f"user {me}")
        assert prove(connection, me, {"anna": me}, none) is None, "nobody is two people"
        assert prove(connection, me, {me: "another"}, none) is None
        assert prove(connection, "anna", {}, none) is None
        assert prove(connection, "anna", {"anna": "another"}, none) is None


def test_key_on_record_stands_for_its_person_alone(ledger: Ledger, tmp_path: Path) -> None:
    make_person_key(tmp_path / "bob.key")
    with ledger.read() as connection:
        assert prove(connection, "bob", {}, tmp_path / "bob.key") is None, "the key is not on record"
    give_key(ledger, "bob", tmp_path / "bob.key")
    with ledger.read() as connection:
        proof = prove(connection, "bob", {}, tmp_path / "bob.key")
        assert proof is not None
        assert proof.by == key_id(load_private(tmp_path / "bob.key").public_key())
        assert prove(connection, "eve", {}, tmp_path / "bob.key") is None
    (tmp_path / "bob.key").chmod(0o644)
    with ledger.read() as connection, pytest.raises(StoreError, match="others may read the key"):
        prove(connection, "bob", {}, tmp_path / "bob.key")


def test_signed_approval_counts_and_a_changed_or_unsigned_one_does_not(ledger: Ledger, tmp_path: Path) -> None:
    give_key(ledger, "bob", tmp_path / "bob.key")
    with ledger.read() as connection:
        proof = prove(connection, "bob", {}, tmp_path / "bob.key")
    said = approve(ledger, "bob", proof)
    with ledger.read() as connection:
        assert approved_by(connection, said) == proof.by
        check_approval(connection, M, "owner", "ann")
        for name, value in {"model": "e" * 64, "role": "head", "actor": "carl", "reason": "no", "id": "x"}.items():
            import msgspec

            assert approved_by(connection, msgspec.structs.replace(said, **{name: value})) is None, name
        assert approved_by(connection, msgspec.structs.replace(said, signature=None)) is None


@pytest.mark.parametrize("proof", [None, Proof(by="f" * 64)])
def test_unproved_approval_does_not_count(ledger: Ledger, proof: Proof | None) -> None:
    approve(ledger, "bob", proof)
    with ledger.read() as connection, pytest.raises(PolicyError, match="nothing shows that it was him"):
        check_approval(connection, M, "owner", "ann")


def test_own_approval_does_not_count(ledger: Ledger) -> None:
    approve(ledger, "ann", Proof(by=f"user {login()}"))
    with ledger.read() as connection, pytest.raises(PolicyError, match="only by the one who releases it"):
        check_approval(connection, M, "owner", "ann")


def events(shop: Any) -> list[tuple[str, str]]:
    return [(entry["event"], entry["actor"]) for entry in shop.document("audit", "log", actor=login())]


@pytest.fixture
def four_eyes(evaluated: Any) -> Any:
    evaluated.edit('fallback="rule")', 'fallback="rule", approval="product_owner")')
    (evaluated.folder / "kreis.toml").write_text(
        '[clock]\nas_of = "2025-08-15"\n[people]\nroles.product_owner = ["bob"]\nusers.dora = "dora-os"\n'
    )
    return evaluated


def test_borrowed_name_is_refused_and_on_record(four_eyes: Any) -> None:
    shop = four_eyes
    said = shop.kreis("run", "--until", "requirements", actor="dora", code=8)
    assert f"the user '{login()}' is not 'dora'" in said
    shop.run("run", "--until", "requirements", actor="zoe")  # whom nobody knows: may run
    asked = ("approve", "2", "--role", "product_owner", "--reason", "x")
    assert "nothing shows that 'zoe' is acting" in shop.kreis("run", code=11, actor="zoe")
    shop.run("run", code=11, actor=login())
    assert "nothing shows that it is 'bob'" in shop.kreis(*asked, actor="bob", code=8)
    shop.run("keys", "new", "bob", actor=login())
    (shop.folder / "config of people" / "kreis" / "bob.key").rename(shop.folder / "bob takes it away")
    assert f"the user '{login()}' is not 'bob'" in shop.kreis(*asked, actor="bob", code=8)
    assert "nothing shows that it is 'bob' who asks" in shop.kreis("keys", "new", "bob", actor=login(), code=8)
    (shop.folder / "bob takes it away").rename(shop.folder / "config of people" / "kreis" / "bob.key")
    shop.run(*asked, actor="bob")
    assert shop.document("run", actor=login())["status"] == "advanced"
    told = events(shop)
    for event in ("name.refused", "approval.refused"):
        assert (event, login()) in told
    assert shop.kreis("keys", "list", actor=login()).startswith("bob  ")
    (fingerprints,) = shop.document("keys", "list", actor=login()).values()
    assert [len(each) for each in fingerprints] == [64]


def test_approval_by_sql_is_not_believed(four_eyes: Any) -> None:
    """A7: a row with a right digest of its own."""
    from kreis.ledger import schema
    from kreis.ledger.rows import row_digest

    shop = four_eyes
    held = shop.document("run", code=11, actor=login())
    row = {"id": "x", "model": held["verdicts"][-1]["detail"]["model"], "role": "product_owner", "actor": "bob"}
    row |= {"reason": "yes", "at": 1, "key": "user bob", "signature": None}
    row["sha256"] = row_digest(schema.approvals, row)
    with sqlite3.connect(shop.state / "ledger.db") as database:
        marks = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO approvals ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    database.close()
    assert "no audit entry covers the approval" in shop.kreis("run", code=5, actor=login())
    assert shop.document("status", actor=login())["release"] is None


def test_release_by_sql_is_neither_signed_nor_served(released: Any) -> None:
    from kreis.ledger import schema
    from kreis.ledger.rows import row_digest

    pointer = (released.state / "service" / "current.json").read_bytes()
    with sqlite3.connect(released.state / "ledger.db") as database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("SELECT * FROM releases").fetchone())
        row |= {"id": "forged", "number": 2, "reason": "mine", "fallback": None}
        row["sha256"] = row_digest(schema.releases, row)
        marks = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO releases ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    database.close()
    for command in (("status",), ("run",), ("serve",), ("rollback", "--reason", "x")):
        assert "no audit entry covers the release" in released.kreis(*command, code=5)
    assert (released.state / "service" / "current.json").read_bytes() == pointer
    assert any("forged" in each["what"] for each in released.document("audit", "verify", code=5)["problems"])


@pytest.mark.parametrize("lost", ["signing.key", "trusted", "."])
def test_lost_keys_are_renewed_and_sign_what_the_record_vouches_for(released: Any, lost: str) -> None:
    import shutil

    keys = released.state / "keys"
    path = keys / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    said = released.kreis("run", code=9 if lost == "trusted" else 4)
    assert "kreis keys renew" in said
    done = released.document("keys", "renew", "--reason", "the laptop was lost")
    assert done["models"] == 2
    assert (
        json.loads((released.state / "service" / "current.json").read_bytes())["signatures"][0]["keyid"] == done["key"]
    )
    assert len(list((keys / "trusted").glob("*.pub"))) == 1
    assert released.document("audit", "verify", "--deep")["problems"] == []
    assert released.document("run")["status"] == "advanced"
    again = released.document("keys", "renew", "--reason", "once more")
    assert again["key"] != done["key"]
    assert released.document("audit", "verify", "--deep")["problems"] == []


def test_package_that_is_not_what_the_record_says_is_not_signed(released: Any) -> None:
    digest = released.document("status")["release"]["routes"][0]["model"]
    path = released.state / "artifacts" / digest[:2] / digest[2:]
    path.write_bytes(path.read_bytes().replace(b"logistic", b"1ogistic"))
    before = sorted((released.state / "keys").rglob("*"))
    assert str(path) in released.kreis("keys", "renew", "--reason", "x", code=5)
    assert sorted((released.state / "keys").rglob("*")) == before


def test_public_key_that_is_none_is_said() -> None:
    with pytest.raises(StoreError, match="no public key"):
        read_public("hello")


def test_high_risk_is_released_when_two_others_have_said_yes(evaluated: Any) -> None:
    shop = evaluated
    shop.edit('Risk.minimal(because="asks', 'Risk.high(because="asks')
    assert "nobody is asked before a release" in shop.kreis("run", code=2)
    shop.edit('fallback="rule")', 'fallback="rule", approval=["scientist", "owner"])')
    (shop.folder / "kreis.toml").write_text(
        '[clock]\nas_of = "2025-08-15"\n'
        f'[people]\nroles.scientist = ["bob", "{login()}"]\nroles.owner = ["bob", "carl"]\n'
    )
    held = shop.kreis("run", code=11, actor=login())
    assert "'scientist'" in held
    assert "'owner'" in held
    for person in ("bob", "carl"):
        shop.run("keys", "new", person, actor=login())
    seen = shop.document("show", "model", "2", actor=login())["evaluation"]["digest"]
    approve = ("approve", "2", "--reason", "x", "--role")
    assert "the newest one is" in shop.kreis(*approve, "owner", "--seen", "abc", actor="bob", code=8)
    shop.run(*approve, "scientist", actor=login())  # who trained it
    said = shop.kreis(*approve, "owner", "--seen", seen[:12], actor="bob")
    assert "Still missing: approved only by the one" in said
    assert "Still missing: approved only by bob" in shop.kreis(*approve, "scientist", actor="bob")
    assert "approved only by bob" in shop.kreis("show", "model", "2")
    shop.run("run", code=11, actor=login())
    assert "Next: kreis run" in shop.kreis(*approve, "owner", actor="carl")
    assert shop.document("run", actor=login())["status"] == "advanced"
