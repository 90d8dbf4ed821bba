"""Flags that only several rows can show. All SQL here names columns, never values.

Ids are compared by their 64-bit hash first: the few students that it points at are looked at again
by the id itself.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from configs.source_models import Source
from validation.el_history import impossible_pairs, impossible_records_sql
from validation.faults import FAULT_SCHEMA
from validation.identity_rules import rules_of

_RESULTS = "student_result"
_ROSTERS = "student_roster"

# Whoever is at two schools in one window is so in one year: both rules look at these rows alone.
_LOOKED_AT = "two_schools_suspects"
_SUSPECTS = """
WITH suspect AS (
    SELECT hash(student_id) AS student FROM {relation}
    GROUP BY hash(student_id), school_year, assessment
    HAVING min(hash(district_id, school_id)) <> max(hash(district_id, school_id))
)
SELECT source_row, student_id, school_year, assessment, test_window, district_id, school_id
FROM {relation} WHERE hash(student_id) IN (SELECT student FROM suspect)
"""

_TWO_SCHOOLS = """
SELECT source_row FROM {relation}
WINDOW student AS (PARTITION BY student_id, school_year, assessment)
QUALIFY min((district_id, school_id)) OVER student <> max((district_id, school_id)) OVER student
"""

_EL_HISTORY = """
WITH impossible(before, after) AS (VALUES {pairs}),
later AS (
    SELECT source_row, student_id, school_year, el_status FROM {relation}
    WHERE el_status IN (SELECT after FROM impossible) AND school_year > {first_year}
),
year_end AS (
    SELECT student_id, school_year,
        max_by(el_status, (coalesce(test_date, DATE '0001-01-01'), el_status)) AS el_status
    FROM ({rows}) WHERE el_status NOT IN ('NOT_EL', 'UNKNOWN') AND school_year < {last_year}
        AND hash(student_id) IN (SELECT hash(student_id) FROM later)
    GROUP BY student_id, school_year
)
SELECT later.source_row FROM later
ASOF JOIN year_end
    ON later.student_id = year_end.student_id AND later.school_year > year_end.school_year
JOIN impossible ON before = year_end.el_status AND after = later.el_status
"""


def check_cross_rows(
    con: duckdb.DuckDBPyConnection, relation: str, source: Source, earlier: str | None = None
) -> pa.Table:
    """Return the flags that the rows of one whole load earn only beside one another.

    TWO_SCHOOLS: the student has results at two schools in one school year and assessment; every
    row of that student and year is flagged. EL_HISTORY_IMPOSSIBLE: the status cannot follow the
    one that the student had at the end of the latest earlier year; the later row is flagged.
    EL_RECORD_IMPOSSIBLE: of a roster's status records, one cannot follow the one before. Those
    of `identity_rules`, of results and rosters: two students under one id, one student under two,
    a student at two schools at the same time.

    Args:
        con: where `relation` and `earlier` are known.
        relation: the load's good rows, typed as fields.yml says, with `source_row`.
        source: their source.
        earlier: rows of other years from the lake with student_id, school_year, test_date and
            el_status. Only years before a row's own are compared with it; what the load replaces
            must not be in it.

    Returns:
        A fault table (source_row, code, field) in order of row and code.
    """
    queries = _result_queries(con, relation, earlier) if source.table == _RESULTS else []
    narrowed = {("STUDENT_IN_TWO_SCHOOLS", _RESULTS): _LOOKED_AT}
    if source.table == _ROSTERS:
        records = impossible_records_sql(relation, "source_row")
        queries.append((records, "EL_RECORD_IMPOSSIBLE", "el_status"))
    for rule in rules_of(source.table):
        rows = narrowed.get((rule.code, rule.table), relation)
        queries.append((rule.query(rows, "source_row"), rule.code, rule.field))
    if not queries:
        return FAULT_SCHEMA.empty_table()
    selects = [
        f"SELECT DISTINCT source_row, '{code}' AS code, '{field}' AS field FROM ({query})"
        for query, code, field in queries
    ]
    found = con.sql(" UNION ALL ".join(selects) + " ORDER BY source_row, code")
    return found.to_arrow_table().cast(FAULT_SCHEMA)


def _result_queries(
    con: duckdb.DuckDBPyConnection, relation: str, earlier: str | None
) -> list[tuple[str, str, str]]:
    """Return query, code and field of the rules that only results have."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_LOOKED_AT} AS {_SUSPECTS.format(relation=relation)}"
    )
    queries = [(_TWO_SCHOOLS.format(relation=_LOOKED_AT), "TWO_SCHOOLS", "school_id")]
    history = _history_query(con, relation, earlier)
    if history is not None:
        queries.append((history, "EL_HISTORY_IMPOSSIBLE", "el_status"))
    return queries


def _history_query(
    con: duckdb.DuckDBPyConnection, relation: str, earlier: str | None
) -> str | None:
    """Return the query for impossible histories; None where no two years can show one."""
    seen = con.execute(f"SELECT DISTINCT school_year, el_status FROM {relation}").fetchall()
    before = seen
    if earlier is not None:
        others = con.execute(f"SELECT DISTINCT school_year, el_status FROM {earlier}").fetchall()
        before = [*seen, *others]
    pairs = [
        pair
        for year in {year for year, _ in seen}
        for pair in impossible_pairs(
            [status for other, status in before if other < year and status],
            [status for other, status in seen if other == year and status],
        )
    ]
    if not pairs:
        return None
    columns = "student_id, school_year, test_date, el_status"
    relations = [relation] if earlier is None else [relation, earlier]
    rows = " UNION ALL ".join(f"SELECT {columns} FROM {name}" for name in relations)
    return _EL_HISTORY.format(
        relation=relation,
        rows=rows,
        pairs=", ".join(f"('{status}', '{after}')" for status, after in sorted(set(pairs))),
        first_year=min(year for year, _ in before),
        last_year=max(year for year, _ in seen),
    )
