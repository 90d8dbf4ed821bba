"""Reads SQL marts as an analyst would, past the code under test."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import psycopg

from warehouse.database import Area, Database


def run(database: Database, area: Area, query: str) -> list[tuple[Any, ...]]:
    """Return a query's rows; `{}` (or `{0}`) stands for the schema and its dot."""
    if database.url is None:
        path = database.path(area)
        assert path is not None
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(query.format("")).fetchall()
    with connect(database) as connection:
        return connection.execute(query.format(f"{area}.")).fetchall()


def connect(database: Database) -> psycopg.Connection[Any]:
    """Return a connection of one's own to the test's PostgreSQL database."""
    assert database.url is not None
    address = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(address, autocommit=True)


def tables(database: Database, area: Area) -> set[str]:
    """Return the names of an area's tables."""
    if database.url is None:
        path = database.path(area)
        if path is None or not path.exists():
            return set()
        found = run(database, area, "SELECT name FROM sqlite_master WHERE type = 'table'")
    else:
        found = run(database, area, f"SELECT tablename FROM pg_tables WHERE schemaname = '{area}'")
    return {name for (name,) in found}
