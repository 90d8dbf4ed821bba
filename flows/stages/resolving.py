"""Settles what only all rows of a load together show: duplicates, repeats, histories."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from flows.context import Context
from flows.stages.forgotten import without_forgotten
from flows.stages.records import RecordNumbers
from flows.stages.rows import RowTally, StagedRows, flag_texts
from flows.stages.slicing import view
from flows.stages.work import Resolved, Work
from transforms.faults import FAULTS, all_flags
from transforms.repeats import resolve
from validation.cross_rows import check_cross_rows
from warehouse.staging import amend, record_keys

REJECTED = ("DUPLICATE_CONFLICT",)


def resolve_rows(
    context: Context, work: Work, staged: StagedRows, con: duckdb.DuckDBPyConnection
) -> Resolved:
    """Return the staged records less those that leave because of others, with new flags.

    Those of students, districts and years that were forgotten (`roci forget`) leave first.
    """
    staged = without_forgotten(context, staged, con)
    if not staged.files:
        return Resolved({}, {}, staged.tally)
    view(con, "staged", staged.files)
    settled = resolve(con, "staged", work.source)
    rejected, aside = _parted(settled)
    flags = _flags_across(context, work, con)
    texts = _merged_flags(staged.tally.flags, flags) if flags.num_rows else None
    files, rows = staged.files, staged.rows
    if settled.num_rows or texts is not None:
        files, rows = amend(staged.files, settled if settled.num_rows else None, texts)
    before = staged.tally
    tally = RowTally(
        received=before.received,
        made=before.made,
        staged=sum(rows.values()),
        rejected=before.rejected + rejected.num_rows,
        aside=before.aside + aside.num_rows,
        rejects=[*before.rejects, rejected],
        set_aside=[*before.set_aside, aside],
        forgotten=before.forgotten,
        flags=[*before.flags, flags],
    )
    return Resolved(files, rows, tally)


def _parted(settled: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the records that are rejected, and those set aside."""
    rejected = pc.is_in(settled["code"], value_set=pa.array(REJECTED))
    nothing = pa.nulls(settled.num_rows, pa.string())
    faults = settled.append_column("field", nothing).select(FAULTS.names)
    return faults.filter(rejected), faults.filter(pc.invert(rejected))


def _flags_across(context: Context, work: Work, con: duckdb.DuckDBPyConnection) -> pa.Table:
    numbers = RecordNumbers.of_relation(con, "staged")
    relation = numbers.numbered_view(con, "staged")
    earlier = _earlier(context, work, con)
    return numbers.flags(check_cross_rows(con, relation, work.source, earlier))


def _merged_flags(before: Sequence[pa.Table], across: pa.Table) -> pa.Table:
    """Return the flag texts of the records flagged across rows, earlier flags kept."""
    earlier = all_flags(before)
    same = pc.is_in(record_keys(earlier), value_set=record_keys(across))
    return flag_texts(all_flags([earlier.filter(same), across]))


def _earlier(context: Context, work: Work, con: duckdb.DuckDBPyConnection) -> str | None:
    """Make a view of the source's other partitions, and return its name if there are any."""
    replaced = {row[0] for row in con.execute("SELECT DISTINCT partition FROM staged").fetchall()}
    others = [
        live.partition
        for live in context.ledger.live_partitions(work.source.table)
        if live.source == work.source.name and live.partition not in replaced
    ]
    if not others or work.source.table != "student_result":
        return None
    scan = context.lake.scan_sql(work.source.table, work.source.name, others)
    if scan is None:
        return None
    con.execute(f"CREATE OR REPLACE VIEW earlier AS SELECT * FROM {scan}")
    return "earlier"
