"""Joins the tables of a OneRoster 1.1 zip to one row per student, school and school year.

Source: 1EdTech, OneRoster 1.1 CSV tables (orgs, users, enrollments, demographics). Nothing is ever
unpacked to disk, so a member's path cannot lead anywhere.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from configs.errors import SHOWN_AT_MOST, FileRefused
from configs.source_models import FileFormat
from transforms.delimited import Wanted, read_delimited
from transforms.faults import all_faults, fault_table
from transforms.oneroster_manifest import table_modes
from transforms.pieces import Piece
from transforms.probe import ZIP_MAGIC, Probe, examine_delimited, probe, truncated, unreadable

UNPACKED_AT_MOST = 2 << 30
HEAD_BYTES = 1 << 16
WITHOUT_BULK = "DELTA_WITHOUT_BULK"
HIGHEST_CHAIN = 5
_FORMAT = FileFormat(delimiters=[","], encodings=["utf-8"])

# What is taken of each table; demographics may be left out of a zip, the others may not.
TAKEN: Mapping[str, tuple[str, ...]] = {
    "users": (
        "sourcedId",
        "status",
        "identifier",
        "role",
        "givenName",
        "familyName",
        "grades",
        "orgSourcedIds",
    ),
    "orgs": ("sourcedId", "status", "identifier", "name", "type", "parentSourcedId"),
    "enrollments": (
        "userSourcedId",
        "schoolSourcedId",
        "status",
        "beginDate",
        "endDate",
        "sourcedId",
    ),
    "demographics": (
        "sourcedId",
        "status",
        "birthDate",
        "sex",
        "americanIndianOrAlaskaNative",
        "asian",
        "blackOrAfricanAmerican",
        "nativeHawaiianOrOtherPacificIslander",
        "white",
        "demographicRaceTwoOrMoreRaces",
        "hispanicOrLatinoEthnicity",
    ),
}
_OPTIONAL = "demographics"
# Spellings that other exporters use, in lower case.
_ALSO_SPELLED = {
    ("demographics", "usersourcedid"): "sourcedId",
    (
        "demographics",
        "naitivehawaiianorotherpacificislander",
    ): "nativeHawaiianOrOtherPacificIslander",
}
_JOINED = (
    *(f"users.{name}" for name in TAKEN["users"][:7]),
    "orgs.sourcedId",
    "orgs.identifier",
    "orgs.name",
    "district.sourcedId",
    "district.identifier",
    "district.name",
    *(f"enrollments.{name}" for name in TAKEN["enrollments"][2:5]),
    *(f"demographics.{name}" for name in TAKEN["demographics"][2:]),
)

_PLACES = """
CREATE TEMP VIEW spells AS
SELECT userSourcedId AS student, schoolSourcedId AS school, min(status) AS status,
  coalesce(min(beginDate) FILTER (beginDate <> ''), '') AS beginDate,
  CASE WHEN bool_or(endDate = '') THEN '' ELSE max(endDate) END AS endDate
