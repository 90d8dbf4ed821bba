"""Rows of a mart of achievement under numbers, so that growth joins integers and not words.

A row's `key` is one BIGINT of its place (organisation and system), its grade and its groups. Slices
that were kept from the last publication have no `cell_id`, so these numbers are made anew of the
words of all rows, kept and fresh.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from transforms.cell_plan import ALL, CellPlan, quoted, same_sql
from transforms.growth_matching import MATCHED, PRIOR_STATUS, before_sql
from transforms.organisations import SYSTEM

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

GRADES = ("KG", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
# The bits of a key: those of the place lie above those of the grade and of the groups.
PLACE_SHIFT, GRADE_SHIFT = 40, 32
GRADE_BITS = (1 << (PLACE_SHIFT - GRADE_SHIFT)) - 1
PLACE = (*SYSTEM, "org_level", "org_id")
_MEASURES = ("n_tested", "n_proficient", "mean_scale_score", "distance_from_standard")


def hidden(row: str) -> str:
    """Return SQL that is true where a row of achievement does not show all of its numbers."""
    return f"(coalesce({row}.suppressed, true) OR {row}.rate_coding IS DISTINCT FROM 'exact')"


def below_sql() -> str:
    """Return SQL of the relation `grade`, `below`: each grade that has one below it."""
    rows = ", ".join(f"({quoted(grade)}, {quoted(below)})" for below, grade in pairwise(GRADES))
    return f"(VALUES {rows}) AS below(grade, below)"


def keyed(place: str, grade: str, groups: str = "0") -> str:
    """Return SQL of the key of a place, a grade and groups, each given as SQL of its number."""
    return f"(({place} << {PLACE_SHIFT}) + ({grade} << {GRADE_SHIFT}) + {groups})"


def number_rows(con: DuckDBPyConnection, plan: CellPlan, achievement: str, name: str) -> str:
    """Make tables of the rows of a mart of achievement by number; return `name`.

    - `<name>_places`: `place`, the columns of PLACE, `org_name`; `<name>_grades`: `grade_number`,
      `grade`; `<name>_groups`: `group_number`, the words of the dimensions.
    - `<name>_results`: a row of everyone, in the order of place and grade: `key`, `place_grade`
      (the key without groups), `group_number`, `n_tested`, `n_proficient`, `mean_scale_score`,
      `distance_from_standard`, `suppressed`, `is_hidden` (not all of its numbers are shown).
    - `<name>_of_matched`: `key`, `suppressed` and `is_hidden` of the rows of who is matched.

    Args:
        con: an in-memory connection.
        plan: what was counted.
        achievement: rows of a mart of achievement of all years.
        name: what the names of the tables begin with.
    """
    for statement in _statements(plan, achievement, name):
        con.execute(statement)
    return name


def _statements(plan: CellPlan, achievement: str, name: str) -> Iterator[str]:
    place, groups = ", ".join(PLACE), ", ".join(_groups_of(plan))
    for words, number, sql in (
        ("places", "place", f"{place}, any_value(org_name) AS org_name"),
        ("grades", "grade_number", "grade"),
        ("groups", "group_number", groups),
    ):
        order = {"places": place, "grades": "grade", "groups": groups}[words]
        yield (
            f"CREATE OR REPLACE TEMP TABLE {name}_{words} AS "
            f"SELECT row_number() OVER (ORDER BY {order}) AS {number}, * "
            f"FROM (SELECT {sql} FROM {achievement} GROUP BY {order})"
        )
    rows = f"""
        SELECT {keyed("place", "grade_number", "group_number")} AS key,
            {keyed("place", "grade_number")} AS place_grade, group_number,
            {", ".join(_MEASURES)}, suppressed, {hidden("rows")} AS is_hidden
        FROM {achievement} AS rows {_numbers(plan, name)}
    """
    is_matched, of_everyone = "false", "true"
    if PRIOR_STATUS in plan.key_columns:
        of_everyone, is_matched = (f"{PRIOR_STATUS} = {quoted(s)}" for s in (ALL, MATCHED))
    yield (
        f"CREATE OR REPLACE TEMP TABLE {name}_results AS {rows} WHERE {of_everyone} ORDER BY key"
    )
    yield (
        f"CREATE OR REPLACE TEMP TABLE {name}_of_matched AS "
        f"SELECT key, suppressed, is_hidden FROM ({rows} WHERE {is_matched})"
    )


def _groups_of(plan: CellPlan) -> tuple[str, ...]:
    """Return the dimensions that a key has: all but who is matched."""
    return tuple(c for c in (*plan.crossed, *plan.side_columns) if c != PRIOR_STATUS)


def _numbers(plan: CellPlan, name: str) -> str:
    """Return the joins that find the numbers of a row's words; null where it has none."""
    return (
        f"LEFT JOIN {name}_places USING ({', '.join(PLACE)}) "
        f"LEFT JOIN {name}_grades USING (grade) "
        f"LEFT JOIN {name}_groups USING ({', '.join(_groups_of(plan))})"
    )


