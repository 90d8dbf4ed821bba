"""Measures privacy: suppression and attack, how they grow with the schools, what stays readable.

Each is measured once, not once a round: together they take longer than all the rest.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import Run, measure, module
from benchmarks.report import Figure, Results, hidden_share

STUDENTS_A_SCHOOL = 250
LARGE = 1_000


@dataclass(frozen=True)
class Target:
    """What the privacy of a file may take.

    seconds: suppression and exact audit together.
    memory_mb: each of them.
    hidden: of the cells of the minimum and more, so many percent.
    """

    seconds: float | None = None
    memory_mb: float | None = None
    hidden: float | None = None


REAL, LARGE_STATE = Target(60.0, hidden=33.0), Target(300.0, 6_000)
BOUNDS_SECONDS = 600.0
EXPONENT = 1.2


def real(home: Path, found: Results) -> None:
    """Measure the privacy of what a workspace has published, and its audit by bounds."""
    name, folder = "state_long", home / "marts" / "reporting"
    exact = home / "marts" / "restricted" / "mart_achievement_unsuppressed.parquet"
    suppressed = measure([*module("worker"), "suppress", str(home)])
    attacked = measure([*module("worker"), "attack", str(home), str(folder), str(exact)])
    _note(name, found, suppressed, attacked, REAL)
    bounds = measure([*module("worker"), "bounds", str(home), str(folder)])
    found.add(Figure(f"{name} audit by bounds", "s", BOUNDS_SECONDS), bounds.seconds)
    found.add(Figure(f"{name} audit by bounds, processor time", "s"), bounds.cpu_seconds)
    found.add(Figure(f"{name} audit by bounds, peak memory", "MB"), bounds.peak_mb)


def states(work: Path, sizes: Sequence[int], found: Results) -> None:
    """Measure the privacy of generated states, and how it grows with their schools."""
    took = {schools: state(work, schools, found) for schools in sizes}
    least, most = min(took), max(took)
    exponent = math.log(took[most] / took[least]) / math.log(most / least)
    name = f"suppression and exact audit, {least} to {most:,} schools, exponent"
    found.add(Figure(name, "", EXPONENT), exponent)


def state(work: Path, schools: int, found: Results) -> float:
    """Measure the privacy of one generated state; return its processor seconds."""
    file, home = work / f"state_{schools}.csv", work / f"home_state_{schools}"
    rows = str(schools * STUDENTS_A_SCHOOL)
    measure([*module("generate"), rows, str(file), "--state", str(schools)])
    measure([*module("worker"), "load", str(file), str(home)])
    suppressed = measure([*module("worker"), "suppress", str(home)])
    marts = suppressed.told["folder"], suppressed.told["exact"]
    attacked = measure([*module("worker"), "attack", str(home), *marts])
    shutil.rmtree(home)
    file.unlink()
    target = LARGE_STATE if schools >= LARGE else Target()
    _note(f"{schools:,} schools", found, suppressed, attacked, target)
    return suppressed.told["processor"] + attacked.cpu_seconds


def _note(name: str, found: Results, suppressed: Run, attacked: Run, target: Target) -> None:
    """Note time, memory, whether anything follows, and what is hidden."""
    told = suppressed.told
    both = told["seconds"] + attacked.seconds
    processor = told["processor"] + attacked.cpu_seconds
    found.add(Figure(f"{name} suppression and exact audit", "s", target.seconds), both)
    found.add(Figure(f"{name} suppression and exact audit, processor time", "s"), processor)
    for step, run in (("suppression", suppressed), ("exact audit", attacked)):
        found.add(Figure(f"{name} {step}, peak memory", "MB", target.memory_mb), run.peak_mb)
    steps = {
        "suppression": told["seconds"],
        "suppression, processor": told["processor"],
        "exact audit": attacked.seconds,
        "exact audit, processor": attacked.cpu_seconds,
    }
    found.add_stages(f"{name} privacy", steps)
    found.add(Figure(f"{name} held by the exact audit", "", 0), attacked.told["held"])
    counts = found.kept[name] = told["kept"]
    cells, students = (hidden_share(counts, what) for what in ("cells", "students"))
    found.add(Figure(f"{name} cells of 11 and more, n hidden", "%", target.hidden), cells)
    found.add(Figure(f"{name} the same, weighted by students", "%"), students)
