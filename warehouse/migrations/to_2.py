"""Version 2: what was fetched from remote folders; how a file was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Add the table `fetched_file`, and `layout` and `written` to `load`."""
    operations.create_table(
        "fetched_file",
        sa.Column("remote", sa.Text, primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("size_bytes", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("modified_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
    )
    with operations.batch_alter_table("load") as load:
        load.add_column(sa.Column("layout", sa.Text))
        load.add_column(sa.Column("written", sa.Text))
