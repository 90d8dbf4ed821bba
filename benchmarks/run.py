"""`make bench`: roci beside a hand-written DuckDB script, in one run, interleaved.

Every figure is of a whole process, and the median of the rounds. `--quick` is one round of 1M rows,
to see where one stands; it leaves results.json as it is.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import privacy
from benchmarks.process import Run, measure, module
from benchmarks.report import Figure, Results

HERE = Path(__file__).parent
WORK = HERE / "work"
RESULTS = HERE / "results.json"
WIDE, WIDE_ROWS = WORK / "wide.csv", 1_000_000
ROUNDS = 3
REAL_FILE = ("state_long", "state_long.csv.gz")
ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
MART = "mart_achievement_unsuppressed"
LEVEL_MART = "mart_level_unsuppressed"
# Schools of the generated states whose privacy is decided and attacked.
STATES, QUICK_STATES = (120, 250, 1_000), (120, 250)


@dataclass(frozen=True)
class Size:
    """A generated file: its name in the table, its rows, the memory that it may take.

    cells, cells_mb: what counting its cells may take: of the time of the yardstick, and of memory.
    measures: what all measures and gaps may take, of the time of counting the cells.
    """

    name: str
    rows: int
    memory_mb: float
    cells: float | None = None
    cells_mb: float | None = None
    measures: float | None = None

    @property
    def file(self) -> Path:
        """Return where it is."""
        return WORK / f"results_{self.name}.csv"


SIZES = (Size("1M", 1_000_000, 2_000), Size("5M", 5_000_000, 4_000, 0.3, 3_000, 1.0))
FIFTY = Size("50M", 50_000_000, 40_000, None, 8_000)
ONE_OF_A_HUNDRED = 0.05


def results(size: Size, found: Results, *, comparing: bool) -> dict[str, Path]:
    """Measure one round of yardstick and roci on one file; return roci's marts."""
    home, out = WORK / f"home_{size.name}", WORK / f"yardstick_{size.name}"
    for folder in (home, out):
        shutil.rmtree(folder, ignore_errors=True)
    theirs = measure([*module("yardstick"), str(size.file), str(out)])
    ours = measure([*module("worker"), "results", str(size.file), str(home)])
    _note_both(size, found, theirs, ours)
    marts = {name: Path(path) for name, path in ours.told["marts"].items()}
    counted(size, found, out, theirs.told["aggregate"])
    measured(size, found)
    if comparing:
        command = [*module("compare"), str(out), str(marts[MART]), ours.told["quarantine"]]
        found.equality[size.name] = measure(command).told
    return marts


def _note_both(size: Size, found: Results, theirs: Run, ours: Run) -> None:
    name = size.name
    found.add(Figure(f"{name} wall, yardstick", "s"), theirs.seconds)
    found.add(Figure(f"{name} wall, roci", "s"), ours.seconds)
    found.add(Figure(f"{name} wall, roci / yardstick", "x", 3.0), ours.seconds / theirs.seconds)
    processor = ours.cpu_seconds / theirs.cpu_seconds
    found.add(Figure(f"{name} processor time, roci / yardstick", "x"), processor)
    found.add(Figure(f"{name} peak memory, yardstick", "MB"), theirs.peak_mb)
    found.add(Figure(f"{name} peak memory, roci", "MB", size.memory_mb), ours.peak_mb)
    stages = {n: s for n, s in theirs.told.items() if isinstance(s, float) and n != "total"}
    found.add_stages(f"{name} yardstick", stages)
    found.add_stages(f"{name} roci", ours.told["stages"])


def counted(size: Size, found: Results, yardstick: Path, aggregate: float) -> None:
    """Measure the counting of the yardstick's cells beside the stage that it takes for them."""
    rows, out = WORK / f"rows_{size.name}", WORK / f"cells_{size.name}"
    if not rows.exists():
        measure([*module("cells"), "rows", str(yardstick), str(rows)])
    alike = measure([*module("cells"), "count", str(rows), "--out", str(out)])
    more = measure([*module("cells"), "count", str(rows), "--everything"])
    name = f"{size.name} cells, roci / yardstick's aggregation"
    found.add(Figure(name, "x", size.cells), alike.told["seconds"] / aggregate)
    found.add(Figure(f"{name}, all statistics", "x"), more.told["seconds"] / aggregate)
    found.add(Figure(f"{size.name} cells, peak memory", "MB", size.cells_mb), more.peak_mb)


def measured(size: Size, found: Results) -> None:
    """Measure all measures and gaps of the cells beside the counting of these, in one process."""
    told = measure([*module("cells"), "measures", str(WORK / f"rows_{size.name}")]).told
    ratio = (told["achievement"] + told["gaps"]) / told["cells"]
    found.add(Figure(f"{size.name} measures and gaps / cells", "x", size.measures), ratio)


def slices(size: Size, found: Results) -> None:
    """Measure a hundred slices, and one of them changed: counted, and with the mart written."""
    rows, work = WORK / f"rows_{size.name}", WORK / "slices"
    told = measure([*module("cells"), "slices", str(rows), str(work)]).told
    shutil.rmtree(work)
    for what in ("counted", "written"):
        full, one = told[f"full_{what}"], told[f"one_{what}"]
        found.add(Figure(f"100 slices {what}", "s"), full)
        found.add(Figure(f"1 slice of 100 {what}", "s"), one)
        name = f"1 slice of 100 {what}, less 1 s, / all"
        found.add(Figure(name, "x", ONE_OF_A_HUNDRED), max(one - 1, 0) / full)


