"""Before and after: what a load would take the place of, and what it brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from flows.context import Context
from flows.stages.lake_relations import relate_lake
from flows.stages.marts import connect
from flows.stages.planning import RESULTS
from flows.stages.recounting import Brought, read_again
from flows.stages.restating import compare_folder, write_csv
from flows.stages.slicing import view
from flows.stages.students import stated_groups
from transforms.compare import MEASURES, Part, compare_sql, facts_sql, result_parts
from warehouse.accesses import Access
from warehouse.lake import PartitionLoad
from warehouse.lake_moments import LakeHistory

SCHOOL = ("district_id", "school_id")
STUDENT = ("student_id", "local_student_id", "sourced_id")


@dataclass(frozen=True)
class Comparison:
    """A load held against what it takes the place of.

    records: a row per part as of `compare_sql`; a part of fewer than the minimum of students is
        told as `<11`, without its measures.
    path: the whole table with exact numbers, restricted.
    replaces: the loads whose rows would go, or went.
    is_whole: false where rows that went are no longer kept (`roci prune`).
    """

    load_id: str
    replaces: list[str]
    records: list[dict[str, Any]]
    path: str
    is_whole: bool = True


def compare_load(context: Context, load_id: str) -> Comparison:
    """Return what a load would change, or has changed; its file is read again for it.

    Raises:
        UsageError: there is no such load, or no source has claimed its file.
        FileRefused, LoadHeld: the file cannot be read.
    """
    path = compare_folder(context) / f"{load_id}.csv"
    with read_again(context, load_id) as load, connect(context) as con:
        files, replaced, is_whole = _replaced(context, load)
        _relate(context, con, load, files)
        write_csv(con, "SELECT * FROM compared", path)
        rows = con.execute("SELECT count(*) FROM compared").fetchall()[0][0]
        context.accesses.note(
            Access("explain --compare", "exact counts by school", str(path), rows, load_id)
        )
        minimum = context.catalogue.marts.suppression.minimum_n
        records = [masked(record, minimum) for record in _records(con)]
    return Comparison(load_id, replaced, records, str(path), is_whole)


def _replaced(context: Context, load: Brought) -> tuple[list[str], list[str], bool]:
    """Return the files of the rows that go, the loads that they are of, whether all are kept."""
    table, source = load.source.table, load.source.name
    if not context.ledger.partitions_of(load.load_id):
        live = [
            part
            for part in context.ledger.live_partitions(table)
            if part.source == source and part.partition in load.names
        ]
        files = context.lake.files(table, source, [part.partition for part in live])
        return files, sorted({part.load_id for part in live}), True
    history, files, is_whole = LakeHistory(context.lake), [], True
    gone = context.ledger.superseded_by(load.load_id)
    for part in gone:
        place = PartitionLoad(part.source, part.partition, part.load_id)
        kept = history.files_of_load(table, place)
        is_whole = is_whole and bool(kept)
        files += map(str, kept)
    return files, sorted({part.load_id for part in gone}), is_whole


def _relate(
    context: Context, con: duckdb.DuckDBPyConnection, load: Brought, files: Sequence[str]
) -> None:
    """Make table `compared` of the rows that go and those that come."""
    table = load.source.table
    relate_lake(context, con, "gone", table, files)
    relate_lake(context, con, "shape", table, [])
    view(con, "staged", load.files) if load.files else None
    coming = "SELECT * FROM shape" + (
        " UNION ALL BY NAME SELECT * FROM staged" if load.files else ""
    )
    columns = {name for name, *_ in con.execute("DESCRIBE shape").fetchall()}
    student = _first_of(STUDENT, columns)
    school = " || '/' || ".join(SCHOOL) if columns.issuperset(SCHOOL) else "NULL"
    for name, rows in (("before", "SELECT * FROM gone"), ("after", coming)):
        con.execute(
            f"CREATE OR REPLACE VIEW {name}_rows AS "
            f"SELECT *, {student} AS student, {school} AS school FROM ({rows})"
        )
    groups = stated_groups(context.catalogue, table)
    is_results = table == RESULTS
    parts = result_parts(groups) if is_results else _plain_parts(columns)
    facts = facts_sql(context.catalogue.assessments) if is_results else None
    con.execute(
        f"CREATE TABLE compared AS {compare_sql('before_rows', 'after_rows', parts, facts)}"
    )


def _first_of(names: Sequence[str], columns: set[str]) -> str:
    """Return SQL of the first id that a row has."""
    there = [name for name in names if name in columns]
    return f"coalesce({', '.join(there)})" if there else "NULL"


def _plain_parts(columns: set[str]) -> list[Part]:
    """Return how rows of a table without results of students are split."""
    split = [name for name in ("school_year", "district_id") if name in columns]
    return [Part("all", "'all'"), *(Part(name, name) for name in split)]


def _records(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    cursor = con.execute("SELECT * FROM compared")
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def masked(record: Mapping[str, Any], minimum: int) -> dict[str, Any]:
    """Return a part without the measures of a side that has fewer students than the minimum.

    A table without students has none to protect.

    >>> masked({"name": "F", "after_students": 3, "after_rows": 4, "after_share_pct": 50.0}, 11)
    {'name': 'F', 'after_students': '<11', 'after_rows': '<11', 'after_share_pct': None}
    """
    small = [
        side for side in ("before", "after") if 0 < (record.get(f"{side}_students") or 0) < minimum
    ]
    hidden = {f"{side}_{measure}": None for side in small for measure in MEASURES}
    counts = {f"{side}_{count}" for side in small for count in ("students", "rows")}
    return {
        name: f"<{minimum}" if name in counts else None if name in hidden else _rounded(value)
        for name, value in record.items()
    }


def _rounded(value: Any) -> Any:
    return round(value, 1) if isinstance(value, float) else value
