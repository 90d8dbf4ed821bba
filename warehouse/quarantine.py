"""Rejected rows, as they stood in their file, one Parquet file a load. Restricted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.files import whole_file
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER, Workspace

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Quarantine:
    """The folder `quarantine/`."""

    workspace: Workspace

    def path(self, load_id: str) -> Path:
        """Return where a load's rejected rows are, or would be."""
        return self.workspace.quarantine / f"{load_id}.parquet"

    def write(self, load_id: str, table: pa.Table) -> Path:
        """Leave these rows as the load's rejected rows, readable by their owner only."""
        import pyarrow.parquet as pq

        self.workspace.quarantine.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        target = self.path(load_id)
        with whole_file(target, self.workspace.work, PRIVATE_FILE) as temporary:
            temporary.touch(mode=PRIVATE_FILE)
            pq.write_table(table, temporary, compression="zstd")
        return target

    def read(self, load_id: str) -> pa.Table | None:
        """Return a load's rejected rows; null where it has none."""
        import pyarrow.parquet as pq

        path = self.path(load_id)
        return pq.ParquetFile(path).read() if path.exists() else None
