"""What is read out of a spreadsheet of rejected rows, whatever columns and numbers a file has."""

from __future__ import annotations

import io

import pytest

from flows.stages.corrections import changes, read_corrections, unspoilt
from flows.stages.exporting import Exported
from transforms.pieces import UNPARSED

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
