"""Participation of cells: students without a score beside those who have one, and what is shown.

    results = "filled"                      # with every group that is counted
    find_untested(con, results, "all_results", plan, marts.participation)
    build_cells(con, "untested", organisations, untested_plan(plan), UNTESTED_STATISTICS,
                name=UNTESTED_CELLS)
    decide_untested(con, plan, marts.suppression)
    count_participation(con, plan, decided=True)

Tested and untested are different students. A number of a cell is shown only where the cell is, by
the decisions on tested students, and where those who did not take part, and those who took part
without a score, are shown as well, each by decisions of their own: nobody learns of any of the
three groups more than its own decisions let pass. Nobody at all is an absent cell, and no secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from configs.mart_models import Marts, Suppression
from transforms.cell_plan import ALL, UNKNOWN, CellPlan
from transforms.cell_tables import insert_rows
from transforms.cells import CELLS
from transforms.growth_matching import PRIOR_STATUS
from transforms.measures import percent
from transforms.organisations import OF_SYSTEM, SYSTEM, UNIT, org_splits
from transforms.participation import UNTESTED, untested_plan
from transforms.participation_known import ENROLLED, KNOWN, is_chosen_grade
from transforms.suppress import Dimensions, SuppressionRule, protect

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

UNTESTED_CELLS = "untested_cells"
UNTESTED_DECISIONS = "untested_decisions"
PARTICIPATION = "participation"
# No number of students is near to all or none of anything here, so nothing is coded.
_UNCODED = ((1, -1.0),)
_ORG = (*SYSTEM, "org_level", "org_id")
_KEY = (*_ORG, "grade", "dimension", "code")


def decide_untested(con: DuckDBPyConnection, plan: CellPlan, rule: Suppression) -> str:
    """Make table `untested_decisions` and return its name: `cell_id`, `is_shown`.

    Every cell of `untested_cells` has a row. It is shown where neither its students who did not
    take part nor those who did without a score are hidden.

    Raises:
        CellsDoNotAddUp: the cells are not whole, and nothing could be promised.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {UNTESTED_DECISIONS} (cell_id BIGINT, is_shown BOOLEAN)"
    )
    systems = con.execute(f"SELECT DISTINCT {', '.join(SYSTEM)} FROM {UNTESTED_CELLS} ORDER BY ALL")
    for system in systems.fetchall():
        cells = _cells_of(con, system)
        splits = org_splits(con, system, f"{UNTESTED_CELLS}_parts")
        insert_rows(con, UNTESTED_DECISIONS, shown_cells(cells, splits, plan, rule))
    return UNTESTED_DECISIONS


def shown_cells(
    cells: pd.DataFrame, splits: pd.DataFrame, plan: CellPlan, rule: Suppression
) -> pd.DataFrame:
    """Return `cell_id` and `is_shown` of the untested cells of one system."""
    rolled = {rollup.dimension for rollup in plan.rollups}
    alone = tuple(d for d in untested_plan(plan).one_way if d not in rolled)
    dimensions = Dimensions((), alone, rollups=plan.rollups)
    limits = SuppressionRule(rule.minimum_n, _UNCODED, rule.interval)
    hidden = pd.Series(False, index=cells.index)
    for count in (cells["n_untested"] - cells["n_no_score"], cells["n_no_score"]):
        # There is no rate of them: only how many they are must stay open.
        held = cells.assign(n_tested=count, n_proficient=0, has_rate=False).loc[count > 0]
        if len(held):
            hidden |= protect(held, splits, dimensions, limits)["suppressed"].reindex(
                cells.index, fill_value=False
            )
    return pd.DataFrame({"cell_id": cells["cell_id"], "is_shown": ~hidden})


def _cells_of(con: DuckDBPyConnection, system: Sequence[object]) -> pd.DataFrame:
    return con.execute(
        f"SELECT * FROM {UNTESTED_CELLS} WHERE {OF_SYSTEM} ORDER BY cell_id", list(system)
    ).df()


