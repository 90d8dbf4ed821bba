"""The lake as it was, or as a load would make it: other files than those that are live now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from configs.errors import UsageError, listed
from warehouse.lake import Lake, PartitionLoad, _place


@dataclass(frozen=True)
class SupposedLake(Lake):
    """A lake of these files by table; it is read only."""

    supposed: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    def _live(self, table: str) -> list[Path]:
        return list(self.supposed.get(table, ()))


@dataclass(frozen=True)
class LakeHistory:
    """Earlier versions of a lake's tables (Delta's time travel)."""

    lake: Lake

    def files_at(
        self, table: str, filled: Collection[PartitionLoad], moment: datetime
    ) -> list[Path]:
        """Return the files of the version that was live at a moment.

        The newest version from before the moment that holds the rows of just these loads: a commit
        whose load the ledger did not come to know was never published.

        Args:
            table: whose.
            filled: which load filled each partition then, as the ledger has it.
            moment: when.

        Raises:
            UsageError: no such version is kept any more, or files of it are gone (PRUNED).
        """
        if not filled:
            return []
        for files in self._versions(table, moment):
            if {_place(path) for path in files} == set(filled):
                return _kept(table, files)
        raise _pruned(table, "no version with the rows of that moment")

    def _versions(self, table: str, moment: datetime) -> Iterator[list[Path]]:
        """Yield the files of each version from before the moment, the newest first."""
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if not self.lake.exists(table):
            return
        latest = DeltaTable(self.lake.path(table))
        for commit in latest.history():
            if commit.get("timestamp", 0) > moment.timestamp() * 1000:
                continue
            try:
                opened = DeltaTable(self.lake.path(table), version=commit["version"])
            except DeltaError:
                return
            yield self.lake._files_of(table, opened)

    def files_of_load(self, table: str, part: PartitionLoad) -> list[Path]:
        """Return the files that a load once filled a partition with; none once they are pruned."""
        return sorted(
            path
            for path in self.lake.path(table).glob("source=*/partition=*/*.parquet")
            if _place(path) == part
        )


def _kept(table: str, files: list[Path]) -> list[Path]:
    gone = [path.name for path in files if not path.exists()]
    if gone:
        raise _pruned(table, f"{len(gone)} of {len(files)} files gone, such as {listed(gone[:3])}")
    return files


def _pruned(table: str, found: str) -> UsageError:
    return UsageError(
        "PRUNED",
        where=f"lake table {table}",
        found=found,
        expected="a version of the lake that is still kept",
        remedy="choose a later day; `roci prune` removes versions older than the retention says",
    )
