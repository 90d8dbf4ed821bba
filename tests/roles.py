"""Logins of a test's own PostgreSQL database, one for each role, and what each may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

OURS = ("roci_reporting", "roci_restricted", "roci_loader")


@dataclass(frozen=True)
class PostgresHouse:
    """A database of the test's own on a server where it may do anything."""

    admin_url: str
    logins: tuple[str, ...]

    def url(self, login: str) -> str:
        """Return the address of the database for a login; the test's server asks no password."""
        return self.admin_url.replace("//postgres:@", f"//{login}@")

    def admin(self) -> psycopg.Connection[Any]:
        """Return a connection that may do anything."""
        return psycopg.connect(self.admin_url, autocommit=True)

    def as_login(self, login: str) -> psycopg.Connection[Any]:
        """Return a connection of that login."""
        return psycopg.connect(self.url(login), autocommit=True)

    def grant(self, role: str, login: str) -> None:
        """Let a login be a member of a role."""
        with self.admin() as connection:
            connection.execute(f'GRANT "{role}" TO {login}')

    def rows(self, login: str, query: str) -> list[tuple[Any, ...]]:
        """Return what a login reads."""
        with self.as_login(login) as connection:
            return connection.execute(query).fetchall()

    def refuses(self, login: str, statement: str) -> bool:
        """Return whether a statement is refused to a login for lack of rights."""
        try:
            with self.as_login(login) as connection:
                connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        return False


@contextmanager
def postgres_house(server: str, name: str, logins: tuple[str, ...]) -> Iterator[PostgresHouse]:
    """Yield a new database with these logins; it goes, and every role of ours with it."""
    house = PostgresHouse(server.replace("/postgres?", f"/{name}?"), logins)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        for login in logins:
            connection.execute(f"CREATE ROLE {login} LOGIN")
    try:
        yield house
    finally:
        _remove(server, name, house)


def _remove(server: str, name: str, house: PostgresHouse) -> None:
    with house.admin() as connection:
        there = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) OR rolname LIKE %s",
            ([*OURS, *house.logins], "roci\\_district\\_%"),
        ).fetchall()
        for (role,) in there:
            connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(role)))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        for (role,) in there:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
