"""The registry of models: versions, evaluations and approvals, each bound to the model's digest."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, select

from kreis.digests import canonical_json, digest_of
from kreis.errors import PolicyError, ProjectError
from kreis.ledger import schema
from kreis.ledger.documents import put_document
from kreis.ledger.proof import covered
from kreis.ledger.records import Approval, Document, Evaluation, Model
from kreis.ledger.rows import Records
from kreis.ledger.transaction import Transaction

__all__ = [
    "add_approval",
    "add_evaluation",
    "add_successor",
    "approvals_of",
    "evaluation_digest",
    "evaluations_of",
    "find_model",
    "get_model",
    "latest_evaluation",
    "list_models",
    "register_model",
    "sign_anew",
    "successors",
]

_MODELS = Records(schema.models, Model, called="model")
_EVALUATIONS = Records(schema.evaluations, Evaluation, called="evaluation")
_APPROVALS = Records(schema.approvals, Approval, called="approval")
_SIGNATURES = Records(schema.documents, Document, called="signature")
_SIGNATURE = "signature "
_SUCCESSOR = "successor"
_models = schema.models.c
_evaluations = schema.evaluations.c
_approvals = schema.approvals.c


def register_model(tx: Transaction, *, digest: str, project: str, candidate: str, run: str, signature: str) -> Model:
    """Give a model the project's next version number. A digest that is known keeps its row, unchanged.

    Raises:
        ProjectError: the digest belongs to another project.
    """
    known = find_model(tx.connection, digest)
    if known is not None and known.project != project:
        raise ProjectError(f"model {digest[:12]} belongs to project {known.project!r}", where=f"project {project!r}")
    if known is not None:
        return known
    newest = select(func.max(_models.version)).where(_models.project == project)
    model = Model(
        digest=digest,
        project=project,
        version=(tx.connection.execute(newest).scalar() or 0) + 1,
        candidate=candidate,
        run=run,
        signature=signature,
        at=tx.now,
    )
    _MODELS.insert(tx, model)
    return model


def find_model(connection: Connection, digest: str) -> Model | None:
    """The model with exactly this digest, or None.

    Raises:
        CorruptionError: it was put there by something else than kreis.
    """
    found = _MODELS.first(connection, _models.digest == digest)
    covered(connection, _MODELS, found)
    return None if found is None else _as_signed_last(connection, found)


def get_model(connection: Connection, model: str | int, *, project: str | None = None) -> Model:
    """A model by digest, by the beginning of one, or (in a project) by version number.

    Raises:
        ProjectError: there is none, or several.
        CorruptionError: it was put there by something else than kreis.
    """
    within = [] if project is None else [_models.project == project]
    found = _MODELS.named(
        connection, model, *within, numbers=_models.version, number="model version", none="no model is registered yet"
    )
    covered(connection, _MODELS, found)
    return _as_signed_last(connection, found)


def list_models(connection: Connection, project: str | None = None) -> list[Model]:
    """Models, the newest version first."""
    within = [] if project is None else [_models.project == project]
    found = _MODELS.find(connection, *within, order=[_models.project, _models.version.desc()])
    return [_as_signed_last(connection, model) for model in found]


def sign_anew(tx: Transaction, digest: str, envelope: str) -> None:
    """Keep another signature of a model's package, which counts from now on."""
    last = _last_signature(tx.connection, digest)
    number = 1 if last is None else int(last.kind.removeprefix(_SIGNATURE)) + 1
    body = Document(digest=digest_of(envelope.encode()), kind=f"{_SIGNATURE}{number:06}", name=digest, body=envelope)
    put_document(tx, body)


def add_successor(tx: Transaction, model: str, successor: str) -> None:
    """Put on record which model stands for one whose files were erased: releases that name the one mean the other."""
    body = canonical_json({"model": model, "successor": successor}).decode()
    put_document(tx, Document(digest=digest_of(body.encode()), kind=_SUCCESSOR, name=model, body=body))


def successors(connection: Connection) -> dict[str, str]:
    """By model, the one that stands for it now; those alone that have one.

    Raises:
        CorruptionError: one was put there by something else than kreis.
    """
    found = _SIGNATURES.find(connection, schema.documents.c.kind == _SUCCESSOR)
    covered(connection, _SIGNATURES, *found)
    direct = {each.name: str(msgspec.json.decode(each.body)["successor"]) for each in found}
    last = {}
    for model, successor in direct.items():
        while successor in direct:
            successor = direct[successor]
        last[model] = successor
    return last


def _as_signed_last(connection: Connection, model: Model) -> Model:
    last = _last_signature(connection, model.digest)
    return model if last is None else msgspec.structs.replace(model, signature=last.body)


def _last_signature(connection: Connection, digest: str) -> Document | None:
    kind = schema.documents.c.kind
    within = (kind > _SIGNATURE, kind < f"{_SIGNATURE}~", schema.documents.c.name == digest)
    last = _SIGNATURES.first(connection, *within, order=[kind.desc()])
    covered(connection, _SIGNATURES, last)
    return last


def add_evaluation(tx: Transaction, evaluation: Evaluation) -> None:
    """Record how a model did."""
    _EVALUATIONS.insert(tx, evaluation)


def evaluations_of(connection: Connection, model: str) -> list[Evaluation]:
    """The evaluations of the model with this digest, the oldest first."""
    return _EVALUATIONS.find(connection, _evaluations.model == model, order=[_evaluations.id])


def latest_evaluation(connection: Connection, model: str) -> Evaluation | None:
    """The newest evaluation of the model with this digest, or None."""
    return _EVALUATIONS.first(connection, _evaluations.model == model, order=[_evaluations.id.desc()])


def evaluation_digest(evaluation: Evaluation) -> str:
    """Digest of all that an evaluation says of a model; what a person approves is bound to it."""
    said = {name: getattr(evaluation, name) for name in ("id", "model", "run", "metrics", "gates", "passed")}
    return digest_of(canonical_json(said))


def add_approval(tx: Transaction, approval: Approval) -> None:
    """Record a person's yes, bound to the model's digest.

    Raises:
        PolicyError: the approval names another person than the one who records it.
    """
    if approval.actor != tx.actor:
        raise PolicyError(f"{tx.actor!r} cannot approve as {approval.actor!r}", where=f"model {approval.model[:12]}")
    _APPROVALS.insert(tx, approval)


def approvals_of(connection: Connection, model: str) -> list[Approval]:
    """The approvals of the model with this digest, the oldest first.

    Raises:
        CorruptionError: one was put there by something else than kreis.
    """
    found = _APPROVALS.find(connection, _approvals.model == model, order=[_approvals.id])
    covered(connection, _APPROVALS, *found)
    return found
