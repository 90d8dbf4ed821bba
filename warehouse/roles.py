"""The PostgreSQL roles: who reads the reporting marts, who the restricted ones too, who writes.

They are groups without a login, so that this project never makes, knows or prints a password: a
person's or a service's own login is granted one of them. Each nightly acts as `roci_loader`, which
owns the three schemas, since only its owner may swap a table; so what was published by one login
can be replaced by another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from warehouse.bulk import postgres_cursor, quoted
from warehouse.database import AREAS, LOADER, Database, acting_right, one_at_a_time
from warehouse.district_readers import (
    ALL_ROWS as RESTRICTED,
)
from warehouse.district_readers import (
    PREFIX,
    REPORTING,
    DistrictReader,
    limit_rows,
    reader_statements,
    readers_of,
)

ROLES = (REPORTING, RESTRICTED, LOADER)
# Who reads the tables of each schema; its owner is the loader.
READERS = {"ledger": (), "reporting": (REPORTING, RESTRICTED), "restricted": (RESTRICTED,)}
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Step:
    """One thing to be done in the database: the statements, and what is true afterwards."""

    told: str
    statements: tuple[str, ...]


@dataclass(frozen=True)
class RolesMade:
    """What became of the roles.

    Attributes:
        done: what was changed.
        missing: what this login may not do, for one who may; nothing of it was done.
        unsafe: what makes a role more than it should be, for a person to look at.
    """

    done: tuple[str, ...] = ()
    missing: tuple[Step, ...] = ()
    unsafe: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """Return what is missing as SQL that a database administrator can run."""
        lines = ["BEGIN;"]
        for step in self.missing:
            lines += [f"-- {step.told}", *(f"{statement};" for statement in step.statements)]
        return "\n".join([*lines, "COMMIT;"])


def make_roles(database: Database, districts: Sequence[str] = ()) -> RolesMade:
    """Leave the three roles with their rights, the loader's schemas, and readers of districts.

    All of it is done or none of it, and doing it again changes nothing. Rights that a role or
    PUBLIC was given beyond its own on the three schemas are taken away.

    Raises:
        UsageError: a district's id is none that a role can be named after (BAD_DISTRICT).
    """
    readers = [DistrictReader.of(district) for district in districts]
    database.close()  # connections that are open act as whoever owned the schemas
    with database.write("ledger") as connection:
        one_at_a_time(connection)
        cursor = postgres_cursor(connection)
        cursor.execute("SET LOCAL ROLE NONE")
        cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'")
        made = _carried_out(cursor, readers)
    database.close()
    return made


def _carried_out(cursor: Any, readers: Sequence[DistrictReader]) -> RolesMade:
    installation = _Installation(cursor)
    steps = tuple(installation.steps(readers))
    try:
        with cursor.connection.transaction():
            for statement in (one for step in steps for one in step.statements):
                cursor.execute(statement)
            limit_rows(cursor, "restricted")
            # Whoever may do a part of a REVOKE is only warned that the rest was not done.
            if any(installation.steps(readers)):
                raise psycopg.errors.InsufficientPrivilege
    except psycopg.errors.InsufficientPrivilege:
        return RolesMade(missing=steps)
    return RolesMade(done=tuple(step.told for step in steps), unsafe=_unsafe(cursor))


def missing_roles(cursor: Any) -> list[str]:
    """Return which of the three roles are not there."""
    there = cursor.execute("SELECT rolname FROM pg_roles").fetchall()
    return [name for name in ROLES if (name,) not in there]


class _Installation:
    """What one database has, and what it lacks."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor

    def steps(self, readers: Sequence[DistrictReader]) -> Iterator[Step]:
        """Yield what is to be done, in order; nothing where all is as it should be."""
        absent = missing_roles(self.cursor)
        for name in absent:
            yield Step(f"role {name} is there", (f"CREATE ROLE {name} NOLOGIN",))
        if not self._may_act_as_loader(absent):
            yield self._membership()
        for schema, owner in self._schemas().items():
            if owner != LOADER:
                yield self._schema(schema, owner)
        taken = [f"ALTER TABLE {name} OWNER TO {LOADER}" for name in self._foreign_tables()]
        if taken:
            yield Step(f"{len(taken)} tables are {LOADER}'s", tuple(taken))
        rights = tuple(self._rights())
        if absent or taken or not self._rights_hold():
            yield Step("each role has its rights and no others", rights)
        yield from self._readers(readers)
        yield from self._closed_to_everybody()

    def _readers(self, readers: Sequence[DistrictReader]) -> Iterator[Step]:
        there = readers_of(self.cursor, "restricted")
        roles = self.cursor.execute("SELECT rolname FROM pg_roles").fetchall()
        for reader in readers:
            if reader not in there:
                statements = reader_statements(reader, (reader.role,) in roles)
                yield Step(f"role {reader.role} reads its district", statements)

    def _may_act_as_loader(self, absent: Sequence[str]) -> bool:
        if LOADER in absent:
            return bool(self._one("SELECT rolsuper FROM pg_roles WHERE rolname = session_user"))
        return bool(self._one(f"SELECT pg_has_role(session_user, '{LOADER}', '{self._acting}')"))

    @property
    def _acting(self) -> str:
        return acting_right(self.cursor.connection)

    def _membership(self) -> Step:
        login = self._one("SELECT quote_ident(session_user)")
        options = " WITH INHERIT TRUE, SET TRUE" if self._acting == "SET" else ""
        return Step(f"{login} loads as {LOADER}", (f"GRANT {LOADER} TO {login}{options}",))

    def _schemas(self) -> dict[str, str | None]:
        query = "SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace"
        there = dict(self.cursor.execute(query).fetchall())
        return {area: there.get(area) for area in AREAS}

    def _schema(self, schema: str, owner: str | None) -> Step:
        if owner is None:
            made = f"CREATE SCHEMA {schema} AUTHORIZATION {LOADER}"
            return Step(f"schema {schema} is there", (made,))
        place = self._one("SELECT quote_ident(current_database())")
        # Whoever takes over a schema must be allowed to make one; the loader is, for this moment.
        return Step(
            f"schema {schema} is {LOADER}'s",
            (
                f"GRANT CREATE ON DATABASE {place} TO {LOADER}",
                f"ALTER SCHEMA {schema} OWNER TO {LOADER}",
                f"REVOKE CREATE ON DATABASE {place} FROM {LOADER}",
            ),
        )

    def _foreign_tables(self) -> list[str]:
        query = """
            SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
            WHERE schemaname = ANY (%s) AND tableowner <> %s ORDER BY 1
        """
        return [name for (name,) in self.cursor.execute(query, (list(AREAS), LOADER))]

    def _rights(self) -> Iterator[str]:
        for schema in AREAS:
            readers = READERS[schema]
            others, to = f"PUBLIC, {REPORTING}, {RESTRICTED}", ", ".join(readers)
            default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {LOADER} IN SCHEMA {schema}"
            yield f"REVOKE ALL ON SCHEMA {schema} FROM {others}"
            yield f"{default} REVOKE ALL ON TABLES FROM {others}"
            for name in self._tables(schema):
                yield f"REVOKE ALL ON {name} FROM {others}"
            if readers:
                yield f"GRANT USAGE ON SCHEMA {schema} TO {to}"
                for name in self._tables(schema):
                    yield f"GRANT SELECT ON {name} TO {to}"
                yield f"{default} GRANT SELECT ON TABLES TO {to}"

    def _tables(self, schema: str) -> list[str]:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1"
        names = self.cursor.execute(query, (schema,)).fetchall()
        return [f"{quoted(schema)}.{quoted(name)}" for (name,) in names]

    def _rights_hold(self) -> bool:
        """Return whether the three roles and PUBLIC have on each schema and table what they should.

        Only an administrator may give to others what he does not own, so a login that finds all in
        order must have nothing to do.
        """
        return all(
            _granted(self.cursor, schema) == _wanted(self.cursor, schema) for schema in AREAS
        )

    def _closed_to_everybody(self) -> Iterator[Step]:
        """Yield what keeps everybody from making functions and tables that others trip over."""
        place = self._one("SELECT quote_ident(current_database())")
        query = """
            SELECT count(*) FROM pg_database,
                aclexplode(coalesce(datacl, acldefault('d', datdba)))
            WHERE datname = current_database() AND grantee = 0 AND privilege_type <> 'CONNECT'
        """
        if self._one(query):
            statement = f"REVOKE TEMPORARY, CREATE ON DATABASE {place} FROM PUBLIC"
            yield Step("not everybody makes temporary tables and functions", (statement,))
        query = """
            SELECT count(*) FROM pg_namespace, aclexplode(nspacl)
            WHERE nspname = 'public' AND grantee = 0 AND privilege_type = 'CREATE'
        """
        if self._one(query):
            statement = "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
            yield Step("not everybody makes things in schema public", (statement,))

    def _one(self, query: str) -> Any:
        return self.cursor.execute(query).fetchone()[0]


