"""A spreadsheet for people: text stays text, and only its owner reads it."""

import csv
import io
import stat

import openpyxl
import pytest

from transforms.read import examine_any, read_pieces
from warehouse.formulas import as_it_was
from warehouse.spreadsheets import Sheet, as_read_back, write_spreadsheet

VALUES = ["=1+1", "+1", "-1", "@A1", "007", " a ", "a\nb", 'say "no"', "a,b;c\td", "_x0041_", "é"]
STRANGE = ["a\x00b", "a\r\nb", "\x0b", "x" * 40_000]


def sheets(values: list[str]) -> list[Sheet]:
    rows = [[number, value, None] for number, value in enumerate(values)]
    return [Sheet("rows", ("number", "value", "empty"), rows), Sheet("other", ("a",), [["b"]])]


def read_back(path) -> list[str]:
    stream = io.BytesIO(path.read_bytes())
    probe = examine_any(stream)
    pieces = read_pieces(stream, probe, plain=probe.columns)
    values = [value for piece in pieces for value in piece.table["value"].to_pylist()]
    return values if probe.kind == "workbook" else [as_it_was(value) for value in values]


@pytest.mark.parametrize("name", ["out.xlsx", "OUT.XLSX", "out.csv"])
def test_every_value_is_read_back_as_it_was(tmp_path, name):
    write_spreadsheet(tmp_path / name, sheets(VALUES))
    assert read_back(tmp_path / name) == VALUES
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["out.xlsx", "out.csv"])
def test_what_a_workbook_cannot_hold_is_told_by_as_read_back(tmp_path, name):
    write_spreadsheet(tmp_path / name, sheets(STRANGE))
    assert [as_read_back(one) for one in read_back(tmp_path / name)] == [
        as_read_back(one) for one in STRANGE
    ]


def test_no_cell_of_a_workbook_is_a_formula(tmp_path):
    write_spreadsheet(tmp_path / "out.xlsx", sheets(VALUES))
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert book.sheetnames == ["rows", "other"]
    cells = [row[1] for row in book["rows"].iter_rows(min_row=2)]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert all(cell.number_format == "@" and cell.quotePrefix for cell in cells)


def test_no_header_of_a_workbook_is_a_formula(tmp_path):
    write_spreadsheet(tmp_path / "out.xlsx", [Sheet("rows", ("=1+1", "@SUM(A1)"), [])])
    header = next(openpyxl.load_workbook(tmp_path / "out.xlsx")["rows"].iter_rows())
    assert [(cell.value, cell.data_type) for cell in header] == [("=1+1", "s"), ("@SUM(A1)", "s")]


def test_in_csv_every_value_is_quoted_and_none_is_a_formula(tmp_path):
    one = Sheet("rows", ("number", "=A1"), [[-1, "=1+1"], [2, 'a"b'], [3, '"=1+1'], [4, "-7.5"]])
    write_spreadsheet(tmp_path / "out.csv", [one])
    text = (tmp_path / "out.csv").read_text("utf-8-sig")
    assert '"\'=1+1"' in text
    assert list(csv.reader(io.StringIO(text))) == [
        ["number", "'=A1"], ["-1", "'=1+1"], ["2", 'a"b'], ["3", "'\"=1+1"], ["4", "-7.5"],
    ]  # fmt: skip
