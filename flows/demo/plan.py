"""What the demonstration wrote and which faults it planted where."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

Kind = Literal["reject", "flag", "set_aside", "refused", "held"]


@dataclass(frozen=True)
class PlantedFault:
    """One fault in one file.

    Attributes:
        file: path under landing/.
        source: the source that claims the file.
        kind: what becomes of it: rows rejected, kept with a flag or set aside, or the whole file
            refused or held.
        code: the code under which it must be found.
        count: rows at fault, or 1 for a whole file.
        rows: those rows as a spreadsheet numbers them (the header is row 1); none for a whole file.
        words: what is wrong, for a data manager.
    """

    file: str
    source: str
    kind: Kind
    code: str
    count: int
    rows: list[int]
    words: str


@dataclass(frozen=True)
class DemoFile:
    """One file of the demonstration and the number of its data rows."""

    path: str
    source: str
    rows: int


@dataclass(frozen=True)
class DemoPlan:
    """Everything that was written and planted."""

    seed: int
    files: list[DemoFile]
    faults: list[PlantedFault]

    def faults_of(self, path: str) -> list[PlantedFault]:
        """Return what was planted in one file."""
        return [fault for fault in self.faults if fault.file == path]


def expected_outcome(plan: DemoPlan) -> dict[tuple[str, str], int]:
    """Return how many rows, or whole files, must be found by source and code, and no others."""
    counts: Counter[tuple[str, str]] = Counter()
    for fault in plan.faults:
        counts[fault.source, fault.code] += fault.count
    return dict(sorted(counts.items()))
