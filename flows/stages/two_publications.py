"""What follows from a slice as published and as it would be, held side by side: then it waits.

The elimination knows of one publication. A reader who kept yesterday's has both: of a sum one part
may be hidden then and another now, and the smallest, hidden in both, is what is left.
"""

from __future__ import annotations

import logging
from collections.abc import Set
from pathlib import Path

import duckdb

from flows.context import Context
from flows.slices import of_slices, slice_name
from flows.stages.attacking import following_from_both
from flows.stages.marts import MartFiles
from warehouse.bulk import quoted
from warehouse.lake import path_literal

log = logging.getLogger("roci.marts")

ACHIEVEMENT = "mart_achievement"


def told_by_both(
    context: Context, con: duckdb.DuckDBPyConnection, files: MartFiles, slices: Set[str]
) -> dict[str, int]:
    """Count in each of these slices what small follows from what is published and would be.

    Slices without any are left out. Those that would be shown as they are are not attacked.
    """
    others = slices and slices - _as_shown(context, con, files, slices)
    if not others:
        return {}
    folder = files.reporting[ACHIEVEMENT].parent
    before = context.publisher.path(ACHIEVEMENT, "reporting").parent
    found = following_from_both(context, folder, files.released, before, others)
    log.info("two_publications slices=%d fallen=%d", len(others), len(found))
    return found


def _as_shown(
    context: Context, con: duckdb.DuckDBPyConnection, files: MartFiles, slices: Set[str]
) -> Set[str]:
    """Return the slices of which every reporting mart has the rows that readers are shown."""
    same = set(slices)
    for mart in sorted(files.sliced & files.reporting.keys()):
        published = context.publisher.path(mart, "reporting")
        if not published.exists():
            return set()
        now = _digests(con, files.reporting[mart], slices)
        then = _digests(con, published, slices)
        same -= {name for name in slices if now.get(name) != then.get(name)}
    return same


def _digests(
    con: duckdb.DuckDBPyConnection, path: Path, slices: Set[str]
) -> dict[str, tuple[object, ...]]:
    """Return of each slice of a mart its columns, its rows and a digest of them in any order."""
    file = f"read_parquet({path_literal(path)})"
    columns = tuple(sorted(row[0] for row in con.execute(f"DESCRIBE FROM {file}").fetchall()))
    row = ", ".join(map(quoted, columns))
    found = con.execute(
        f"SELECT assessment, school_year, count(*), sum(hash({row})::HUGEINT) FROM {file} "
        f"WHERE {of_slices(sorted(slices))} GROUP BY ALL"
    ).fetchall()
    return {slice_name(name, year): (columns, *told) for name, year, *told in found}
