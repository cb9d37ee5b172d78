"""Who is who: a name counts where the operating system's user stands for it, or a key that is on record signs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection

from kreis.clock import microseconds
from kreis.deployment.signing import (
    TrustedKeys,
    create_private,
    key_id,
    load_private,
    public_key,
    public_pem,
    sign,
    verify,
)
from kreis.digests import canonical_json
from kreis.errors import KreisError, SignatureError, StoreError
from kreis.ledger.people import keys_of, login, person_of
from kreis.ledger.records import Approval

__all__ = ["Proof", "approved_by", "make_person_key", "prove", "read_public", "signed"]

PAYLOAD_TYPE = "application/vnd.kreis.approval+json"
_BY_USER = "user "


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a name rests on."""

    by: str
    """`user NAME`, or the fingerprint of a key that is on record."""
    private: Ed25519PrivateKey | None = None


class _Pen:
    """Signs as a person."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    def sign(self, message: bytes) -> tuple[str, bytes]:
        return key_id(self._private.public_key()), self._private.sign(message)

    def trusted(self) -> TrustedKeys:
        public = self._private.public_key()
        return {key_id(public): public}


def prove(connection: Connection, person: str, users: Mapping[str, str], key: Path) -> Proof | None:
    """What shows that this process acts for a person; None where nothing does.

    Args:
        connection: to the ledger, which holds people's public keys.
        person: the name.
        users: person to operating system's user.
        key: the person's private key, if he has one.

    Raises:
        StoreError: others may read the private key.
    """
    user = login()
    if person_of(user, users) == person and users.get(person, user) == user:
        return Proof(by=f"{_BY_USER}{user}")
    try:
        private = load_private(key)
    except FileNotFoundError:
        return None
    fingerprint = key_id(private.public_key())
    return Proof(by=fingerprint, private=private) if fingerprint in _public_keys(connection, person) else None


def make_person_key(path: Path) -> str:
    """Make a person's private key, readable by him alone; returns the public one (PEM). One that is there is kept.

    Raises:
        StoreError: it cannot be written, or what is there is no key.
    """
    try:
        private = load_private(path)
    except FileNotFoundError:
        private = create_private(path)
    return public_pem(private).decode()


def read_public(pem: str) -> Ed25519PublicKey:
    """A public key from PEM.

    Raises:
        StoreError: it is none.
    """
    return public_key(pem.encode(), partial(StoreError, where="ledger, a person's key"))


def signed(approval: Approval, proof: Proof) -> Approval:
    """The approval with what proves its person."""
    named = msgspec.structs.replace(approval, key=proof.by)
    if proof.private is None:
        return named
    return msgspec.structs.replace(named, signature=sign(_statement(named), PAYLOAD_TYPE, _Pen(proof.private)))


def approved_by(connection: Connection, approval: Approval) -> str | None:
    """What shows that the approval is by the person that it names; None where nothing does."""
    if approval.key is None or approval.key.startswith(_BY_USER):
        return approval.key
    try:
        payload = verify(
            approval.signature or "", PAYLOAD_TYPE, _public_keys(connection, approval.actor), where="approval"
        )
    except (SignatureError, KreisError):
        return None
    return approval.key if payload == _statement(approval) else None


def _public_keys(connection: Connection, person: str) -> TrustedKeys:
    keys = [read_public(pem) for pem in keys_of(connection, person)]
    return {key_id(key): key for key in keys}


def _statement(approval: Approval) -> bytes:
    names = ["id", "model", "role", "actor", "reason", "key"]
    names += [] if approval.evaluation is None else ["evaluation"]  # what was signed before it was named stays valid
    return canonical_json({**{name: getattr(approval, name) for name in names}, "at": microseconds(approval.at)})
