import io
from functools import cache

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.errors import FileRefused
from configs.source_models import FieldSource, RecordSet, SetAside
from tests.unit.transforms.test_encode import PLAIN, a_catalogue, a_source
from transforms.file_year import encoder_of_file
from transforms.fill import Landing, Setting
from transforms.layouts import columns_to_read, match_layout
from transforms.pieces import Piece
from transforms.read import examine, read_pieces
from transforms.reshape import Reshaper
from transforms.survey import survey_schools

BOTH = RecordSet(
    over={"subject": {"ela": "ELA", "math": "Math"}, "test_window": {"fall": "F", "spring": "S"}},
    columns={"score": "{subject} {test_window}", "level": ["{subject} Lv", "{subject} Level"]},
    present=["score", "level"],
)
READING = RecordSet(
    over={"subject": {"reading": ""}}, columns={"score": "Reading"}, present=["score"]
)
HEADER = ["id", "year", "grade", "cds", "ELA F", "ELA S", "ELA Level", "Math S", "Reading"]
FIELDS = {
    name: PLAIN[name]
    for name in ("assessment", "student_id", "school_year", "grade", "district_id", "school_id")
} | {
    "subject": FieldSource(column="subject"),
    "test_window": FieldSource(column="test_window", default="annual"),
    "participation": FieldSource(value="TESTED"),
    "scale_score": FieldSource(column="score", parse="integer"),
    "performance_level": FieldSource(column="level", parse="integer"),
}
ONE = "1000000001,2024,3,01234567654321"


def wide(header=None, records=(BOTH, READING), **more):
    layout = {"records": list(records), **more.pop("layout", {})}
    return a_source(header=header or HEADER, fields=FIELDS, layout=layout, **more)


def encode(lines, source=None, header=None, block_bytes=1 << 20):
    source = source or wide()
    stream = io.BytesIO("\n".join([",".join(header or HEADER), *lines, ""]).encode())
    found = examine(stream, source)
    match = match_layout(found.columns, source)
    encoder = encoder_of_file(stream, found, Setting(source, match, a_catalogue(), Landing()))
    pieces = read_pieces(stream, found, encoder.columns, encoder.plain_columns, block_bytes)
    return [encoder.encode(piece) for piece in pieces]


def shown(encoded, *names):
    return [tuple(row[name] for name in names) for row in encoded.table.to_pylist()]


RECORD = ("source_row", "source_record", "subject", "test_window", "scale_score")


def test_each_result_of_a_row_is_a_record_in_the_order_of_rows_sets_and_combinations():
    (encoded,) = encode([f"{ONE},1,2,,3,4", f"{ONE},,5,,,6"])
    assert shown(encoded, *RECORD) == [
        (2, 0, "ela", "fall", 1.0),
        (2, 1, "ela", "spring", 2.0),
        (2, 2, "math", "spring", 3.0),
        (2, 3, "reading", "annual", 4.0),
        (3, 0, "ela", "spring", 5.0),
        (3, 1, "reading", "annual", 6.0),
    ]
    assert (encoded.rows_in, encoded.rows_made) == (2, 4)


def test_the_rows_own_columns_are_of_each_of_its_records():
    (encoded,) = encode([f"{ONE},1,2,,,", "1000000002,2023,4,01234567654321,3,,,,"])
    assert shown(encoded, "student_id", "school_year", "grade") == [
        ("1000000001", 2024, "03"),
        ("1000000001", 2024, "03"),
        ("1000000002", 2023, "04"),
    ]


def test_a_combination_that_the_layout_does_not_have_makes_no_record():
    (encoded,) = encode([f"{ONE},,,,3,"])
    assert shown(encoded, "subject", "test_window") == [("math", "spring")]


def test_a_column_that_a_combination_lacks_is_blank_and_shared_ones_are_shared():
    (encoded,) = encode([f"{ONE},1,,2,3,"])
    assert shown(encoded, "subject", "test_window", "performance_level") == [
        ("ela", "fall", 2),
        ("ela", "spring", 2),
        ("math", "spring", None),
    ]


def test_a_record_of_which_all_is_missing_is_not_there():
    source = wide(missing=["", "NA"])
    (encoded,) = encode([f"{ONE},NA, ,, NA ,4"], source)
    assert shown(encoded, "subject") == [("reading",)]


def test_a_row_without_any_record_is_set_aside():
    (encoded,) = encode([f"{ONE},,,,,", f"{ONE},1,,,,"])
    assert encoded.set_aside.to_pylist() == [{"source_row": 2, "code": "NO_RESULT", "field": None}]
    assert shown(encoded, "source_row") == [(3,)]
    assert (encoded.rows_in, encoded.rows_made) == (2, 0)


def test_records_are_set_aside_one_by_one():
    rule = SetAside(column="subject", values=["math"], reason="-")
    (encoded,) = encode([f"{ONE},1,,,3,4"], wide(set_aside={"NOT_OURS": rule}))
    assert encoded.set_aside["source_row"].to_pylist() == [2]
    assert shown(encoded, "source_record", "subject") == [(0, "ela"), (2, "reading")]


