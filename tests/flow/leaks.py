"""Looks for students in anything that was written: ids, names and birth dates."""

from __future__ import annotations

import csv
import gzip
import html
import io
import re
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

# A number counts as an id only where it stands alone: not a fraction, not a part of a digest.
NUMBER = re.compile(r"(?<![0-9A-Za-z.])[0-9]{6,10}(?![0-9A-Za-z])")
ISO_DAY = re.compile(r"(?<![0-9])([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])")
US_DAY = re.compile(r"(?<![0-9])([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?![0-9])")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
ID_COLUMNS = {"SSID", "LocalStudentID", "Student ID", "Student State ID", "ID"}
GIVEN = {"StudentFirstName", "FirstName", "First Name", "FIRST_NAME", "givenName"}
FAMILY = {"StudentLastName", "LastName", "Last Name", "LAST_NAME", "familyName"}
BIRTH = {"DateofBirth", "birthDate"}


@dataclass(frozen=True)
class People:
    """Everything that names one of the students: `births` as year-month-day."""

    ids: frozenset[str]
    names: frozenset[str]
    births: frozenset[str]

    def found_in(self, text: str) -> set[str]:
        """Return which of them stand in the text, whatever its escapes and letter case."""
        plain = html.unescape(ESCAPED.sub(lambda one: chr(int(one[1], 16)), text)).casefold()
        days = {"-".join(parts) for parts in ISO_DAY.findall(plain)}
        days |= {f"{y}-{int(m):02d}-{int(d):02d}" for m, d, y in US_DAY.findall(plain)}
        days |= {f"{n[:4]}-{n[4:6]}-{n[6:]}" for n in NUMBER.findall(plain) if len(n) == 8}
        found = self.ids & set(NUMBER.findall(plain))
        found |= {name for name in self.names if name.casefold() in plain}
        return found | (self.births & days)

    def found_in_bytes(self, content: bytes) -> set[str]:
        """Return which of them stand in a file's bytes, in either encoding."""
        texts = (content.decode("utf-8", "replace"), content.decode("cp1252", "replace"))
        return self.found_in(texts[0]) | self.found_in(texts[1])


def people_of(extracts: Path) -> People:
    """Return the students of a folder of extracts."""
    ids, names, births = set(), set(), set()
    for table in _tables(extracts):
        for row in table:
            for column, value in row.items():
                if not value or not isinstance(value, str):
                    continue
                if column in ID_COLUMNS:
                    ids.add(value)
                elif column in GIVEN | FAMILY:
                    names.add(value)
                elif column in BIRTH:
                    births.add(value)
    return People(frozenset(ids), frozenset(names), frozenset(births))


def _tables(extracts: Path) -> Iterator[Iterable[dict[str, str]]]:
    for path in sorted(extracts.rglob("*")):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                users = list(csv.DictReader(io.StringIO(archive.read("users.csv").decode())))
                members = archive.read("demographics.csv").decode()
            yield [
                {"ID": one, "givenName": user["givenName"], "familyName": user["familyName"]}
                for user in users
                if user["role"] == "student"
                for one in (user["identifier"], user["sourcedId"])
            ]
            yield csv.DictReader(io.StringIO(members))
        elif path.suffix == ".gz":
            yield csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
        elif path.name.startswith("caaspp"):
            yield csv.DictReader(
                io.StringIO(path.read_text("utf-8")), delimiter="^", quoting=csv.QUOTE_NONE
            )
        elif path.name.startswith("iready"):
            yield csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))


def texts_of_sqlite(
    path: Path, passing: frozenset[str] = frozenset(), only_tables: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Yield every distinct value of every column of a database, but of the columns passed over."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            if only_tables and table not in only_tables:
                continue
            for column in connection.execute(f'PRAGMA table_info("{table}")').fetchall():
                if column[1] not in passing:
                    values = connection.execute(f'SELECT DISTINCT "{column[1]}" FROM "{table}"')
                    yield "\n".join(_text(value) for (value,) in values)


def texts_of_parquet(path: Path) -> Iterator[str]:
    """Yield every distinct value of every column of a Parquet file."""
    with duckdb.connect() as con:
        for name, *_ in con.execute(f"DESCRIBE FROM '{path}'").fetchall():
            values = con.execute(f"SELECT DISTINCT \"{name}\"::VARCHAR FROM '{path}'").fetchall()
            yield "\n".join(value for (value,) in values if value is not None)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
