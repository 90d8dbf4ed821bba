"""Counts students once and adds the counts up to every published cell.

A cell is one system (school year, assessment, subject, window), one organisation, one grade or
'all', and one combination of groups. Its whole key is packed into one BIGINT, `cell_id`, a range of
bits per column; in the group columns 0 stands for 'all', so to sum over a group is to clear its
bits. Students are read once into such keys and counted at the finest cells; all others are sums of
counts, each taken from a parent that is already small. Measured in docs/decisions/0004-cells.md.

Functions named `..._sql` and `..._statements` build text; `build_cells` runs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from configs.errors import PublicationHeld
from transforms import organisations as orgs
from transforms.cell_plan import ALL, CellPlan, KeyLayout, quoted
from transforms.organisations import SYSTEM, UNIT, Organisations

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CELLS = "cells"
COUNTS = "cell_counts"
PLACES = "cell_places"
GROUPS = "cell_groups"
STUDENTS = "cell_students"
UNKNOWN = "UNKNOWN"
SCORE_UNIT = 1000


def build_cells(
    con: DuckDBPyConnection, results: str, organisations: Organisations, plan: CellPlan
) -> str:
    """Build all cells of `results` as temporary tables of `con`; return the name of the view.

    Args:
        con: an in-memory connection.
        results: a relation with the columns of UNIT, `grade`, the plan's dimensions (null counts as
            UNKNOWN), `scale_score`, `performance_level`, `is_scored`; only rows that are scored
            count. The rows may lie in any order and number of systems.
        organisations: who is a partner or in a network, and names.
        plan: what is counted.

    Returns:
        `cells`: one row per cell that holds a student: `cell_id` BIGINT, the plan's `key_columns`
        ('all' where a cell is not split), `n_tested`, `n_proficient` and `n_level_1` ... (students
        by performance level; a student without a level is in none), `n_scores` and `score_sum` over
        the students who have a score (kept to thousandths, so that no order of rows or threads
        changes a digit). Ordered by `cell_id`, which is the order of the key.

    Raises:
        PublicationHeld: a row that is scored would be in no cell, or more than once.
    """
    _run(con, seen_statements(results, organisations, plan))
    _refuse_codes_that_mean_all(con)
    layout = KeyLayout.of_sizes(_sizes(con, plan))
    _run(con, dictionary_statements(organisations, plan, layout))
    _run(con, [_table(STUDENTS, students_sql(results, plan))])
    _refuse_lost_rows(con, results)
    _run(con, sum_statements(plan, layout))
    _run(con, view_statements(plan, layout))
    return CELLS


def seen_statements(results: str, organisations: Organisations, plan: CellPlan) -> Iterator[str]:
    """Yield SQL that lists the units and combinations of groups that occur, and numbers them."""
    unit, groups = ", ".join(UNIT), ", ".join(plan.group_columns)
    yield _table("cell_units_seen", f"SELECT DISTINCT {unit} FROM {results} WHERE is_scored")
    yield _table("cell_groups_seen", f"SELECT DISTINCT {groups} FROM {results} WHERE is_scored")
    codes = " UNION ALL ".join(
        f"SELECT DISTINCT '{c}' AS dimension, coalesce({c}, '{UNKNOWN}') AS value "
        "FROM cell_groups_seen"
        for c in plan.group_columns
    )
    yield _table(
        "cell_codes",
        "SELECT *, row_number() OVER (PARTITION BY dimension ORDER BY value) AS code "
        f"FROM ({codes})",
    )
    yield _table(orgs.MEMBERS, orgs.members_sql("cell_units_seen", organisations))
    yield _table(orgs.PARTS, orgs.parts_sql())
    yield _table("cell_systems", _numbered(SYSTEM, SYSTEM, "cell_units_seen"))
    by_level = (f"list_position({list(orgs.LEVELS)}, org_level)", "org_id")
    yield _table("cell_orgs", _numbered(("org_level", "org_id"), by_level, orgs.MEMBERS))


def _sizes(con: DuckDBPyConnection, plan: CellPlan) -> dict[str, int]:
    """Return how many codes each column of the key has, highest bits first."""
    counts = dict(con.execute("SELECT dimension, max(code) FROM cell_codes GROUP BY 1").fetchall())
    return {
        "system": _count(con, "cell_systems"),
        "org": _count(con, "cell_orgs"),
        **{column: counts.get(column, 0) for column in plan.group_columns},
    }


def _numbered(columns: tuple[str, ...], order: tuple[str, ...], relation: str) -> str:
    names = ", ".join(columns)
    return (
        f"SELECT *, row_number() OVER (ORDER BY {', '.join(order)}) AS code "
        f"FROM (SELECT DISTINCT {names} FROM {relation})"
    )


def dictionary_statements(
    organisations: Organisations, plan: CellPlan, layout: KeyLayout
) -> Iterator[str]:
    """Yield SQL of the small tables between key columns and bits."""
    yield _table("cell_facts", _facts_sql(plan))
    text = (*SYSTEM[1:], "org_level", "org_id", "org_name")
    yield from _encoded_table(PLACES, _places_sql(organisations, layout), text)
    yield _table("cell_lineage", _lineage_sql())
    yield _table("cell_units", _units_sql())
    yield _table("cell_groups_coded", _coded_groups_sql(plan, layout))


def _facts_sql(plan: CellPlan) -> str:
    """Return SQL of what each assessment's scores mean, one row per assessment."""
    rows = ", ".join(
        f"({quoted(name)}, {assessment.proficient_from or 'NULL'}::INTEGER)"
        for name, assessment in sorted(plan.assessments.items())
    )
    return f"SELECT * FROM (VALUES {rows}) AS facts(assessment, proficient_from)"


