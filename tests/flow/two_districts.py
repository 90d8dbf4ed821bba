"""A results file of two invented districts, and what a reader finds in the published marts."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb

from flows.context import Context
from flows.outcome import RunOutcome
from flows.running import run_ingest
from tests.cells import whole
from tests.flow.small_files import RESULTS_HEADER, results

NEAR, FAR = "0199017", "0199025"
WHOLE = whole()


def two_districts(path: Path, *, far_score: int = 2471, year: int = 2024, near: int = 40) -> Path:
    """Write `near` students of district NEAR with score 2500 and 60 of FAR with another."""
    first = results(path, near, year=year).read_text().splitlines()[1:]
    second = results(path, 60, year=year, score=far_score, level=2).read_text().splitlines()[1:]
    # Another district's students have other ids.
    second = [line.replace(NEAR, FAR).replace(",9000", ",8000") for line in second]
    # A rate near 0 or 100 would be shown as a limit, without the mean.
    first[::4] = [line[:-1] + "2" for line in first[::4]]
    second[::4] = [line[:-1] + "3" for line in second[::4]]
    path.write_text("\n".join([RESULTS_HEADER, *first, *second]) + "\n", encoding="utf-8")
    return path


def ingest(context: Context, path: Path) -> RunOutcome:
    """Load a file of both districts and build."""
    return run_ingest(context, "results_csv", [path], district=None, engine="direct")


def published(context: Context, what: str = "org_level, org_id, n_tested, mean_scale_score",
              where: str = WHOLE) -> list[tuple]:  # fmt: skip
    """Return rows of mart_achievement; none where it is not published."""
    return rows_of(context.publisher.path("mart_achievement", "reporting"), what, where)


def rows_of(path: Path, what: str, where: str = "true") -> list[tuple]:
    """Return rows of a Parquet file, in order; none where there is no file."""
    if not path.exists():
        return []
    with duckdb.connect() as con:
        return con.execute(f"SELECT {what} FROM '{path}' WHERE {where} ORDER BY ALL").fetchall()


def in_sql(context: Context, query: str) -> list[tuple]:
    """Return what an analyst finds in the reporting tables of SQLite."""
    path = context.workspace.reporting_path
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()
