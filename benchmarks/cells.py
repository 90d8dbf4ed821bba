"""What a measured process counts: `cells.py rows YARDSTICK ROWS`, `count ROWS`, `slices ROWS WORK`.

`rows` writes the yardstick's clean rows as the lake has them, a file a slice. `count` builds all
their cells; with `--out` it also writes them in the yardstick's shape, for its cmp.py. `slices`
builds a hundred slices and their mart, then one of them anew beside the others as they were. Each
prints one JSON object. `measures ROWS` builds all cells, then every measure of them and all gaps.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.compare import CROSSED, GROUPS, ONE_WAY, SOURCE, as_yardstick_sql

if TYPE_CHECKING:
    import duckdb

    from configs.mart_models import Marts
    from transforms.cell_plan import CellPlan
    from transforms.cells import Statistic

PARTS = 20
THREADS = 2
MEASURED = (
    "SELECT *, score_sum / n_tested AS mean_scale_score, "
    "100 * n_proficient / n_tested AS pct_proficient FROM cells"
)
YARDSTICK = ("n_tested", "n_scores", "score_sum", "n_level_{level}")


def rows(yardstick: Path, folder: Path) -> dict[str, int]:
    """Write the clean rows in roci's codes, by a twentieth of the students and by year."""
    from configs.catalogue import load_catalogue

    fields = load_catalogue(None).source(SOURCE).fields
    names = {"subject": "subject", **GROUPS}
    coded = ", ".join(
        f"CASE {theirs} {_whens(fields[ours].codes or {})} END AS {ours}"
        for theirs, ours in names.items()
    )
    con = _connect(folder)
    con.execute(f"""
        COPY (
            SELECT printf('part_%02d', hash(ssid) % {PARTS}) AS assessment,
                test_year::INTEGER AS school_year, test_year AS year, 'annual' AS test_window,
                cds_code[:7] AS district_id, cds_code[8:] AS school_id,
                printf('%02d', grade) AS grade, {coded}, scale_score::DOUBLE AS scale_score,
                level::INTEGER AS performance_level, true AS is_scored
            FROM read_parquet('{yardstick}/clean.parquet')
        ) TO '{folder}' (FORMAT parquet, PARTITION_BY (assessment, year), COMPRESSION zstd)
    """)
    return {"rows": con.execute(f"SELECT count(*) FROM {_scan(folder)}").fetchall()[0][0]}


def count(folder: Path, out: Path | None, *, everything: bool) -> dict[str, float]:
    """Build the cells; only those statistics that the yardstick has, unless `everything`."""
    from transforms.cells import ACHIEVEMENT

    con = _connect(folder)
    wanted = [one for one in ACHIEVEMENT if everything or one.name in YARDSTICK]
    con.execute(
        f"CREATE VIEW results AS SELECT * REPLACE ('{SOURCE}' AS assessment) FROM {_scan(folder)}"
    )
    began = time.perf_counter()
    _build(con, "results", [SOURCE], wanted)
    seconds = time.perf_counter() - began
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        con.execute(f"COPY ({MEASURED}) TO '{out}/mart.parquet'")
        con.execute(f"COPY ({_masked_sql(out / 'mart.parquet')}) TO '{out}/agg.parquet'")
    return {"seconds": seconds, "cells": con.execute("SELECT count(*) FROM cells").fetchall()[0][0]}


def slices(folder: Path, work: Path) -> dict[str, float]:
    """Count and write the mart of all slices, then again with one slice changed, as flows do."""
    from flows.slices import slice_name
    from flows.stages.sliced_marts import LastMart, write_sliced
    from transforms.marts import exact_achievement_sql

    con, marts = _connect(folder), _marts()
    work.mkdir(parents=True, exist_ok=True)
    con.execute(f"CREATE VIEW results AS FROM {_scan(folder)}")
    found = con.execute("SELECT DISTINCT assessment, school_year FROM results").fetchall()
    (part, year), *kept = sorted(found, key=lambda one: (one[0], -one[1]))
    con.execute(
        f"CREATE VIEW one AS FROM results WHERE assessment = '{part}' AND school_year = {year}"
    )
    names = sorted({assessment for assessment, _ in found})
    last = LastMart(work / "full.parquet", [slice_name(*one) for one in kept])
    told: dict[str, float] = {}
    for what, relation, before in (("full", "results", None), ("one", "one", last)):
        began = time.perf_counter(), time.process_time()
        cells = _build(con, relation, names)
        told |= _lap(f"{what}_counted", *began)
        sql = exact_achievement_sql(cells, marts)
        write_sliced(con, sql, work / f"{what}.parquet", what, before)
        told |= _lap(f"{what}_written", *began)
    return told


