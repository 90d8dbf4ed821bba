"""Finds rows of one grain that stand in a load more than once, and says what becomes of each."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from configs.source_models import Source

_NO_CONTENT = {"source_row", "is_scored"}
RESOLVED = pa.schema([("source_row", pa.int32()), ("code", pa.string())])


def resolve(con: duckdb.DuckDBPyConnection, relation: str, source: Source) -> pa.Table:
    """Return the rows that leave a load because another row has the same grain.

    Of rows alike in all fields all but the first are DUPLICATE_EXACT. Of what is left of a grain
    all rows but the one that the source's rule keeps have the rule's code (REPEATED_TEST); without
    a rule none can be preferred and all are DUPLICATE_CONFLICT. Nulls in a grain are equal.

    Args:
        con: a connection that knows the relation.
        relation: name of a table or view with the fields of the source's table and source_row.
        source: whose grain and rule for repeats hold.

    Returns:
        source_row, code; one row per row that leaves, in order.
    """
    if not _repeats(con, relation, source.grain):
        return RESOLVED.empty_table()
    columns = [row[0] for row in con.execute(f'DESCRIBE "{relation}"').fetchall()]
    content = [name for name in columns if name not in _NO_CONTENT]
    leaving: pa.Table = con.sql(_resolve_sql(relation, source, content)).to_arrow_table()
    return leaving.cast(RESOLVED)


def _repeats(con: duckdb.DuckDBPyConnection, relation: str, grain: list[str]) -> bool:
    """Keep the hashes of the grains that seem to repeat; return whether there are any.

    Hashes of eight bytes are counted instead of the grain itself; equal hashes of different grains
    only mean that a few rows more are looked at.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE repeated_grain AS SELECT grain_hash FROM "
        f'(SELECT {_hash(grain)} AS grain_hash FROM "{relation}") '
        "GROUP BY grain_hash HAVING count(*) > 1"
    )
    found = con.execute("SELECT count(*) FROM repeated_grain").fetchone()
    return bool(found and found[0])


def _resolve_sql(relation: str, source: Source, content: list[str]) -> str:
    grain, everything = _listed(source.grain), _listed(content)
    rule = source.repeat
    order = [*(f'"{name}" DESC NULLS LAST' for name in rule.order)] if rule else []
    left = (
        f"CASE WHEN place > 1 THEN '{rule.code}' END"
        if rule
        else "CASE WHEN alike > 1 THEN 'DUPLICATE_CONFLICT' END"
    )
    # A record may make several rows (OneRoster), so rows are told apart by place, not source_row.
    return f"""
        WITH rows AS (
          SELECT *, row_number() OVER (PARTITION BY {everything} ORDER BY source_row) AS copy
          FROM "{relation}" WHERE {_hash(source.grain)} IN (SELECT grain_hash FROM repeated_grain)
        ), singles AS (
          SELECT source_row,
            count(*) OVER (PARTITION BY {grain}) AS alike,
            row_number() OVER (PARTITION BY {grain}
              ORDER BY {", ".join([*order, '"source_row" DESC'])}) AS place
          FROM rows WHERE copy = 1
        ), leaving AS (
          SELECT source_row, 'DUPLICATE_EXACT' AS code FROM rows WHERE copy > 1
          UNION ALL SELECT source_row, {left} FROM singles
        )
        SELECT source_row, min(code) AS code FROM leaving WHERE code IS NOT NULL
        GROUP BY source_row ORDER BY source_row"""


def _hash(names: list[str]) -> str:
    return f"hash({_listed(names)})"


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
