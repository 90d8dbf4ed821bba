from functools import cache

import pyarrow as pa
import pytest

from configs.catalogue import load_catalogue
from configs.source_models import FieldSource, Layout, Source
from transforms.fill import FieldFiller, Landing, Rows, Setting
from transforms.layouts import match_layout
from transforms.pieces import SHEET, Piece


@cache
def a_catalogue():
    return load_catalogue()


def subjects(sheets, **more):
    """Fill the subject from the sheets' names; return codes and faults."""
    spec = FieldSource(
        derive="sheet_name",
        pattern=r"\b(ELA|Math|Art)$",
        codes={"ELA": "ela", "Math": "math"},
        **more,
    )
    source = Source(
        name="example",
        title="-",
        publisher="-",
        citation="-",
        table="student_result",
        file_names=["*"],
        layouts=[Layout(name="only", citation="-", header=["id"])],
        fields={"subject": spec, "student_id": FieldSource(column="id")},
        grain=["student_id"],
        partition=["school_year"],
    )
    setting = Setting(source, match_layout(["id"], source), a_catalogue(), Landing())
    table = pa.table({"id": pa.array(["1"] * 2).dictionary_encode()})
    if sheets:
        table = table.append_column(SHEET, pa.array(sheets).dictionary_encode())
    piece = Piece(table, pa.array([2, 3], pa.int32()))
    field = a_catalogue().tables["student_result"].fields["subject"]
    found = FieldFiller("subject", field, setting).fill(Rows(piece, setting))
    return found.array.to_pylist(), [code for _, code in found.faults]


def test_a_field_is_filled_from_the_part_of_the_sheets_name():
    assert subjects(["Grade 3 ELA", "Grade 4 Math"]) == (["ela", "math"], [])


def test_a_part_that_is_no_listed_code_is_a_fault():
    assert subjects(["Grade 3 ELA", "Grade 4 Art"]) == (["ela", None], ["UNKNOWN_CODE"])


@pytest.mark.parametrize("sheets", [["Grade 3", "Data"], None])
def test_other_sheets_and_files_that_are_no_workbook_are_otherwise(sheets):
    assert subjects(sheets, otherwise="math") == (["math", "math"], [])
    assert subjects(sheets)[1] == ["REQUIRED_MISSING"]
