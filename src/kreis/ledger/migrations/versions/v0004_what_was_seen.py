"""Which evaluation a person saw who approved a model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    """Add an optional column; no row is rewritten."""
    op.add_column("approvals", sa.Column("evaluation", TEXT, nullable=True))
