"""What the published marts must hold among themselves, each as a count of violations.

The counts are worked out in DuckDB, where a quarter of a million cells against their levels take
a fraction of a second; the suite `marts` expects every one of them to be 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pandas as pd

SYSTEM = ("school_year", "assessment", "subject", "test_window")
PLACE = ("org_level", "org_id")
MEASURES = (
    "n_tested",
    "n_proficient",
    "pct_proficient",
    "pct_proficient_low",
    "pct_proficient_high",
    "mean_scale_score",
)
# A measure that is rounded for publication may step over its bound by half of the last digit.
_ROUNDING = 0.051


# Marts computed from others, of which what is suppressed shows no number.
DERIVED = ("mart_gap", "mart_growth", "mart_transition", "mart_comparison")
_NOT_MEASURED = {
    *SYSTEM, "prior_year", "from_year", "prior_level", "performance_level", "suppressed",
}  # fmt: skip
_NUMBERS = ("DOUBLE", "INTEGER", "BIGINT", "BOOLEAN", "FLOAT", "SMALLINT", "TINYINT")
EXACT_CELLS = "mart_achievement_unsuppressed"
_ALL = "'all'"
# What is asked of each mart, made once.
_CELLS, _LEVELS, _EXACT = "checked_cells", "checked_levels", "checked_exact_cells"


def mart_violations(con: duckdb.DuckDBPyConnection, dimensions: Sequence[str]) -> pd.DataFrame:
    """Return one row with one column per rule: how many rows of the marts break it.

    Args:
        con: where mart_achievement, mart_level, dim_school, those of DERIVED and
            mart_achievement_unsuppressed are known (all but the first only if they were built).
        dimensions: the group dimensions of the marts (ethnicity, el_status ...).

    Returns:
        Column KEY_NOT_UNIQUE, SUPPRESSED_SHOWS_MEASURE ... with a count; a rule on a mart that
        was not built counts 0.
    """
    built = {name for (name,) in con.execute("SHOW TABLES").fetchall()}
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_CELLS} AS {_cells_sql(dimensions)}")
    counts = dict(_achievement(con))
    counts |= dict(_levels(con, dimensions)) if "mart_level" in built else _zeros(_LEVEL_RULES)
    counts |= dict(_schools(con)) if "dim_school" in built else _zeros(_SCHOOL_RULES)
    counts["DERIVED_SHOWS_SUPPRESSED"] = sum(
        _measures_shown(con, mart) for mart in DERIVED if mart in built
    )
    counts["GROUPS_DO_NOT_SUM"] = _unequal_sums(con, dimensions) if EXACT_CELLS in built else 0
    return pd.DataFrame([counts])


_LEVEL_RULES = ("LEVEL_KEY_NOT_UNIQUE", "LEVELS_DO_NOT_SUM", "LEVELS_OF_HIDDEN_CELL")
_SCHOOL_RULES = ("SCHOOL_NOT_IN_DIMENSION", "DISTRICT_NOT_IN_DIMENSION")


def _zeros(rules: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(rules, 0)


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0])


def _measures_shown(con: duckdb.DuckDBPyConnection, mart: str) -> int:
    """Return how many suppressed rows of a mart have a number."""
    measures = [
        name
        for name, kind, *_ in con.execute(f"DESCRIBE {mart}").fetchall()
        if kind in _NUMBERS and name not in _NOT_MEASURED
    ]
    shown = " OR ".join(f"{name} IS NOT NULL" for name in measures)
    return _count(con, f"SELECT 1 FROM {mart} WHERE suppressed AND ({shown})")


def _unequal_sums(con: duckdb.DuckDBPyConnection, dimensions: Sequence[str]) -> int:
    """Return how many cells are split by a dimension into more or fewer students.

    The hash of the cell that a group is of: its own, with 'all' in the place of the group.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_EXACT} AS SELECT {_cell_hash(dimensions)} AS cell, "
        f"n_tested, {', '.join(dimensions)} FROM {EXACT_CELLS}"
    )
    parts = " UNION ALL ".join(
        f"SELECT '{name}' AS dimension, sum(n_tested) AS parts, "
        f"xor(xor(cell, {_hash(name)}), {_hash(name, _ALL)}) AS cell "
        f"FROM {_EXACT} WHERE {name} <> 'all' GROUP BY ALL"
        for name in dimensions
    )
    whole = f"SELECT cell, n_tested FROM {_EXACT}"
    return _count(
        con,
        f"SELECT 1 FROM ({parts}) LEFT JOIN ({whole}) USING (cell) "
        "WHERE n_tested IS DISTINCT FROM parts",
    )


def _cell_hash(dimensions: Sequence[str]) -> str:
    """Return SQL of a number that tells cells apart, made of one for each column of the key.

    DuckDB reads a column of a Parquet file as a few words and where each stands, and hashes each
    word once: far less work than one hash of all columns of every row.
    """
    found, *more = map(_hash, _key(dimensions))
    for one in more:
        found = f"xor({found}, {one})"
    return found