def fifty(found: Results) -> None:
    """Measure the cells of 50M rows: their time beside the yardstick's, and memory."""
    out = WORK / f"yardstick_{FIFTY.name}"
    _say(f"generating {FIFTY.name} rows")
    measure([*module("generate"), str(FIFTY.rows), str(FIFTY.file)])
    theirs = measure([*module("yardstick"), str(FIFTY.file), str(out)])
    FIFTY.file.unlink()
    counted(FIFTY, found, out, theirs.told["aggregate"])


def copies(mart: Path, found: Results) -> None:
    """Measure one copy of a mart into each SQL engine."""
    for engine, title in ENGINES.items():
        home = WORK / f"sql_{engine}"
        shutil.rmtree(home, ignore_errors=True)
        told = measure([*module("worker"), "copies", engine, str(home), str(mart)]).told
        shutil.rmtree(home, ignore_errors=True)
        figure = Figure(f"{mart.stem} into {title}", "rows/s", 100_000, more_is_better=True)
        found.add(figure, told["rows"] / told["seconds"])


def state_long(file: Path, found: Results) -> None:
    """Measure one ingest of the real file with everything included, and the same again."""
    home = WORK / "home_state_long"
    shutil.rmtree(home, ignore_errors=True)
    command, place = _roci("ingest", "state_long", str(file)), {"ROCI_HOME": str(home)}
    first, again = measure(command, place), measure(command, place)
    found.add(Figure("ingest state_long", "s", 45.0), first.seconds)
    found.add(Figure("ingest state_long, peak memory", "MB", 2_000), first.peak_mb)
    found.add(Figure("ingest state_long again, nothing new", "s", 3.0), again.seconds)


def wide(file: Path, found: Results) -> None:
    """Measure the reading of the widest student layout beside DuckDB's reading of all its text."""
    theirs = measure([*module("wide"), "yardstick", str(file)])
    ours = measure([*module("wide"), "roci", str(file)])
    assert theirs.told["rows"] == ours.told["rows"], "both read every row"
    ratio = ours.seconds / theirs.seconds
    found.add(Figure("401 columns, DuckDB reads all text", "s"), theirs.seconds)
    found.add(Figure("401 columns, roci reads and codes", "s"), ours.seconds)
    found.add(Figure("401 columns, roci / DuckDB", "x", 3.0), ratio)
    found.add(Figure("401 columns, peak memory of roci", "MB", 2_000), ours.peak_mb)


def verbs(home: Path, found: Results) -> None:
    """Measure the verbs that must answer at once."""
    place = {"ROCI_HOME": str(home)}
    found.add(Figure("roci --help", "s", 0.5), measure(_roci("--help"), place).seconds)
    found.add(Figure("roci status", "s", 1.0), measure(_roci("status"), place).seconds)


def protected(states: tuple[int, ...], real: Path | None, found: Results) -> None:
    """Measure the privacy of the real file, which has been ingested, and of generated states."""
    if real is not None:
        _say("privacy of state_long")
        privacy.real(WORK / "home_state_long", found)
    _say("privacy of generated states")
    privacy.states(WORK, states, found)


def one_round(number: int, sizes: tuple[Size, ...], real: Path | None, found: Results) -> None:
    """Measure everything once."""
    for size in sizes:
        _say(f"round {number}: {size.name} rows")
        marts = results(size, found, comparing=number == 1)
        if size is sizes[0]:
            verbs(WORK / f"home_{size.name}", found)
            _say(f"round {number}: slices")
            slices(size, found)
            _say(f"round {number}: SQL copies")
            copies(marts[MART], found)
            if number == 1:
                copies(marts[LEVEL_MART], found)
    _say(f"round {number}: 401 columns")
    wide(WIDE, found)
    if real is not None:
        _say(f"round {number}: state_long")
        state_long(real, found)


def _real_file() -> Path | None:
    folder = os.environ.get("ROCI_REALDATA")
    path = Path(folder).joinpath(*REAL_FILE).absolute() if folder else None
    return path if path is not None and path.is_file() else None


def _roci(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("roci")), *words]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _files(sizes: tuple[Size, ...]) -> Iterator[None]:
    """Have the generated files while measuring; everything is removed afterwards."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    try:
        for size in sizes:
            _say(f"generating {size.name} rows")
            measure([*module("generate"), str(size.rows), str(size.file)])
        if sizes:
            _say(f"generating {WIDE_ROWS:,} rows of 401 columns")
            measure([*module("wide"), "make", str(WIDE_ROWS), str(WIDE)])
        yield
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure roci beside a hand-written script.")
    parser.add_argument("--quick", action="store_true", help="one round of 1M rows")
    parser.add_argument("--fifty", action="store_true", help="only the cells of 50M rows")
    parser.add_argument("--privacy", action="store_true", help="only suppression and its attack")
    options = parser.parse_args()
    rounds, sizes = (1, SIZES[:1]) if options.quick else (ROUNDS, SIZES)
    states = QUICK_STATES if options.quick else STATES
    found, real = Results(rounds), _real_file()
    if real is None:
        found.skipped.append(
            f"ingest state_long: set ROCI_REALDATA to a folder with {'/'.join(REAL_FILE)}"
        )
    if options.fifty:
        with _files(()):
            fifty(found)
        print(found)
        return 0 if found.is_reached else 1
    if options.privacy:
        with _files(()):
            if real is not None:
                state_long(real, found)
            protected(states, real, found)
        print(found)
        return 0 if found.is_reached else 1
    with _files(sizes):
        for number in range(1, rounds + 1):
            one_round(number, sizes, real, found)
        protected(states, real, found)
    print(found)
    if not options.quick:
        found.write(RESULTS)
    return 0 if found.is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
