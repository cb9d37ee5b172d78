"""Releases: which models answer. A release is never edited; going back is a new release that names old routes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kreis.deployment.manifest import Inputs
from kreis.deployment.packages import read_manifest
from kreis.deployment.people import approved_by
from kreis.deployment.pointer import FILE, PointedModel, Pointer, read_pointer, write_pointer
from kreis.deployment.signing import Keys
from kreis.durable import clear_leftovers, make_directory, storing
from kreis.errors import CorruptionError, PolicyError, ProjectError, SignatureError, StoreError
from kreis.ledger.identity import identity_of
from kreis.ledger.models import approvals_of, get_model, list_models
from kreis.ledger.records import Model, Release, Route
from kreis.ledger.releases import add_release, current_release, get_release, list_releases

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kreis.ledger.store import Ledger, Transaction

__all__ = [
    "advance_canary",
    "challenger_of",
    "champion_of",
    "check_approval",
    "promote",
    "publish",
    "release",
    "rollback",
    "start_canary",
]

_OTHERS = 20
"""So many of the newest models beside those of a release have their inputs accepted."""
Kind = Literal["release", "canary", "promotion", "rollback"]
Detail = dict[str, Any] | None
Plan = Callable[["Transaction", Release | None], tuple[list[Route], str | None]]


def release(
    ledger: Ledger,
    project: str,
    model: str,
    *,
    actor: str,
    reason: str,
    fallback: str | None = None,
    shadows: Sequence[str] = (),
    approval: str | None = None,
    run: str | None = None,
    detail: Detail = None,
) -> Release:
    """Let one model answer all traffic.

    Asking again for what is current already changes nothing and returns the current release.

    Args:
        ledger: where models and approvals are; the release is one transaction in it.
        project: the project's name.
        model: digest of a registered model.
        actor: who releases.
        reason: why.
        fallback: digest of the model that answers when the live one cannot.
        shadows: digests of models that only watch.
        approval: role whose approval of exactly this digest is needed; None where none is.
        run: the run that led here.
        detail: what the decision rests on, for the record.

    Raises:
        PolicyError: the approval is missing.
        ProjectError: a model is not registered in this project.
    """
    routes = [_whole(model), *(Route(model=shadow, share=1.0, mode="shadow") for shadow in shadows)]
    with ledger.read() as connection:
        current = current_release(connection, project)
    if current is not None and (current.routes, current.fallback) == (routes, fallback):
        return current

    def plan(tx: Transaction, _: Release | None) -> tuple[list[Route], str | None]:
        check_approval(tx.connection, model, approval, actor)
        return routes, fallback

    return _record(ledger, project, "release", plan, actor, reason, run, detail)


def start_canary(
    ledger: Ledger,
    project: str,
    challenger: str,
    share: float,
    *,
    actor: str,
    reason: str,
    approval: str | None = None,
    run: str | None = None,
    detail: Detail = None,
) -> Release:
    """Give a challenger a share of the traffic; the champion keeps the rest.

    Raises:
        PolicyError: the approval is missing, or a canary is already going on.
        ProjectError: nothing is released yet, or the share is not between 0 and 1.
    """
    _check_share(share)

    def plan(tx: Transaction, current: Release | None) -> tuple[list[Route], str | None]:
        before = _released(current, project)
        champion = champion_of(before)
        if challenger_of(before) is not None:
            raise PolicyError(
                "a canary is already going on", where=f"project {project!r}", hint="promote it or roll it back first"
            )
        if champion == challenger:
            raise ProjectError("the challenger is the champion already", where=f"project {project!r}")
        check_approval(tx.connection, challenger, approval, actor)
        return [*_split(champion, challenger, share), *_shadows(before, challenger)], before.fallback

    return _record(ledger, project, "canary", plan, actor, reason, run, detail)


def advance_canary(
    ledger: Ledger,
    project: str,
    share: float,
    *,
    actor: str,
    reason: str,
    approval: str | None = None,
    run: str | None = None,
    detail: Detail = None,
) -> Release:
    """Give the challenger a larger share; at 1 it is promoted.

    Raises:
        ProjectError: no canary is going on, or the share does not grow.
    """
    if share >= 1.0:
        return promote(ledger, project, actor=actor, reason=reason, approval=approval, run=run, detail=detail)
    _check_share(share)

    def plan(tx: Transaction, current: Release | None) -> tuple[list[Route], str | None]:
        before = _released(current, project)
        challenger = _challenger(before)
        held = next(route.share for route in before.routes if route.model == challenger)
        if share <= held:
            raise ProjectError(f"the challenger has {held:.0%} already", where=f"project {project!r}")
        check_approval(tx.connection, challenger, approval, actor)
        return [*_split(champion_of(before), challenger, share), *_shadows(before, challenger)], before.fallback

    return _record(ledger, project, "canary", plan, actor, reason, run, detail)


def promote(
    ledger: Ledger,
    project: str,
    *,
    actor: str,
    reason: str,
    approval: str | None = None,
    run: str | None = None,
    detail: Detail = None,
) -> Release:
    """Make the challenger the champion.

    Raises:
        PolicyError: the approval is missing.
        ProjectError: no canary is going on.
    """

    def plan(tx: Transaction, current: Release | None) -> tuple[list[Route], str | None]:
        before = _released(current, project)
        challenger = _challenger(before)
        check_approval(tx.connection, challenger, approval, actor)
        return [_whole(challenger), *_shadows(before, challenger)], before.fallback

    return _record(ledger, project, "promotion", plan, actor, reason, run, detail)


def rollback(
    ledger: Ledger,
    project: str,
    *,
    actor: str,
    reason: str,
    to: str | int | None = None,
    run: str | None = None,
    detail: Detail = None,
) -> Release:
    """A new release with the routes of an old one.

    Args:
        ledger: holds the releases.
        project: the project's name.
        actor: who goes back.
        reason: why.
        to: number or id of the release to go back to; by default the newest one in which the model that came
            last (the challenger, or else the champion) did not answer yet.
        run: the run that led here.
        detail: what the decision rests on, for the record.

    Raises:
        ProjectError: there is nothing to go back to.
    """

    def plan(tx: Transaction, current: Release | None) -> tuple[list[Route], str | None]:
        before = _released(current, project)
        if to is None:
            target = _before_the_newest(list_releases(tx.connection, project), before)
        else:
            target = get_release(tx.connection, to, project=project)
        return target.routes, target.fallback

    return _record(ledger, project, "rollback", plan, actor, reason, run, detail)


def publish(ledger: Ledger, project: str, folder: Path, keys: Keys) -> Release | None:
    """Bring the service's pointer file up to the ledger's current release; None where there is no release.

    Call it after a release, and again whenever a process starts: that heals a crash between the two.

    Args:
        ledger: what counts.
        project: the project's name.
        folder: the service folder, which is made where it is missing.
        keys: sign the pointer.

    Raises:
        CorruptionError: the pointer names a newer release than the ledger knows, or no audit entry covers what
            would be signed.
        StoreError: the folder holds the pointer of another ledger.
    """
    with storing(f"release pointer in {folder}"), _only_publisher(folder):
        with ledger.read() as connection:
            current = current_release(connection, project)
            if current is None:
                return None
            identity = identity_of(connection)
            mine = "" if identity is None else identity.ledger
            shown = msgspec.structs.replace(current, detail=None)  # the service needs no reasons
            if _points_to(folder, shown, keys, mine):
                return current
            models = {digest: get_model(connection, digest) for digest in _named(current)}
            others = [each for each in list_models(connection, project) if each.digest not in models][:_OTHERS]
        clear_leftovers(folder / FILE)
        pointed = {digest: PointedModel(model.version, model.signature) for digest, model in models.items()}
        pointer = Pointer(release=shown, models=pointed, accepts=_accepted(others, keys), ledger=mine)
        write_pointer(folder, pointer, keys)
        return current


@contextmanager
def _only_publisher(folder: Path) -> Iterator[None]:
    """A lock, so that a slow publisher does not put an older release over a newer one."""
    make_directory(folder)
    try:
        lock = os.open(folder / "publish.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError:
        yield  # where no lock can be made, no pointer can be written either; it may be that none has to be
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


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


def champion_of(release: Release) -> str:
    """The live model that was there first."""
    return next(route.model for route in release.routes if route.mode == "live")


def challenger_of(release: Release) -> str | None:
    """The live model that a canary is about; None where no canary is going on."""
    live = [route.model for route in release.routes if route.mode == "live"]
    return live[-1] if len(live) > 1 else None


def check_approval(connection: Connection, model: str, role: str | None, actor: str) -> None:
    """Say nothing if the model may be released.

    Args:
        connection: to the ledger.
        model: digest of the model.
        role: whose approval is needed; None where none is.
        actor: who releases; his own approval does not count.

    Raises:
        PolicyError: the approval is missing.
    """
    if role is None:
        return
    given = [each for each in approvals_of(connection, model) if each.role == role]
    proved = [each for each in given if approved_by(connection, each) is not None]
    if any(each.actor != actor for each in proved):
        return
    what = "approved only by the one who releases it" if proved else "not approved"
    if given and not proved:
        what = f"approved as {given[-1].actor!r}, but nothing shows that it was him"
    raise PolicyError(
        f"model {model[:12]} is {what}; a release needs the yes of another person as {role!r}",
        where=f"release by {actor!r}",
        hint=f"kreis approve {model[:12]} --role {role} --reason '…'",
    )


def _record(
    ledger: Ledger, project: str, kind: Kind, plan: Plan, actor: str, reason: str, run: str | None, detail: Detail
) -> Release:
    with ledger.record(event=kind, subject=f"project {project}", actor=actor, reason=reason) as tx:
        routes, fallback = plan(tx, current_release(tx.connection, project))
        made = add_release(tx, project=project, routes=routes, fallback=fallback, kind=kind, run=run, detail=detail)
        tx.set_outputs({"release": made.id, "number": made.number, "models": [route.model for route in routes]})
    return made


def _before_the_newest(releases: list[Release], current: Release) -> Release:
    """The newest release in which the model that came last did not answer yet (releases: newest first)."""
    at = current
    while at.kind == "rollback":  # it repeats an older one; go on from there, not from what it left behind
        origins = [each for each in releases if each.number < at.number and each.routes == at.routes]
        if not origins:
            break
        at = origins[0]
    suspect = challenger_of(at) or champion_of(at)
    for each in releases:
        if each.number < at.number and suspect not in [route.model for route in each.routes if route.mode == "live"]:
            return each
    raise ProjectError(
        "there is no earlier release to go back to",
        where=f"project {current.project!r}",
        hint="name one: kreis rollback --to NUMBER",
    )


def _whole(model: str) -> Route:
    return Route(model=model, share=1.0)


def _split(champion: str, challenger: str, share: float) -> list[Route]:
    return [Route(model=champion, share=1.0 - share), Route(model=challenger, share=share)]


def _shadows(release: Release, without: str) -> list[Route]:
    return [route for route in release.routes if route.mode == "shadow" and route.model != without]


def _released(current: Release | None, project: str) -> Release:
    if current is None:
        raise ProjectError("nothing is released yet", where=f"project {project!r}", hint="kreis release MODEL")
    return current


def _challenger(release: Release) -> str:
    challenger = challenger_of(release)
    if challenger is None:
        raise ProjectError("no canary is going on", where=f"project {release.project!r}", hint="start one first")
    return challenger


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ProjectError(f"a canary's share is between 0 and 1, not {share}", where="canary")


def _named(release: Release) -> list[str]:
    names = [route.model for route in release.routes] + ([release.fallback] if release.fallback else [])
    return list(dict.fromkeys(names))


def _points_to(folder: Path, shown: Release, keys: Keys, ledger: str) -> bool:
    try:
        pointer = read_pointer(folder, keys.trusted())
    except (SignatureError, CorruptionError):
        return False
    if pointer is not None and ledger and pointer.ledger not in {"", ledger}:
        raise StoreError(
            f"holds a release of project {pointer.release.project!r} from another ledger (id {pointer.ledger})",
            where=str(folder),
            hint="give each project a service folder of its own ([service] path in kreis.toml)",
        )
    if pointer is not None and pointer.release.project == shown.project and pointer.release.number > shown.number:
        raise CorruptionError(
            f"the service answers by release {pointer.release.number}, which the ledger does not know: its newest is"
            f" {shown.number}",
            where=str(folder / FILE),
            hint="the ledger has lost its end: `kreis ledger restore BACKUP`, or `kreis ledger accept --reason …`",
        )
    return pointer is not None and pointer.release == shown
