"""The table in which every stage says which row is at fault, of what, and in which field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

FAULTS = pa.schema([("source_row", pa.int32()), ("code", pa.string()), ("field", pa.string())])
# A fault rejects a whole row of the file; a flag stays with the one record that earned it.
FLAGS = FAULTS.append(pa.field("source_record", pa.int16()))


def no_faults() -> pa.Table:
    """Return a fault table without rows."""
    return FAULTS.empty_table()


def fault_table(source_rows: Sequence[int] | np.ndarray, code: str, field: str | None) -> pa.Table:
    """Return one fault of that code and field for each of the rows.

    >>> fault_table([2, 7], "ROW_WIDTH", None).to_pylist()[1]
    {'source_row': 7, 'code': 'ROW_WIDTH', 'field': None}
    """
    count = len(source_rows)
    columns = [
        pa.array(source_rows, pa.int32()),
        pa.repeat(pa.scalar(code, pa.string()), count),
        pa.repeat(pa.scalar(field, pa.string()), count),
    ]
    return pa.table(columns, schema=FAULTS)


def flag_table(
    source_rows: np.ndarray, source_records: np.ndarray, code: str, field: str | None
) -> pa.Table:
    """Return one flag of that code and field for each of the records."""
    flags = fault_table(source_rows, code, field)
    return flags.append_column("source_record", pa.array(source_records, pa.int16()))


def all_flags(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all flag tables as one."""
    return pa.concat_tables([FLAGS.empty_table(), *tables]).combine_chunks()


def all_faults(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all fault tables as one."""
    return pa.concat_tables([FAULTS.empty_table(), *tables]).combine_chunks()
