"""Holds roci's result against the yardstick's: `compare.py YARDSTICK_FOLDER MART QUARANTINE`.

The yardstick's tables are the measure; roci's are put into their shape. Prints one JSON object of
counts: cells of both, and for each kind of difference how many there are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.generate import COLUMNS

if TYPE_CHECKING:
    import duckdb

SOURCE = "results_csv"
MASKED_BELOW = 11
TOLERANCE = 1e-9
# The yardstick's name of each group, and roci's.
GROUPS = {
    "ethnicity": "ethnicity",
    "el_status": "el_status",
    "gender": "gender",
    "sed": "econ_status",
    "swd": "disability_status",
}
CROSSED = ("ethnicity", "el_status", "gender")
ONE_WAY = ("econ_status", "disability_status")
KEY = ("geo", "grouping", "test_year", "subject", "district", "cds_code", "grade", *GROUPS)
VALUES = ("n", "mean_score", "share_met", "masked")


def as_yardstick_sql(mart: Path) -> str:
    """Return SQL of a `mart_achievement_unsuppressed` in the yardstick's columns and codes.

    Cells that the yardstick does not have, of further dimensions and crossings, are left out.
    """
    names = " || ".join(f"if({ours} = 'all', '', '+{theirs}')" for theirs, ours in GROUPS.items())
    groups = ", ".join(f"{_spelled(ours)} AS {theirs}" for theirs, ours in GROUPS.items())
    return f"""
        SELECT org_level AS geo, coalesce(nullif(({names})[2:], ''), 'all') AS "grouping",
            school_year AS test_year, {_spelled("subject")} AS subject,
            if(org_level = 'all', NULL, split_part(org_id, '/', 1)) AS district,
            if(org_level = 'school', replace(org_id, '/', ''), NULL) AS cds_code,
            if(grade = 'all', NULL, grade::INTEGER) AS grade, {groups},
            n_tested AS n, mean_scale_score AS mean_score, pct_proficient / 100 AS share_met,
            n_tested < {MASKED_BELOW} AS masked
        FROM read_parquet('{mart}')
        WHERE org_level IN ('school', 'district', 'all') AND {_is_of_the_yardstick(mart)}
    """


def _is_of_the_yardstick(mart: Path) -> str:
    """Return the SQL condition of cells that cross the first three, or split one further group."""
    import pyarrow.parquet as pq

    columns = pq.read_schema(mart).names
    further = [c for c in columns if c.endswith("_status") and c not in GROUPS.values()]
    alone = " AND ".join(f"{c} = 'all'" for c in (*CROSSED, *further))
    unsplit = " AND ".join(f"{c} = 'all'" for c in (*ONE_WAY, *further))
    return f"(({alone}) OR ({unsplit}))"


def _spelled(field: str) -> str:
    """Return SQL of a code as the source's file spells it; null for 'all'."""
    from configs.catalogue import load_catalogue

    codes = load_catalogue(None).source(SOURCE).fields[field].codes
    assert codes is not None
    cases = " ".join(f"WHEN '{ours}' THEN '{theirs}'" for theirs, ours in codes.items())
    return f"CASE {field} {cases} END"


def compare(yardstick: Path, mart: Path, quarantine: Path) -> dict[str, int]:
    """Return how many cells and rejects there are and how many differ, by what differs."""
    import duckdb

    con = duckdb.connect()
    con.execute(f"CREATE TABLE ours AS {as_yardstick_sql(mart)}")
    con.execute(f"CREATE TABLE theirs AS FROM read_parquet('{yardstick}/agg.parquet')")
    return _cells(con) | _rejects(con, yardstick, quarantine)


def _cells(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    same = " AND ".join(f'o."{name}" IS NOT DISTINCT FROM t."{name}"' for name in KEY)
    near = f"abs(o.{{0}} - t.{{0}}) <= {TOLERANCE}"
    differences = {
        "only_roci": "t.geo IS NULL",
        "only_yardstick": "o.geo IS NULL",
        "masked": "o.masked <> t.masked",
        "n": "NOT t.masked AND o.n <> t.n",
        "mean_score": f"NOT t.masked AND NOT coalesce({near.format('mean_score')}, false)",
        "share_met": f"NOT t.masked AND NOT coalesce({near.format('share_met')}, false)",
    }
    counts = ", ".join(f"count(*) FILTER ({test})" for test in differences.values())
    totals = "(SELECT count(*) FROM ours), (SELECT count(*) FROM theirs)"
    [found] = con.execute(
        f"SELECT {totals}, {counts} FROM ours AS o FULL JOIN theirs AS t ON {same}"
    ).fetchall()
    names = ("cells_roci", "cells_yardstick", *(f"cells_differ_{name}" for name in differences))
    return dict(zip(names, found, strict=True))


def _rejects(con: duckdb.DuckDBPyConnection, yardstick: Path, quarantine: Path) -> dict[str, int]:
    columns = ", ".join(COLUMNS)
    blank = ", ".join(f"coalesce({name}, '') AS {name}" for name in COLUMNS)
    con.execute(f"CREATE TABLE set_aside AS SELECT {columns} FROM read_parquet('{quarantine}')")
    con.execute(
        f"CREATE TABLE rejected AS SELECT {blank} "
        f"FROM read_csv('{yardstick}/rejects.csv', header = true, all_varchar = true)"
    )
    [found] = con.execute(
        "SELECT (SELECT count(*) FROM set_aside), (SELECT count(*) FROM rejected), "
        "(SELECT count(*) FROM (FROM set_aside EXCEPT ALL FROM rejected)), "
        "(SELECT count(*) FROM (FROM rejected EXCEPT ALL FROM set_aside))"
    ).fetchall()
    names = ("rejects_roci", "rejects_yardstick", "rejects_only_roci", "rejects_only_yardstick")
    return dict(zip(names, found, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Hold roci's result against the yardstick's.")
    parser.add_argument("yardstick", type=Path)
    parser.add_argument("mart", type=Path)
    parser.add_argument("quarantine", type=Path)
    print(json.dumps(compare(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
