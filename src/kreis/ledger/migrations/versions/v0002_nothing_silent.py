"""Whose ledger it is, what watching remembers, how an alert ends, what a release rests on, and an approval's key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables and optional columns; no row is rewritten."""
    op.create_table(
        "identity",
        sa.Column("ledger", TEXT, nullable=False),
        sa.Column("project", TEXT, nullable=False),
        sa.Column("lake", TEXT, nullable=False),
        sa.Column("at", WHOLE, nullable=False, autoincrement=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("ledger", name="pk_identity"),
        sqlite_strict=True,
    )
    op.create_table(
        "watchers",
        sa.Column("project", TEXT, nullable=False),
        sa.Column("document", TEXT, nullable=False),
        sa.Column("at", WHOLE, nullable=False, autoincrement=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("project", name="pk_watchers"),
        sqlite_strict=True,
    )
    for table, column, kind in (
        ("alerts", "cause", TEXT),
        ("alerts", "closed_at", WHOLE),
        ("alerts", "closed_because", TEXT),
        ("alerts", "acknowledged_at", WHOLE),
        ("alerts", "acknowledged_by", TEXT),
        ("alerts", "acknowledged_note", TEXT),
        ("releases", "detail", TEXT),
        ("approvals", "key", TEXT),
        ("approvals", "signature", TEXT),
    ):
        op.add_column(table, sa.Column(column, kind, nullable=True))