def _hash(column: str, value: str | None = None) -> str:
    """Return SQL of the hash of a column's own value, or of another one in its place.

    Hashed again, since DuckDB only adds the second of two: one code in two columns would be nothing
    in the sum of their bits.
    """
    return f"hash(hash({value or column}, '{column}'))"


def _cells_sql(dimensions: Sequence[str]) -> str:
    """Return SQL of what is asked of mart_achievement, its key as a hash."""
    total = " AND ".join(f"{name} = 'all'" for name in ("grade", *dimensions))
    columns = ", ".join((*SYSTEM, *PLACE, *MEASURES, "rate_coding", "suppressed"))
    return (
        f"SELECT {columns}, {_cell_hash(dimensions)} AS cell, {total} AS is_total "
        "FROM mart_achievement"
    )


def _achievement(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, int]]:
    shown = " OR ".join(f"{name} IS NOT NULL" for name in MEASURES)
    counts = "n_proficient, pct_proficient_low, pct_proficient_high, mean_scale_score"
    conditions = {
        "SUPPRESSED_SHOWS_MEASURE": f"suppressed AND ({shown})",
        "SHOWN_WITHOUT_COUNT": "NOT suppressed AND n_tested IS NULL",
        "RATE_CODING_UNSET": "NOT suppressed AND coalesce(rate_coding, '') "
        "NOT IN ('exact', 'top', 'bottom')",
        "CODED_RATE_SHOWS_COUNT": "rate_coding IN ('top', 'bottom') "
        f"AND coalesce({counts}) IS NOT NULL",
        "PCT_OUTSIDE_BOUNDS": f"pct_proficient < pct_proficient_low - {_ROUNDING} "
        f"OR pct_proficient > pct_proficient_high + {_ROUNDING}",
        "MORE_PROFICIENT_THAN_TESTED": "n_proficient > n_tested",
    }
    selected = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions.values())
    found = con.execute(f"SELECT {selected} FROM {_CELLS}").fetchall()[0]
    yield from zip(conditions, map(int, found), strict=True)
    yield "KEY_NOT_UNIQUE", _repeated(con, _CELLS, "cell")
    yield "ALL_ROW_MISSING", _count(con, _without_all())


def _key(dimensions: Sequence[str]) -> list[str]:
    return [*SYSTEM, "grade", *PLACE, *dimensions]


def _repeated(con: duckdb.DuckDBPyConnection, relation: str, key: str) -> int:
    return _count(con, f"SELECT 1 FROM {relation} GROUP BY {key} HAVING count(*) > 1")


def _without_all() -> str:
    """Return the query for systems and organisations that lack the row of all their students."""
    org = ", ".join((*SYSTEM, *PLACE))
    system = ", ".join(SYSTEM)
    everyone = f"SELECT {system} FROM {_CELLS} WHERE org_level = 'all' AND is_total"
    return f"""
        SELECT {org} FROM {_CELLS} GROUP BY ALL HAVING count(*) FILTER (is_total) = 0
        UNION ALL SELECT {system}, NULL, NULL FROM
            (SELECT {system} FROM {_CELLS} EXCEPT {everyone})"""


def _levels(con: duckdb.DuckDBPyConnection, dimensions: Sequence[str]) -> Iterator[tuple[str, int]]:
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {_LEVELS} AS SELECT {_cell_hash(dimensions)} AS cell, "
        "performance_level, n FROM mart_level"
    )
    yield "LEVEL_KEY_NOT_UNIQUE", _repeated(con, _LEVELS, "cell, performance_level")
    joined = f"""
        FROM {_CELLS} JOIN (SELECT cell, sum(n) AS levels_n, count(n) AS levels_shown,
            count(*) AS levels FROM {_LEVELS} GROUP BY 1) USING (cell)"""
    exact = "NOT suppressed AND rate_coding = 'exact'"
    found = con.execute(
        f"""SELECT count(*) FILTER ({exact} AND levels_shown = levels AND levels_n <> n_tested),
        count(*) FILTER (NOT ({exact}) AND levels_shown > 0) {joined}"""
    ).fetchall()[0]
    yield "LEVELS_DO_NOT_SUM", int(found[0])
    yield "LEVELS_OF_HIDDEN_CELL", int(found[1])


def _schools(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, int]]:
    for rule, level, column in (
        ("SCHOOL_NOT_IN_DIMENSION", "school", "school_id"),
        ("DISTRICT_NOT_IN_DIMENSION", "district", "district_id"),
    ):
        yield (
            rule,
            _count(
                con,
                f"""SELECT DISTINCT school_year, org_id FROM {_CELLS}
            WHERE org_level = '{level}' EXCEPT SELECT school_year, {column} FROM dim_school""",
            ),
        )
