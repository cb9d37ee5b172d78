"""The round of a verdict, why a run ended, what a step's key was taken over; of the lake's tables the newest checkpoint
and what is gone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables and optional columns; no row is rewritten."""
    op.add_column("runs", sa.Column("ended", TEXT, nullable=True))
    op.add_column("steps", sa.Column("basis", TEXT, nullable=True))
    op.add_column("verdicts", sa.Column("round", WHOLE, nullable=True))
    op.create_table(
        "checkpoints",
        sa.Column("table", TEXT, nullable=False),
        sa.Column("version", WHOLE, nullable=False, autoincrement=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("size", WHOLE, nullable=False, autoincrement=False),
        sa.Column("previous", WHOLE, nullable=True, autoincrement=False),
        sa.Column("at", WHOLE, nullable=False, autoincrement=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("table", name="pk_checkpoints"),
        sqlite_strict=True,
    )
    op.create_table(
        "removals",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("table", TEXT, nullable=False),
        sa.Column("why", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("versions", TEXT, nullable=False),
        sa.Column("files", TEXT, nullable=False),
        sa.Column("at", WHOLE, nullable=False, autoincrement=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_removals"),
        sqlite_strict=True,
    )
    op.create_index("ix_removals_table_id", "removals", ["table", "id"])
