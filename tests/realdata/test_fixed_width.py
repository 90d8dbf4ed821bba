"""A published sample of fixed width holds what its twin, exported as CSV, holds.

Source: Texas Education Agency, STAAR 3-8 data file format of 2023, as positions and samples in
edanalytics/earthmover_edfi_bundles, assessments/STAAR_Summative.
"""

from __future__ import annotations

import csv
from pathlib import Path

from configs.source_models import FieldSource, Layout, Position, Source
from transforms.read import examine, read_pieces

FOLDER = "vendor_samples/assessments/STAAR_Summative"
POSITIONS = f"{FOLDER}/fwf_to_csv_xwalks/staar_summative_fwf_xwalk_2023.csv"
SAMPLE = f"{FOLDER}/data/sample_anonymized_file"
# The twin says 0 in every record where the text has a blank.
FILLED_IN_TWIN = {"new_to_texas"}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def a_source(positions: list[Position]) -> Source:
    layout = Layout(name="2023", citation="-", positions=positions, record_length=4000)
    return Source(
        name="example",
        title="-",
        publisher="-",
        citation="-",
        table="student_result",
        file_names=["*"],
        layouts=[layout],
        fields={"student_id": FieldSource(column="student_id")},
        grain=["student_id"],
        partition=["school_year"],
    )


def test_the_cells_of_a_fixed_width_sample_are_those_of_its_csv_twin(realdata):
    positions = [
        Position(
            column=row["field_name"],
            start=int(row["start_index"]) + 1,
            end=int(row["end_index"]),
        )
        for row in rows_of(realdata / POSITIONS)
    ]
    twin = rows_of(realdata / f"{SAMPLE}.csv")
    shared = [one.column for one in positions if one.column in twin[0]]
    with (realdata / f"{SAMPLE}.txt").open("rb") as stream:
        found = examine(stream, a_source(positions))
        pieces = list(read_pieces(stream, found))
    cut = [row for piece in pieces for row in piece.table.to_pylist()]
    assert (found.kind, found.layout, len(cut), len(shared)) == ("fixed", "2023", 10, 374)
    for name in set(shared) - FILLED_IN_TWIN:
        assert [row[name].strip() for row in cut] == [row[name].strip() for row in twin], name
