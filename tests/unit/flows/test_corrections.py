"""What is read out of a spreadsheet of rejected rows, whatever columns and numbers a file has."""

from __future__ import annotations

import io

import pytest

from flows.stages.corrections import changes, read_corrections, unspoilt
from flows.stages.exporting import Exported
from transforms.pieces import UNPARSED
from warehouse.spreadsheets import Sheet, write_spreadsheet

LOAD = "L20261122-0001"


def test_a_file_may_have_a_column_named_as_ours_for_the_load():
    row = {"source_row": 2, UNPARSED: None, "load_id": "7", "gender": "?"}
    exported = Exported(LOAD, {2: row}, ("load_id", "gender"))
    text = f"source_row,reasons,load_id,load_id,gender\n2,UNKNOWN_CODE,{LOAD},7,F\n"
    handed = read_corrections(io.BytesIO(text.encode()), "out.csv", exported)
    assert handed.rows == {2: {"load_id": "7", "gender": "F"}}
    assert changes(handed, exported)[2].columns() == ["gender"]


@pytest.mark.parametrize("digits", [400, 5_000])
def test_a_number_longer_than_any_id_is_compared_as_text(digits):
    assert unspoilt("1.0E+12", "9" * digits) == "1.0E+12"


NASTY = {"=1+1": "'-5", "@x": "=HYPERLINK(A1)", "plain": " +1", "neg": "-3"}


@pytest.mark.parametrize("name", ["out.csv", "out.xlsx"])
def test_what_looks_like_a_formula_comes_back_unchanged(tmp_path, name):
    exported = Exported(LOAD, {2: {"source_row": 2, UNPARSED: None, **NASTY}}, tuple(NASTY))
    rows = [[2, "why", LOAD, *NASTY.values()]]
    write_spreadsheet(tmp_path / name, [Sheet("rows", exported.header, rows)])
    handed = read_corrections(io.BytesIO((tmp_path / name).read_bytes()), name, exported)
    assert handed.rows == {2: NASTY}
    assert changes(handed, exported) == {}


def test_a_formula_that_a_person_wrote_as_text_is_taken_without_its_apostrophe():
    exported = Exported(LOAD, {2: {"source_row": 2, UNPARSED: None, "a": "x"}}, ("a",))
    text = f"source_row,reasons,load_id,a\n2,why,{LOAD},'=1+1\n"
    handed = read_corrections(io.BytesIO(text.encode()), "out.csv", exported)
    assert handed.rows == {2: {"a": "=1+1"}}


def test_an_export_from_before_apostrophes_is_still_the_export():
    row = {"source_row": 2, UNPARSED: None, "=1": "'=1", "b": "=2"}
    exported = Exported(LOAD, {2: row}, ("=1", "b"))
    text = f"source_row,reasons,load_id,=1,b\n2,why,{LOAD},'=1,=2\n"
    handed = read_corrections(io.BytesIO(text.encode()), "out.csv", exported)
    assert changes(handed, exported) == {}