def test_the_columns_read_are_the_files_own():
    source = wide(header=[*HEADER, "Teacher"])
    match = match_layout([*HEADER, "Teacher"], source)
    assert columns_to_read(match, source) == HEADER


def test_a_documented_column_of_the_records_that_is_not_there_is_missed():
    header = [name.replace("ELA S", "ELA_S") for name in HEADER]
    with pytest.raises(FileRefused) as caught:
        match_layout(header, wide())
    assert caught.value.code == "UNKNOWN_HEADER"
    assert "likely renamed: ELA S -> ELA_S" in caught.value.found


def test_the_year_of_a_record_may_be_one_of_its_variables():
    years = RecordSet(
        over={"year": {"2023": "23", "2024": "24"}}, columns={"score": "S{year}"}, present=["score"]
    )
    header = ["id", "grade", "cds", "S23", "S24"]
    fields = FIELDS | {
        "subject": FieldSource(value="ela"),
        "test_window": FieldSource(value="annual"),
    }
    del fields["performance_level"]
    source = a_source(header=header, fields=fields, layout={"records": [years]})
    (encoded,) = encode(["1000000001,3,01234567654321,7,8"], source, header)
    assert shown(encoded, "school_year", "scale_score") == [(2023, 7.0), (2024, 8.0)]


def test_the_columns_of_records_stay_dictionaries():
    source = wide()
    match = match_layout(HEADER, source)
    table = pa.table({name: pa.array(["1", "2"]).dictionary_encode() for name in HEADER})
    piece = Piece(table, pa.array([2, 3], pa.int32()))
    long = Reshaper(["id"], match.records, [""], strip=True).reshape(piece)
    assert {str(kind.value_type) for kind in long.table.schema.types} == {"string"}
    assert long.table["score"].to_pylist() == ["1"] * 4 + ["2"] * 4
    assert table.column_names == HEADER


@cache
def rejecting():
    return wide(set_aside={"NOT_OURS": SetAside(column="subject", values=["math"], reason="-")})


CELLS = st.sampled_from(["", "1", "2", "x", " "])
LINES = st.lists(st.lists(CELLS, min_size=4, max_size=6), min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(LINES, st.sampled_from([256, 1 << 16]))
def test_no_record_is_lost_or_doubled(lines, block_bytes):
    texts = [",".join([ONE, *cells]) for cells in lines]
    pieces = encode(texts, rejecting(), block_bytes=block_bytes)
    seen = [key for one in pieces for key in shown(one, "source_row", "source_record")]
    assert len(set(seen)) == len(seen)
    staged, aside = len(seen), sum(one.set_aside.num_rows for one in pieces)
    width = sum(one.faults["code"].to_pylist().count("ROW_WIDTH") for one in pieces)
    made = sum(one.rows_made for one in pieces)
    assert sum(one.rows_in for one in pieces) == len(lines)
    assert len(lines) + made == staged + aside + width
    whole = [[cell.strip() for cell in cells] for cells in lines if len(cells) == 5]
    expected = [
        bool(ela_f or level) + bool(ela_s or level) + bool(reading)
        for ela_f, ela_s, level, _, reading in whole
    ]
    assert staged == sum(expected)


DATED = RecordSet(
    over={"subject": {"ela": "ELA", "math": "Math"}},
    columns={"score": "{subject}", "day": "{subject} day"},
    present=["score"],
)


def test_a_record_without_a_date_is_of_the_files_only_year():
    header = ["id", "grade", "cds", "ELA", "ELA day", "Math", "Math day"]
    fields = FIELDS | {
        "school_year": FieldSource(column="day", parse="school_year_of_date"),
        "test_window": FieldSource(value="annual"),
    }
    del fields["performance_level"]
    source = a_source(header=header, fields=fields, layout={"records": [DATED]})
    lines = ["1000000001,3,01234567654321,7,2023-10-02,8,"]
    (encoded,) = encode([*lines, "1000000002,3,01234567654321,,2019-01-01,,"], source, header)
    assert shown(encoded, "source_row", "subject", "school_year") == [
        (2, "ela", 2024),
        (2, "math", 2024),
    ]


def test_school_names_and_years_of_records_are_looked_for_in_the_files_own_columns():
    over = {"year": {"2023": "23", "2024": "24"}}
    columns = {"score": "S{year}", "school": "School{year}"}
    years = RecordSet(over=over, columns=columns, present=["score"])
    header = ["id", "grade", "S23", "S24", "School23", "School24"]
    fields = FIELDS | {
        "district_id": FieldSource(derive="landing_district"),
        "school_id": FieldSource(derive="school_by_name"),
        "school_name": FieldSource(column="school"),
        "subject": FieldSource(value="ela"),
        "test_window": FieldSource(value="annual"),
    }
    del fields["performance_level"]
    source = a_source(header=header, fields=fields, layout={"records": [years]})
    stream = io.BytesIO(f"{','.join(header)}\n1,3,7,8,Elm,Oak\n2,3,7,,Elm,\n".encode())
    found = examine(stream, source)
    match = match_layout(found.columns, source)
    named = survey_schools(stream, found, match, source, a_catalogue())
    assert (named.years, named.schools) == ({2023, 2024}, {"Elm", "Oak"})
