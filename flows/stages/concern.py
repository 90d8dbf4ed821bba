"""Who should have been tested, and whom to look at: participation, untested and focus students."""

from __future__ import annotations

import duckdb

from flows.context import Context
from flows.stages.marts import ORGANISATIONS
from flows.stages.protecting import proven
from flows.stages.students import STUDENTS
from transforms.breaks import breaks_relation
from transforms.cell_plan import CellPlan
from transforms.cells import build_cells
from transforms.focus import focus_students_sql
from transforms.participation import (
    UNTESTED,
    UNTESTED_STATISTICS,
    find_untested,
    untested_plan,
    untested_students_sql,
)
from transforms.participation_cells import UNTESTED_CELLS, count_participation, decide_untested


def relate_participation(
    context: Context, con: duckdb.DuckDBPyConnection, plan: CellPlan, students: str
) -> str:
    """Make table `participation` of the cells that were counted from `students`; return its name.

    Raises:
        PublicationHeld: the untested students' cells do not add up.
    """
    marts = context.catalogue.marts
    find_untested(con, students, "all_results", plan, marts.participation)
    build_cells(
        con, UNTESTED, ORGANISATIONS, untested_plan(plan), UNTESTED_STATISTICS, UNTESTED_CELLS
    )
    with proven():
        decide_untested(con, plan, marts.suppression)
    return count_participation(con, plan, decided=True)


def students_of_concern(
    context: Context, con: duckdb.DuckDBPyConnection, plan: CellPlan
) -> dict[str, str]:
    """Return SQL of the restricted marts of students; `relate_participation` has been called."""
    con.register("concern_breaks", breaks_relation(context.catalogue.assessments))
    focus = context.catalogue.marts.focus
    return {
        "untested_students": untested_students_sql(plan),
        "focus_students": focus_students_sql(STUDENTS, plan, focus, "concern_breaks"),
    }
