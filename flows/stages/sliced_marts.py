"""A mart of which some slices are new: what else it holds is copied, byte for byte where it can be.

A mart is one Parquet file. Row groups of the last publication that hold rows of kept slices alone
go into the new file as they are; the kept rows of the others are read and written again with the
new ones. Which row groups those are is read from their rows, not from their statistics: DuckDB's
least value of a text column may be that of an earlier row group. So it does not matter how rows
lie; the more the rows of a slice lie together, the more is copied.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from flows.slices import of_slices, slice_parts
from transforms.cell_plan import quoted
from warehouse.lake import path_literal
from warehouse.published import PUBLICATION_KEY
from warehouse.row_groups import NotAssembled, ParquetFooter, RowGroups, assemble

log = logging.getLogger("roci.marts")

# Rows of a file are looked up in stretches of this many: few enough that one seldom lies in two
# row groups, enough of them that there is little to sort out.
STRETCH = 1024
# A quarter of what DuckDB puts into a row group. Smaller ones are never copied but written again
# together, since readers pay for each and one would be added with every build.
SMALL = 30_720
SLICE_ORDER = ("school_year", "assessment", "org_id", "subject", "grade")


@dataclass(frozen=True)
class LastMart:
    """A mart as published last, and the slices of it that stay, of which there is one at least."""

    path: Path
    kept: Sequence[str]

    def rows_sql(self, path: Path) -> str:
        """Return SQL of the kept rows of a file with rows of this mart."""
        return f"SELECT * FROM read_parquet({path_literal(path)}) WHERE {of_slices(self.kept)}"


def in_order_of_slices(sql: str) -> str:
    """Return SQL of the same rows, those of each slice together, and in it of each organisation.

    Of marts that do not come so: cells, and what is read from them row by row, do. In SQLite rows
    lie by organisation: where they also come so, to put them there takes two thirds of the time.
    """
    order = ", ".join(SLICE_ORDER)
    return f"SELECT * FROM ({sql}) ORDER BY {order}"


def with_schools_of_waiting(schools: str, published: Path, waiting: Sequence[str]) -> str:
    """Return SQL of the schools, and of those published that only slices that wait may still have.

    Those slices are as they were: a school that a corrected file has no more is in them still.
    """
    if not waiting or not published.exists():
        return schools
    years = ", ".join(str(slice_parts(name)[1]) for name in waiting)
    return (
        f"WITH schools_now AS ({schools}) FROM schools_now UNION ALL BY NAME "
        f"SELECT * FROM read_parquet({path_literal(published)}) "
        f"ANTI JOIN schools_now USING (school_year, school_id) WHERE school_year IN ({years})"
    )


def write_rows(con: duckdb.DuckDBPyConnection, sql: str, target: Path, publication_id: str) -> None:
    """Write the rows of `sql` as a mart's Parquet file that carries its publication's id."""
    carried = f"{{{PUBLICATION_KEY}: {quoted(publication_id)}}}"
    con.execute(
        f"COPY ({sql}) TO {quoted(str(target))} "
        f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {carried})"
    )


def write_sliced(
    con: duckdb.DuckDBPyConnection,
    sql: str,
    target: Path,
    publication_id: str,
    last: LastMart | None = None,
) -> None:
    """Write a mart of the rows of `sql` and of the slices that stay, under its publication's id.

    In the folder of `target` a temporary one is made and removed.
    """
    if last is None:
        _write(con, sql, target, publication_id)
        return
    try:
        _write_beside_copies(con, sql, target, publication_id, last)
    except NotAssembled as fault:
        log.info("mart=%s row_groups_copied=0 reason=%s", target.stem, fault)
        _write(con, _with_kept(last, last.path, sql), target, publication_id)


def _write_beside_copies(
    con: duckdb.DuckDBPyConnection, sql: str, target: Path, publication_id: str, last: LastMart
) -> None:
    footer = ParquetFooter.read(last.path)
    mixed = _mixed_groups(con, last, footer.rows)
    staying = [number for number in range(len(footer.rows)) if number not in mixed]
    if not staying:
        _write(con, _with_kept(last, last.path, sql), target, publication_id)
        return
    with TemporaryDirectory(dir=target.parent, prefix="parts-") as folder:
        fresh, rest = Path(folder) / "fresh.parquet", Path(folder) / "rest.parquet"
        if mixed:
            assemble(rest, [RowGroups(footer, sorted(mixed))], {})
            sql = _with_kept(last, rest, sql)
        _write(con, sql, fresh, publication_id)
        parts = [RowGroups(footer, staying), RowGroups(ParquetFooter.read(fresh))]
        assemble(target, parts, {PUBLICATION_KEY: publication_id})


def _mixed_groups(con: duckdb.DuckDBPyConnection, last: LastMart, rows: list[int]) -> set[int]:
    """Return the numbers of the row groups that do not stay: with other rows than kept ones, small.

    A stretch that lies in two row groups counts for both.
    """
    held = con.execute(
        f"SELECT DISTINCT file_row_number // {STRETCH}, assessment, school_year "
        f"FROM read_parquet({path_literal(last.path)})"
    ).fetchall()
    kept = {slice_parts(name) for name in last.kept}
    mixed = {number for number, count in enumerate(rows) if count < SMALL}
    ends = list(accumulate(rows))
    for stretch in {one for one, *of_slice in held if tuple(of_slice) not in kept}:
        first, after = stretch * STRETCH, min((stretch + 1) * STRETCH, ends[-1])
        mixed.update(range(bisect_right(ends, first), bisect_right(ends, after - 1) + 1))
    return mixed


def _with_kept(last: LastMart, path: Path, sql: str) -> str:
    return f"{last.rows_sql(path)} UNION ALL BY NAME ({sql})"


def _write(con: duckdb.DuckDBPyConnection, sql: str, target: Path, publication_id: str) -> None:
    """Write rows, every column as one that may be null.

    DuckDB would write one without nulls as required if it can tell, and row groups of required and
    of optional columns are not alike. No row comes of the second part, but DuckDB cannot know.
    """
    optional = f"({sql}) UNION ALL BY NAME (SELECT NULL AS assessment WHERE random() > 2)"
    write_rows(con, optional, target, publication_id)