FROM (SELECT *, try_cast(nullif(beginDate, '') AS DATE) AS day FROM enrollments)
WHERE lower(status) <> 'tobedeleted'
-- The school year starts on July 1: an enrolment of last year at the same school is another row.
GROUP BY student, school, year(day + INTERVAL 6 MONTH);
CREATE TEMP VIEW places AS
SELECT u.source_row, s.school, s.status, s.beginDate, s.endDate
FROM students u JOIN spells s ON s.student = u.sourcedId
UNION ALL
SELECT u.source_row, trim(split_part(u.orgSourcedIds, ',', 1)), '', '', ''
FROM students u WHERE u.sourcedId NOT IN (SELECT student FROM spells WHERE student IS NOT NULL);
CREATE TEMP VIEW persons AS
SELECT * FROM demographics WHERE lower(status) <> 'tobedeleted'
QUALIFY row_number() OVER (PARTITION BY sourcedId ORDER BY source_row) = 1;
"""


def is_oneroster(stream: BinaryIO) -> bool:
    """Return whether the stream is a zip that holds users, orgs and enrollments."""
    stream.seek(0)
    magic = stream.read(len(ZIP_MAGIC))
    stream.seek(0)
    if magic != ZIP_MAGIC:
        return False
    try:
        members = set(members_of(open_archive(stream)))
    except FileRefused:
        return False
    return set(TAKEN) - {_OPTIONAL} <= members


def oneroster_columns(stream: BinaryIO) -> tuple[str, ...]:
    """Return the columns of the joined rows, `member.column`; those that the zip lacks are out.

    Raises:
        FileRefused: UNREADABLE_FILE, TRUNCATED_FILE, EMPTY_FILE.
    """
    archive = open_archive(stream)
    members = members_of(archive)
    have = set()
    for table, info in members.items():
        columns = probe(unpacked(archive, info, HEAD_BYTES), _FORMAT).columns
        have |= {f"{table}.{_canonical(table, column)}" for column in columns}
    have |= {name.replace("orgs.", "district.") for name in have}
    if _OPTIONAL not in members:
        have |= {name for name in _JOINED if name.startswith(_OPTIONAL)}
    return tuple(name for name in _JOINED if name in have)


def read_oneroster(stream: BinaryIO) -> Piece:
    """Return the students of a zip, one row per school and school year of enrolment.

    `source_row` is the row of users.csv, so a student of two schools has it twice (`rows_made`
    counts the second). A student without enrolment stands at the first of users.orgSourcedIds.
    Other users (NOT_A_STUDENT) and deleted ones (DELETED) are set aside. Several classes in one
    school are one row, from the first day of any to the last. A school that orgs.csv lacks leaves
    the row's school and district blank. Users of the wrong width are faults; such a row in another
    table, or an enrolment whose user is in no row of users.csv, refuses the zip: no row of the
    result could be counted for it.

    Raises:
        FileRefused: UNREADABLE_FILE, TRUNCATED_FILE, EMPTY_FILE; DELTA_WITHOUT_BULK of a zip whose
            manifest says that it holds changes only.
    """
    columns = oneroster_columns(stream)
    archive = open_archive(stream)
    if "delta" in table_modes(archive).values():
        raise without_bulk("the zip's manifest.csv")
    members = members_of(archive)
    tables = {table: table_of(archive, members.get(table), table) for table in TAKEN}
    users, faults, wrong_width = tables["users"]
    with duckdb.connect() as con:
        for name in ("users", "enrollments", "demographics"):
            con.register(name, tables[name][0])
        _refuse_orphans(con, users_lost=len(wrong_width))
        con.register("schools", _schools(tables["orgs"][0]))
        con.execute(
            "CREATE TEMP VIEW students AS SELECT * FROM users WHERE lower(role) = 'student' "
            "AND lower(status) <> 'tobedeleted'"
        )
        con.execute(_PLACES)
        rows: pa.Table = con.sql(_joined_sql(columns)).to_arrow_table()
        set_aside = _users_aside(con)
    students = users.num_rows - set_aside.num_rows
    return Piece(
        table=rows.drop_columns(["source_row", "source_record"]),
        source_row=rows["source_row"].combine_chunks(),
        source_record=rows["source_record"].cast(pa.int16()).combine_chunks(),
        faults=faults,
        set_aside=set_aside,
        wrong_width=wrong_width,
        rows_made=rows.num_rows - students,
    )


def _users_aside(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return the users that are deleted (DELETED) and the others that are no students."""
    aside = con.execute(
        "SELECT source_row, lower(status) = 'tobedeleted' AS deleted FROM users "
        "WHERE lower(status) = 'tobedeleted' OR lower(role) <> 'student' ORDER BY 1"
    ).fetchall()
    return all_faults(
        [
            fault_table([row for row, gone in aside if gone is deleted], code, None)
            for deleted, code in ((True, "DELETED"), (False, "NOT_A_STUDENT"))
        ]
    )


def _refuse_orphans(con: duckdb.DuckDBPyConnection, users_lost: int) -> None:
    """Refuse enrolments of unknown users; those of a user at fault are counted with that user."""
    orphans = con.execute(
        "SELECT userSourcedId, source_row FROM enrollments ANTI JOIN users "
        "ON users.sourcedId = userSourcedId WHERE lower(status) <> 'tobedeleted' ORDER BY ALL"
    ).fetchall()
    if len({user for user, _ in orphans}) > users_lost:
        raise _unfit("enrollments.csv", "users that users.csv lacks", [row for _, row in orphans])


def _joined_sql(columns: tuple[str, ...]) -> str:
    source = {"users": "u", "enrollments": "p", "demographics": "d"}
    chosen = []
    for column in columns:
        table, name = column.split(".")
        expression = f"{source[table]}.{name}" if table in source else f's."{column}"'
        chosen.append(f"coalesce({expression}, '') AS \"{column}\"")
    return f"""
        SELECT u.source_row, row_number() OVER (PARTITION BY u.source_row
          ORDER BY p.beginDate, p.school) - 1 AS source_record, {", ".join(chosen)}
        FROM places p JOIN students u USING (source_row)
        LEFT JOIN schools s ON s."orgs.sourcedId" = p.school
        LEFT JOIN persons d ON d.sourcedId = u.sourcedId
        ORDER BY u.source_row, p.beginDate, p.school"""


def open_archive(stream: BinaryIO) -> zipfile.ZipFile:
    """Return the zip in the stream.

    Raises:
        FileRefused: UNREADABLE_FILE, TRUNCATED_FILE.
    """
    stream.seek(0)
    magic = stream.read(len(ZIP_MAGIC))
    stream.seek(0)
    if magic != ZIP_MAGIC:
        raise unreadable("the file's bytes", "no zip archive", "a OneRoster zip")
    try:
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise truncated("the zip has no table of contents, which stands at its end") from None


