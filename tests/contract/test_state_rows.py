"""What states' student files mean: what a state leaves out, and which year a name tells."""

import io

import pytest

from configs.catalogue import load_catalogue
from transforms.encode import Encoder
from transforms.fill import Landing, Setting
from transforms.layouts import match_layout
from transforms.read import examine, read_pieces

CATALOGUE = load_catalogue()
CMAS = {
    "Subject": "Mathematics",
    "AssessmentYear": "2022-2023",
    "GradeLevelWhenAssessed": "4",
    "ResponsibleDistrictCode": "9900",
    "ResponsibleSchoolCode": "9901",
    "CalculatedInvalidation": "Valid Score",
    "SS": "745",
    "PerfLVL": "3",
}
ILEARN = {
    "STN": "900001",
    "Enrolled Corporation ID": "9900",
    "Enrolled School ID": "9900_9901",
    "Enrolled Grade": "4",
    "Test name": "ILEARN Mathematics Grade 4",
    "Overall scale score": "6450",
    "Overall proficiency level": "At Proficiency",
}


def read(source_name: str, layout_name: str, file_name: str, *rows: dict[str, str]):
    """Return the encoded rows of a file in a layout; columns that they do not name are blank."""
    source = CATALOGUE.sources[source_name]
    layout = next(one for one in source.layouts if one.name == layout_name)
    lines = [layout.columns, *([row.get(name, "") for name in layout.columns] for row in rows)]
    stream = io.BytesIO("".join(",".join(line) + "\n" for line in lines).encode())
    probe = examine(stream, source)
    match = match_layout(probe.columns, source, probe.layout)
    encoder = Encoder(Setting(source, match, CATALOGUE, Landing(file_name)))
    (piece,) = read_pieces(stream, probe, encoder.columns, encoder.plain_columns)
    return encoder.encode(piece)


def test_a_record_that_colorado_leaves_out_of_aggregates_is_set_aside():
    rows = [
        CMAS | {"StateStudentIdentifier": "1"},
        CMAS | {"StateStudentIdentifier": "2", "ReportSuppressionAction": "02"},
        CMAS | {"StateStudentIdentifier": "3", "ReportSuppressionAction": "5"},
    ]
    encoded = read("co_cmas", "student_2023", "cmas.csv", *rows)
    assert encoded.faults.to_pylist() == []
    assert encoded.table["student_id"].to_pylist() == ["1"]
    assert set(encoded.set_aside["code"].to_pylist()) == {"NOT_AGGREGATED"}


@pytest.mark.parametrize("name, year", [
    ("ilearn_2024.csv", 2024),
    ("ilearn_2023-2024.csv", 2024),
    ("ilearn 2024 (1).csv", 2024),
])  # fmt: skip
def test_the_name_of_an_ilearn_file_tells_the_spring_year(name, year):
    encoded = read("in_ilearn", "ilearn_2024", name, ILEARN)
    assert encoded.table["school_year"].to_pylist() == [year]


@pytest.mark.parametrize("name", [
    "ilearn_2023-24.csv", "ilearn_20240815.csv", "ilearn_2024-08-15.csv",
])  # fmt: skip
def test_a_date_or_a_span_cut_short_in_the_name_is_no_spring_year(name):
    encoded = read("in_ilearn", "ilearn_2024", name, ILEARN)
    assert {fault["field"] for fault in encoded.faults.to_pylist()} == {"school_year"}
