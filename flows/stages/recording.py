"""What is kept of a load beside its rows: steps, reasons, remarks, and the rejected rows."""

from __future__ import annotations

import time
from collections.abc import Sequence

import duckdb
import pyarrow as pa

from flows.context import Context
from flows.stages.extract import Extract
from flows.stages.forgotten import without_forgotten_cells
from flows.stages.rows import RowTally, StagedRows
from flows.stages.work import Resolved, Work
from transforms.faults import all_faults, all_flags
from warehouse.ledger import Step
from warehouse.ledger_records import FlagCount

FIRST_ROWS = 5


def record_rows_step(context: Context, work: Work, tally: RowTally, clock: float) -> None:
    """Note in the ledger what became of the file's rows one by one; `clock` is when it began."""
    context.ledger.record_step(
        work.load_id,
        Step(
            "rows",
            rows_in=tally.received,
            rows_made=tally.made,
            rows_out=tally.staged,
            rows_rejected=tally.rejected,
            rows_set_aside=tally.aside,
            seconds=time.perf_counter() - clock,
        ),
    )


def record_across_step(
    context: Context, work: Work, staged: StagedRows, resolved: Resolved, clock: float
) -> None:
    """Note in the ledger which rows left because of other rows."""
    before, after = staged.tally, resolved.tally
    context.ledger.record_step(
        work.load_id,
        Step(
            "across",
            rows_in=before.staged,
            rows_out=after.staged,
            rows_rejected=after.rejected - before.rejected,
            rows_set_aside=after.aside - before.aside,
            seconds=time.perf_counter() - clock,
        ),
    )


def record_rows(
    context: Context, load_id: str, tally: RowTally, con: duckdb.DuckDBPyConnection
) -> None:
    """Note in the ledger which rows left and why, and how many stay with which remark."""
    rejects = one_per_code(con, all_faults(tally.rejects))
    context.ledger.record_rows(load_id, rejects, "reject")
    # Every record that is set aside is so for one reason; a row may stand here once for each.
    aside = all_faults(tally.set_aside).sort_by("source_row")
    context.ledger.record_rows(load_id, aside, "set_aside")
    flags = all_flags(tally.flags)
    con.register("flagged", one_per_code(con, flags, "source_row, source_record"))
    counts = con.execute(
        "SELECT code, field, count(*), list(DISTINCT source_row ORDER BY source_row)[:?] "
        "FROM flagged GROUP BY code, field",
        [FIRST_ROWS],
    ).fetchall()
    context.ledger.record_flags(
        load_id, [FlagCount(code, field, rows, tuple(first)) for code, field, rows, first in counts]
    )


def one_per_code(
    con: duckdb.DuckDBPyConnection, faults: pa.Table, whose: str = "source_row"
) -> pa.Table:
    """Return one fault for each row (or record) and code, the names of its fields joined."""
    con.register("told", faults)
    return con.sql(
        f"SELECT {whose}, code, string_agg(DISTINCT field, ', ' ORDER BY field) AS field "
        f"FROM told GROUP BY {whose}, code ORDER BY {whose}, code"
    ).to_arrow_table()


def keep_in_quarantine(
    context: Context, work: Work, extract: Extract, rejects: list[pa.Table]
) -> None:
    """Keep the rejected rows as they stand in the file, with their codes and fields."""
    if not any(table.num_rows for table in rejects):
        return
    reasons = _reasons(all_faults(rejects))
    raw = extract.raw_rows(reasons["source_row"].to_pylist())
    raw = _without(raw, work.source.drop)
    rows = reasons.join(raw, "source_row").sort_by("source_row")
    kept = without_forgotten_cells(context, rows, work.incoming.district_id)
    context.quarantine.write(work.load_id, kept)


def _without(raw: pa.Table, dropped: Sequence[str]) -> pa.Table:
    """Return the rows with nothing in the columns that the source drops.

    The columns stay: a spreadsheet of corrections has those of the file. So does a line that cannot
    be taken apart: nobody knows which part of it is a name.
    """
    for name in set(dropped) & set(raw.column_names):
        place, nothing = raw.schema.get_field_index(name), pa.nulls(raw.num_rows, pa.string())
        raw = raw.set_column(place, name, nothing)
    return raw


def _reasons(faults: pa.Table) -> pa.Table:
    """Return a row for each rejected row: `source_row`, its `reject_codes` and `reject_fields`."""
    codes: dict[int, dict[str, set[str]]] = {}
    for fault in faults.to_pylist():
        of_row = codes.setdefault(fault["source_row"], {"codes": set(), "fields": set()})
        of_row["codes"].add(fault["code"])
        of_row["fields"].update([fault["field"]] if fault["field"] else [])
    rows = sorted(codes)
    return pa.table(
        {
            "source_row": pa.array(rows, pa.int32()),
            "reject_codes": pa.array(
                [",".join(sorted(codes[row]["codes"])) for row in rows], pa.string()
            ),
            "reject_fields": pa.array(
                [",".join(sorted(codes[row]["fields"])) for row in rows], pa.string()
            ),
        }
    )
