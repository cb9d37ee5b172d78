"""Whose yes a release needs, whose it has, and what is still missing. A yes is to what a person saw: a model's digest
and the evaluation of it that stood on record then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.deployment.people import approved_by
from kreis.errors import ProjectError
from kreis.ledger import models, runs, steps
from kreis.ledger.proof import actor_of
from kreis.ledger.records import Approval, Model

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Lacking", "Review", "lacking", "review_on_record", "trainers_of"]

_RUNS = 20
"""Runs among which it is looked for what a release was held for."""


class Review(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose yes a release needs."""

    roles: tuple[str, ...]
    people: int = 1
    """How many different people must say yes, over all roles."""
    independent: bool = False
    """Whether nobody who trained the model counts."""

    def __post_init__(self) -> None:
        if not self.roles or len(set(self.roles)) < len(self.roles) or not all(each.strip() for each in self.roles):
            raise ProjectError(f"roles {list(self.roles)}: name one or more, each once", where="approval")

    @classmethod
    def asked(cls, approval: str | Sequence[str] | Review, *, independent: bool = False, high: bool = False) -> Review:
        """What is asked for, by role or roles.

        Args:
            approval: The roles.
            independent: Whether nobody who trained the model counts.
            high: Whether the risk is: then two different people must say yes, and none of them trained it.
        """
        if isinstance(approval, Review):
            return approval
        roles = (approval,) if isinstance(approval, str) else tuple(approval)
        return cls(roles=roles, people=2 if high else 1, independent=independent or high)

    @property
    def said(self) -> str:
        """In words: "role product_owner"."""
        named = " and ".join(self.roles)
        of = f", {self.people} different people" if self.people > 1 else ""
        return f"role{'s' if len(self.roles) > 1 else ''} {named}{of}"


class Lacking(msgspec.Struct, frozen=True, kw_only=True):
    """A yes that is missing."""

    role: str
    """Empty where only the number of people is too small."""
    what: str
    """How it stands: "not approved"."""


def lacking(
    connection: Connection, model: str, review: Review, *, releases: str | None = None, at_start: bool = True
) -> list[Lacking]:
    """What is missing before a model may be released.

    Args:
        connection: To the ledger.
        model: Its digest.
        review: Whose yes is needed.
        releases: Who releases: their own yes does not count; None where nobody does yet.
        at_start: Whether the yes must be to the newest evaluation; a canary goes on with the one it began with.
    """
    given = models.approvals_of(connection, model)
    trained = trainers_of(connection, model) if review.independent else frozenset()
    missing, people = [], set[str]()
    for role in review.roles:
        own = [each for each in given if each.role == role]
        counted = {each.actor for each in own if _counts(connection, each, trained, releases, at_start) is None}
        people |= counted
        if not counted:
            reasons = [_counts(connection, each, trained, releases, at_start) or "" for each in own]
            missing.append(Lacking(role=role, what=reasons[-1] if reasons else "not approved"))
    if not missing and len(people) < review.people:
        only = ", ".join(sorted(people))
        missing.append(Lacking(role="", what=f"approved only by {only}, and {review.people} different people must"))
    return missing


def trainers_of(connection: Connection, model: str) -> frozenset[str]:
    """Who started the runs in which a model was trained and registered; "?" where nothing shows that."""
    found = models.find_model(connection, model)
    if found is None:
        return frozenset()
    used = [step for _, step in steps.steps_of(connection, found.run)]
    keys = [step.key for step in used if (step.discipline, step.name) == ("training", found.candidate)]
    walked = {found.run, *(run for key in keys if (run := steps.computed_in(connection, key)) is not None)}
    return frozenset(actor_of(connection, "run.started", run) or "?" for run in walked)


def review_on_record(connection: Connection, model: Model) -> Review | None:
    """What the release of a model was last held for; None where nothing was asked of people."""
    for run in runs.list_runs(connection, model.project, limit=_RUNS):
        for verdict in reversed(runs.verdicts_of(connection, run.id)):
            if verdict.detail.get("model") == model.digest and "review" in verdict.detail:
                asked: dict[str, Any] = verdict.detail["review"]
                return msgspec.convert(asked, Review)
    return None


def _counts(
    connection: Connection, given: Approval, trained: frozenset[str], releases: str | None, at_start: bool
) -> str | None:
    """Why a yes does not count; None if it does."""
    return next(_objections(connection, given, trained, releases, at_start), None)


def _objections(
    connection: Connection, given: Approval, trained: frozenset[str], releases: str | None, at_start: bool
) -> Iterator[str]:
    if approved_by(connection, given) is None:
        yield f"approved as {given.actor!r}, but nothing shows that it was him"
    if given.actor == releases:
        yield "approved only by the one who releases it"
    if given.actor in trained:
        yield "approved only by the one who trained it"
    if "?" in trained:
        yield "approved, but nothing shows who trained it"
    if not _saw(connection, given, at_start):
        yield "approved for another evaluation than the one on record"


def _saw(connection: Connection, given: Approval, at_start: bool) -> bool:
    """Whether the yes is to what stands on record of the model."""
    known = models.evaluations_of(connection, given.model)
    if not known:
        return given.evaluation is None
    if given.evaluation is None:  # of a version whose approvals did not name what was seen
        return not at_start or given.at >= known[-1].at
    wanted = known[-1:] if at_start else known
    return given.evaluation in {models.evaluation_digest(each) for each in wanted}
