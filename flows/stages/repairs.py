"""What is known of a file's corrected rows, as every load of the file applies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from configs.catalogue import digest
from flows.context import Context
from flows.load_key import load_inputs
from transforms.mending import Mend, Mends
from warehouse.ledger_records import Load
from warehouse.repairs import Origin, RepairedRow

VALUES = pa.schema(
    [
        ("source_row", pa.int32()),
        ("column", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
    ]
)


@dataclass(frozen=True)
class KnownRepairs:
    """The corrections of one file that count today.

    Attributes:
        rows: by row number; those that a later correction took back are not among them.
    """

    rows: Mapping[int, RepairedRow] = field(default_factory=dict)

    @property
    def digest(self) -> str | None:
        """Return what makes a load with these corrections another; null where there are none."""
        named = {str(row): one.repair_id for row, one in self.rows.items()}
        return digest(named) if named else None

    @property
    def ids(self) -> frozenset[str]:
        """Return the handings-in that they come from."""
        return frozenset(one.repair_id for one in self.rows.values())

    def mends(self, context: Context) -> Mends:
        """Return the corrections with their values, from restricted storage."""
        found: dict[int, Mend] = {}
        for repair_id in sorted(self.ids):
            for row, mend in mends_of(context.repairs.values(repair_id)).items():
                if row in self.rows and self.rows[row].repair_id == repair_id:
                    found[row] = mend
        return Mends(found)


def known_repairs(context: Context, origin: Origin) -> KnownRepairs:
    """Return the corrections of a file that count today."""
    return _standing(context.repairs.of_file(origin))


def all_repairs(context: Context) -> dict[Origin, KnownRepairs]:
    """Return the corrections of every file that has some."""
    return {origin: _standing(rows) for origin, rows in context.repairs.of_all_files().items()}


def origin_of(load: Load) -> Origin:
    """Return the file of a load."""
    return Origin(load.source, load.sha256 or "", load.district_id)


def inputs_today(
    context: Context, load: Load, repairs: KnownRepairs | None = None
) -> dict[str, str]:
    """Return what a load of the same file would depend on today."""
    known = known_repairs(context, origin_of(load)) if repairs is None else repairs
    return load_inputs(
        context.catalogue, load.source, load.sha256 or "", load.district_id, known.digest
    )


def mends_of(values: pa.Table) -> dict[int, Mend]:
    """Return the corrected rows of a table of `VALUES`."""
    before: dict[int, dict[str, str]] = {}
    after: dict[int, dict[str, str]] = {}
    for one in values.to_pylist():
        row, column = one["source_row"], one["column"]
        if one["before"] is not None:
            before.setdefault(row, {})[column] = one["before"]
        if one["after"] is not None:
            after.setdefault(row, {})[column] = one["after"]
    return {row: Mend(before.get(row, {}), after.get(row, {})) for row in {*before, *after}}


def values_of(mends: Mapping[int, Mend]) -> pa.Table:
    """Return corrected rows as a table of `VALUES`: null where one side has no such column."""
    records: list[dict[str, Any]] = [
        {
            "source_row": row,
            "column": column,
            "before": mend.before.get(column),
            "after": mend.after.get(column),
        }
        for row, mend in sorted(mends.items())
        for column in sorted({*mend.before, *mend.after})
    ]
    return pa.Table.from_pylist(records, VALUES)


def _standing(rows: Mapping[int, RepairedRow]) -> KnownRepairs:
    return KnownRepairs({row: one for row, one in rows.items() if one.columns})