Grants = set[tuple[str, str, str]]


def _granted(cursor: Any, schema: str) -> Grants:
    """Return object, grantee and right of PUBLIC and our readers on a schema, with its defaults."""
    query = """
        SELECT o.name, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END,
            a.privilege_type
        FROM (
            SELECT 'schema' AS name, nspacl AS acl FROM pg_namespace WHERE nspname = %(schema)s
            UNION ALL
            SELECT relname, relacl FROM pg_class
            WHERE relnamespace = to_regnamespace(%(schema)s) AND relkind IN ('r', 'p')
            UNION ALL
            SELECT attrelid::regclass || '.' || attname, attacl FROM pg_attribute
            WHERE attrelid IN (
                SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s)
            )
            UNION ALL
            SELECT 'default', defaclacl FROM pg_default_acl
            WHERE defaclnamespace = to_regnamespace(%(schema)s) AND defaclobjtype = 'r'
                AND pg_get_userbyid(defaclrole) = %(loader)s
        ) AS o, aclexplode(o.acl) AS a
    """
    told = {"schema": schema, "loader": LOADER}
    ours = {"PUBLIC", REPORTING, RESTRICTED}
    return {row for row in cursor.execute(query, told).fetchall() if row[1] in ours}


def _wanted(cursor: Any, schema: str) -> Grants:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
    names = [*(name for (name,) in cursor.execute(query, (schema,))), "default"]
    readers: Sequence[str] = READERS[schema]
    return {
        *(("schema", reader, "USAGE") for reader in readers),
        *((name, reader, "SELECT") for name in names for reader in readers),
    }


def _unsafe(cursor: Any) -> tuple[str, ...]:
    """Return what a role is or belongs to beyond its rights here."""
    attributes = """
        SELECT rolname FROM pg_roles
        WHERE rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication ORDER BY 1
    """
    memberships = """
        SELECT pg_get_userbyid(member), pg_get_userbyid(roleid) FROM pg_auth_members ORDER BY 1, 2
    """
    more = [
        f"{name} may more than read and write tables (ALTER ROLE takes it away)"
        for (name,) in cursor.execute(attributes).fetchall()
        if _is_ours(name)
    ]
    more += [
        f"{member} is a member of {role} and has its rights too"
        for member, role in cursor.execute(memberships).fetchall()
        if _is_ours(member) and not (member.startswith(PREFIX) and role == REPORTING)
    ]
    return tuple(more)


def _is_ours(role: str) -> bool:
    return role in ROLES or role.startswith(PREFIX)
