"""Finds rows of one grain that stand in a load more than once, and says what becomes of each."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from configs.source_models import Source

_NO_CONTENT = {"source_row", "source_record", "is_scored"}
RESOLVED = pa.schema(
    [("source_row", pa.int32()), ("source_record", pa.int16()), ("code", pa.string())]
)


def resolve(con: duckdb.DuckDBPyConnection, relation: str, source: Source) -> pa.Table:
    """Return the records that leave a load because another record has the same grain.

    Of records alike in all fields all but the first are DUPLICATE_EXACT. Of what is left of a grain
    all but the one that the source's rule keeps have the rule's code (REPEATED_TEST); without a
    rule none can be preferred and all are DUPLICATE_CONFLICT, with every other record of their
    rows: a row of the file is rejected whole. Nulls in a grain are equal.

    Args:
        con: a connection that knows the relation.
        relation: name of a table or view with the fields of the source's table, source_row and
            source_record.
        source: whose grain and rule for repeats hold.

    Returns:
        source_row, source_record, code; one row per record that leaves, in order.
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
    order = [_highest_first(name) for name in rule.order] if rule else []
    preferred = ", ".join([*order, '"source_row" DESC', '"source_record" DESC'])
    again = f"row_number() OVER (PARTITION BY {everything} ORDER BY source_row, source_record)"
    several = f"count(*) FILTER (WHERE copy = 1) OVER (PARTITION BY {grain}) > 1"
    # A copy of a record whose row is rejected stays in its place, unless its grain is in conflict.
    return f"""
        WITH records AS (
          SELECT *, {again} AS copy
          FROM "{relation}" WHERE {_hash(source.grain)} IN (SELECT grain_hash FROM repeated_grain)
        ), judged AS (
          SELECT *, {"false" if rule else several} AS in_conflict FROM records
        ), rejected AS (
          SELECT DISTINCT source_row FROM judged WHERE in_conflict AND copy = 1
        ), staying AS (
          SELECT * REPLACE ({again} AS copy) FROM judged ANTI JOIN rejected USING (source_row)
        ), singles AS (
          SELECT source_row, source_record,
            row_number() OVER (PARTITION BY {grain} ORDER BY {preferred}) AS place
          FROM staying WHERE copy = 1 AND NOT in_conflict
        )
        SELECT source_row, source_record, 'DUPLICATE_CONFLICT' AS code
          FROM "{relation}" SEMI JOIN rejected USING (source_row)
        UNION ALL SELECT source_row, source_record, 'DUPLICATE_EXACT'
          FROM staying WHERE copy > 1 OR in_conflict
        UNION ALL SELECT source_row, source_record, '{rule.code if rule else ""}'
          FROM singles WHERE place > 1
        ORDER BY source_row, source_record"""


def _highest_first(name: str) -> str:
    """Return the order of a field; of participation, TESTED stands before all others."""
    return f"{name} = 'TESTED' DESC" if name == "participation" else f'"{name}" DESC NULLS LAST'


def _hash(names: list[str]) -> str:
    return f"hash({_listed(names)})"


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
