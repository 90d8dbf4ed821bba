"""One load under way, as its stages hand it to one another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from configs.source_models import Source
from flows.stages.intake import Incoming
from flows.stages.rows import RowTally
from warehouse.staging import StagedFiles


@dataclass(frozen=True)
class Work:
    """One load under way: whose it is, where its rows are staged, what is left out of it.

    `released` is the held load that a person let through. `suites` is whether the batch suite runs.
    """

    load_id: str
    source: Source
    incoming: Incoming
    folder: Path
    released: bool = False
    suites: bool = True


@dataclass(frozen=True)
class Resolved:
    """A whole file's rows after the rules across rows."""

    files: StagedFiles
    rows: dict[str, int]
    tally: RowTally
