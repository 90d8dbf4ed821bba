"""Every write of this process, met while it runs: where in the code it stands and what it is.

A site is an event and the chain of our own lines that led to it, so that one shared function
(`flush`, `put_in_place`) counts once for each way into it. Nothing here is listed by hand: Python's
audit events, the statements that reach SQLite and PostgreSQL, and the commits of the lake tell.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ROOMS = tuple(f"{ROOT / room}{os.sep}" for room in ("flows", "warehouse", "validation"))
FILE_EVENTS = {
    "os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate",
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
STATEMENTS = {
    "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "TRUNCATE", "COPY", "GRANT", "COMMIT",
}  # fmt: skip

Met = Callable[[str], None]


def site_of(event: str) -> str | None:
    """Return the event with the chain of our lines that led to it; null outside our code."""
    frame, places = sys._getframe(2), []
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(ROOMS):
            places.append(f"{name[len(str(ROOT)) + 1 :]}:{frame.f_lineno}")
        frame = frame.f_back
    return f"{event} @ {' < '.join(places)}" if places else None


class Watch:
    """Calls `met` with the site of every write under a folder, just before it is done."""

    def __init__(self, home: Path, met: Met) -> None:
        self.home = str(home)
        self.met = met
        self._here = threading.local()  # both areas are written at once

    def begin(self) -> None:
        """Watch from now on; there is no end but that of the process."""
        sys.addaudithook(self._audit)
        self._watch_flushes()
        self._watch_sqlite()
        self._watch_postgres()
        self._watch_lake()

    def tell(self, event: str) -> None:
        """Say that a write is about to be done."""
        if getattr(self._here, "inside", False):
            return
        self._here.inside = True
        try:
            site = site_of(event)
            if site is not None:
                self.met(site)
        finally:
            self._here.inside = False

    def _audit(self, event: str, words: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = words
            writes = any(c in mode for c in "wax+") if isinstance(mode, str) else flags & WRITING
            if writes and self._is_ours(path):
                self.tell("open")
        elif event in FILE_EVENTS and self._is_ours(words[0]):
            self.tell(event)

    def _is_ours(self, path: Any) -> bool:
        if isinstance(path, int) or path is None:
            return False
        text = os.fsdecode(path)
        return text.startswith(self.home) or not text.startswith("/")

    def _statement(self, kind: str, statement: str) -> None:
        word = statement.lstrip().split(None, 1)[0].upper() if statement.strip() else ""
        if word in STATEMENTS:
            self.tell(f"{kind} {word}")

    def _watch_flushes(self) -> None:
        flush = os.fsync

        def told(descriptor: int) -> None:
            self.tell("fsync")
            flush(descriptor)

        os.fsync = told

    def _watch_sqlite(self) -> None:
        connect = sqlite3.connect

        def told(*words: Any, **more: Any) -> sqlite3.Connection:
            connection = connect(*words, **more)
            connection.set_trace_callback(lambda statement: self._statement("sqlite", statement))
            return connection

        sqlite3.connect = sqlite3.dbapi2.connect = told
        self._watch_ingest()

    def _watch_ingest(self) -> None:
        from adbc_driver_manager.dbapi import Cursor

        ingest = Cursor.adbc_ingest

        def told(*words: Any, **more: Any) -> int:
            self.tell("sqlite INSERT")
            return ingest(*words, **more)

        Cursor.adbc_ingest = told

    def _watch_postgres(self) -> None:
        import psycopg

        def before(owner: type, name: str, event: Callable[..., str | None]) -> None:
            real = getattr(owner, name)

            def told(this: Any, *words: Any, **more: Any) -> Any:
                statement = event(*words)
                if statement is not None:
                    self._statement("postgres", statement)
                return real(this, *words, **more)

            setattr(owner, name, told)

        before(psycopg.Cursor, "execute", lambda query, *_: str(query))
        before(psycopg.Cursor, "executemany", lambda query, *_: str(query))
        before(psycopg.Connection, "commit", lambda *_: "COMMIT")
        before(psycopg.Copy, "write", lambda *_: "COPY")

    def _watch_lake(self) -> None:
        from flows.stages.marts import MartWriter
        from warehouse.lake_commit import Change

        def around(owner: type, name: str, event: str) -> None:
            real = getattr(owner, name)

            def told(*words: Any) -> Any:
                self.tell(f"before {event}")
                done = real(*words)
                self.tell(f"after {event}")
                return done

            setattr(owner, name, told)

        around(Change, "create", "lake create")
        around(Change, "apply", "lake commit")
        around(MartWriter, "whole", "mart parquet")
        around(MartWriter, "sliced", "mart parquet")
