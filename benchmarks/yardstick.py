"""Runs yardstick.sql stage by stage and prints its times: `yardstick.py IN.csv OUT [THREADS]`.

It writes clean.parquet, rejects.csv and agg.parquet into OUT and one JSON object to standard
output: seconds of `import`, of each stage and in all (`total`), then rows_clean, agg_rows, masked.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

SCRIPT = Path(__file__).with_suffix(".sql")
STAGE = "-- @stage "
MEMORY = "6GB"


def stages(source: Path, out: Path) -> Iterator[tuple[str, str]]:
    """Return name and SQL of each stage, in order, for these paths."""
    for part in SCRIPT.read_text(encoding="utf-8").split(STAGE)[1:]:
        name, sql = part.split("\n", 1)
        yield name.strip(), sql.replace("{source}", str(source)).replace("{out}", str(out))


def run(source: Path, out: Path, threads: int = 2) -> dict[str, float]:
    """Run every stage on a file; the import of DuckDB counts, as it does for everybody else."""
    began = time.perf_counter()
    import duckdb

    times = {"import": time.perf_counter() - began}
    out.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute(
        f"SET threads = {threads}; SET memory_limit = '{MEMORY}'; "
        f"SET temp_directory = '{out / 'spill'}'; SET preserve_insertion_order = false"
    )
    for name, sql in stages(source, out):
        start = time.perf_counter()
        connection.execute(sql)
        times[name] = time.perf_counter() - start
    times["total"] = time.perf_counter() - began
    [counted] = connection.execute(
        f"SELECT (SELECT count(*) FROM read_parquet('{out}/clean.parquet')), count(*), "
        "count(*) FILTER (n < 11) FROM agg"
    ).fetchall()
    connection.close()
    rounded = {name: round(seconds, 3) for name, seconds in times.items()}
    return rounded | dict(zip(("rows_clean", "agg_rows", "masked"), counted, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the hand-written DuckDB script.")
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("threads", type=int, nargs="?", default=2)
    options = parser.parse_args()
    print(json.dumps(run(options.source, options.out, options.threads)))


if __name__ == "__main__":
    main()
