"""What a mart of achievement tells the marts that are computed from it."""

from __future__ import annotations

import duckdb

from flows.stages.marts import CELL_KEY, MartWriter
from transforms.cell_plan import CellPlan
from transforms.organisations import SYSTEM
from warehouse.lake import path_literal
from warehouse.publish import MartArea

ACHIEVEMENT = {
    "restricted": "mart_achievement_unsuppressed",
    "reporting": "mart_achievement",
}


def told_achievement_sql(writer: MartWriter, plan: CellPlan, area: MartArea) -> str | None:
    """Return SQL of an area's own cells of all years; null where it has none.

    What is published is computed from published numbers alone, so it can tell no others. A cell
    that is not listed there, though there is one, comes as a suppressed row: nobody is not the same
    as nobody who is shown.
    """
    path = writer.written(ACHIEVEMENT[area], area)
    if path is None:
        return None
    own = f"SELECT * FROM read_parquet({path_literal(path)})"
    every = writer.written(ACHIEVEMENT["restricted"], "restricted")
    if area == "restricted" or every is None:
        return own
    key = ", ".join((*CELL_KEY, *plan.group_columns[1:]))
    place = ", ".join((*SYSTEM, "org_level", "org_id"))
    return f"""
        {own} UNION ALL BY NAME
        SELECT {", ".join(plan.key_columns)}, true AS suppressed
        FROM read_parquet({path_literal(every)})
        ANTI JOIN ({own}) USING ({key}) SEMI JOIN ({own}) USING ({place})
    """


def relate_achievement(
    con: duckdb.DuckDBPyConnection, writer: MartWriter, plan: CellPlan, area: MartArea
) -> str | None:
    """Make table `told_achievement` and return its name; null where the area has no cells."""
    sql = told_achievement_sql(writer, plan, area)
    if sql is None:
        return None
    con.execute(f"CREATE OR REPLACE TEMP TABLE told_achievement AS {sql}")
    return "told_achievement"
