"""The tables of the ledger, once, for SQLite and PostgreSQL.

Stored are only texts, 64-bit integers and doubles: times as microseconds since 1970 UTC, flags as 0 or 1,
documents as canonical JSON. So a row reads back byte for byte on either database, and its digest, kept beside
it in `sha256`, is taken over what is stored.

A column that a later revision adds is optional: null in every row written before it, so that their digests stay
(`rows.row_digest`). Nothing is ever renamed or dropped.
"""

from __future__ import annotations

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

TEXT = Text(collation="C").with_variant(Text(), "sqlite")
WHOLE = BigInteger().with_variant(Integer(), "sqlite")
REAL_NUMBER: Double[float] = Double().with_variant(REAL(), "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *references: ForeignKey, optional: bool = False) -> Column[str]:
    return Column(name, TEXT, *references, nullable=optional)


def _whole(name: str, *, optional: bool = False) -> Column[int]:
    return Column(name, WHOLE, nullable=optional, autoincrement=False)


def _table(name: str, *parts: Column[str] | Column[int] | Column[float] | Constraint | Index, key: str) -> Table:
    """A table with its primary key (column names, comma-separated) and the digest beside each row."""
    keys = PrimaryKeyConstraint(*key.split(", "))
    return Table(name, metadata, *parts, _text("sha256"), keys, sqlite_strict=True)


def _run(*, optional: bool = False) -> Column[str]:
    return _text("run", ForeignKey("runs.id"), optional=optional)


def _model() -> Column[str]:
    return _text("model", ForeignKey("models.digest"))


runs = _table(
    "runs",
    _text("id"),
    _text("project"),
    _whole("as_of"),
    _text("status"),
    _text("trigger"),
    _whole("started_at"),
    _whole("finished_at", optional=True),
    _text("pins"),
    _text("goal"),
    _text("ended", optional=True),
    Index(None, "project", "id"),
    key="id",
)

steps = _table(
    "steps",
    _text("key"),
    _text("discipline"),
    _text("name"),
    _text("inputs"),
    _text("outputs"),
    Column("seconds", REAL_NUMBER, nullable=False),
    _whole("finished_at"),
    _text("basis", optional=True),
    key="key",
)

run_steps = _table(
    "run_steps",
    _run(),
    _text("key", ForeignKey("steps.key")),
    _whole("position"),
    _whole("remembered"),
    Index(None, "key"),
    key="run, key",
)

verdicts = _table(
    "verdicts",
    _run(),
    _whole("number"),
    _text("discipline"),
    _text("kind"),
    _text("reason"),
    _text("to", optional=True),
    _text("detail"),
    _whole("at"),
    _whole("round", optional=True),
    key="run, number",
)

table_versions = _table(
    "table_versions",
    _text("table"),
    _whole("version"),
    _text("step"),
    _run(optional=True),
    _text("mode"),
    _whole("rows"),
    _text("added"),
    _text("commit"),
    _text("commit_sha256"),
    _text("fingerprint"),
    _whole("known_until", optional=True),
    _whole("at"),
    Index(None, "table", "step"),
    Index(None, "run"),
    key="table, version",
)

checkpoints = _table(
    "checkpoints",
    _text("table"),
    _whole("version"),
    _text("digest"),
    _whole("size"),
    _whole("previous", optional=True),
    _whole("at"),
    key="table",
)

removals = _table(
    "removals",
    _text("id"),
    _text("table"),
    _text("why"),
    _text("reason"),
    _text("versions"),
    _text("files"),
    _whole("at"),
    Index(None, "table", "id"),
    key="id",
)

models = _table(
    "models",
    _text("digest"),
    _text("project"),
    _whole("version"),
    _text("candidate"),
    _run(),
    _text("signature"),
    _whole("at"),
    UniqueConstraint("project", "version"),
    Index(None, "run"),
    key="digest",
)

evaluations = _table(
    "evaluations",
    _text("id"),
    _model(),
    _run(),
    _text("metrics"),
    _text("gates"),
    _whole("passed"),
    _whole("at"),
    Index(None, "model", "id"),
    Index(None, "run"),
    key="id",
)

approvals = _table(
    "approvals",
    _text("id"),
    _model(),
    _text("role"),
    _text("actor"),
    _text("reason"),
    _text("key", optional=True),
    _text("signature", optional=True),
    _whole("at"),
    _text("evaluation", optional=True),
    Index(None, "model", "id"),
    key="id",
)

releases = _table(
    "releases",
    _text("id"),
    _text("project"),
    _whole("number"),
    _text("routes"),
    _text("fallback", ForeignKey("models.digest"), optional=True),
    _text("previous", ForeignKey("releases.id"), optional=True),
    _text("kind"),
    _run(optional=True),
    _text("actor"),
    _text("reason"),
    _text("detail", optional=True),
    _whole("at"),
    UniqueConstraint("project", "number"),
    key="id",
)

alerts = _table(
    "alerts",
    _text("id"),
    _text("project"),
    _text("monitor"),
    _text("level"),
    _text("summary"),
    _text("detail"),
    _text("to", optional=True),
    _run(optional=True),
    _text("cause", optional=True),
    _whole("closed_at", optional=True),
    _text("closed_because", optional=True),
    _whole("acknowledged_at", optional=True),
    _text("acknowledged_by", optional=True),
    _text("acknowledged_note", optional=True),
    _whole("at"),
    Index(None, "project", "id"),
    key="id",
)

watchers = _table(
    "watchers",
    _text("project"),
    _text("document"),
    _whole("at"),
    key="project",
)

identity = _table(
    "identity",
    _text("ledger"),
    _text("project"),
    _text("lake"),
    _whole("at"),
    key="ledger",
)

documents = _table(
    "documents",
    _text("digest"),
    _text("kind"),
    _text("name"),
    _text("body"),
    Index(None, "kind", "name"),
    key="digest",
)

audit = Table(
    "audit",
    metadata,
    _whole("position"),
    _whole("at"),
    _text("actor"),
    _text("event"),
    _text("subject"),
    _text("reason"),
    _text("inputs"),
    _text("outputs"),
    _text("rows"),
    _text("previous"),
    _text("hash"),
    PrimaryKeyConstraint("position"),
    UniqueConstraint("previous"),
    sqlite_strict=True,
)
