"""The tables of the ledger. No column holds a value of a student."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()

STATES = ("received", "loading", "loaded", "held", "failed", "superseded", "discarded")


class Moment(sa.types.TypeDecorator[datetime]):
    """A moment in UTC, also where the database keeps no zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Store the moment in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Return the moment with its zone."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _load_id(**options: Any) -> sa.Column[str]:
    return sa.Column("load_id", sa.Text, sa.ForeignKey("load.load_id"), **options)


# One row: which version of these tables it is (ledger_version.py).
ledger_version = sa.Table(
    "ledger_version",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)

raw_file = sa.Table(
    "raw_file",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("original_name", sa.Text, nullable=False),
    sa.Column("first_seen_at", Moment, nullable=False),
    # When the retention removed its bytes; null while they are kept.
    sa.Column("pruned_at", Moment),
)

# What was fetched from a remote folder: a file that has changed there is another file.
fetched_file = sa.Table(
    "fetched_file",
    metadata,
    sa.Column("remote", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("size_bytes", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("modified_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("fetched_at", Moment, nullable=False),
)

load = sa.Table(
    "load",
    metadata,
    sa.Column("load_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("state", sa.Text, sa.CheckConstraint(f"state IN {STATES}"), nullable=False),
    sa.Column("load_key", sa.Text, nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("sha256", sa.Text, sa.ForeignKey("raw_file.sha256"), index=True),
    sa.Column("file_name", sa.Text),
    sa.Column("district_id", sa.Text),
    # How the file was found to be written, and the layout that it has.
    sa.Column("layout", sa.Text),
    sa.Column("written", sa.Text),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("finished_at", Moment),
    sa.Column("rows_received", sa.BigInteger),
    sa.Column("rows_loaded", sa.BigInteger),
    sa.Column("rows_quarantined", sa.BigInteger),
    sa.Column("rows_set_aside", sa.BigInteger),
    sa.Column("code", sa.Text),
    sa.Column("fault_where", sa.Text),
    sa.Column("fault_found", sa.Text),
    sa.Column("fault_expected", sa.Text),
    sa.Column("fault_remedy", sa.Text),
    sa.Index("ix_load_source", "source", "state"),
)

load_input = sa.Table(
    "load_input",
    metadata,
    _load_id(primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False),
)

load_partition = sa.Table(
    "load_partition",
    metadata,
    _load_id(primary_key=True),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("partition", sa.Text, primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("slices", sa.JSON, nullable=False),
    sa.Column("superseded_by", sa.Text, sa.ForeignKey("load.load_id")),
    sa.Index("ix_load_partition", "table_name", "source", "partition"),
)

step = sa.Table(
    "step",
    metadata,
    _load_id(primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("rows_in", sa.BigInteger, nullable=False),
    sa.Column("rows_made", sa.BigInteger, nullable=False),
    sa.Column("rows_out", sa.BigInteger, nullable=False),
    sa.Column("rows_rejected", sa.BigInteger, nullable=False),
    sa.Column("rows_set_aside", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
)

publication = sa.Table(
    "publication",
    metadata,
    sa.Column("publication_id", sa.Text, primary_key=True),
    sa.Column("published_at", Moment, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("slices", sa.JSON, nullable=False),
    sa.Column("marts", sa.JSON, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("fault_where", sa.Text),
    sa.Column("fault_found", sa.Text),
    sa.Column("fault_expected", sa.Text),
    sa.Column("fault_remedy", sa.Text),
)

# What beside the loads a publication was made from, so that it can be made again.
publication_basis = sa.Table(
    "publication_basis",
    metadata,
    sa.Column(
        "publication_id", sa.Text, sa.ForeignKey("publication.publication_id"), primary_key=True
    ),
    sa.Column("planned_at", Moment, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("configuration", sa.Text, nullable=False),
    sa.Column("embargo", sa.JSON, nullable=False),
)

# Who let a held load through or gave it up; led_to: the load that has its rows.
load_decision = sa.Table(
    "load_decision",
    metadata,
    _load_id(primary_key=True),
    sa.Column("decided_at", Moment, primary_key=True),
    sa.Column("decision", sa.Text, sa.CheckConstraint("decision IN ('released', 'discarded')")),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("led_to", sa.Text, sa.ForeignKey("load.load_id")),
)

# A check is of a load or of a publication, and a held publication has checks too.
check_result = sa.Table(
    "check_result",
    metadata,
    sa.Column("check_id", sa.Integer, primary_key=True),
    _load_id(index=True),
    sa.Column("publication_id", sa.Text, index=True),
    sa.Column("suite", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("success", sa.Boolean, nullable=False),
    sa.Column("observed", sa.Text),
    sa.Column("expected", sa.Text),
)

rejected_row = sa.Table(
    "rejected_row",
    metadata,
    _load_id(nullable=False, index=True),
    sa.Column("source_row", sa.Integer, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("field", sa.Text),
    sa.Column("kind", sa.Text, sa.CheckConstraint("kind IN ('reject', 'set_aside')")),
)

# Who corrected which row of a file, when, in which columns; what stood there and what stands there
# now is in quarantine/repairs/<repair_id>.parquet. Of a row the newest counts; one without columns
# takes the earlier ones back. load_id: the first load that has the row as corrected.
repair = sa.Table(
    "repair",
    metadata,
    sa.Column("repair_id", sa.Text, primary_key=True),
    sa.Column("source_row", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, sa.ForeignKey("raw_file.sha256"), nullable=False, index=True),
    sa.Column("district_id", sa.Text),
    sa.Column("parent_load_id", sa.Text, sa.ForeignKey("load.load_id"), nullable=False),
    sa.Column("corrections", sa.Text, sa.ForeignKey("raw_file.sha256"), nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.Column("load_id", sa.Text, sa.ForeignKey("load.load_id")),
)

# Flagged rows stay in the lake with their codes; here is only how many there are.
flag_count = sa.Table(
    "flag_count",
    metadata,
    _load_id(primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("first_rows", sa.JSON, nullable=False),
)

# What people have been told of: a load, a publication or a late file (`about`), through a channel
# of which only a digest is kept, since its address may hold a password.
notification = sa.Table(
    "notification",
    metadata,
    sa.Column("about", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("told_at", Moment, nullable=False),
)

# Data that was destroyed (`roci forget`): a district, a school year of it or of all, or a student,
# of whom only a keyed digest is kept. found: what there was, by kind; remaining: what a search of
# the whole workspace found afterwards (null until it has ended); backups: files that hold it still.
# is_once: whether it may come again.
forgetting = sa.Table(
    "forgetting",
    metadata,
    sa.Column("forgetting_id", sa.Text, primary_key=True),
    sa.Column("asked_at", Moment, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("district_id", sa.Text),
    sa.Column("school_year", sa.Integer),
    sa.Column("digest", sa.Text),
    sa.Column("is_once", sa.Boolean, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("found", sa.JSON),
    sa.Column("remaining", sa.JSON),
    sa.Column("backups", sa.JSON),
)

# Keyed digests of every id that a forgotten student went by.
forgotten_id = sa.Table(
    "forgotten_id",
    metadata,
    sa.Column(
        "forgetting_id", sa.Text, sa.ForeignKey("forgetting.forgetting_id"), primary_key=True
    ),
    sa.Column("digest", sa.Text, primary_key=True),
)

# Raw files that were destroyed: they are never taken in again.
raw_tombstone = sa.Table(
    "raw_tombstone",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("forgetting_id", sa.Text, sa.ForeignKey("forgetting.forgetting_id"), nullable=False),
    sa.Column("destroyed_at", Moment, nullable=False),
)

# Who had rows of restricted storage written out, when, which, how many, where to. Never a value.
access = sa.Table(
    "access",
    metadata,
    sa.Column("access_id", sa.Integer, primary_key=True),
    sa.Column("accessed_at", Moment, nullable=False),
    sa.Column("accessed_by", sa.Text, nullable=False),
    sa.Column("verb", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("filter", sa.Text),
    sa.Column("rows", sa.BigInteger),
    sa.Column("place", sa.Text, nullable=False),
)
