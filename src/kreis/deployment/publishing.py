"""Publishing: the service's signed pointer is brought up to the ledger's current release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from kreis.deployment.coverage_levels import levels_in_service
from kreis.deployment.manifest import Inputs
from kreis.deployment.packages import read_manifest
from kreis.deployment.pointer import PointedModel, Pointer, PointerPlace, named_by, read_pointer, write_pointer
from kreis.deployment.signing import Keys
from kreis.errors import CorruptionError, ProjectError, SignatureError, StoreError
from kreis.ledger.identity import identity_of
from kreis.ledger.levels import newest_move
from kreis.ledger.models import get_model, list_models
from kreis.ledger.records import Model, Release
from kreis.ledger.releases import current_release, list_releases
from kreis.models.answer_parts.levels import Levels

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kreis.ledger.store import Ledger

__all__ = ["publish"]

_OTHERS = 20
"""So many of the newest models beside those of a release have their inputs accepted."""


def publish(ledger: Ledger, project: str, place: PointerPlace, keys: Keys) -> Release | None:
    """Bring the service's pointer file up to the ledger's current release; None where there is no release.

    `Releases` calls it after each change. Called again whenever a process starts, it heals a crash between the two.

    Args:
        ledger: what counts.
        project: the project's name.
        place: where the pointer is kept.
        keys: sign the pointer.

    Raises:
        CorruptionError: the pointer names a newer release than the ledger knows, or no audit entry covers what
            would be signed.
        StoreError: the folder holds the pointer of another ledger.
    """
    with place.publishing():
        with ledger.read() as connection:
            current = current_release(connection, project)
            if current is None:
                return None
            identity = identity_of(connection)
            mine = "" if identity is None else identity.ledger
            shown = msgspec.structs.replace(current, detail=None)  # the service needs no reasons
            moved = newest_move(connection)
            levels = _levels(connection, current) if moved else {}
            if _points_to(place, shown, moved, keys, mine):
                return current
            models = {digest: get_model(connection, digest) for digest in named_by(current)}
            others = [each for each in list_models(connection, project) if each.digest not in models][:_OTHERS]
        pointed = {digest: PointedModel(model.version, model.signature) for digest, model in models.items()}
        pointer = Pointer(
            release=shown, models=pointed, accepts=_accepted(others, keys), ledger=mine, levels=levels, moved=moved
        )
        write_pointer(place, pointer, keys)
        return current


def _levels(connection: Connection, current: Release) -> dict[str, Levels]:
    """At which levels the answers of its models are said, where outcomes have moved them."""
    history = list_releases(connection, current.project)
    found = {each: levels_in_service(connection, history, each) for each in named_by(current)}
    return {model: levels for model, levels in found.items() if levels is not None}


def _accepted(models: Sequence[Model], keys: Keys) -> Inputs:
    """What clients of these models may send; the service ignores what its own models do not read."""
    found = Inputs()
    for model in models:
        try:
            accepts = read_manifest(model.digest, model.signature, keys.trusted()).accepts
        except (ProjectError, SignatureError):  # named by `kreis audit verify --deep`; it answers nothing
            continue
        found = Inputs(
            keys=sorted({*found.keys, *accepts.keys}),
            fields={**found.fields, **accepts.fields},
            features=sorted({*found.features, *accepts.features}),
        )
    return found


def _points_to(place: PointerPlace, shown: Release, moved: int, keys: Keys, ledger: str) -> bool:
    try:
        pointer = read_pointer(place, keys.trusted())
    except (SignatureError, CorruptionError):
        return False
    if pointer is not None and ledger and pointer.ledger not in {"", ledger}:
        raise StoreError(
            f"holds a release of project {pointer.release.project!r} from another ledger (id {pointer.ledger})",
            where=place.where,
            hint="give each project a service folder of its own ([service] url in kreis.toml)",
        )
    if pointer is not None and pointer.release.project == shown.project and pointer.release.number > shown.number:
        raise CorruptionError(
            f"the service answers by release {pointer.release.number}, which the ledger does not know: its newest is"
            f" {shown.number}",
            where=place.where,
            hint="the ledger has lost its end: `kreis ledger restore BACKUP --reason …`, or"
            " `kreis ledger accept --reason …`",
        )
    return pointer is not None and (pointer.release, pointer.moved) == (shown, moved)
