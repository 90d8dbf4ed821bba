"""Marts as PostgreSQL tables, within a transaction that the caller ends."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv as pc_csv
import sqlalchemy as sa

from configs.errors import RociError, listed
from warehouse.bulk import postgres_cursor, quoted
from warehouse.district_readers import limit_rows
from warehouse.mart_tables import (
    AreaChange,
    MartTable,
    missing_columns,
    repeated_key,
    sql_type,
)
from warehouse.published import PUBLICATION_TABLE, Imprint

LOCK_SECONDS = 60
INDEX_COLUMNS = 32  # PostgreSQL's limit; the rest of a longer key is in its index as a digest
_WRITE_CSV = pc_csv.WriteOptions(include_header=False, batch_size=10_000)


def write_area(connection: sa.Connection, schema: str, change: AreaChange) -> None:
    """Make a schema's marts what they are to be; others see it when the transaction commits.

    A mart keeps its table and is filled again, so that a reader's snapshot holds the old rows
    until it ends; nobody waits. One whose columns change is built beside the old one and swapped
    by name, with the rights that were granted on it, once its readers have ended.
    """
    cursor = postgres_cursor(connection)
    _require_schema(cursor, schema)
    cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
    # A transaction that somebody left open must not hold the nightly up for good.
    cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    for name in _table_names(cursor, schema) - change.names - {PUBLICATION_TABLE}:
        _require_no_views(cursor, schema, name)
        cursor.execute(f"DROP TABLE {_named(schema, name)}")
    for table in change.tables:
        _Writer(cursor, schema, table).write()
    _write_publication(cursor, schema, change.imprint)
    if schema == "restricted":
        limit_rows(cursor, schema)


def _require_schema(cursor: Any, schema: str) -> None:
    # IF NOT EXISTS asks for the right to make schemas even where there is nothing to make.
    if cursor.execute("SELECT to_regnamespace(%s)", (quoted(schema),)).fetchone()[0] is None:
        cursor.execute(f"CREATE SCHEMA {quoted(schema)}")


def publication_of(connection: sa.Connection, schema: str) -> str | None:
    """Return the publication that a schema holds; null before the first."""
    cursor = postgres_cursor(connection)
    if PUBLICATION_TABLE not in _table_names(cursor, schema):
        return None
    row = cursor.execute(f"SELECT publication_id FROM {_named(schema, PUBLICATION_TABLE)}")
    found = row.fetchone()
    return found[0] if found else None


class _Writer:
    """Writes one mart into one schema."""

    def __init__(self, cursor: Any, schema: str, table: MartTable) -> None:
        self.cursor, self.schema, self.table = cursor, schema, table
        self.exists = table.name in _table_names(cursor, schema)

    def write(self) -> None:
        """Leave the mart as its Parquet file has it."""
        try:
            if self.exists and self.table.slices is not None:
                self._replace_slices()
            elif self.exists and (self._has_same_types() or self._has_views()):
                self._refill()
            else:
                self._swap()
        except psycopg.errors.UniqueViolation:
            raise repeated_key(self.table) from None  # PostgreSQL's own words hold the key's values

    def _replace_slices(self) -> None:
        self._require_same_columns()
        for values in self.table.slices or ():
            condition = " AND ".join(f"{quoted(name)} = %s" for name in values)
            self.cursor.execute(
                f"DELETE FROM {self._place()} WHERE {condition}", tuple(values.values())
            )
        self._copy(self.table.name)

    def _refill(self) -> None:
        self._require_same_columns()
        # TRUNCATE or another table would be empty to a reader whose snapshot is older.
        self.cursor.execute(f"DELETE FROM {self._place()}")
        stale = {
            kind: c for kind, c in self._indexes.items() if self._indexed(kind) != _as_named(c)
        }
        for kind in stale:
            self.cursor.execute(f"DROP INDEX IF EXISTS {_named(self.schema, self._index(kind))}")
        self._copy(self.table.name)
        self._create_indexes(self.table.name, "", stale)

    def _swap(self) -> None:
        beside = f"{self.table.name}__new"
        columns = ", ".join(
            f"{quoted(f.name)} {sql_type(f.type, 'postgresql')}" for f in self.table.schema
        )
        self.cursor.execute(f"DROP TABLE IF EXISTS {_named(self.schema, beside)}")
        self.cursor.execute(f"CREATE TABLE {_named(self.schema, beside)} ({columns})")
        self._copy(beside)
        self._create_indexes(beside, "__new", self._indexes)
        if self.exists:
            self._grant_as_before(beside)
            self.cursor.execute(f"DROP TABLE {self._place()}")
        new = _named(self.schema, beside)
        self.cursor.execute(f"ALTER TABLE {new} RENAME TO {quoted(self.table.name)}")
        for kind in self._indexes:
            index = self._index(kind)
            self.cursor.execute(
                f"ALTER INDEX IF EXISTS {_named(self.schema, index + '__new')} "
                f"RENAME TO {quoted(index)}"
            )

    def _copy(self, name: str) -> None:
        written = 0
        target = _named(self.schema, name)
        with self.cursor.copy(f"COPY {target} FROM STDIN (FORMAT csv)") as copy:
            for batch in self.table.batches():
                copy.write(_csv(batch))
                written += batch.num_rows
        self.table.require_rows(written)

    @property
    def _indexes(self) -> dict[str, Sequence[str]]:
        return {"key": self.table.key, "analyst": self.table.analyst_index}

    def _create_indexes(self, name: str, ending: str, indexes: Mapping[str, Sequence[str]]) -> None:
        target = _named(self.schema, name)
        for kind, columns in indexes.items():
            if columns:
                unique = "UNIQUE " if kind == "key" else ""
                index, told = quoted(self._index(kind) + ending), ", ".join(_indexable(columns))
                self.cursor.execute(f"CREATE {unique}INDEX {index} ON {target} ({told})")

    def _grant_as_before(self, beside: str) -> None:
        """Give the new table the rights of the old one and no others, whatever new tables get."""
        new = _named(self.schema, beside)
        for _, grantee in self._rights(new):
            self.cursor.execute(f"REVOKE ALL ON {new} FROM {grantee}")
        for right, grantee in self._rights(self._place()):
            self.cursor.execute(f"GRANT {right} ON {new} TO {grantee}")

    def _rights(self, place: str) -> list[tuple[str, str]]:
        query = """
            SELECT privilege_type, CASE WHEN grantee = 0 THEN 'PUBLIC'
                                        ELSE quote_ident(pg_get_userbyid(grantee)) END
            FROM pg_class, aclexplode(relacl) WHERE oid = %s::regclass AND grantee <> relowner
        """
        return list(self.cursor.execute(query, (place,)).fetchall())

    def _require_same_columns(self) -> None:
        had = [name for name, _ in self._columns(self._place())]
        if had == self.table.columns:
            return
        if self.table.slices is None:
            _require_no_views(self.cursor, self.schema, self.table.name)
        raise missing_columns(self.table, had)

    def _has_same_types(self) -> bool:
        now = [(f.name, sql_type(f.type, "postgresql").lower()) for f in self.table.schema]
        return self._columns(self._place()) == now

    def _has_views(self) -> bool:
        return bool(_views_of(self.cursor, self.schema, self.table.name))

    def _indexed(self, kind: str) -> list[str]:
        return [name for name, _ in self._columns(_named(self.schema, self._index(kind)))]

    def _columns(self, place: str) -> list[tuple[str, str]]:
        """Return names and types of the columns of a table or an index; none where none is."""
        query = """
            SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
            WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """
        return list(self.cursor.execute(query, (place,)).fetchall())

    def _place(self) -> str:
        return _named(self.schema, self.table.name)

    def _index(self, kind: str) -> str:
        return f"{self.table.name}__{kind}"


def _indexable(columns: Sequence[str]) -> list[str]:
    """Return what an index of these columns is made of, however many they are."""
    if len(columns) <= INDEX_COLUMNS:
        return [quoted(name) for name in columns]
    kept = INDEX_COLUMNS - 1
    texts = (f"coalesce({quoted(name)}::text, chr(30))" for name in columns[kept:])
    return [*map(quoted, columns[:kept]), f"md5({' || chr(31) || '.join(texts)})"]


def _as_named(columns: Sequence[str]) -> list[str]:
    """Return the names that PostgreSQL gives to the columns of such an index."""
    return (
        list(columns) if len(columns) <= INDEX_COLUMNS else [*columns[: INDEX_COLUMNS - 1], "md5"]
    )


def _csv(batch: pa.RecordBatch) -> memoryview:
    # Text is quoted and null is not, which is how COPY tells an empty text from null.
    buffer = io.BytesIO()
    pc_csv.write_csv(batch, buffer, _WRITE_CSV)
    return buffer.getbuffer()


def _named(schema: str, name: str) -> str:
    return f"{quoted(schema)}.{quoted(name)}"


def _table_names(cursor: Any, schema: str) -> set[str]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
    return {name for (name,) in cursor.execute(query, (schema,)).fetchall()}


def _views_of(cursor: Any, schema: str, name: str) -> list[str]:
    query = """
        SELECT DISTINCT r.ev_class::regclass::text
        FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
        WHERE d.refobjid = %s::regclass AND d.classid = 'pg_rewrite'::regclass
          AND r.ev_class <> d.refobjid
    """
    return [view for (view,) in cursor.execute(query, (_named(schema, name),)).fetchall()]


def _require_no_views(cursor: Any, schema: str, name: str) -> None:
    views = _views_of(cursor, schema, name)
    if views:
        raise RociError(
            "VIEW_IN_THE_WAY",
            where=f"table {schema}.{name}",
            found=f"views made of it: {listed(views)}",
            expected="no views of a mart whose columns change or that is no longer built",
            remedy="drop these views, build the marts again, then create the views anew",
        )


def _write_publication(cursor: Any, schema: str, imprint: Imprint) -> None:
    table, told = _named(schema, PUBLICATION_TABLE), imprint.as_record()
    columns = ", ".join(f"{name} TEXT NOT NULL" for name in told)
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
    cursor.execute(f"DELETE FROM {table}")
    marks = ", ".join(["%s"] * len(told))
    cursor.execute(f"INSERT INTO {table} VALUES ({marks})", tuple(told.values()))
