"""What SQL databases keep of rows that are gone: looked for, and swept out."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import sqlalchemy as sa

from warehouse import ledger_tables as tables
from warehouse.bulk import quoted
from warehouse.database import AREAS, Area, Database, told_plainly
from warehouse.forgotten import GONE
from warehouse.lake_forgetting import Scope
from warehouse.traces import Search

MART_AREAS: tuple[Area, ...] = ("reporting", "restricted")
# Columns of the ledger that people's names for files and folders reach.
NAMED = (
    tables.raw_file.c.original_name, tables.load.c.file_name, tables.load_input.c.name,
    tables.fetched_file.c.path,
)  # fmt: skip
FAULTS = ("fault_where", "fault_found", "fault_expected", "fault_remedy")
# What a directory of schools fills: nobody's rows.
OF_SCHOOLS = "dim_"


def sweep(database: Database) -> None:
    """Let no database keep what was deleted from it in pages of its own.

    Of the marts, SQLite's files are new with every publication. What PostgreSQL keeps beside its
    tables (its write-ahead log, its own backups) is its operator's.
    """
    path = database.path("ledger")
    if path is not None:
        with told_plainly(database.place("ledger")), closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    engine = database.engine("ledger").execution_options(isolation_level="AUTOCOMMIT")
    with told_plainly(database.place("ledger")), engine.connect() as connection:
        for area in AREAS:
            for name in sa.inspect(connection).get_table_names(area):
                connection.exec_driver_sql(f"VACUUM (FULL) {quoted(area)}.{quoted(name)}")


def scrub_names(database: Database, search: Search) -> int:
    """Replace names of files that hold one of the ids in the ledger; return how many there were."""
    columns = [*NAMED, *(tables.load.c[name] for name in FAULTS)]
    count = 0
    with database.write("ledger") as connection:
        for column in columns:
            values = connection.scalars(sa.select(column).where(column.is_not(None)).distinct())
            met = [value for value in values if search.in_text(value)]
            for value in met:
                table = column.table
                assert isinstance(table, sa.Table)
                gone = table.update().where(column == value).values({column.name: GONE})
                connection.execute(gone)
            count += len(met)
    return count


def rows_in_marts(database: Database, scope: Scope) -> dict[str, int]:
    """Return how many rows of a district or year the SQL marts have, by table; none of a student's.

    Their ids are looked for as text.
    """
    found: dict[str, int] = {}
    if scope.ids:
        return found
    for area in MART_AREAS:
        path = database.path(area)
        if path is not None and not path.exists():
            continue
        with database.read(area) as connection:
            inspector = sa.inspect(connection)
            for name in inspector.get_table_names(database.schema(area)):
                columns = {
                    one["name"] for one in inspector.get_columns(name, database.schema(area))
                }
                test = _test(columns, scope)
                if test is None or name.startswith(OF_SCHOOLS):
                    continue
                place = sa.table(name, schema=database.schema(area))
                query = sa.select(sa.func.count()).select_from(place).where(test)
                found[f"{area}.{name}"] = connection.scalar(query) or 0
    return {name: count for name, count in found.items() if count}


def ids_in_postgres(database: Database, search: Search) -> dict[str, int]:
    """Return how many rows of each table of PostgreSQL hold one of the ids."""
    found: dict[str, int] = {}
    if database.url is None or search.words is None:
        return found
    pattern = search.words.removeprefix("(?i)")
    with database.read("ledger") as connection:
        for area in AREAS:
            for name in sa.inspect(connection).get_table_names(area):
                query = (
                    f"SELECT count(*) FROM {quoted(area)}.{quoted(name)} AS t WHERE t::text ~* %s"
                )
                count = connection.exec_driver_sql(query, (pattern,)).scalar() or 0
                if count:
                    found[f"{area}.{name}"] = count
    return found


def _test(columns: set[str], scope: Scope) -> sa.ColumnElement[bool] | None:
    tests: list[sa.ColumnElement[bool]] = []
    if scope.district_id is not None:
        district = scope.district_id
        if "district_id" in columns:
            tests.append(sa.column("district_id") == district)
        elif "org_id" in columns:
            org = sa.column("org_id", sa.Text)
            inside = org.startswith(f"{district}/", autoescape=True)
            tests.append((org == district) | inside)
        else:
            return None
    if scope.school_year is not None:
        if "school_year" not in columns:
            return None
        tests.append(sa.column("school_year") == scope.school_year)
    return sa.and_(*tests)
