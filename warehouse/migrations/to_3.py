"""Version 3: repairs, decisions, notices, what a publication was made from, pruned raw files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

MOMENT = sa.DateTime(timezone=True)


def upgrade(operations: Operations) -> None:
    """Add four tables, and `pruned_at` to `raw_file`."""
    with operations.batch_alter_table("raw_file") as raw_file:
        raw_file.add_column(sa.Column("pruned_at", MOMENT))
    _add_publication_basis(operations)
    _add_load_decision(operations)
    _add_repair(operations)
    operations.create_table(
        "notification",
        sa.Column("about", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("told_at", MOMENT, nullable=False),
    )


def _add_publication_basis(operations: Operations) -> None:
    operations.create_table(
        "publication_basis",
        sa.Column(
            "publication_id",
            sa.Text,
            sa.ForeignKey("publication.publication_id"),
            primary_key=True,
        ),
        sa.Column("planned_at", MOMENT, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("configuration", sa.Text, nullable=False),
        sa.Column("embargo", sa.JSON, nullable=False),
    )


def _add_load_decision(operations: Operations) -> None:
    operations.create_table(
        "load_decision",
        sa.Column("load_id", sa.Text, sa.ForeignKey("load.load_id"), primary_key=True),
        sa.Column("decided_at", MOMENT, primary_key=True),
        sa.Column("decision", sa.Text, sa.CheckConstraint("decision IN ('released', 'discarded')")),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("led_to", sa.Text, sa.ForeignKey("load.load_id")),
    )


def _add_repair(operations: Operations) -> None:
    operations.create_table(
        "repair",
        sa.Column("repair_id", sa.Text, primary_key=True),
        sa.Column("source_row", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, sa.ForeignKey("raw_file.sha256"), nullable=False),
        sa.Column("district_id", sa.Text),
        sa.Column("parent_load_id", sa.Text, sa.ForeignKey("load.load_id"), nullable=False),
        sa.Column("corrections", sa.Text, sa.ForeignKey("raw_file.sha256"), nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("load_id", sa.Text, sa.ForeignKey("load.load_id")),
    )
    operations.create_index("ix_repair_sha256", "repair", ["sha256"])
