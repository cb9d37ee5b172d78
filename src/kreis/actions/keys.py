"""Keys: a person's, put on record, and the project's, made anew where it is lost."""

from __future__ import annotations

import msgspec

from kreis.deployment.packages import PAYLOAD_TYPE
from kreis.deployment.people import make_person_key, read_public
from kreis.deployment.signing import FileKeys, key_id, sign
from kreis.durable import fsync_directory, make_directory, storing
from kreis.errors import PolicyError, ProjectError
from kreis.ledger import models, people
from kreis.ledger.people import login, person_of
from kreis.workspace import Workspace

__all__ = ["PersonKey", "RenewedKeys", "new_person_key", "person_keys", "renew_keys"]


class PersonKey(msgspec.Struct, frozen=True, kw_only=True):
    """A person's key that was made."""

    person: str
    key: str
    """Its fingerprint."""
    file: str
    """Of the private half."""


class RenewedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """A signing key that was made anew."""

    key: str
    """Its fingerprint."""
    models: int
    """How many it has signed."""


def new_person_key(workspace: Workspace, person: str) -> PersonKey:
    """Make a person's key where there is none, and put its public half on record.

    The first key of a name goes to whoever asks first: compare its fingerprint with what the person reads out. A
    further one needs proof of the person.

    Raises:
        PolicyError: the name is somebody else's. The attempt is on record.
        ProjectError: the name is blank.
    """
    if not person.strip():
        raise ProjectError("a key needs a name", where="kreis keys new", hint="kreis keys new bob")
    user, users = login(), workspace.settings.people.users
    path = workspace.person_key(person)
    with workspace.ledger.read() as connection:
        taken = bool(people.keys_of(connection, person)) or person in users
    if taken and workspace.proof_of(person) is None:
        reason = f"{user!r} asked for a key of {person!r}"
        with workspace.ledger.record(event="name.refused", subject=f"person {person}", actor=user, reason=reason):
            pass
        raise PolicyError(
            f"nothing shows that it is {person!r} who asks: the user is {user!r}",
            where="kreis keys new",
            hint=f"{person} asks himself: with his key, or under the login that users.{person} names",
        )
    pem = make_person_key(path)
    fingerprint = key_id(read_public(pem))
    with workspace.ledger.record(
        event="person.key_added",
        subject=f"person {person}",
        actor=person_of(user, users),
        reason=f"a key for {person}, made by {user}",
        outputs={"key": fingerprint},
    ) as tx:
        people.add_person_key(tx, person, pem)
    return PersonKey(person=person, key=fingerprint, file=str(path))


def person_keys(workspace: Workspace) -> dict[str, list[str]]:
    """Everyone who has a key on record, with its fingerprints."""
    with workspace.ledger.read() as connection:
        found = people.people_with_keys(connection)
    return {person: [key_id(read_public(pem)) for pem in pems] for person, pems in found.items()}


def renew_keys(workspace: Workspace, *, reason: str) -> RenewedKeys:
    """Make a new signing key, and sign with it every package that the record vouches for.

    A package is opened by its digest, which the ledger holds and an audit entry covers; the old signature is not asked.
    Old keys, where there are any, are moved to `keys/retired` and not trusted any more.

    Raises:
        CorruptionError: a package is not what the record says, so it is not signed.
    """
    with workspace.ledger.read() as connection:
        known = models.list_models(connection)
        known = [models.get_model(connection, model.digest) for model in known]  # an audit entry covers each
    payloads = {model.digest: workspace.artifacts.get(model.digest) for model in known}
    keys = workspace.keys = _replace(workspace)
    with workspace.ledger.record(
        event="keys.renewed",
        subject="signing key",
        actor=workspace.actor,
        reason=reason,
        outputs={"key": keys.key_id, "models": list(payloads)},
    ) as tx:
        for digest, payload in payloads.items():
            models.sign_anew(tx, digest, sign(payload, PAYLOAD_TYPE, keys))
    for project in dict.fromkeys(model.project for model in known):
        workspace.releases(project).publish()
    return RenewedKeys(key=keys.key_id, models=len(payloads))


def _replace(workspace: Workspace) -> FileKeys:
    folder = workspace.trusted_keys.parent
    retired = folder / "retired"
    old = [path for path in (folder / "signing.key", *workspace.trusted_keys.glob("*.pub")) if path.exists()]
    with storing(f"keys {folder}"):
        if old:
            make_directory(retired)
        for path in old:
            path.rename(retired / f"{workspace.clock.now():%Y%m%dT%H%M%S%f}-{path.name}")
        if old:
            fsync_directory(retired)
    return FileKeys(folder)
