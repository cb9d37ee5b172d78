"""The tables of the ledger, once, for SQLite and PostgreSQL.

Stored are only texts, 64-bit integers and doubles: times as microseconds since 1970 UTC, flags as 0 or 1,
documents as canonical JSON. So a row reads back byte for byte on either database, and its digest, kept beside
it in `sha256`, is taken over what is stored.

A column that a later revision adds is optional: null in every row written before it, so that their digests stay
(`rows.row_digest`). Nothing is ever renamed or dropped.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    REAL,
    BigInteger,
    Column,
    Constraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "HEAD",
    "REVISIONS",
    "alerts",
    "approvals",
    "audit",
    "checkpoints",
    "documents",
    "evaluations",
    "identity",
    "metadata",
    "models",
    "releases",
    "removals",
    "run_steps",
    "runs",
    "steps",
    "table_versions",
    "verdicts",
    "watchers",
]

REVISIONS = ("0001", "0002", "0003", "0004")
"""The revisions in `migrations/versions`, in order. A test holds the two together."""
HEAD = REVISIONS[-1]

_KINDS: dict[str, Any] = {
    "": Text(collation="C").with_variant(Text(), "sqlite"),
    "whole": BigInteger().with_variant(Integer(), "sqlite"),
    "real": Double().with_variant(REAL(), "sqlite"),
}

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _columns(said: str) -> list[Column[Any]]:
    """Columns said in a line.

    "id, as_of: whole, seconds: real, ended?, run? > runs.id": a text, a 64-bit integer, a double, a text or null,
    and the id of a run or null.
    """
    columns = []
    for each in said.split(", "):
        rest, _, to = each.partition(" > ")
        name, _, kind = rest.removesuffix("?").partition(": ")
        refers = [ForeignKey(to)] if to else []
        columns.append(Column(name, _KINDS[kind], *refers, nullable=rest.endswith("?"), autoincrement=False))
    return columns


def _table(name: str, said: str, *more: Constraint | Index, key: str) -> Table:
    """A table with its columns, its primary key (column names, comma-separated) and the digest beside each row."""
    keys = PrimaryKeyConstraint(*key.split(", "))
    return Table(name, metadata, *_columns(f"{said}, sha256"), *more, keys, sqlite_strict=True)


runs = _table(
    "runs",
    "id, project, as_of: whole, status, trigger, started_at: whole, finished_at: whole?, pins, goal, ended?",
    Index(None, "project", "id"),
    key="id",
)

steps = _table(
    "steps",
    "key, discipline, name, inputs, outputs, seconds: real, finished_at: whole, basis?",
    key="key",
)

run_steps = _table(
    "run_steps",
    "run > runs.id, key > steps.key, position: whole, remembered: whole",
    Index(None, "key"),
    key="run, key",
)

verdicts = _table(
    "verdicts",
    "run > runs.id, number: whole, discipline, kind, reason, to?, detail, at: whole, round: whole?",
    key="run, number",
)

table_versions = _table(
    "table_versions",
    "table, version: whole, step, run? > runs.id, mode, rows: whole, added, commit, commit_sha256, fingerprint, "
    "known_until: whole?, at: whole",
    Index(None, "table", "step"),
    Index(None, "run"),
    key="table, version",
)

checkpoints = _table(
    "checkpoints",
    "table, version: whole, digest, size: whole, previous: whole?, at: whole",
    key="table",
)

removals = _table(
    "removals",
    "id, table, why, reason, versions, files, at: whole",
    Index(None, "table", "id"),
    key="id",
)

models = _table(
    "models",
    "digest, project, version: whole, candidate, run > runs.id, signature, at: whole",
    UniqueConstraint("project", "version"),
    Index(None, "run"),
    key="digest",
)

evaluations = _table(
    "evaluations",
    "id, model > models.digest, run > runs.id, metrics, gates, passed: whole, at: whole",
    Index(None, "model", "id"),
    Index(None, "run"),
    key="id",
)

approvals = _table(
    "approvals",
    "id, model > models.digest, role, actor, reason, key?, signature?, at: whole, evaluation?",
    Index(None, "model", "id"),
    key="id",
)

releases = _table(
    "releases",
    "id, project, number: whole, routes, fallback? > models.digest, previous? > releases.id, kind, run? > runs.id, "
    "actor, reason, detail?, at: whole",
    UniqueConstraint("project", "number"),
    key="id",
)

alerts = _table(
    "alerts",
    "id, project, monitor, level, summary, detail, to?, run? > runs.id, cause?, closed_at: whole?, "
    "closed_because?, acknowledged_at: whole?, acknowledged_by?, acknowledged_note?, at: whole",
    Index(None, "project", "id"),
    key="id",
)

watchers = _table(
    "watchers",
    "project, document, at: whole",
    key="project",
)

identity = _table(
    "identity",
    "ledger, project, lake, at: whole",
    key="ledger",
)

documents = _table(
    "documents",
    "digest, kind, name, body",
    Index(None, "kind", "name"),
    key="digest",
)

audit = Table(
    "audit",
    metadata,
    *_columns("position: whole, at: whole, actor, event, subject, reason, inputs, outputs, rows, previous, hash"),
    PrimaryKeyConstraint("position"),
    UniqueConstraint("previous"),
    sqlite_strict=True,
)
