"""What was measured, held against what is to be reached: a table and results.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

PACKAGES = (
    "roci",
    "deltalake",
    "duckdb",
    "great-expectations",
    "numpy",
    "pandas",
    "pandera",
    "psycopg",
    "pyarrow",
    "sqlalchemy",
)


@dataclass
class Figure:
    """One figure, measured once in each round; its median counts.

    `target` is what the median may be at most, or at least where `more_is_better`; null where the
    figure is for information.
    """

    name: str
    unit: str
    target: float | None = None
    more_is_better: bool = False
    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Return the figure itself."""
        return median(self.samples)

    @property
    def met(self) -> bool | None:
        """Return whether the target is reached; null without one."""
        if self.target is None:
            return None
        return self.median >= self.target if self.more_is_better else self.median <= self.target


class Results:
    """Everything that a run has measured so far."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.figures: dict[str, Figure] = {}
        self.stages: dict[str, dict[str, list[float]]] = {}
        self.equality: dict[str, dict[str, int]] = {}
        self.kept: dict[str, list[dict[str, Any]]] = {}
        self.skipped: list[str] = []

    def add(self, figure: Figure, sample: float) -> None:
        """Note one sample of a figure."""
        self.figures.setdefault(figure.name, figure).samples.append(sample)

    def add_stages(self, who: str, seconds: dict[str, float]) -> None:
        """Note how long each stage took."""
        known = self.stages.setdefault(who, {})
        for stage, value in seconds.items():
            known.setdefault(stage, []).append(value)

    @property
    def is_equal(self) -> bool:
        """Return whether roci's cells and rejects were the yardstick's at every size."""
        return not any(_differing(found) for found in self.equality.values())

    @property
    def is_reached(self) -> bool:
        """Return whether every target is met and every result is equal."""
        return self.is_equal and all(figure.met is not False for figure in self.figures.values())

    def as_record(self) -> dict[str, Any]:
        """Return what results.json keeps: nothing in it names the machine or its folders."""
        return {
            "python": platform.python_version(),
            "system": platform.system(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
            "versions": {name: version(name) for name in PACKAGES},
            "rounds": self.rounds,
            "figures": [_figure_record(figure) for figure in self.figures.values()],
            "stages_seconds": {
                who: {stage: round(median(values), 3) for stage, values in stages.items()}
                for who, stages in self.stages.items()
            },
            "equality": self.equality,
            "information_kept": self.kept,
            "skipped": self.skipped,
        }

    def write(self, path: Path) -> None:
        """Write results.json."""
        path.write_text(json.dumps(self.as_record(), indent=2) + "\n", encoding="utf-8")

    def __str__(self) -> str:
        parts = [_table(("figure", "median", "target", "met"), map(_row, self.figures.values()))]
        for who, stages in self.stages.items():
            rows = [(name, f"{median(values):.2f} s") for name, values in stages.items()]
            parts.append(_table((who, "median"), rows))
        parts.extend(_kept_table(name, counts) for name, counts in self.kept.items())
        for size, found in self.equality.items():
            differing = _differing(found)
            told = f"{found['cells_roci']:,} cells, {found['rejects_roci']:,} rejects"
            parts.append(f"{size}: {told}, {differing:,} differences from the yardstick")
        parts.extend(f"not measured: {what}" for what in self.skipped)
        return "\n\n".join(parts)


def _differing(found: dict[str, int]) -> int:
    """Return how many cells and rejects are not in both results alike."""
    return sum(count for name, count in found.items() if "differ" in name or "only" in name)


def hidden_share(counts: Iterable[Mapping[str, Any]], what: str) -> float:
    """Return of how many percent of `cells`, or of the `students` in them, the n is hidden."""
    known = list(counts)
    whole = sum(one[what] for one in known)
    return 100 * sum(one[f"{what}_hidden"] for one in known) / whole if whole else 0.0


def _kept_table(name: str, counts: Sequence[Mapping[str, Any]]) -> str:
    """Return the hidden shares by organisation and grades, and by how many groups are crossed."""
    deepest = range(max(one["crossed"] for one in counts) + 1)
    header = (f"{name}: n hidden, cells (students)", *map(str, deepest), "any")
    rows = []
    for level, whole in dict.fromkeys((one["org_level"], one["all_grades"]) for one in counts):
        own = [one for one in counts if (one["org_level"], one["all_grades"]) == (level, whole)]
        by = [[one for one in own if one["crossed"] == number] for number in deepest]
        label = f"{level}, {'all grades' if whole else 'one grade'}"
        rows.append((label, *map(_shares, (*by, own))))
    by = [[one for one in counts if one["crossed"] == number] for number in deepest]
    rows.append(("any", *map(_shares, (*by, counts))))
    return _table(header, rows)


def _shares(counts: Sequence[Mapping[str, Any]]) -> str:
    if not counts:
        return ""
    return f"{hidden_share(counts, 'cells'):.1f} ({hidden_share(counts, 'students'):.1f}) %"


def _figure_record(figure: Figure) -> dict[str, Any]:
    return {
        "figure": figure.name,
        "unit": figure.unit,
        "median": round(figure.median, 3),
        "target": figure.target,
        "met": figure.met,
        "samples": [round(sample, 3) for sample in figure.samples],
    }


def _row(figure: Figure) -> tuple[str, ...]:
    target = ""
    if figure.target is not None:
        target = f"{'>=' if figure.more_is_better else '<='} {_number(figure.target, figure.unit)}"
    met = {None: "", True: "yes", False: "NO"}[figure.met]
    return figure.name, _number(figure.median, figure.unit), target, met


def _number(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 1_000 or unit == "MB" else f"{value:.2f} {unit}"


def _table(header: Sequence[str], rows: Any) -> str:
    lines = [tuple(header), *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(header))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(
            text.ljust(width) if at == 0 else text.rjust(width)
            for at, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
