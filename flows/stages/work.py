"""One load under way, as its stages hand it to one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from configs.source_models import Source
from flows.stages.agreement import Place
from flows.stages.intake import Incoming
from flows.stages.repairs import KnownRepairs
from flows.stages.rows import RowTally
from warehouse.staging import StagedFiles


@dataclass(frozen=True)
class Terms:
    """On which terms a file is loaded.

    `released`: a person let it through. `reached`: source, partition and load of what an earlier
    attempt, cut off, fills in the lake; it had passed everything. `suites`: the batch suite runs.
    `repairs`: the rows that people have corrected in it.
    """

    released: bool = False
    reached: frozenset[Place] = frozenset()
    suites: bool = True
    repairs: KnownRepairs = field(default_factory=KnownRepairs)


@dataclass(frozen=True)
class Work:
    """One load under way: whose it is, where its rows are staged, on which terms."""

    load_id: str
    source: Source
    incoming: Incoming
    folder: Path
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True)
class Resolved:
    """A whole file's rows after the rules across rows."""

    files: StagedFiles
    rows: dict[str, int]
    tally: RowTally
