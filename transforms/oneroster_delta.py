"""Lays a OneRoster delta over the last whole roster, so that what follows sees a whole one.

Source: 1EdTech, OneRoster 1.1 CSV tables: manifest.csv says for each table whether it is `bulk`,
`delta` or `absent`; in a delta the status of a row is `active` or `tobedeleted`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import BinaryIO

import duckdb
import pyarrow as pa
from pyarrow import csv as arrow_csv

from configs.errors import FileRefused
from transforms.oneroster import TAKEN, members_of, open_archive, table_of
from transforms.oneroster_manifest import Mode, table_modes

# The same tables always give the same bytes.
WRITTEN_AT = (1980, 1, 1, 0, 0, 0)

_MERGED = """
SELECT {columns} FROM base ANTI JOIN delta USING (sourcedId)
WHERE lower(base.status) <> 'tobedeleted'
UNION ALL
SELECT {columns} FROM delta WHERE lower(status) <> 'tobedeleted'
ORDER BY ALL
"""
# What belongs to a user who is gone is gone with him.
_OWNER = {"enrollments": "userSourcedId", "demographics": "sourcedId"}


def is_delta(stream: BinaryIO) -> bool:
    """Return whether the stream is a OneRoster zip whose manifest names a delta."""
    try:
        return "delta" in table_modes(open_archive(stream)).values()
    except FileRefused:
        return False


def merge(base: BinaryIO, delta: BinaryIO, out: BinaryIO) -> None:
    """Write the whole roster that a delta makes of the last one.

    A delta's row takes the place of the row of its sourcedId, and one that is to be deleted takes
    it away; with a user go his enrolments and demographics. A table that is bulk in the delta's
    zip is taken whole, one that is absent stays as it was. Only the columns that are read are
    written, and rows of the wrong width, which are faults of the whole roster, are not.

    Raises:
        FileRefused: UNREADABLE_FILE, TRUNCATED_FILE, EMPTY_FILE.
    """
    before, after = open_archive(base), open_archive(delta)
    modes = table_modes(after)
    tables = {table: _merged(before, after, table, modes) for table in TAKEN}
    gone = pa.concat_tables([_deleted_users(after, modes), _lost_users(before, after, tables)])
    tables |= _without_the_gone(tables, gone)
    _write(tables, out)


def _merged(
    before: zipfile.ZipFile, after: zipfile.ZipFile, table: str, modes: Mapping[str, Mode]
) -> pa.Table:
    mode = modes.get(table, "absent")
    if mode == "bulk":
        return _rows(after, table)
    if mode == "absent":
        return _rows(before, table)
    columns = ", ".join(f'"{name}"' for name in TAKEN[table])
    with duckdb.connect() as con:
        con.register("base", _rows(before, table))
        con.register("delta", _rows(after, table))
        return con.sql(_MERGED.format(columns=columns)).to_arrow_table()


def _rows(archive: zipfile.ZipFile, table: str) -> pa.Table:
    read, _, _ = table_of(archive, members_of(archive).get(table), table)
    return read.select(list(TAKEN[table]))


def _deleted_users(after: zipfile.ZipFile, modes: Mapping[str, Mode]) -> pa.Table:
    """Return the users that the delta takes away."""
    if modes.get("users") != "delta":
        return pa.table({"gone": pa.array([], pa.string())})
    with duckdb.connect() as con:
        con.register("users", _rows(after, "users"))
        deleted = "SELECT sourcedId AS gone FROM users WHERE lower(status) = 'tobedeleted'"
        return con.sql(deleted).to_arrow_table()


def _lost_users(
    before: zipfile.ZipFile, after: zipfile.ZipFile, tables: Mapping[str, pa.Table]
) -> pa.Table:
    """Return the users whom only enrolments of the last roster name: their own rows are no more.

    They were of the wrong width there, or a bulk table of users is without them. An enrolment of
    the delta without its user is a fault, and stays.
    """
    changed = "enrollments" in members_of(after)
    with duckdb.connect() as con:
        con.register("users", tables["users"])
        con.register("enrolled", _rows(before, "enrollments"))
        new = _rows(after, "enrollments") if changed else tables["enrollments"].slice(0, 0)
        con.register("new", new)
        lost = (
            "SELECT DISTINCT userSourcedId AS gone FROM enrolled "
            "ANTI JOIN users ON users.sourcedId = enrolled.userSourcedId "
            "ANTI JOIN new ON new.userSourcedId = enrolled.userSourcedId"
        )
        return con.sql(lost).to_arrow_table()


def _without_the_gone(tables: Mapping[str, pa.Table], gone: pa.Table) -> dict[str, pa.Table]:
    left = {}
    with duckdb.connect() as con:
        con.register("deleted", gone)
        for table, owner in _OWNER.items():
            con.register("owned", tables[table])
            query = f"SELECT * FROM owned ANTI JOIN deleted ON gone = {owner} ORDER BY ALL"
            left[table] = con.sql(query).to_arrow_table()
    return left


def _write(tables: Mapping[str, pa.Table], out: BinaryIO) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for table, rows in tables.items():
            content = io.BytesIO()
            arrow_csv.write_csv(rows, content)
            info = zipfile.ZipInfo(f"{table}.csv", WRITTEN_AT)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content.getvalue())
