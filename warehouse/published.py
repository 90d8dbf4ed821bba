"""What tells the files and tables of one publication from those of another.

Parquet files take one another's place one by one, so a reader of several marts could meet two
publications. Each file carries its publication's id in its footer; `publication.json` beside them
is written last. Marts whose ids are that of the manifest belong together; where one differs, a
publication is under way and the reader looks again. In SQL table `publication` says it, and it
changes in the same step as the marts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# Under this key the footer of a mart's Parquet file has its publication's id.
PUBLICATION_KEY = "publication_id"
PUBLICATION_TABLE = "publication"
SIDECAR = "publication.json"


@dataclass(frozen=True)
class Imprint:
    """What every mart of a publication says of it: its id, its moment, digests of what made it."""

    publication_id: str
    published_at: str = ""
    code: str = ""
    configuration: str = ""

    def as_record(self) -> dict[str, str]:
        """Return it by the names of the columns of table `publication`."""
        return asdict(self)


@dataclass(frozen=True)
class Basis:
    """What beside the loads a publication was made from: digests, and what was kept back.

    Attributes:
        planned_at: ISO moment at which its inputs were looked at.
        code: digest of the rooms that decide what a row becomes.
        configuration: digest of marts.yml, network.yml and the assessments.
        embargo: the rules in force, as plain records.
    """

    planned_at: str
    code: str
    configuration: str
    embargo: Sequence[Mapping[str, str | int | None]] = ()


def publication_id_of(path: Path) -> str | None:
    """Return the publication that a mart's Parquet file belongs to; null where it says none."""
    import pyarrow.parquet as pq

    told = (pq.read_metadata(path).metadata or {}).get(PUBLICATION_KEY.encode())
    return told.decode() if told else None
