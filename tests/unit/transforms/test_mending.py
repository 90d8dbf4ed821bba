"""Corrected rows are laid over the pieces of a file, and nothing else is."""

import pyarrow as pa
import pytest

from transforms.faults import fault_table
from transforms.mending import Mend, Mends
from transforms.pieces import Piece

WIDE = "3,F,stray,5"


def piece(kind: str = "plain") -> Piece:
    table = pa.table({"id": ["1", "2", "3"], "gender": ["?", "M", "?"]})
    if kind == "dictionary":
        table = pa.table({name: table[name].dictionary_encode() for name in table.column_names})
    return Piece(
        table,
        pa.array([2, 3, 5], pa.int32()),
        faults=fault_table([4], "ROW_WIDTH", None),
        wrong_width={4: WIDE},
    )


def plain(one: Piece) -> list[tuple]:
    columns = [one.source_row, *(column.cast(pa.string()) for column in one.table.columns)]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


@pytest.mark.parametrize("kind", ["plain", "dictionary"])
def test_only_the_corrected_cells_change_and_the_type_stays(kind):
    before = piece(kind)
    after = Mends({5: Mend({"gender": "?"}, {"gender": "F"})}).apply(before)
    assert plain(after) == [(2, "1", "?"), (3, "2", "M"), (5, "3", "F")]
    assert after.table.schema == before.table.schema
    assert plain(before)[2] == (5, "3", "?")


def test_a_row_that_reads_otherwise_than_when_it_was_corrected_is_left_alone():
    mends = Mends({5: Mend({"gender": "?", "id": "30"}, {"gender": "F", "id": "31"})})
    assert plain(mends.apply(piece())) == plain(piece())


def test_columns_that_are_not_read_do_not_matter():
    mends = Mends({2: Mend({"gender": "?", "name": "a"}, {"gender": "F", "name": "b"})})
    assert plain(mends.apply(piece()))[0] == (2, "1", "F")


@pytest.mark.parametrize("kind", ["plain", "dictionary"])
def test_a_line_of_another_width_becomes_a_row_and_no_row_is_lost(kind):
    before = piece(kind)
    mends = Mends({4: Mend({"unparsed": WIDE}, {"id": "3", "gender": "F", "other": "5"})})
    after = mends.apply(before)
    assert plain(after)[3] == (4, "3", "F")
    assert after.faults.num_rows == 0 and after.wrong_width == {}
    assert after.rows_in == before.rows_in == 4
    assert after.table.schema == before.table.schema
    assert [one.num_chunks for one in after.table.columns] == [1, 1]


def test_another_line_than_the_one_that_was_corrected_stays_a_fault():
    after = Mends({4: Mend({"unparsed": "other"}, {"id": "3"})}).apply(piece())
    assert plain(after) == plain(piece()) and after.faults.num_rows == 1


def test_without_corrections_the_very_pieces_come_back():
    one = piece()
    assert [found is one for found in Mends().over([one])] == [True]
    assert Mends({99: Mend({"id": "1"}, {"id": "2"})}).apply(one) is one
