"""Releases: which models answer. A release is never edited; going back is a new release that names old routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kreis.deployment.pointer import PointerPlace
from kreis.deployment.publishing import publish
from kreis.deployment.review import Review, lacking
from kreis.deployment.signing import Keys
from kreis.errors import PolicyError, ProjectError
from kreis.ledger.models import successors
from kreis.ledger.records import Release, Route
from kreis.ledger.releases import add_release, current_release, get_release, list_releases

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kreis.ledger.store import Ledger, Transaction

__all__ = ["Releases", "challenger_of", "champion_of", "check_approval"]

Kind = Literal["release", "canary", "promotion", "rollback"]
Detail = dict[str, Any] | None
Plan = Callable[["Transaction", Release | None], tuple[list[Route], str | None]]


@dataclass(frozen=True)
class Releases:
    """A project's releases. Each change goes on record, and the service is told of it: never the one without the other.

    A crash between the two is healed by the next change, or by `publish`.

    Each change says who makes it (`actor`), why (`reason`), which run led to it (`run`) and what the decision rests on
    (`detail`), for the record. Where it needs a yes (`approval`: of a role, or of a review), that must be to exactly
    the digest that is released.
    """

    ledger: Ledger
    """Holds models, approvals and releases; each change is one transaction in it."""
    project: str
    pointer: PointerPlace
    """Where the service's pointer is published."""
    keys: Keys
    """Sign the pointer."""

    def release(
        self,
        model: str,
        *,
        actor: str,
        reason: str,
        fallback: str | None = None,
        shadows: Sequence[str] = (),
        approval: str | Review | None = None,
        run: str | None = None,
        detail: Detail = None,
    ) -> Release:
        """Let one model answer all traffic.

        Asking again for what is current already records nothing and returns the current release.

        Args:
            model: digest of a registered model.
            fallback: digest of the model that answers when the live one cannot.
            shadows: digests of models that only watch.

        Raises:
            PolicyError: the approval is missing.
            ProjectError: a model is not registered in this project.
        """
        routes = [_whole(model), *(Route(model=shadow, share=1.0, mode="shadow") for shadow in shadows)]
        current = self.current()
        if current is not None and (current.routes, current.fallback) == (routes, fallback):
            self.publish()
            return current

        def plan(tx: Transaction, _: Release | None) -> tuple[list[Route], str | None]:
            check_approval(tx.connection, model, approval, actor)
            return routes, fallback

        return self._record("release", plan, actor, reason, run, detail)

    def start_canary(
        self,
        challenger: str,
        share: float,
        *,
        actor: str,
        reason: str,
        approval: str | Review | None = None,
        run: str | None = None,
        detail: Detail = None,
    ) -> Release:
        """Give a challenger a share of the traffic; the champion keeps the rest.

        Args:
            challenger: digest of a registered model.
            share: of the traffic, between 0 and 1.

        Raises:
            PolicyError: the approval is missing, or a canary is already going on.
            ProjectError: nothing is released yet, or the share is not between 0 and 1.
        """
        _check_share(share)

        def plan(tx: Transaction, current: Release | None) -> tuple[list[Route], str | None]:
            before = _released(current, self.project)
            champion, where = champion_of(before), f"project {self.project!r}"
            if challenger_of(before) is not None:
                raise PolicyError("a canary is already going on", where=where, hint="promote it or roll it back first")
            if champion == challenger:
                raise ProjectError("the challenger is the champion already", where=where)
            check_approval(tx.connection, challenger, approval, actor)
            return [*_split(champion, challenger, share), *_shadows(before, challenger)], before.fallback

        return self._record("canary", plan, actor, reason, run, detail)

    def advance_canary(
        self,
        share: float,
        *,
        actor: str,
        reason: str,
        approval: str | Review | None = None,
        run: str | None = None,
        detail: Detail = None,
    ) -> Release:
        """Give the challenger a larger share; at 1 it is promoted: it is the champion from now on.

        Args:
            share: of the traffic, above the present one.

        Raises:
            PolicyError: the approval is missing.
            ProjectError: no canary is going on, or the share does not grow.
        """
        promoted = share >= 1.0
        if not promoted:
            _check_share(share)

        def plan(tx: Transaction, current: Release | None) -> tuple[list[Route], str | None]:
            before = _released(current, self.project)
            challenger = _challenger(before)
            held = next(route.share for route in before.routes if route.model == challenger)
            if share <= held:
                raise ProjectError(f"the challenger has {held:.0%} already", where=f"project {self.project!r}")
            check_approval(tx.connection, challenger, approval, actor, at_start=False)
            live = [_whole(challenger)] if promoted else _split(champion_of(before), challenger, share)
            return [*live, *_shadows(before, challenger)], before.fallback

        return self._record("promotion" if promoted else "canary", plan, actor, reason, run, detail)

    def roll_back(
        self,
        *,
        actor: str,
        reason: str,
        to: str | int | None = None,
        run: str | None = None,
        detail: Detail = None,
    ) -> Release:
        """A new release with the routes of an old one; where an erasure gave a model a successor, with that.

        Args:
            to: number or id of the release to go back to; by default the newest one in which the model that came
                last (the challenger, or else the champion) did not answer yet.

        Raises:
            ProjectError: there is nothing to go back to.
        """

        def plan(tx: Transaction, current: Release | None) -> tuple[list[Route], str | None]:
            heirs = successors(tx.connection)
            before = _succeeded(_released(current, self.project), heirs)
            if to is None:
                known = [_succeeded(each, heirs) for each in list_releases(tx.connection, self.project)]
                target = _before_the_newest(known, before)
            else:
                target = _succeeded(get_release(tx.connection, to, project=self.project), heirs)
            return target.routes, target.fallback

        return self._record("rollback", plan, actor, reason, run, detail)

    def replace_succeeded(self, *, actor: str, reason: str) -> Release | None:
        """Release the successors of models in service in their place, for the same traffic; None before the first."""
        current = self.publish()
        with self.ledger.read() as connection:
            heirs = successors(connection)
        if current is None or _succeeded(current, heirs) == current:
            return current

        def plan(tx: Transaction, before: Release | None) -> tuple[list[Route], str | None]:
            now = _succeeded(_released(before, self.project), heirs)
            return now.routes, now.fallback

        return self._record(current.kind, plan, actor, reason, current.run, current.detail)

    def current(self) -> Release | None:
        """The release in service, as the ledger has it; None before the first."""
        with self.ledger.read() as connection:
            return current_release(connection, self.project)

    def publish(self) -> Release | None:
        """Tell the service of the current release, if it does not know it; None where there is no release.

        Raises:
            CorruptionError: the service knows a newer release than the ledger.
            StoreError: the folder is another ledger's.
        """
        return publish(self.ledger, self.project, self.pointer, self.keys)

    def _record(self, kind: Kind, plan: Plan, actor: str, reason: str, run: str | None, detail: Detail) -> Release:
        project = self.project
        with self.ledger.record(event=kind, subject=f"project {project}", actor=actor, reason=reason) as tx:
            routes, fallback = plan(tx, current_release(tx.connection, project))
            made = add_release(tx, project=project, routes=routes, fallback=fallback, kind=kind, run=run, detail=detail)
            tx.set_outputs({"release": made.id, "number": made.number, "models": [route.model for route in routes]})
        self.publish()
        return made