def _places_sql(organisations: Organisations, layout: KeyLayout) -> str:
    """Return SQL of one row per system and organisation, with its bits and name."""
    system = ", ".join(f"s.{c}" for c in SYSTEM)
    names = (
        "(SELECT org_level, org_id, school_year, min(org_name) AS org_name "
        f"FROM {organisations.names} GROUP BY ALL)"
    )
    return f"""
        SELECT (s.code << {layout.shift("system")}) + (o.code << {layout.shift("org")}) AS bits,
            {system}, o.org_level, o.org_id, proficient_from,
            coalesce(in_year.org_name, always.org_name, o.org_id) AS org_name
        FROM (SELECT DISTINCT {", ".join(SYSTEM)}, org_level, org_id FROM {orgs.MEMBERS}) AS m
        JOIN cell_systems AS s USING ({", ".join(SYSTEM)})
        JOIN cell_orgs AS o USING (org_level, org_id)
        JOIN cell_facts USING (assessment)
        LEFT JOIN {names} AS in_year ON in_year.org_level = o.org_level
            AND in_year.org_id = o.org_id AND in_year.school_year = s.school_year
        LEFT JOIN {names} AS always ON always.org_level = o.org_level
            AND always.org_id = o.org_id AND always.school_year IS NULL
    """


def _lineage_sql() -> str:
    """Return SQL of which place a place's counts are added to: schools', then districts'."""
    ends = ", ".join(SYSTEM)
    return f"""
        SELECT child.bits AS child, parent.bits AS parent
        FROM {orgs.PARTS} AS part
        JOIN {PLACES} AS child USING ({ends})
        JOIN {PLACES} AS parent USING ({ends})
        WHERE part.split IN ('schools', 'districts')
            AND (part.child_level, part.child_id) = (child.org_level, child.org_id)
            AND (part.parent_level, part.parent_id) = (parent.org_level, parent.org_id)
    """


def _units_sql() -> str:
    return f"""
        SELECT u.*, p.bits FROM cell_units_seen AS u
        JOIN {PLACES} AS p USING ({", ".join(SYSTEM)})
        WHERE p.org_level = 'school' AND p.org_id = u.district_id || '/' || u.school_id
    """


def _coded_groups_sql(plan: CellPlan, layout: KeyLayout) -> str:
    columns = plan.group_columns
    bits = " + ".join(f"({c}_codes.code << {layout.shift(c)})" for c in columns)
    joins = " ".join(
        f"JOIN cell_codes AS {c}_codes ON {c}_codes.dimension = '{c}' "
        f"AND {c}_codes.value = coalesce(seen.{c}, '{UNKNOWN}')"
        for c in columns
    )
    return f"SELECT seen.*, {bits} AS bits FROM cell_groups_seen AS seen {joins}"


