"""A small story that meets every kind of write: two nights of a directory, a roster, results."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from tests.flow.small_files import SCHOOLS, results
from tests.soak.forge import Ended, Forge, Job

DISTRICT = "0199017"
SITE = Path(__file__).with_name("site")
NIGHTLY = ("run", "--engine", "direct")
BOOKKEEPING = ("publication_info", "publication")
_numbers = count(1)

Content = dict[str, str]


def directory(path: Path, year: int = 2024) -> None:
    """Write a directory that knows both schools."""
    lines = [
        "County Code^District Code^School Code^Type ID^Filler^Test Year^County Name^District Name^"
        "School Name^Zip Code",
        f"01^99017^0000000^06^^{year}^Alder^Invented Unified^^94000",
    ]
    lines += [
        f"01^99017^{code[7:]}^07^^{year}^Alder^Invented Unified^School {code[-2:]}^94000"
        for code in SCHOOLS
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def roster(path: Path, rows: int = 44) -> None:
    """Write a plain roster of the same students."""
    header = (
        "student_id,local_student_id,school_id,school_name,school_year,grade,begin_date,end_date,"
        "ethnicity,el_status,gender,econ_status,disability_status,given_name,family_name,birth_date"
    )
    lines = [header]
    for number in range(rows):
        school = SCHOOLS[number % 2][7:]
        lines.append(
            f"{9_000_000_000 + number},{number},{school},School {school[-2:]},2024,"
            f"{3 + number % 2},2023-08-15,,WHITE,EO,F,SED,NOT_SWD,Ann{number},Bee,2015-01-02"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def first_night(landing: Path) -> None:
    """Land a directory, a roster and the results of two years."""
    folder = landing / DISTRICT
    folder.mkdir(parents=True, exist_ok=True)
    directory(folder / "sb_ca2024entities.txt")
    roster(folder / "roster.csv")
    results(folder / "results_2023.csv", 40, year=2023)
    results(folder / "results_2024.csv", 44, year=2024, score=2512)
    _in_order(folder)


def second_night(landing: Path) -> None:
    """Land a corrected file with rejected rows, and one that nobody can read."""
    folder = landing / DISTRICT
    results(folder / "results_2024_corrected.csv", 44, year=2024, score=2390, level=2, bad_rows=2)
    (folder / "minutes.csv").write_text("who,said,what\na,b,c\n", encoding="utf-8")
    _in_order(folder)


NIGHTS: tuple[Callable[[Path], None], ...] = (first_night, second_night)


def _in_order(folder: Path) -> None:
    """Give files times that are in the order of their names, the same in every run."""
    for number, path in enumerate(sorted(folder.iterdir())):
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))


@dataclass
class Place:
    """A workspace, and its PostgreSQL database where it has one."""

    home: Path
    url: str | None = None
    forge: Forge = field(repr=False, default=None)  # type: ignore[assignment]

    @property
    def landing(self) -> Path:
        return self.home / "landing"

    def job(self, *words: str, **more: Any) -> Job:
        """Return a command on this place, under `SITE` unless told otherwise."""
        more.setdefault("config", str(SITE))
        out = self.home.with_name(f"{self.home.name}.{next(_numbers)}.out")
        return Job(words, str(self.home), str(out), url=self.url, **more)

    def run(self, *words: str, **more: Any) -> Ended:
        """Run a command on this place."""
        return self.forge.one(self.job(*words, **more))

    def nightly(self, **more: Any) -> Ended:
        """Run the nightly."""
        return self.run(*NIGHTLY, **more)

    def content(self) -> Content:
        """Return a digest of every mart's rows, in Parquet and in SQL."""
        return content_of(self.home, self.url)


def content_of(home: Path, url: str | None) -> Content:
    """Return a digest of the rows of every mart; loads stand there as the content of their file."""
    files = _files_of_loads(home, url)
    found = {}
    for area in ("reporting", "restricted"):
        for path in sorted((home / "marts" / area).glob("*.parquet")):
            with duckdb.connect() as con:
                told = con.execute(f"SELECT * FROM read_parquet('{path}')")
                names = [column[0] for column in told.description]
                found[f"{area}/{path.name}"] = _digest(names, told.fetchall(), files)
        for name, (names, rows) in _sql_tables(home, url, area).items():
            if name not in BOOKKEEPING:
                found[f"{area}/{name} sql"] = _digest(names, rows, files)
    return found


def publication_ids(home: Path, url: str | None) -> set[str]:
    """Return the publication that each store says it holds."""
    import json

    told = json.loads((home / "marts" / "reporting" / "publication.json").read_text("utf-8"))
    found = {told["publication_id"]}
    for area in ("reporting", "restricted"):
        for name in BOOKKEEPING:
            names, rows = _sql_tables(home, url, area).get(name, ([], []))
            if "publication_id" in names:
                found |= {row[names.index("publication_id")] for row in rows}
    return found


def _digest(names: list[str], rows: list[tuple[Any, ...]], files: dict[str, str]) -> str:
    kept = [at for at, name in enumerate(names) if name not in ("publication_id", "source_file")]
    plain = sorted(repr(tuple(_plain(row[at], files) for at in kept)) for row in rows)
    told = "\n".join([repr([names[at] for at in kept]), *plain])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _plain(value: Any, files: dict[str, str]) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return files.get(value, value)
    return str(value) if hasattr(value, "isoformat") else value


def _files_of_loads(home: Path, url: str | None) -> dict[str, str]:
    query = "SELECT load_id, sha256 FROM {}load"
    if url is None:
        with closing(sqlite3.connect(home / "warehouse" / "ledger.sqlite")) as connection:
            return dict(connection.execute(query.format("")).fetchall())
    import psycopg

    with psycopg.connect(url) as connection:
        return dict(connection.execute(query.format("ledger.")).fetchall())


def _sql_tables(home: Path, url: str | None, area: str) -> dict[str, tuple[list[str], list]]:
    if url is None:
        path = home / "warehouse" / f"{area}.sqlite"
        if not path.exists():
            return {}
        with closing(sqlite3.connect(path)) as connection:
            return _read_all(connection, "SELECT name FROM sqlite_master WHERE type = 'table'", "")
    import psycopg

    with psycopg.connect(url) as connection:
        listing = f"SELECT tablename FROM pg_tables WHERE schemaname = '{area}'"
        return _read_all(connection, listing, f"{area}.")


def _read_all(connection: Any, listing: str, before: str) -> dict[str, tuple[list[str], list]]:
    found = {}
    for (name,) in connection.execute(listing).fetchall():
        told = connection.execute(f"SELECT * FROM {before}{name}")
        found[name] = ([column[0] for column in told.description], told.fetchall())
    return found


@contextmanager
def place_at(home: Path, forge: Forge, url: str | None = None) -> Iterator[Place]:
    """Yield an empty place; its folder is gone afterwards."""
    home.mkdir(parents=True)
    try:
        yield Place(home, url, forge)
    finally:
        for path in [home, *home.parent.glob(f"{home.name}.*.out")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
