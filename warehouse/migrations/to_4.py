"""Version 4: what was destroyed on request, and who had restricted rows written out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

MOMENT = sa.DateTime(timezone=True)


def upgrade(operations: Operations) -> None:
    """Add four tables."""
    _add_forgetting(operations)
    operations.create_table(
        "access",
        sa.Column("access_id", sa.Integer, primary_key=True),
        sa.Column("accessed_at", MOMENT, nullable=False),
        sa.Column("accessed_by", sa.Text, nullable=False),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("filter", sa.Text),
        sa.Column("rows", sa.BigInteger),
        sa.Column("place", sa.Text, nullable=False),
    )


def _add_forgetting(operations: Operations) -> None:
    operations.create_table(
        "forgetting",
        sa.Column("forgetting_id", sa.Text, primary_key=True),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("district_id", sa.Text),
        sa.Column("school_year", sa.Integer),
        sa.Column("digest", sa.Text),
        sa.Column("is_once", sa.Boolean, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("found", sa.JSON),
        sa.Column("remaining", sa.JSON),
        sa.Column("backups", sa.JSON),
    )
    of = sa.ForeignKey("forgetting.forgetting_id")
    operations.create_table(
        "forgotten_id",
        sa.Column("forgetting_id", sa.Text, of, primary_key=True),
        sa.Column("digest", sa.Text, primary_key=True),
    )
    operations.create_table(
        "raw_tombstone",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column(
            "forgetting_id", sa.Text, sa.ForeignKey("forgetting.forgetting_id"), nullable=False
        ),
        sa.Column("destroyed_at", MOMENT, nullable=False),
    )
