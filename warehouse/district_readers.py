"""Readers of one district: they see its rows of the restricted marts in PostgreSQL, and no others.

Such a reader is a role of its own name for each district. It is no member of `roci_restricted`,
whose policy shows every row. A mart is open to it only where a row tells its district; each
publication says anew, in the transaction that swaps its tables, which marts that are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from configs.errors import UsageError
from warehouse.bulk import quoted

REPORTING, ALL_ROWS = "roci_reporting", "roci_restricted"
PREFIX = "roci_district_"
# PostgreSQL cuts longer names off; two districts must not become one role.
DISTRICT = re.compile(r"[0-9A-Za-z_-]{1,40}")
# Of a mart of organisations: what lies within a district and begins with its id.
OF_A_DISTRICT = ("district", "school", "partner", "rest")
# And of what it is compared with: the numbers of the others stand in the same row.
COMPARED = ("district", "rest")


@dataclass(frozen=True)
class DistrictReader:
    """The role that reads one district."""

    district_id: str

    @classmethod
    def of(cls, district_id: str) -> DistrictReader:
        """Return the reader of a district.

        Raises:
            UsageError: the id is none that a role can be named after (BAD_DISTRICT).
        """
        if DISTRICT.fullmatch(district_id) is None:
            raise UsageError(
                "BAD_DISTRICT",
                where="--district-reader",
                found=repr(district_id),
                expected="a district's id: letters, digits, - and _, at most 40 of them",
                remedy="give the id as the marts have it in org_id, such as 0100001",
            )
        return cls(district_id)

    @property
    def role(self) -> str:
        """Return the name of its role."""
        return f"{PREFIX}{self.district_id}"


def readers_of(cursor: Any, schema: str) -> list[DistrictReader]:
    """Return the readers that this database knows: a role is there for all databases beside it."""
    query = """
        SELECT DISTINCT pg_get_userbyid(grantee) FROM pg_namespace, aclexplode(nspacl)
        WHERE nspname = %s AND grantee <> 0 ORDER BY 1
    """
    names = (name for (name,) in cursor.execute(query, (schema,)).fetchall())
    return [DistrictReader(one.removeprefix(PREFIX)) for one in names if one.startswith(PREFIX)]


def reader_statements(reader: DistrictReader, exists: bool) -> tuple[str, ...]:
    """Return what makes a reader; `limit_rows` then says which rows it sees."""
    role = quoted(reader.role)
    made = () if exists else (f"CREATE ROLE {role} NOLOGIN",)
    return (
        *made,
        f"GRANT {REPORTING} TO {role}",
        f"GRANT USAGE ON SCHEMA restricted TO {role}",
    )


def limit_rows(cursor: Any, schema: str) -> None:
    """Let each district's reader see its rows of every table of the schema, and of no other table.

    Where there is no such reader nothing is changed; nor is a table that is as it should be, since
    a change of its policies waits for everybody who reads it.
    """
    readers = readers_of(cursor, schema)
    if not readers:
        return
    for name, columns in _columns_of(cursor, schema).items():
        wanted = {ALL_ROWS: "true"}
        for reader in readers:
            rows = _rows_of(columns, reader.district_id)
            if rows is not None:
                wanted[reader.role] = rows
        table = _Table(cursor, schema, name)
        if not table.is_limited_to(wanted):
            table.limit_to(wanted)


@dataclass(frozen=True)
class _Table:
    """One table whose rows are limited; a policy's comment is its condition, word for word."""

    cursor: Any
    schema: str
    name: str

    def is_limited_to(self, wanted: dict[str, str]) -> bool:
        """Return whether these roles see these rows, and no other reader of a district any."""
        query = "SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass(%s)"
        is_limited = self.cursor.execute(query, (self.place,)).fetchone()[0]
        readers = {(role, "SELECT") for role in wanted if role != ALL_ROWS}
        return is_limited and self._policies() == wanted and self._rights() == readers

    def limit_to(self, wanted: dict[str, str]) -> None:
        """Let these roles see these rows, and no other reader of a district any."""
        run = self.cursor.execute
        for role in self._policies():
            run(f"DROP POLICY {quoted(role)} ON {self.place}")
        for role in {role for role, _ in self._rights()}:
            run(f"REVOKE ALL ON {self.place} FROM {quoted(role)}")
        run(f"ALTER TABLE {self.place} ENABLE ROW LEVEL SECURITY")
        for role, rows in wanted.items():
            to = quoted(role)
            run(f"CREATE POLICY {to} ON {self.place} FOR SELECT TO {to} USING ({rows})")
            run(f"COMMENT ON POLICY {to} ON {self.place} IS {_literal(rows)}")
            if role != ALL_ROWS:
                run(f"GRANT SELECT ON {self.place} TO {to}")

    @property
    def place(self) -> str:
        """Return its name in SQL."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    def _policies(self) -> dict[str, str]:
        query = """
            SELECT polname, obj_description(oid, 'pg_policy') FROM pg_policy
            WHERE polrelid = to_regclass(%s)
        """
        found = self.cursor.execute(query, (self.place,)).fetchall()
        return {name: rows for name, rows in found if name == ALL_ROWS or name.startswith(PREFIX)}

    def _rights(self) -> set[tuple[str, str]]:
        query = """
            SELECT pg_get_userbyid(grantee), privilege_type FROM pg_class, aclexplode(relacl)
            WHERE pg_class.oid = to_regclass(%s) AND grantee <> 0
        """
        found = self.cursor.execute(query, (self.place,)).fetchall()
        return {(role, right) for role, right in found if role.startswith(PREFIX)}


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _rows_of(columns: set[str], district_id: str) -> str | None:
    """Return the condition of a district's rows; null where a row does not tell its district."""
    if "district_id" in columns:
        return f"district_id = '{district_id}'"
    if {"org_level", "org_id"} <= columns:
        within = f"{_among('org_level', OF_A_DISTRICT)} AND split_part(org_id, '/', 1) = "
        compared = f" AND {_among('compared_to', COMPARED)}" if "compared_to" in columns else ""
        return f"{within}'{district_id}'{compared}"
    return None


def _among(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(map(_literal, values))})"


def _columns_of(cursor: Any, schema: str) -> dict[str, set[str]]:
    query = """
        SELECT c.relname, array_agg(a.attname::text) FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p')
        GROUP BY c.relname ORDER BY c.relname
    """
    return {name: set(columns) for name, columns in cursor.execute(query, (schema,)).fetchall()}
