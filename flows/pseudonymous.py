"""Hands out a restricted mart with a key in place of every student's ids."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from configs.errors import UsageError, listed
from flows.context import Context
from flows.stages.export_place import require_export_place
from flows.stages.marts import STUDENT_ROWS, connect
from transforms.cell_plan import quoted
from warehouse.accesses import Access
from warehouse.files import whole_file
from warehouse.lake import path_literal
from warehouse.pseudonyms import Pseudonyms
from warehouse.spreadsheets import ENDINGS, Sheet, write_spreadsheet
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER

if TYPE_CHECKING:
    import pyarrow as pa

KEY = "student_key"
STUDENT = ("district_id", "student_id")
PARQUET = ".parquet"
# They lead to a row of the raw file, and so to the student.
POINTERS = frozenset({"source_row", "source_record"})


@dataclass(frozen=True)
class HandedOut:
    """A file that was handed out: rows and students, and the columns that were left out."""

    path: Path
    rows: int
    students: int
    left_out: tuple[str, ...]


def hand_out(
    context: Context, mart: str, target: Path, *, district: str | None = None, outside: bool = False
) -> HandedOut:
    """Leave a new file with the rows of a restricted mart, of one district where one is named.

    Column `student_key` stands for the student; every id, name and birth date is left out, and so
    is what leads to the row of the file. The rows still are of single students: who knows some of
    a student's results finds the others.

    Raises:
        UsageError: no such mart of students is published, or the place or its ending is none
            (NO_SUCH_MART, UNKNOWN_ENDING, FILE_EXISTS, UNPROTECTED_EXPORT).
    """
    published = context.publisher.path(mart, "restricted")
    _require_mart(mart, published)
    require_export_place(context, target, (PARQUET, *ENDINGS), outside=outside)
    pseudonyms = Pseudonyms(context.workspace)
    with connect(context) as con:
        con.execute(f"CREATE VIEW told AS {_rows_sql(published, district)}")
        students = con.sql(f"SELECT DISTINCT {', '.join(STUDENT)} FROM told").to_arrow_table()
        con.register("keys", _with_keys(students, pseudonyms))
        left_out = _left_out(context, con)
        same = " AND ".join(f"told.{one} IS NOT DISTINCT FROM keys.{one}" for one in STUDENT)
        sql = (
            f"SELECT {KEY}, told.* EXCLUDE ({', '.join(map(quoted, left_out))}) "
            f"FROM told JOIN keys ON {same} ORDER BY ALL"
        )
        rows = _write(con, sql, target)
    context.accesses.note(Access("pseudonyms export", mart, str(target), rows, district))
    return HandedOut(target, rows, students.num_rows, left_out)


def _rows_sql(published: Path, district: str | None) -> str:
    only = f" WHERE district_id = {_text(district)}" if district is not None else ""
    return f"SELECT * FROM read_parquet({path_literal(published)}){only}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _with_keys(students: pa.Table, pseudonyms: Pseudonyms) -> pa.Table:
    import pyarrow as pa

    columns = (students[name].to_pylist() for name in STUDENT)
    keys = [pseudonyms.key_of(district, one) for district, one in zip(*columns, strict=True)]
    return students.append_column(KEY, pa.array(keys, pa.string()))


def _left_out(context: Context, con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the mart's columns that tell who a student is."""
    tables = context.catalogue.tables.values()
    personal = {n for table in tables for n, field in table.fields.items() if field.personal}
    names = [name for name, *_ in con.execute("DESCRIBE told").fetchall()]
    return tuple(name for name in names if name in personal | POINTERS)


def _write(con: duckdb.DuckDBPyConnection, sql: str, target: Path) -> int:
    rows = int(con.execute(f"SELECT count(*) FROM ({sql})").fetchall()[0][0])
    target.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    if target.suffix.lower() == PARQUET:
        with whole_file(target, target.parent, PRIVATE_FILE) as temporary:
            temporary.touch(mode=PRIVATE_FILE)
            con.execute(f"COPY ({sql}) TO {_text(str(temporary))} (FORMAT parquet)")
        return rows
    table = con.sql(sql).to_arrow_table()
    cells = zip(*(column.to_pylist() for column in table.columns), strict=True)
    told = [[None if cell is None else str(cell) for cell in row] for row in cells]
    write_spreadsheet(target, [Sheet("students", table.column_names, told)])
    return rows


def _require_mart(mart: str, published: Path) -> None:
    if mart not in STUDENT_ROWS or not published.exists():
        raise UsageError(
            "NO_SUCH_MART",
            where=mart,
            found="no published mart of that name with a row for each student",
            expected=listed(STUDENT_ROWS),
            remedy="choose one of these; `roci marts build` publishes what is not there yet",
        )
