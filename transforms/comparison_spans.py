"""Every unit beside what it is compared with, in one year and over spans of years."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.breaks import broken_sql
from transforms.cell_plan import ALL, CellPlan, same_sql
from transforms.comparison_cells import (
    COUNTS,
    SCORES,
    SHARES,
    SIDE,
    VALUES,
    WHOLES,
    ComparisonInputs,
)
from transforms.organisations import SYSTEM
from transforms.race_standard import GROUP_BREAK, is_group_sql

TEST = ("assessment", "subject", "test_window")
PAIR = ("unit_level", "unit_id", "compared_to")
REGROUPED = ("assessment", "y.school_year", "prior_year", "student_group", *PAIR)
SIDES = ("u", "c")


def span_tables(
    plan: CellPlan, inputs: ComparisonInputs, longest: int, name: str
) -> Iterator[tuple[str, str]]:
    """Yield the tables of who stands beside whom, in order: the end of their name, and SQL.

    - `beside`: one row per SYSTEM, SIDE and PAIR: VALUES of the unit (`u_...`) and of what it is
      compared with (`c_...`; null where that has no such cell), and their rates two years before
      (`pre_year`, `u_pre_rate`, `c_pre_rate`), of the years that both have.
    - `years`: each two years of an assessment and subject, and which breaks lie between.
    - `regrouped`: the student groups and PAIRs of which either side is another group than in a
      year before: `assessment`, `school_year`, `prior_year`, `student_group`, PAIR.
    - `school_sets`: the schools of an organisation that have a cell in both years of a span:
      `set_no`, `n_schools`, and in the order of their ids `gains` in points and `weights`.
    - `spans`: the rows of the mart, numbered by `row_no` in the order of their key.
    """
    yield "beside", _beside_sql(name)
    yield "years", _years_sql(inputs.breaks, name)
    yield "regrouped", _regrouped_sql(plan, inputs.group_breaks, name)
    yield "school_sets", _school_sets_sql(longest, name)
    yield "spans", _spans_sql(longest, name)


def _beside_sql(name: str) -> str:
    key = (*SYSTEM, *SIDE, *PAIR)
    values = ", ".join(f"{side}.{value} AS {side}_{value}" for side in SIDES for value in VALUES)
    system = ", ".join(SYSTEM)
    before = ", ".join(
        f"if(is_compared, lag({column}, 2) OVER pair, NULL) AS {given}"
        for column, given in (
            ("school_year", "pre_year"),
            ("u_rate", "u_pre_rate"),
            ("c_rate", "c_pre_rate"),
        )
    )
    pair = ", ".join(c for c in key if c != "school_year")
    return f"""
        WITH places AS (SELECT DISTINCT {system}, org_level, org_id FROM {name}_cells)
        SELECT *, {before}
        FROM (
            SELECT {", ".join(f"u.{c}" for c in (*SYSTEM, *SIDE))}, p.*, {values},
                u.is_hidden OR coalesce(c.is_hidden, false) AS is_hidden,
                c.org_id IS NOT NULL AS is_compared
            FROM {name}_units AS p
            JOIN {name}_sides AS u ON (u.org_level, u.org_id) = (p.unit_level, p.unit_id)
            JOIN places AS there ON {same_sql("there", "u", SYSTEM)}
                AND (there.org_level, there.org_id) = (p.compared_level, p.compared_id)
            LEFT JOIN {name}_sides AS c ON {same_sql("c", "u", (*SYSTEM, *SIDE))}
                AND (c.org_level, c.org_id) = (p.compared_level, p.compared_id)
        )
        WINDOW pair AS (PARTITION BY {pair}, is_compared ORDER BY school_year)
    """


def _years_sql(breaks: str, name: str) -> str:
    years = f"(SELECT DISTINCT assessment, subject, school_year FROM {name}_cells)"
    pairs = f"""
        SELECT now.assessment, now.subject, now.school_year, before.school_year AS prior_year
        FROM {years} AS now JOIN {years} AS before USING (assessment, subject)
        WHERE before.school_year < now.school_year
    """
    return f"""
        SELECT *, scale_break OR standard_break OR population_break AS is_broken
        FROM ({broken_sql(f"({pairs})", breaks)})
    """


def _regrouped_sql(plan: CellPlan, group_breaks: str, name: str) -> str:
    pair = ", ".join(PAIR)
    return f"""
        WITH groups AS (
            SELECT DISTINCT student_group FROM {name}_cells AS cell
            WHERE {is_group_sql(plan, "cell")}
        ), either AS (
            SELECT {pair}, unit_level AS org_level, unit_id AS org_id FROM {name}_units
            UNION SELECT {pair}, compared_level, compared_id FROM {name}_units
        )
        SELECT DISTINCT {", ".join(REGROUPED)}
        FROM {group_breaks} AS b JOIN either USING (org_level, org_id)
        JOIN (SELECT DISTINCT assessment, school_year, prior_year FROM {name}_years) AS y
            USING (assessment)
        CROSS JOIN groups
        WHERE b.school_year > y.prior_year AND b.school_year <= y.school_year
    """


def _school_sets_sql(longest: int, name: str) -> str:
    """Return SQL of school gains by organisation, span and side.

    A school's weight is n0 n1 / (n0 + n1), for a contrast of two groups the like of four numbers:
    the reciprocal of the sum of the reciprocals of all n.
    """
    side = (*TEST, *SIDE)
    numbers = [f"{year}.{n}" for year in ("now", "before") for n in ("n", "n_other")]
    parts = " + ".join(f"coalesce(1 / {n}::DOUBLE, 0)" for n in numbers)
    return f"""
        WITH schools AS (FROM {name}_sides WHERE org_level = 'school'),
        gains AS (
            SELECT {", ".join(f"now.{c}" for c in (*SYSTEM, *SIDE))},
                before.school_year AS from_year, now.org_id AS school_id,
                now.rate - before.rate AS gain, 1 / ({parts}) AS weight
            FROM schools AS now
            JOIN schools AS before ON {same_sql("before", "now", (*side, "org_id"))}
                AND before.school_year BETWEEN now.school_year - {longest} AND now.school_year
        )
        SELECT row_number() OVER () AS set_no, *
        FROM (
            SELECT {", ".join((*SYSTEM, *SIDE))}, from_year, org_level, org_id,
                count(*) AS n_schools, list(gain ORDER BY school_id) AS gains,
                list(weight ORDER BY school_id) AS weights
            FROM gains JOIN {name}_members USING (school_id) GROUP BY ALL
        )
    """


def _spans_sql(longest: int, name: str) -> str:
    key = (*SYSTEM, *SIDE, *PAIR)
    frames = f"SELECT DISTINCT {', '.join((*SYSTEM, *PAIR))} FROM {name}_beside"
    order = ", ".join(f"now.{c}" for c in key)
    same_groups = ("assessment", "student_group", *PAIR)
    return f"""
        WITH frames AS ({frames})
        SELECT row_number() OVER (ORDER BY {order}, f.school_year) AS row_no,
            dense_rank() OVER (ORDER BY {", ".join(f"now.{c}" for c in (*SYSTEM, "compared_to"))})
                AS family,
            {order}, f.school_year AS from_year, {", ".join(_columns(longest))}
        FROM {name}_beside AS now
        JOIN frames AS f ON {same_sql("f", "now", (*TEST, *PAIR))}
            AND f.school_year BETWEEN now.school_year - {longest} AND now.school_year
        LEFT JOIN {name}_beside AS before ON {same_sql("before", "now", (*TEST, *SIDE, *PAIR))}
            AND before.school_year = f.school_year AND f.school_year < now.school_year
        LEFT JOIN {name}_years AS y ON {same_sql("y", "now", ("assessment", "subject"))}
            AND (y.school_year, y.prior_year) = (now.school_year, f.school_year)
        LEFT JOIN {name}_years AS e ON {same_sql("e", "now", ("assessment", "subject"))}
            AND (e.school_year, e.prior_year) = (f.school_year, before.pre_year)
        LEFT JOIN {name}_regrouped AS gy ON {same_sql("gy", "now", same_groups)}
            AND (gy.school_year, gy.prior_year) = (now.school_year, f.school_year)
        LEFT JOIN {name}_regrouped AS ge ON {same_sql("ge", "now", same_groups)}
            AND (ge.school_year, ge.prior_year) = (f.school_year, before.pre_year)
        LEFT JOIN {name}_school_sets AS su ON {same_sql("su", "now", (*SYSTEM, *SIDE))}
            AND su.from_year = f.school_year
            AND (su.org_level, su.org_id) = (now.unit_level, now.unit_id)
        LEFT JOIN {name}_school_sets AS sc ON {same_sql("sc", "now", (*SYSTEM, *SIDE))}
            AND sc.from_year = f.school_year
            AND (sc.org_level, sc.org_id) = (now.compared_level, now.compared_id)
    """


def _columns(longest: int) -> Iterator[str]:
    """Yield SQL of what the rows of a span have beside their key."""
    groups_hold = "gy.assessment IS NULL"
    rates_hold = f"NOT coalesce(y.is_broken, false) AND {groups_hold}"
    scores_hold = f"NOT coalesce(y.scale_break OR y.population_break, false) AND {groups_hold}"
    wholes = ", ".join(f"'{one}'" for one in WHOLES)
    yield "nullif(now.school_year - f.school_year, 0) AS years"
    yield f"now.compared_to IN ({wholes}) AS is_whole"
    yield f"now.contrast <> '{ALL}' AS is_contrast"
    yield "now.is_hidden OR coalesce(before.is_hidden, false) AS is_hidden"
    yield "su.set_no AS u_set, sc.set_no AS c_set"
    yield "su.n_schools AS u_schools, sc.n_schools AS c_schools"
    for side in SIDES:
        yield from (f"now.{side}_{c}" for c in (*COUNTS, "n_students", "rate"))
        yield f"before.{side}_n_students AS {side}_n_from"
        yield from (
            f"if({rates_hold}, before.{side}_{c}, NULL) AS {side}_before_{c}" for c in COUNTS
        )
        yield f"if({rates_hold}, now.{side}_rate - before.{side}_rate, NULL) AS {side}_gain"
        for score in SCORES:
            holds = scores_hold if score == "mean_scale_score" else rates_hold
            yield f"if({holds}, now.{side}_{score} - before.{side}_{score}, NULL) AS {side}_{score}"
    yield "now.u_performance_index AS performance_index"
    for share in SHARES:
        yield (
            f"(now.u_{share} - before.u_{share}) - (now.c_{share} - before.c_{share}) "
            f"AS {share}_change"
        )
    yield f"""if(before.pre_year >= f.school_year - {longest} AND {rates_hold} AND NOT e.is_broken
            AND ge.assessment IS NULL,
        ((before.u_rate - before.u_pre_rate) - (before.c_rate - before.c_pre_rate))
            / (f.school_year - before.pre_year), NULL) AS pre_trend"""
    yield f"""CASE WHEN NOT now.is_compared THEN 'no_group'
        WHEN y.scale_break THEN 'scale_break'
        WHEN y.population_break THEN 'population_break'
        WHEN NOT ({groups_hold}) THEN '{GROUP_BREAK}'
        WHEN f.school_year < now.school_year AND NOT coalesce(before.is_compared, false)
            THEN 'no_group'
        WHEN y.standard_break THEN 'standard_break'
        WHEN now.u_rate IS NULL OR now.c_rate IS NULL THEN 'no_levels'
        WHEN f.school_year < now.school_year
            AND (before.u_rate IS NULL OR before.c_rate IS NULL) THEN 'no_levels'
        END AS missing_reason"""