def champion_of(release: Release) -> str:
    """The live model that was there first."""
    return next(route.model for route in release.routes if route.mode == "live")


def challenger_of(release: Release) -> str | None:
    """The live model that a canary is about; None where no canary is going on."""
    live = [route.model for route in release.routes if route.mode == "live"]
    return live[-1] if len(live) > 1 else None


def check_approval(
    connection: Connection, model: str, approval: str | Review | None, actor: str, *, at_start: bool = True
) -> None:
    """Say nothing if the model may be released.

    Args:
        connection: to the ledger.
        model: digest of the model.
        approval: the role, or the review, whose yes is needed; None where none is.
        actor: who releases; their own approval does not count.
        at_start: whether the yes must be to the newest evaluation: a canary goes on with the one it began with.

    Raises:
        PolicyError: an approval is missing.
    """
    if approval is None:
        return
    missing = lacking(connection, model, Review.asked(approval), releases=actor, at_start=at_start)
    if not missing:
        return
    needed = [f"the yes of another person as {each.role!r}" for each in missing if each.role]
    whats = list(dict.fromkeys(each.what for each in missing))
    asked = f"; a release needs {' and '.join(needed)}" if needed else ""
    commands = [f"kreis approve {model[:12]} --role {each.role or 'ROLE'} --reason '…'" for each in missing]
    raise PolicyError(
        f"model {model[:12]} is {'; '.join(whats)}{asked}", where=f"release by {actor!r}", hint="; ".join(commands)
    )


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
        hint="name one: kreis rollback --to NUMBER --reason …",
    )


def _succeeded(release: Release, heirs: Mapping[str, str]) -> Release:
    """With the models that stand for those of its routes now."""
    routes = [msgspec.structs.replace(each, model=heirs.get(each.model, each.model)) for each in release.routes]
    fallback = None if release.fallback is None else heirs.get(release.fallback, release.fallback)
    return msgspec.structs.replace(release, routes=routes, fallback=fallback)


def _whole(model: str) -> Route:
    return Route(model=model, share=1.0)


def _split(champion: str, challenger: str, share: float) -> list[Route]:
    return [Route(model=champion, share=1.0 - share), Route(model=challenger, share=share)]


def _shadows(release: Release, without: str) -> list[Route]:
    return [route for route in release.routes if route.mode == "shadow" and route.model != without]


def _released(current: Release | None, project: str) -> Release:
    if current is None:
        raise ProjectError(
            "nothing is released yet",
            where=f"project {project!r}",
            hint="kreis run; what the last one lacked: kreis status",
        )
    return current


def _challenger(release: Release) -> str:
    challenger = challenger_of(release)
    if challenger is None:
        raise ProjectError("no canary is going on", where=f"project {release.project!r}", hint="start one first")
    return challenger


def _check_share(share: float) -> None:
    if not 0 < share < 1:
        raise ProjectError(f"a canary's share is between 0 and 1, not {share}", where="canary")