def count_participation(con: DuckDBPyConnection, plan: CellPlan, *, decided: bool) -> str:
    """Make table `participation` and return its name: the cells of which it is known.

    Grain: `cell_id` of `cells`, for cells split by grade and by one dimension at most. Columns:
    `n_enrolled`, the tested and the untested students; `n_participated`, the tested and those who
    took part without a score; `is_shown`, whether they may be published where the cell is (false
    where nothing is decided).

    No row, as it is not known, where `untested_known` has a `missing_reason` for any district that
    the organisation has tested students of; where the roster knows nobody of the school on that
    day; in grades of which only some students take the assessment, and over all grades where there
    are such; and where of all untested students of a district none has a known group of the
    dimension.

    Args:
        con: a connection with `cells`, and with `untested_cells` of the same results.
        plan: what the marts are counted by.
        decided: whether `decide_untested` has run.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {PARTICIPATION} AS {_participation_sql(plan, decided)}"
    )
    return PARTICIPATION


def exact_measures() -> dict[str, str]:
    """Return SQL of the columns of the restricted mart, over `participation` joined by cell_id."""
    return {
        "n_enrolled": "n_enrolled",
        "pct_participation": percent("n_participated", "n_enrolled"),
    }


def published_measures(marts: Marts) -> dict[str, str]:
    """Return SQL of the columns of `mart_achievement`, over `participation` and `suppressed`."""
    pct = f"round({percent('n_participated', 'n_enrolled')}, {marts.pct_decimals})"
    shown = "NOT suppressed AND is_shown"
    return {
        "n_enrolled": f"if({shown}, n_enrolled, NULL)",
        "pct_participation": f"if({shown}, {pct}, NULL)",
    }


def _participation_sql(plan: CellPlan, decided: bool) -> str:
    key = ", ".join(_KEY)
    return f"""
        WITH with_score AS ({_alone_sql(CELLS, plan)}),
        without_score AS ({_untested_sql(plan, decided)}),
        places AS ({_places_sql()}),
        untold AS ({_untold_sql(plan)})
        SELECT t.cell_id, (t.n_tested + coalesce(u.n_untested, 0))::INTEGER AS n_enrolled,
            (t.n_tested + coalesce(u.n_no_score, 0))::INTEGER AS n_participated,
            {"coalesce(u.is_shown, true)" if decided else "false"} AS is_shown
        FROM with_score AS t
        SEMI JOIN places USING ({", ".join(_ORG)})
        ANTI JOIN untold USING ({", ".join((*_ORG, "dimension"))})
        LEFT JOIN without_score AS u USING ({key})
        WHERE NOT {is_chosen_grade(plan.assessments)}
            AND NOT (grade = '{ALL}' AND ({", ".join(f"t.{c}" for c in _ORG)}) IN (
                SELECT ({", ".join(_ORG)}) FROM with_score WHERE {is_chosen_grade(plan.assessments)}
            ))
    """


def _alone_sql(cells: str, plan: CellPlan) -> str:
    """Return SQL of the cells split by one dimension at most, which is `dimension` with `code`."""
    text = ", ".join(f"{c}::VARCHAR AS {c}" for c in (*_ORG[1:], "grade"))
    dimensions = untested_plan(plan).one_way
    split = " + ".join(f"({d} <> '{ALL}')::INTEGER" for d in dimensions) or "0"
    named, codes = (
        "".join(f"WHEN {d} <> '{ALL}' THEN {value.format(d)} " for d in dimensions)
        for value in ("'{}'", "{}::VARCHAR")
    )
    never = "WHEN false THEN ''"
    prior = (
        f" AND {PRIOR_STATUS} = '{ALL}'"
        if cells == CELLS and PRIOR_STATUS in plan.key_columns
        else ""
    )
    return f"""
        SELECT * REPLACE ({text}), CASE {named or never} ELSE '{ALL}' END AS dimension,
            CASE {codes or never} ELSE '{ALL}' END AS code
        FROM {cells} WHERE {split} <= 1{prior}
    """


def _untested_sql(plan: CellPlan, decided: bool) -> str:
    """Return SQL of the untested cells, and of those that are a district's under another name.

    A district has partner schools and others where both have rows in the system. Where no partner
    school has anybody untested, all who are untested are of the other schools.
    """
    district = ", ".join((*SYSTEM, "org_id"))
    decisions = f"JOIN {UNTESTED_DECISIONS} USING (cell_id)" if decided else ""
    shown = "is_shown" if decided else "false AS is_shown"
    return f"""
        WITH own AS (
            SELECT {", ".join(_KEY)}, n_untested, n_no_score, {shown}
            FROM ({_alone_sql(UNTESTED_CELLS, plan)}) {decisions}
        ), sided AS (SELECT DISTINCT {district} FROM own WHERE org_level IN ('partner', 'rest'))
        FROM own
        UNION ALL BY NAME
        SELECT * REPLACE ('rest' AS org_level)
        FROM (FROM own WHERE org_level = 'district') ANTI JOIN sided USING ({district})
    """


def _places_sql() -> str:
    """Return SQL of the organisations of which it is known who is untested."""
    schools = f"SELECT DISTINCT {', '.join(UNIT)}, true AS is_in_roster FROM {ENROLLED}"
    return f"""
        SELECT {", ".join(_ORG)} FROM {CELLS}_members AS m
        JOIN {KNOWN} AS known USING ({", ".join((*SYSTEM, "district_id"))})
        LEFT JOIN ({schools}) USING ({", ".join(UNIT)})
        GROUP BY ALL
        HAVING bool_and(known.missing_reason IS NULL)
            AND bool_and(org_level <> 'school' OR is_in_roster IS NOT NULL)
    """


def _untold_sql(plan: CellPlan) -> str:
    """Return SQL of organisations and dimensions of which a district's roster tells nothing."""
    district = ", ".join((*SYSTEM, "district_id"))
    known = " UNION ALL ".join(
        f"SELECT {district}, '{d}' AS dimension FROM {UNTESTED} GROUP BY ALL "
        f"HAVING count_if(coalesce({d}, '{UNKNOWN}') <> '{UNKNOWN}') = 0"
        for d in untested_plan(plan).one_way
    )
    nothing = f"SELECT {district}, '' AS dimension FROM {UNTESTED} WHERE false"
    return f"""
        SELECT DISTINCT {", ".join(_ORG)}, dimension
        FROM {CELLS}_members JOIN ({known or nothing}) USING ({district})
    """