def students_sql(results: str, plan: CellPlan) -> str:
    """Return SQL of the scored rows as keys of their finest cells, levels and scores."""
    same_groups = " AND ".join(f"g.{c} IS NOT DISTINCT FROM r.{c}" for c in plan.group_columns)
    return f"""
        SELECT u.bits + g.bits AS cell_id, performance_level::TINYINT AS level,
            round(scale_score * {SCORE_UNIT})::BIGINT AS score
        FROM {results} AS r
        JOIN cell_units AS u USING ({", ".join(UNIT)})
        JOIN cell_groups_coded AS g ON {same_groups}
        WHERE is_scored
    """


def sum_statements(plan: CellPlan, layout: KeyLayout) -> Iterator[str]:
    """Yield SQL from students to all cells in `cell_counts`, ordered by `cell_id`."""
    yield _table("cell_crossed", _finest_sql(plan, layout, plan.one_way))
    yield from _organisation_sums("cell_crossed", plan, layout)
    yield from _group_sums("cell_crossed", ("grade", *plan.crossed), plan, layout)
    parts = ["SELECT * FROM cell_crossed"]
    for dimension in plan.one_way:
        name = f"cell_by_{dimension}"
        others = tuple(c for c in (*plan.crossed, *plan.one_way) if c != dimension)
        yield _table(name, _finest_sql(plan, layout, others))
        yield from _organisation_sums(name, plan, layout)
        yield from _group_sums(name, ("grade",), plan, layout)
        parts.append(f"SELECT * FROM {name}")
    yield _table(COUNTS, " UNION ALL ".join(parts) + " ORDER BY cell_id")
    for name in (STUDENTS, "cell_crossed", *(f"cell_by_{d}" for d in plan.one_way)):
        yield f"DROP TABLE {name}"


def _finest_sql(plan: CellPlan, layout: KeyLayout, cleared: tuple[str, ...]) -> str:
    levels = "".join(
        f", (count(*) FILTER (level = {k}))::INTEGER AS n_level_{k}" for k in plan.levels
    )
    return f"""
        SELECT {_cleared(layout, *cleared)} AS cell_id, count(*)::INTEGER AS n_tested,
            count(score)::INTEGER AS n_scores,
            coalesce(sum(score), 0)::BIGINT AS score_units{levels}
        FROM {STUDENTS} GROUP BY 1
    """


def _organisation_sums(name: str, plan: CellPlan, layout: KeyLayout) -> Iterator[str]:
    """Yield SQL that adds to the schools' cells those of all other organisations."""
    places = layout.mask("system", "org")
    groups = layout.mask(*plan.group_columns)
    parents = f"{name}_parents"
    for children, target in ((name, parents), (parents, f"{name}_all")):
        yield _table(
            target,
            f"SELECT (cell_id & {groups}) + parent AS cell_id, {_sums(plan)} FROM {children} "
            f"JOIN cell_lineage ON child = cell_id & {places} GROUP BY 1",
        )
    for more in (parents, f"{name}_all"):
        yield f"INSERT INTO {name} SELECT * FROM {more}"
        yield f"DROP TABLE {more}"


def _group_sums(
    name: str, columns: tuple[str, ...], plan: CellPlan, layout: KeyLayout
) -> Iterator[str]:
    """Yield SQL that adds, column by column, the sums of all cells that there are so far."""
    for column in columns:
        yield (
            f"INSERT INTO {name} SELECT {_cleared(layout, column)} AS cell_id, {_sums(plan)} "
            f"FROM {name} GROUP BY 1"
        )


def _cleared(layout: KeyLayout, *columns: str) -> str:
    return f"cell_id & {~layout.mask(*columns)}"


def _sums(plan: CellPlan) -> str:
    counts = ["n_tested", "n_scores", *(f"n_level_{k}" for k in plan.levels)]
    sums = {**dict.fromkeys(counts, "INTEGER"), "score_units": "BIGINT"}
    order = ["n_tested", "n_scores", "score_units", *counts[2:]]
    return ", ".join(f"sum({c})::{sums[c]} AS {c}" for c in order)