def measures(folder: Path) -> dict[str, float]:
    """Build the cells, then every measure of them and all gaps, in one process."""
    from transforms.gaps import build_gaps
    from transforms.marts import exact_achievement_sql

    con, marts = _connect(folder), _marts()
    con.execute(
        f"CREATE VIEW results AS SELECT * REPLACE ('{SOURCE}' AS assessment) FROM {_scan(folder)}"
    )
    began = time.perf_counter()
    plan = _build(con, "results", [SOURCE])
    counted = time.perf_counter()
    con.execute(f"CREATE TEMP TABLE achievement AS {exact_achievement_sql(plan, marts)}")
    measured = time.perf_counter()
    build_gaps(con, plan, marts)
    ended = time.perf_counter()
    [[pairs]] = con.execute("SELECT count(*) FROM gaps_measured").fetchall()
    return {
        "cells": counted - began,
        "achievement": measured - counted,
        "gaps": ended - measured,
        "pairs": pairs,
    }


def _lap(what: str, wall: float, processor: float) -> dict[str, float]:
    """Return the seconds since then, on the clock and of the processors."""
    return {
        what: time.perf_counter() - wall,
        f"{what}_processor": time.process_time() - processor,
    }


def _build(
    con: duckdb.DuckDBPyConnection,
    results: str,
    names: Sequence[str],
    statistics: Sequence[Statistic] | None = None,
) -> CellPlan:
    """Build the cells of the yardstick's groups for copies of its assessment of these names."""
    from configs.catalogue import load_catalogue
    from transforms.cell_plan import CellPlan
    from transforms.cells import ACHIEVEMENT, build_cells
    from transforms.organisations import Organisations

    assessment = load_catalogue(None).assessments[SOURCE]
    plan = CellPlan(CROSSED, ONE_WAY, dict.fromkeys(names, assessment))
    con.execute("CREATE OR REPLACE TEMP TABLE partners(school_key VARCHAR)")
    con.execute("CREATE OR REPLACE TEMP TABLE networks(network VARCHAR, school_key VARCHAR)")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE names"
        "(org_level VARCHAR, org_id VARCHAR, school_year INTEGER, org_name VARCHAR)"
    )
    organisations = Organisations("partners", "networks", "names")
    build_cells(con, results, organisations, plan, statistics or ACHIEVEMENT)
    return plan


def _connect(folder: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    con = duckdb.connect()
    con.execute(f"SET threads = {THREADS}; SET temp_directory = '{folder.parent / 'spill'}'")
    con.execute("SET enable_progress_bar = false; SET preserve_insertion_order = false")
    return con


def _marts() -> Marts:
    from configs.catalogue import load_catalogue

    return load_catalogue(None).marts


def _scan(folder: Path) -> str:
    return f"read_parquet('{folder}/*/*/*.parquet', hive_partitioning = true)"


def _whens(codes: Mapping[str, str]) -> str:
    return " ".join(f"WHEN '{theirs}' THEN '{ours}'" for theirs, ours in codes.items())


def _masked_sql(mart: Path) -> str:
    """Return SQL of a mart as the yardstick writes it: nothing of what is masked."""
    shown = ", ".join(
        f"if(masked, NULL, {one}) AS {one}" for one in ("n", "mean_score", "share_met")
    )
    return f"SELECT * REPLACE ({shown}) FROM ({as_yardstick_sql(mart)})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Build cells, timed.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, *paths in (
        ("rows", "yardstick", "folder"),
        ("count", "folder"),
        ("slices", "folder", "work"),
        ("measures", "folder"),
    ):
        one = verbs.add_parser(verb)
        for path in paths:
            one.add_argument(path, type=Path)
        if verb == "count":
            one.add_argument("--out", type=Path)
            one.add_argument("--everything", action="store_true")
    given = vars(parser.parse_args())
    done: dict[str, Callable[..., Mapping[str, float]]] = {
        "rows": rows,
        "count": count,
        "slices": slices,
        "measures": measures,
    }
    print(json.dumps(done[given.pop("verb")](**given)))


if __name__ == "__main__":
    main()
