"""Where SQL tables are: three SQLite files, or one PostgreSQL database with three schemas."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from configs.errors import ConfigurationError, InfrastructureError
from warehouse.workspace import PRIVATE_FILE, Workspace

Area = Literal["ledger", "reporting", "restricted"]
AREAS: tuple[Area, ...] = ("ledger", "reporting", "restricted")
BUSY_MILLISECONDS = 30_000
# What PostgreSQL takes in an address beside the password and must not be told.
SECRETS = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
# SQLite tells the kind of an error in the lowest byte of its number, what of the kind above it.
PRIMARY_CODE = 0xFF
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# The PostgreSQL role that owns the three schemas where `roci db init` has made it.
LOADER = "roci_loader"
# From here on a member may be allowed to act as a role, or not.
SET_OPTION_SINCE = 160_000


@dataclass(frozen=True)
class Database:
    """Connections to the three areas `ledger`, `reporting`, `restricted`.

    `url` is null for SQLite. Nothing is opened or created before the first use.
    """

    workspace: Workspace
    url: URL | None = field(default=None, repr=False)
    _engines: dict[str, sa.Engine] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def for_workspace(cls, workspace: Workspace, url: str | None = None) -> Database:
        """Return the workspace's own SQLite files, or the PostgreSQL database at `url`.

        Raises:
            ConfigurationError: `url` is not the address of a PostgreSQL database.
        """
        return cls(workspace, _postgres_url(url) if url else None)

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        """Which kind of database it is."""
        return "sqlite" if self.url is None else "postgresql"

    def path(self, area: Area) -> Path | None:
        """Return the area's SQLite file; null on PostgreSQL."""
        if self.url is not None:
            return None
        paths = {
            "ledger": self.workspace.ledger_path,
            "reporting": self.workspace.reporting_path,
            "restricted": self.workspace.restricted_path,
        }
        return paths[area]

    def schema(self, area: Area) -> str | None:
        """Return the PostgreSQL schema of the area; null on SQLite."""
        return None if self.url is None else area

    def engine(self, area: Area) -> sa.Engine:
        """Return the area's engine; tables without a schema are those of the area."""
        if area not in self._engines:
            self._engines[area] = self._new_engine(area)
        return self._engines[area]

    @contextmanager
    def read(self, area: Area) -> Iterator[sa.Connection]:
        """Yield a connection that sees one consistent state and changes nothing."""
        engine = self.engine(area)
        if self.url is not None:  # else each query would see what was committed just before it
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with told_plainly(self.place(area)), engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, area: Area) -> Iterator[sa.Connection]:
        """Yield a connection in one transaction: all of it happens, or nothing."""
        engine = self.engine(area).execution_options(roci_writes=True)
        with told_plainly(self.place(area)), engine.begin() as connection:
            yield connection

    def place(self, area: Area) -> str:
        """Return where the area is, without a password or another secret."""
        if self.url is None:
            return f"SQLite {self.path(area)}"
        told = self.url.difference_update_query(SECRETS).render_as_string(hide_password=True)
        return f"PostgreSQL {told} schema {area}"

    def create_areas(self) -> None:
        """Create the PostgreSQL schema of every area where it is missing; SQLite needs none."""
        if self.url is None:
            return
        with self.write("ledger") as connection:
            one_at_a_time(connection)
            there = set(sa.inspect(connection).get_schema_names())
            for area in AREAS:
                if area not in there:
                    connection.execute(sa.schema.CreateSchema(area))

    def close(self) -> None:
        """Let go of all connections."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    def _new_engine(self, area: Area) -> sa.Engine:
        if self.url is not None:
            engine = sa.create_engine(self.url, pool_pre_ping=True)
            sa.event.listen(engine, "connect", _act_as_loader)
            return engine.execution_options(schema_translate_map={None: area})
        path = self.path(area)
        assert path is not None
        engine = sa.create_engine(_sqlite_url(path, area), poolclass=NullPool)
        sa.event.listen(engine, "connect", _Connected(path, area))
        sa.event.listen(engine, "begin", _begin)
        return engine


@dataclass(frozen=True)
class _Connected:
    """Prepares each new SQLite connection of an area."""

    path: Path
    area: Area

    def __call__(self, connection: sqlite3.Connection, _record: Any) -> None:
        # SQLAlchemy then decides where transactions begin; the driver would begin them late.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA foreign_keys = ON")
        if self.area == "ledger":
            connection.execute("PRAGMA journal_mode = WAL")
            self.path.chmod(PRIVATE_FILE)


def _act_as_loader(connection: Any, _record: Any) -> None:
    """Let a new PostgreSQL connection act as the owner of our schemas, where it may.

    Only the owner of a table can swap it; whichever login makes one, the next can replace it. And
    what an administrator's login may beyond that, the nightly does not.
    """
    query = f"""
        SELECT 1 FROM pg_namespace WHERE nspname = 'ledger' AND nspowner = to_regrole('{LOADER}')
            AND pg_has_role(session_user, nspowner, '{acting_right(connection)}')
    """
    if connection.execute(query).fetchone():
        connection.execute(f"SET ROLE {LOADER}")
    connection.commit()


def acting_right(connection: Any) -> str:
    """Return what PostgreSQL calls the right to act as a role, in the version that answers."""
    return "SET" if connection.info.server_version >= SET_OPTION_SINCE else "MEMBER"


def _sqlite_url(path: Path, area: Area) -> URL:
    if area == "ledger":
        return URL.create("sqlite", database=str(path))
    # Marts are replaced as whole files; a reader must not create an empty one.
    query = {"mode": "ro", "uri": "true"}
    return URL.create("sqlite", database=f"file:{quote(str(path))}", query=query)


def _begin(connection: sa.Connection) -> None:
    # A reader that turns writer half way would fail at once instead of waiting for its turn.
    writes = connection.get_execution_options().get("roci_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise _bad_url("something that is no address") from error
    if url.get_backend_name() not in ("postgres", "postgresql"):
        raise _bad_url(f"an address of kind {url.get_backend_name()}")
    # In the query it would be told in clear.
    *_, password = url.normalized_query.get("password", [url.password])
    url = url.difference_update_query(["password"])
    return url.set(drivername="postgresql+psycopg", password=password)


def _bad_url(found: str) -> ConfigurationError:
    return ConfigurationError(
        "BAD_DATABASE_URL",
        where="ROCI_DATABASE_URL",
        found=found,
        expected="postgresql://user:password@host:5432/database",
        remedy="mend the address, or unset it to use SQLite files in the workspace",
    )


def one_at_a_time(connection: sa.Connection) -> None:
    """Wait until no other process of ours creates schemas or tables, until the transaction ends."""
    # Two that do it at once collide in PostgreSQL's catalogue; SQLite has one writer anyway.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('roci.ledger'))"))


@contextmanager
def told_plainly(place: str) -> Iterator[None]:
    """Turn a database that cannot be reached or written into an error that may be retried."""
    try:
        yield
    except Exception as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if getattr(cause, "sqlite_errorcode", 0) & PRIMARY_CODE in DAMAGED:
            raise _damaged(place, cause) from None
        # SQLite calls a mistake in our own SQL operational too, with this number.
        if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
            raise
        if not (lost or isinstance(cause, _driver_errors())):
            raise
        raise database_away(place, cause) from error


def _driver_errors() -> tuple[type[Exception], ...]:
    """Return what the drivers in use raise when the fault is not the statement's."""
    psycopg = sys.modules.get("psycopg")
    return (sqlite3.OperationalError, *([psycopg.OperationalError] if psycopg else []))


def _damaged(place: str, cause: BaseException | None) -> InfrastructureError:
    return InfrastructureError(
        "DATABASE_DAMAGED",
        where=place,
        found=str(cause),
        expected="a whole SQLite file, as roci left it",
        remedy="if it is the ledger, `roci restore` the last backup into an empty workspace; if it "
        "is marts, remove the file and `roci marts build --all`",
    )


def database_away(place: str, cause: BaseException | None) -> InfrastructureError:
    """Return the error that says so; the driver's words are kept to their first line."""
    words = str(cause).strip().splitlines()
    return InfrastructureError(
        "DATABASE_AWAY",
        where=place,
        found=words[0] if words else "no answer",
        expected="a database that answers and may be written",
        remedy="see that it runs, that the address is right and the disk is not full; then retry",
    )