def view_statements(plan: CellPlan, layout: KeyLayout) -> Iterator[str]:
    """Yield SQL of the view `cells`: keys as words again, one join for places, one for groups."""
    yield from _encoded_table(GROUPS, _groups_sql(plan, layout), plan.group_columns)
    yield f"CREATE OR REPLACE TEMP VIEW {CELLS} AS {_cells_sql(plan, layout)}"


def _groups_sql(plan: CellPlan, layout: KeyLayout) -> str:
    columns = plan.group_columns
    words = ", ".join(f"coalesce({c}_codes.value, '{ALL}') AS {c}" for c in columns)
    joins = " ".join(
        f"LEFT JOIN cell_codes AS {c}_codes ON {c}_codes.dimension = '{c}' "
        f"AND {c}_codes.code = (bits & {layout.mask(c)}) >> {layout.shift(c)}"
        for c in columns
    )
    bits = f"SELECT DISTINCT cell_id & {layout.mask(*columns)} AS bits FROM {COUNTS}"
    return f"SELECT bits, {words} FROM ({bits}) {joins}"


def _cells_sql(plan: CellPlan, layout: KeyLayout) -> str:
    """Return SQL of `cells`.

    Every cell has its place and its groups; left joins keep DuckDB from hashing the counts, which
    are many, instead of these, which takes twice the time.
    """
    proficient = " + ".join(f"if(proficient_from <= {k}, n_level_{k}, 0)" for k in plan.levels)
    levels = "".join(f", n_level_{k}" for k in plan.levels)
    return f"""
        SELECT cell_id, {", ".join(plan.key_columns)}, n_tested,
            ({proficient or 0})::INTEGER AS n_proficient,
            score_units::DOUBLE / {SCORE_UNIT} AS score_sum, n_scores{levels}
        FROM {COUNTS}
        LEFT JOIN {PLACES} AS p ON p.bits = cell_id & {layout.mask("system", "org")}
        LEFT JOIN {GROUPS} AS g ON g.bits = cell_id & {layout.mask(*plan.group_columns)}
    """


def _run(con: DuckDBPyConnection, statements: Iterable[str]) -> None:
    for statement in statements:
        con.execute(statement)


def _table(name: str, sql: str) -> str:
    return f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}"


def _encoded_table(name: str, sql: str, columns: tuple[str, ...]) -> Iterator[str]:
    """Yield SQL of a table whose text columns are ENUMs: a byte or two in each row joined."""
    yield _table(f"{name}_text", sql)
    for c in columns:
        yield (
            f"CREATE OR REPLACE TEMP TYPE cell_{c} AS ENUM "
            f"(SELECT DISTINCT {c} FROM {name}_text ORDER BY {c})"
        )
    enums = ", ".join(f"{c}::cell_{c} AS {c}" for c in columns)
    yield _table(name, f"SELECT * REPLACE ({enums}) FROM {name}_text")


def _count(con: DuckDBPyConnection, relation: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    assert row is not None
    return int(row[0])


def _refuse_codes_that_mean_all(con: DuckDBPyConnection) -> None:
    found = con.execute("SELECT dimension FROM cell_codes WHERE value = ?", [ALL]).fetchall()
    if found:
        raise PublicationHeld(
            "CODE_MEANS_ALL",
            where="the student results to be counted",
            found=f"the code '{ALL}' in " + ", ".join(sorted(row[0] for row in found)),
            expected=f"codes of the vocabulary; '{ALL}' names a cell that is not split",
            remedy="mend the vocabulary or the source that makes this code, and load again",
        )


def _refuse_lost_rows(con: DuckDBPyConnection, results: str) -> None:
    expected = _count(con, f"{results} WHERE is_scored")
    counted = _count(con, STUDENTS)
    if expected != counted:
        raise PublicationHeld(
            "ROWS_NOT_COUNTED",
            where="the student results to be counted",
            found=f"{counted} of {expected} scored rows have a cell",
            expected="each scored row in exactly one finest cell",
            remedy="look for rows without school, district, assessment, subject, window or year, "
            "and for assessments without a file in configs/assessments",
        )
