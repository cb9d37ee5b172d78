"""The first schema: runs, steps, tables, models, releases, alerts, documents and the audit chain."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REAL_NUMBER: sa.Double[float] = sa.Double().with_variant(sa.REAL(), "sqlite")


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=null)


def _whole(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, WHOLE, nullable=null, autoincrement=False)


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=f"fk_{table}_{column}")


def _create(table: str, *parts: Any, key: str) -> None:
    keys = sa.PrimaryKeyConstraint(*key.split(", "), name=f"pk_{table}")
    op.create_table(table, *parts, keys, sqlite_strict=True)


def upgrade() -> None:
    """Create everything."""
    _documents_and_runs()
    _of_runs_and_tables()
    _models()
    _approvals_and_releases()
    _alerts_and_audit()


def _documents_and_runs() -> None:
    _create(
        "documents",
        _text("digest"),
        _text("kind"),
        _text("name"),
        _text("body"),
        _text("sha256"),
        key="digest",
    )
    op.create_index("ix_documents_kind_name", "documents", ["kind", "name"])
    _create(
        "runs",
        _text("id"),
        _text("project"),
        _whole("as_of"),
        _text("status"),
        _text("trigger"),
        _whole("started_at"),
        _whole("finished_at", null=True),
        _text("pins"),
        _text("goal"),
        _text("sha256"),
        key="id",
    )
    op.create_index("ix_runs_project_id", "runs", ["project", "id"])
    _create(
        "steps",
        _text("key"),
        _text("discipline"),
        _text("name"),
        _text("inputs"),
        _text("outputs"),
        sa.Column("seconds", REAL_NUMBER, nullable=False),
        _whole("finished_at"),
        _text("sha256"),
        key="key",
    )


def _of_runs_and_tables() -> None:
    _create(
        "run_steps",
        _text("run"),
        _text("key"),
        _whole("position"),
        _whole("remembered"),
        _text("sha256"),
        _refers("run_steps", "run", "runs.id"),
        _refers("run_steps", "key", "steps.key"),
        key="run, key",
    )
    op.create_index("ix_run_steps_key", "run_steps", ["key"])
    _create(
        "verdicts",
        _text("run"),
        _whole("number"),
        _text("discipline"),
        _text("kind"),
        _text("reason"),
        _text("to", null=True),
        _text("detail"),
        _whole("at"),
        _text("sha256"),
        _refers("verdicts", "run", "runs.id"),
        key="run, number",
    )
    _create(
        "table_versions",
        _text("table"),
        _whole("version"),
        _text("step"),
        _text("run", null=True),
        _text("mode"),
        _whole("rows"),
        _text("added"),
        _text("commit"),
        _text("commit_sha256"),
        _text("fingerprint"),
        _whole("known_until", null=True),
        _whole("at"),
        _text("sha256"),
        _refers("table_versions", "run", "runs.id"),
        key="table, version",
    )
    op.create_index("ix_table_versions_run", "table_versions", ["run"])
    op.create_index("ix_table_versions_table_step", "table_versions", ["table", "step"])


def _models() -> None:
    _create(
        "models",
        _text("digest"),
        _text("project"),
        _whole("version"),
        _text("candidate"),
        _text("run"),
        _text("signature"),
        _whole("at"),
        _text("sha256"),
        _refers("models", "run", "runs.id"),
        sa.UniqueConstraint("project", "version", name="uq_models_project_version"),
        key="digest",
    )
    op.create_index("ix_models_run", "models", ["run"])
    _create(
        "evaluations",
        _text("id"),
        _text("model"),
        _text("run"),
        _text("metrics"),
        _text("gates"),
        _whole("passed"),
        _whole("at"),
        _text("sha256"),
        _refers("evaluations", "model", "models.digest"),
        _refers("evaluations", "run", "runs.id"),
        key="id",
    )
    op.create_index("ix_evaluations_model_id", "evaluations", ["model", "id"])
    op.create_index("ix_evaluations_run", "evaluations", ["run"])


def _approvals_and_releases() -> None:
    _create(
        "approvals",
        _text("id"),
        _text("model"),
        _text("role"),
        _text("actor"),
        _text("reason"),
        _whole("at"),
        _text("sha256"),
        _refers("approvals", "model", "models.digest"),
        key="id",
    )
    op.create_index("ix_approvals_model_id", "approvals", ["model", "id"])
    _create(
        "releases",
        _text("id"),
        _text("project"),
        _whole("number"),
        _text("routes"),
        _text("fallback", null=True),
        _text("previous", null=True),
        _text("kind"),
        _text("run", null=True),
        _text("actor"),
        _text("reason"),
        _whole("at"),
        _text("sha256"),
        _refers("releases", "fallback", "models.digest"),
        _refers("releases", "previous", "releases.id"),
        _refers("releases", "run", "runs.id"),
        sa.UniqueConstraint("project", "number", name="uq_releases_project_number"),
        key="id",
    )


def _alerts_and_audit() -> None:
    _create(
        "alerts",
        _text("id"),
        _text("project"),
        _text("monitor"),
        _text("level"),
        _text("summary"),
        _text("detail"),
        _text("to", null=True),
        _text("run", null=True),
        _whole("at"),
        _text("sha256"),
        _refers("alerts", "run", "runs.id"),
        key="id",
    )
    op.create_index("ix_alerts_project_id", "alerts", ["project", "id"])
    _create(
        "audit",
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
        sa.UniqueConstraint("previous", name="uq_audit_previous"),
        key="position",
    )
