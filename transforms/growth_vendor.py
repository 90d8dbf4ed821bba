"""Growth as a vendor or a state has computed it for each student, taken in and never recomputed.

Three measures, each a row of its own, never of several norms together: `growth_index`, the
conditional growth index, in standard deviations of the growth that is typical, of which means may
be taken; `growth_percentile`, of which the median is; `growth_met`, whether the projected growth
was reached.

Sources: NWEA, conditional growth index and percentile (community.nwea.org, DOC-1642 and DOC-1630:
the index may be averaged, the percentile not); comparisons of 2015 with 2020 norms are inadvisable
(docslib.org/doc/2972261); SGP, studentGrowthPercentiles (R package SGP): the aggregate is the
median.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transforms.cell_plan import ALL, UNKNOWN, CellPlan, same_sql
from transforms.cell_statistics import SCORE_DECIMALS, units
from transforms.growth_matching import PRIOR_STATUS
from transforms.growth_statistics import growth_plan
from transforms.measures import percent
from transforms.organisations import SYSTEM, UNIT

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

VENDOR = "vendor"
VENDOR_CELLS = "vendor_cells"
INDEX, PERCENTILE, MET = "growth_index", "growth_percentile", "growth_met"


def build_vendor_cells(
    con: DuckDBPyConnection,
    students: str,
    growth_cells: str,
    plan: CellPlan,
    name: str = VENDOR_CELLS,
) -> str:
    """Make table `name`: what vendors say of the students of each growth cell; return its name.

    Grain: the growth cell, `growth_measure`, `growth_norm` (UNKNOWN where the file does not say).
    Columns: those of the growth cell's key, `cell_id`, `n_tested`, `n_growth` (students who have
    the measure), `n_met`, `mean_growth_index`, `median_growth_percentile`.

    Args:
        con: the connection in which the growth cells are built.
        students: the rows that they are built from, with the four growth fields.
        growth_cells: the name of the cells.
        plan: what the marts are counted by.
        name: of the table, and what the name of its sums begins with.
    """
    own = growth_plan(plan)
    sums = vendor_sums_sql(students, growth_cells, own)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name}_sums AS {sums}")
    rows = vendor_cells_sql(own, f"{name}_sums", growth_cells)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {rows}")
    return name


def vendor_sums_sql(students: str, growth_cells: str, plan: CellPlan) -> str:
    """Return SQL of what the students of each growth cell have of each measure, norm by norm.

    Medians do not add up, so each student goes into every cell that holds him or her: files of
    vendors are small, and a key is one integer.
    """
    return f"""
        WITH places AS ({_places_sql(growth_cells)}),
        keyed AS ({_keyed_sql(students, growth_cells, plan)}),
        counted AS (
            SELECT * EXCLUDE (groups), unnest(groups || [bits + grade FOR bits IN groups]) AS bits
            FROM keyed
        )
        SELECT place + bits AS cell_id, growth_norm,
            count({INDEX}) AS n_indexed, sum({INDEX}) AS index_sum,
            count({PERCENTILE}) AS n_ranked, median({PERCENTILE}) AS median_growth_percentile,
            count({MET}) AS n_known, count(*) FILTER ({MET}) AS n_met
        FROM counted JOIN places USING (school)
        GROUP BY ALL
    """


def _places_sql(growth_cells: str) -> str:
    """Return SQL of the bits of each school, beside those of every organisation it counts for."""
    return f"""
        SELECT u.bits AS school, p.bits AS place FROM {growth_cells}_units AS u
        JOIN {growth_cells}_members USING ({", ".join(UNIT)})
        JOIN {growth_cells}_places AS p USING ({", ".join(SYSTEM)}, org_level, org_id)
    """


def _keyed_sql(students: str, growth_cells: str, plan: CellPlan) -> str:
    """Return SQL of the students of whom a vendor says anything, with the bits of their groups."""
    columns = ("grade", *plan.one_way)
    joins = " ".join(
        f"JOIN {growth_cells}_codes AS {c}_codes ON {c}_codes.dimension = '{c}' "
        f"AND {c}_codes.value = coalesce(s.{c}, '{UNKNOWN}')"
        for c in columns
    )
    groups = ", ".join(["0", *(f"{c}_codes.bits" for c in plan.one_way)])
    return f"""
        SELECT u.bits AS school, grade_codes.bits AS grade, [{groups}] AS groups,
            coalesce(growth_norm, '{UNKNOWN}') AS growth_norm, {PERCENTILE}::SMALLINT
                AS {PERCENTILE}, {units(INDEX, SCORE_DECIMALS)} AS {INDEX}, {MET}
        FROM {students} AS s JOIN {growth_cells}_units AS u USING ({", ".join(UNIT)}) {joins}
        WHERE is_scored AND coalesce({PERCENTILE}, {INDEX}, {MET}::INTEGER) IS NOT NULL
    """


def vendor_cells_sql(plan: CellPlan, sums: str, growth_cells: str) -> str:
    """Return SQL of the table of `build_vendor_cells`, from its sums and the growth cells."""
    key = ", ".join(f"c.{column}" for column in plan.key_columns)
    return f"""
        WITH measured AS (
            SELECT cell_id, growth_norm, '{INDEX}' AS growth_measure, n_indexed AS n_growth,
                index_sum / {10**SCORE_DECIMALS} / n_indexed AS mean_growth_index
            FROM {sums} WHERE n_indexed > 0
            UNION ALL BY NAME
            SELECT cell_id, growth_norm, '{MET}' AS growth_measure, n_known AS n_growth, n_met
            FROM {sums} WHERE n_known > 0
            UNION ALL BY NAME
            SELECT cell_id, growth_norm, '{PERCENTILE}' AS growth_measure, n_ranked AS n_growth,
                median_growth_percentile
            FROM {sums} WHERE n_ranked > 0
        )
        SELECT measured.*, {key}, c.n_tested
        FROM measured JOIN {growth_cells} AS c USING (cell_id)
    """


def vendor_sql(plan: CellPlan, vendor: str, shown: str | None, hidden: str | None) -> str:
    """Return SQL of the rows of `vendor`, as the mart of growth names them.

    Of what is published cells that are suppressed are left out: achievement says that they are.

    Args:
        plan: what the marts are counted by.
        vendor: a table as of `build_vendor_cells`.
        shown: a relation as of `growth_keys.shown_sql`; null where nothing is published.
        hidden: a relation as of `growth_privacy.hide_vendor`; null as well.
    """
    status = f", '{ALL}' AS {PRIOR_STATUS}" if PRIOR_STATUS in plan.key_columns else ""
    kept_back, told = "true", ""
    if shown:
        key = ("cell_id", "growth_measure", "growth_norm")
        same = same_sql("h", "v", key)
        kept_back = f"EXISTS (SELECT 1 FROM {hidden} AS h WHERE {same})"
        told = f"JOIN {shown} AS s ON s.cell_id = v.cell_id AND NOT s.is_suppressed"
    return f"""
        SELECT v.* EXCLUDE (cell_id, n_met){status}, '{VENDOR}' AS growth_type,
            {percent("n_met", "n_growth")} AS pct_met_growth, {kept_back} AS is_hidden
        FROM {vendor} AS v {told}
    """
