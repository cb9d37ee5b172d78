"""The round of a verdict, why a run ended, and what a step's key was taken over."""

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
    """Add optional columns; no row is rewritten."""
    op.add_column("runs", sa.Column("ended", TEXT, nullable=True))
    op.add_column("steps", sa.Column("basis", TEXT, nullable=True))
    op.add_column("verdicts", sa.Column("round", WHOLE, nullable=True))
