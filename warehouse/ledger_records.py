"""What the ledger hands out: plain, frozen records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from configs.errors import RociError


@dataclass(frozen=True)
class Counts:
    """What became of the rows of a load."""

    received: int
    loaded: int
    quarantined: int
    set_aside: int

    def require_balance(self, load_id: str) -> None:
        """Refuse counts that lose or double a row.

        Raises:
            RociError: received is not loaded + quarantined + set aside (UNBALANCED_LOAD).
        """
        told = self.loaded + self.quarantined + self.set_aside
        if self.received != told or min(self.loaded, self.quarantined, self.set_aside) < 0:
            raise RociError(
                "UNBALANCED_LOAD",
                where=f"load {load_id}",
                found=f"{self.received} rows received, {told} accounted for ({self.loaded} loaded"
                f" + {self.quarantined} quarantined + {self.set_aside} set aside)",
                expected="every row received is loaded, quarantined or set aside, exactly once",
                remedy="nothing was loaded; report this as a defect of roci, with the load's id",
            )


@dataclass(frozen=True)
class Step:
    """One step of a load: its rows in and out. `rows_made`: several records from one row.

    Raises:
        RociError: rows are lost or doubled in the step (UNBALANCED_STEP).
    """

    name: str
    rows_in: int
    rows_out: int
    rows_made: int = 0
    rows_rejected: int = 0
    rows_set_aside: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        entered = self.rows_in + self.rows_made
        left = self.rows_out + self.rows_rejected + self.rows_set_aside
        if entered != left:
            raise RociError(
                "UNBALANCED_STEP",
                where=f"step {self.name}",
                found=f"{self.rows_in} rows in + {self.rows_made} made, but {self.rows_out} out"
                f" + {self.rows_rejected} rejected + {self.rows_set_aside} set aside = {left}",
                expected="every row that enters a step leaves it, exactly once",
                remedy="report this as a defect of roci, with the load's id",
            )


@dataclass(frozen=True)
class Check:
    """One check of a suite. `observed` and `expected` hold counts and shares, never values."""

    suite: str
    name: str
    code: str
    severity: str
    success: bool
    observed: str | None = None
    expected: str | None = None


@dataclass(frozen=True)
class Fault:
    """Why a load or publication failed or is held, in the four parts of every message."""

    code: str
    where: str
    found: str
    expected: str
    remedy: str

    @classmethod
    def of(cls, error: RociError) -> Fault:
        """Return the fault that an error tells of."""
        return cls(error.code, error.where, error.found, error.expected, error.remedy)


@dataclass(frozen=True)
class Load:
    """One attempt to load one file. Row counts are null until it has ended."""

    load_id: str
    source: str
    state: str
    load_key: str
    attempt: int
    sha256: str | None
    file_name: str | None
    district_id: str | None
    layout: str | None
    written: str | None
    started_at: datetime
    finished_at: datetime | None
    rows_received: int | None
    rows_loaded: int | None
    rows_quarantined: int | None
    rows_set_aside: int | None
    fault: Fault | None


@dataclass(frozen=True)
class Arrival:
    """When the newest file of a source and district came for the first time."""

    source: str
    district_id: str | None
    at: datetime


@dataclass(frozen=True)
class RawRecord:
    """One file of the raw store as the ledger knows it. `pruned_at`: null while it is kept."""

    sha256: str
    size_bytes: int
    original_name: str
    first_seen_at: datetime
    pruned_at: datetime | None = None


@dataclass(frozen=True)
class LivePartition:
    """One partition of a lake table and the load whose rows are in it."""

    load_id: str
    source: str
    partition: str
    slices: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class RejectedCount:
    """How many rows of a load carry one code in one field, and the first rows that do."""

    kind: str
    code: str
    field: str | None
    rows: int
    first_rows: tuple[int, ...]


@dataclass(frozen=True)
class RejectedReason:
    """One reason for which one row of a load was rejected."""

    source_row: int
    code: str
    field: str | None


@dataclass(frozen=True)
class FlagCount:
    """How many loaded rows carry one flag, and the first of them."""

    code: str
    field: str | None
    rows: int
    first_rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class MartRecord:
    """One published mart: its rows and the digest of its content."""

    name: str
    rows: int
    content_hash: str


@dataclass(frozen=True)
class Publication:
    """One publication. `slices`: the fingerprint of the inputs of each slice."""

    publication_id: str
    published_at: datetime
    state: str
    slices: Mapping[str, str]
    marts: Sequence[MartRecord]
    fault: Fault | None
