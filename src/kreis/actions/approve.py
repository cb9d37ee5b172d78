"""Approvals: who may say yes to a model, in which role, bound to the model's digest."""

from __future__ import annotations

from kreis.actions.model_names import model_named
from kreis.deployment.people import signed
from kreis.errors import PolicyError, ProjectError
from kreis.identifiers import new_id
from kreis.ledger import models, runs
from kreis.ledger.people import login
from kreis.ledger.records import Approval
from kreis.workspace import Workspace

__all__ = ["approve_model"]


def approve_model(workspace: Workspace, model: str, *, role: str, reason: str, seen: str = "") -> Approval:
    """Record a person's approval of one model.

    Args:
        workspace: Where; its settings say who holds which role.
        model: Version number, digest or beginning of a digest.
        role: In which role.
        reason: Why.
        seen: Digest of the evaluation that the person saw, or the beginning of it; the newest if it is empty.

    Raises:
        PolicyError: the actor does not hold the role, nothing shows that it is him (that is on record), or there is a
            newer evaluation than the one seen.
        ProjectError: no such role or model, or no reason.
    """
    roles, actor = workspace.settings.people.roles, workspace.actor
    if not reason.strip():
        raise ProjectError("an approval needs a reason", where="kreis approve", hint='--reason "checked the slices"')
    if role not in roles:
        raise ProjectError.unknown_name("role", role, roles, where="kreis.toml [people.roles]")
    if actor not in roles[role]:
        raise PolicyError(
            f"{actor!r} does not hold the role {role!r}",
            where="kreis.toml [people.roles]",
            hint=f"ask one of {', '.join(roles[role])}",
        )
    with workspace.ledger.read() as connection:
        last = runs.list_runs(connection, limit=1)
        found = model_named(connection, model, last[0].project if last else None)
    proof = workspace.proof_of(actor)
    if proof is None:
        user = login()
        with workspace.ledger.record(
            event="approval.refused", subject=found.digest, actor=user, reason=f"{user!r} acted as {actor!r}: {reason}"
        ):
            pass
        raise PolicyError(
            f"nothing shows that it is {actor!r} who approves: the user is {user!r}",
            where=f"model {found.digest[:12]}",
            hint=f"kreis keys new {actor} makes a key for {actor}; or users.{actor} in kreis.toml names his login",
        )
    with workspace.ledger.record(
        event="model.approved", subject=found.digest, actor=actor, reason=reason, inputs={"role": role}
    ) as tx:
        judged = models.latest_evaluation(tx.connection, found.digest)
        evaluation = None if judged is None else models.evaluation_digest(judged)
        if not (evaluation or "").startswith(seen):
            raise PolicyError(
                f"what was seen is evaluation {seen}, and the newest one is {(evaluation or 'none')[:12]}",
                where=f"model {found.digest[:12]}",
                hint=f"look at it: kreis show model {found.version}",
            )
        said = Approval(
            id=new_id(tx.now),
            model=found.digest,
            role=role,
            actor=actor,
            reason=reason,
            at=tx.now,
            evaluation=evaluation,
        )
        approval = signed(said, proof)
        models.add_approval(tx, approval)
    return approval
