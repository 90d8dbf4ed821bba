from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.quarantine import Quarantine

ROWS = pa.table({"source_row": [2, 3], "codes": ["BAD_FORMAT", "OUT_OF_RANGE"]})


def test_rejected_rows_are_readable_by_their_owner_only(workspace):
    path = Quarantine(workspace).write("L20261121-0001", ROWS)
    assert path == workspace.quarantine / "L20261121-0001.parquet"
    assert path.stat().st_mode & 0o777 == 0o600
    assert Quarantine(workspace).read("L20261121-0001").equals(ROWS)


def test_a_load_without_rejected_rows_reads_as_none(workspace):
    assert Quarantine(workspace).read("L20261121-0001") is None


def test_a_write_that_fails_leaves_the_earlier_rows(workspace, monkeypatch):
    Quarantine(workspace).write("L1", ROWS)

    def fails_half_way(table, where, **_):
        where.write_bytes(b"PAR1 half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fails_half_way)
    with pytest.raises(OSError, match="No space left"):
        Quarantine(workspace).write("L1", ROWS.slice(1))
    assert Quarantine(workspace).read("L1").equals(ROWS)
    assert [path for path in workspace.work.rglob("*") if path.is_file()] == []