def members_of(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the tables in the archive, in whatever folder they stand."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        table = info.filename.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".csv")
        if table not in TAKEN or not info.filename.lower().endswith(".csv"):
            continue
        if table in found:
            raise unreadable(f"{table}.csv", "two members of that name", "one")
        found[table] = info
    if sum(info.file_size for info in found.values()) > UNPACKED_AT_MOST:
        raise unreadable("the zip", "tables that unpack to more than 2 GB", "less")
    return found


def table_of(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo | None, table: str
) -> tuple[pa.Table, pa.Table, dict[int, str]]:
    """Return a member's rows with source_row, its ROW_WIDTH faults and their lines."""
    if info is None:
        if table != _OPTIONAL:
            raise unreadable("the zip", f"no {table}.csv", f"{', '.join(TAKEN)}")
        return _empty(table), all_faults([]), {}
    content = io.BytesIO(unpacked(archive, info))
    try:
        read = _named(content, examine_delimited(content, _FORMAT), table)
    except FileRefused as refused:
        if refused.code == "EMPTY_FILE" and table != "users":
            return _empty(table), all_faults([]), {}
        refused.where = f"{info.filename}: {refused.where}"
        raise
    if table != "users" and read[2]:
        raise _unfit(info.filename, "too few or too many fields", list(read[2]))
    return read


def _unfit(member: str, fault: str, rows: Sequence[int]) -> FileRefused:
    """Return the refusal of a zip whose member has rows that would be lost."""
    few = ", ".join(str(row) for row in sorted(rows)[:SHOWN_AT_MOST])
    more = f" and {len(rows) - SHOWN_AT_MOST} more" if len(rows) > SHOWN_AT_MOST else ""
    return FileRefused(
        "UNREADABLE_FILE",
        where=f"{member}: row {few}{more}",
        found=f"rows with {fault}: {len(rows)}",
        expected="every row as wide as the header, every enrolment of a user in the same zip",
        remedy="export all tables of the zip again, together; if it stays so, mend these rows in "
        "the student system",
    )


def without_bulk(where: str) -> FileRefused:
    """Return the refusal of changes without the roster that they change."""
    return FileRefused(
        WITHOUT_BULK,
        where=where,
        found="a OneRoster delta, and no whole roster of its district before it",
        expected="the last whole roster, over which the changes are laid",
        remedy="load the whole roster (bulk) first, then land the delta again",
    )


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int = -1) -> bytes:
    """Return the content of a member, or its first bytes.

    Raises:
        FileRefused: UNREADABLE_FILE, TRUNCATED_FILE.
    """
    try:
        if info.header_offset < 0:
            raise zipfile.BadZipFile("it begins before the zip does")
        with archive.open(info) as member:
            return member.read(size)
    except EOFError:
        raise truncated(f"{info.filename} ends early") from None
    except UnicodeDecodeError:
        raise unreadable(info.filename, "a name that is no text", "a whole zip") from None
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise unreadable(
            info.filename, f"a member that does not unpack ({error})", "a whole, unencrypted zip"
        ) from None


def _named(
    content: BinaryIO, found: Probe, table: str
) -> tuple[pa.Table, pa.Table, dict[int, str]]:
    names = tuple(_canonical(table, column) for column in found.columns)
    pieces = list(read_delimited(content, replace(found, columns=names), Wanted(plain=names)))
    rows = pa.concat_tables(
        [piece.table.append_column("source_row", piece.source_row) for piece in pieces]
    )
    for name in TAKEN[table]:
        if name not in names:
            rows = rows.append_column(name, pa.repeat(pa.scalar(""), rows.num_rows))
    broken: dict[int, str] = {}
    for piece in pieces:
        broken |= piece.wrong_width
    wanted = rows.select(["source_row", *TAKEN[table]])
    return wanted, all_faults([piece.faults for piece in pieces]), broken


def _empty(table: str) -> pa.Table:
    fields: list[tuple[str, Any]] = [("source_row", pa.int32())]
    return pa.schema(fields + [(name, pa.string()) for name in TAKEN[table]]).empty_table()


def _canonical(table: str, column: str) -> str:
    also = _ALSO_SPELLED.get((table, column.lower()))
    known = {name.lower(): name for name in TAKEN[table]}
    return also or known.get(column.lower(), column)


def _schools(orgs: pa.Table) -> pa.Table:
    """Return every org with the district above it; the first row of an id counts."""
    by_id: dict[str, dict[str, str]] = {}
    for row in orgs.to_pylist():
        by_id.setdefault(row["sourcedId"], row)
    rows = []
    for org in by_id.values():
        district = _district(org, by_id)
        rows.append(
            {
                **{
                    f"orgs.{name}": org[name]
                    for name in ("sourcedId", "identifier", "name", "type")
                },
                **{
                    f"district.{name}": district.get(name, "")
                    for name in ("sourcedId", "identifier", "name")
                },
            }
        )
    names = [
        "orgs.sourcedId",
        "orgs.identifier",
        "orgs.name",
        "orgs.type",
        "district.sourcedId",
        "district.identifier",
        "district.name",
    ]
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in names]))


def _district(org: dict[str, str], by_id: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """Return the nearest district above an org, else its parent; empty where there is none."""
    parent = above = by_id.get(org["parentSourcedId"], {})
    for _ in range(HIGHEST_CHAIN):
        if not above or above["type"].lower() == "district":
            break
        above = by_id.get(above["parentSourcedId"], {})
    return above or parent