def words_sql(plan: CellPlan, rows: str, name: str) -> str:
    """Return SQL of `rows`, which have a `key`, with the words of the columns of a cell's key.

    Left joins to the small tables of words: DuckDB then hashes those, and the order stays.
    """
    status = f", '{ALL}' AS {PRIOR_STATUS}" if PRIOR_STATUS in plan.key_columns else ""
    grade = f"(rows.key >> {GRADE_SHIFT}) & {GRADE_BITS}"
    return f"""
        SELECT words.* EXCLUDE (place), grade, dimensions.* EXCLUDE (group_number){status},
            rows.* EXCLUDE (key)
        FROM {rows} AS rows
        LEFT JOIN {name}_places AS words ON words.place = rows.key >> {PLACE_SHIFT}
        LEFT JOIN {name}_grades ON grade_number = {grade}
        LEFT JOIN {name}_groups AS dimensions
            ON dimensions.group_number = rows.key & {(1 << GRADE_SHIFT) - 1}
    """


def shown_sql(plan: CellPlan, growth_cells: str, name: str) -> str:
    """Return SQL of what is published of each growth cell.

    Columns: `cell_id`; `is_suppressed`, the cell; `is_matched_suppressed`, its matched students;
    `is_matched_hidden`, not all of their numbers are shown; `n_cohort`, the students of the cell
    that they come from, of the grade below where a year lies between; null where nothing is
    published of it.
    """
    same = same_sql("before", "c", ("assessment", "subject", *PLACE[-2:]))
    grade = "if(years_back = 0, c.grade, coalesce(below.below, c.grade))"
    own = keyed("c.place", "c.grade_number", "c.group_number")
    cohort = keyed("before.place", "grade_before.grade_number", "c.group_number")
    return f"""
        SELECT c.cell_id, coalesce(whole.suppressed, true) AS is_suppressed,
            coalesce(matched.suppressed, true) AS is_matched_suppressed,
            coalesce(matched.is_hidden, true) AS is_matched_hidden, cohort.n_tested AS n_cohort
        FROM (FROM {growth_cells} {_numbers(plan, name)}) AS c
        LEFT JOIN {before_sql().replace("before(", "dated(")} ON dated.test_window = c.test_window
        LEFT JOIN {name}_places AS before ON {same}
            AND before.school_year = c.school_year - years_back
            AND before.test_window = dated.prior_window
        LEFT JOIN {below_sql()} ON below.grade = c.grade
        LEFT JOIN {name}_grades AS grade_before ON grade_before.grade = {grade}
        LEFT JOIN {name}_results AS whole ON whole.key = {own}
        LEFT JOIN {name}_of_matched AS matched ON matched.key = {own}
        LEFT JOIN {name}_results AS cohort ON cohort.key = {cohort}
    """
