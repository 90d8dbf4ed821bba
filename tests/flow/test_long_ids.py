"""Ids that are too long to be any: rows at fault, never a fault of the disk."""

from __future__ import annotations

from flows.context import Context
from flows.stages.intake import take_in
from flows.stages.loading import load_incoming
from tests.samples.shipped import READINGS, some_rows
from tests.samples.writing import sample

READING = next(one for one in READINGS if one.source.name == "idel_mclass")
COLUMN = "District Primary ID"
ROWS = 40


def loaded(context: Context, district: str, ids: dict[int, str], every: str | None = None):
    """Land a file of forty rows, some with other ids of the district, and load it."""
    rows = some_rows(READING, ROWS)
    for number, row in enumerate(rows):
        row[COLUMN] = ids.get(number, "1001" if every is None else every)
    landed = context.workspace.landing / district / "IDEL benchmark.csv"
    landed.parent.mkdir(parents=True)
    landed.write_bytes(sample(READING, rows))
    (incoming,) = take_in(context).incoming
    return load_incoming(context, incoming, suites=False)


def test_a_row_whose_partition_could_not_be_named_waits_in_quarantine(context):
    load = loaded(context, "0199017", {3: "9" * 10_000, 5: "a/../b"})
    assert (load.state, load.loaded + load.set_aside, load.quarantined) == ("loaded", ROWS - 2, 2)
    counts = context.ledger.rejected_counts(load.load_id)
    rejected = [(one.code, one.field, one.rows) for one in counts if one.kind == "reject"]
    assert rejected == [("BAD_FORMAT", "district_id", 2)]


def test_a_folder_of_landing_with_a_name_too_long_for_a_district_is_told_as_such(context):
    load = loaded(context, "9" * 250, {}, every="")
    assert (load.state, load.code, load.quarantined) == ("failed", "TOO_MANY_REJECTS", 0)
    counts = context.ledger.rejected_counts(load.load_id)
    assert ("BAD_FORMAT", "district_id") in [(one.code, one.field) for one in counts]
