import io
from dataclasses import replace
from functools import cache

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.catalogue import load_catalogue
from configs.errors import FileRefused
from configs.source_models import FieldSource, Layout, Override, RaceFlags, SetAside, Source, Window
from transforms.encode import typed_schema
from transforms.file_year import encoder_of_file
from transforms.fill import Landing, Setting
from transforms.layouts import match_layout
from transforms.read import examine, read_pieces
from transforms.schools import SchoolNames

HEADER = ["id", "subject", "year", "grade", "cds", "race", "score", "level", "shown"]
PLAIN = {
    "assessment": FieldSource(value="example"),
    "subject": FieldSource(column="subject", codes={"ELA": "ela", "MATH": "math"}),
    "test_window": FieldSource(value="annual"),
    "school_year": FieldSource(column="year", parse="school_year"),
    "grade": FieldSource(column="grade", parse="grade"),
    "student_id": FieldSource(column="id", pad=10, pattern="[0-9]{10}", not_values=["0000000000"]),
    "district_id": FieldSource(column="cds", pad=14, pattern="[0-9]{14}", slice=(0, 7)),
    "school_id": FieldSource(column="cds", pad=14, pattern="[0-9]{14}", slice=(7, 14)),
    "ethnicity": FieldSource(column="race", codes={"500": "HISPANIC", "700": "WHITE"}),
    "participation": FieldSource(column="shown", codes={"Y": "TESTED", "N": "NOT_TESTED"}),
    "scale_score": FieldSource(column="score", parse="integer", minimum=2000, maximum=3000),
    "performance_level": FieldSource(column="level", parse="integer"),
}
GOOD = "1000000001,ELA,2024,3,01234567654321,500,2400,2,Y"


@cache
def a_catalogue():
    shipped = load_catalogue()
    return replace(shipped, assessments={"example": next(iter(shipped.assessments.values()))})


def a_source(header=None, fields=None, **more):
    layout = Layout(name="only", citation="-", header=header or HEADER, **more.pop("layout", {}))
    return Source(
        name="example",
        title="-",
        publisher="-",
        citation="-",
        table="student_result",
        file_names=["*"],
        layouts=[layout],
        fields=fields or PLAIN,
        grain=["student_id"],
        partition=["school_year"],
        **more,
    )


def encode(lines, source=None, landing=None, block_bytes=1 << 20):
    """Encode the pieces of a file; return them and the encoder."""
    source = source or a_source()
    header = ",".join(source.layouts[0].columns)
    stream = io.BytesIO("\n".join([header, *lines, ""]).encode())
    found = examine(stream, source)
    match = match_layout(found.columns, source)
    setting = Setting(source, match, a_catalogue(), landing or Landing())
    encoder = encoder_of_file(stream, found, setting)
    pieces = read_pieces(stream, found, encoder.columns, encoder.plain_columns, block_bytes)
    return [encoder.encode(piece) for piece in pieces], encoder


def one(lines, **more):
    (encoded,), _ = encode(lines, **more)
    return encoded


def row(source=None, **values):
    """A good line of the plain source with some values changed."""
    cells = dict(zip(HEADER, GOOD.split(","), strict=True)) | values
    return ",".join(cells.values())


def faults(encoded):
    return [(f["source_row"], f["code"], f["field"]) for f in encoded.faults.to_pylist()]


def column(encoded, name):
    return encoded.table[name].to_pylist()


def test_a_row_is_typed_in_the_order_of_the_fields():
    encoded = one([GOOD])
    assert encoded.table.schema == typed_schema("student_result", a_catalogue())
    (found,) = encoded.table.to_pylist()
    known = {name: value for name, value in found.items() if value is not None}
    assert known == {
        "assessment": "example",
        "subject": "ela",
        "test_window": "annual",
        "school_year": 2024,
        "grade": "03",
        "student_id": "1000000001",
        "district_id": "0123456",
        "school_id": "7654321",
        "ethnicity": "HISPANIC",
        "participation": "TESTED",
        "scale_score": 2400.0,
        "performance_level": 2,
        "is_scored": True,
        "source_row": 2,
        "source_record": 0,
    }


def test_fields_without_a_source_are_null_columns():
    assert column(one([GOOD]), "gender") == [None]


def test_code_columns_have_the_whole_vocabulary_as_dictionary_in_every_piece():
    pieces, _ = encode([GOOD] * 50, block_bytes=512)
    assert len(pieces) > 1
    lists = {tuple(one.table["grade"].chunk(0).dictionary.to_pylist()) for one in pieces}
    assert lists == {tuple(a_catalogue().vocabularies["grade"].codes)}


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"id": ""}, "REQUIRED_MISSING", "student_id"),
        ({"id": "12345"}, "BAD_FORMAT", "student_id"),
        ({"id": "0000000000"}, "BAD_FORMAT", "student_id"),
        ({"subject": "math"}, "UNKNOWN_CODE", "subject"),
        ({"subject": " "}, "REQUIRED_MISSING", "subject"),
        ({"year": "1891"}, "OUT_OF_RANGE", "school_year"),
        ({"grade": "14"}, "UNKNOWN_CODE", "grade"),
        ({"race": "900"}, "UNKNOWN_CODE", "ethnicity"),
        ({"score": "many"}, "NOT_A_NUMBER", "scale_score"),
        ({"score": "3001"}, "OUT_OF_RANGE", "scale_score"),
        ({"level": "10"}, "OUT_OF_RANGE", "performance_level"),
    ],
)
def test_a_bad_value_is_null_and_a_fault_of_its_row_and_field_alone(values, code, field):
    encoded = one([GOOD, row(**values), GOOD])
    assert faults(encoded) == [(3, code, field)]
    assert column(encoded, field)[1] is None
    assert column(encoded, field)[0] == column(encoded, field)[2] is not None


def test_a_blank_in_a_field_that_may_be_blank_is_no_fault():
    encoded = one([row(race="", score="", level="")])
    assert faults(encoded) == []
    assert column(encoded, "ethnicity") == column(encoded, "scale_score") == [None]


def test_a_field_is_required_where_its_source_says_so():
    fields = PLAIN | {"ethnicity": PLAIN["ethnicity"].model_copy(update={"required": True})}
    assert faults(one([row(race="")], source=a_source(fields=fields))) == [
        (2, "REQUIRED_MISSING", "ethnicity")
    ]


def test_a_row_of_the_wrong_width_is_a_fault_beside_the_table():
    encoded = one([GOOD, "1,2", GOOD])
    assert faults(encoded) == [(3, "ROW_WIDTH", None)]
    assert column(encoded, "source_row") == [2, 4]
    assert encoded.rows_in == 3


def test_a_lost_leading_zero_is_repaired_flagged_and_counted():
    encoded = one([row(id="123456789", cds="1234567654321"), GOOD])
    assert column(encoded, "student_id")[0] == "0123456789"
    assert column(encoded, "school_id")[0] == "7654321"
    assert {(f["source_row"], f["code"]) for f in encoded.flags.to_pylist()} == {
        (2, "LOST_ZERO_REPAIRED")
    }
    assert [flag["field"] for flag in encoded.flags.to_pylist()] == [
        "student_id",
        "district_id",
        "school_id",
    ]


def test_a_row_is_scored_if_tested_with_every_result_that_its_source_carries():
    lines = [GOOD, row(score=""), row(level=""), row(shown="N")]
    assert column(one(lines), "is_scored") == [True, False, False, False]


def test_a_source_without_scores_is_scored_by_its_levels():
    fields = {name: spec for name, spec in PLAIN.items() if name != "scale_score"}
    lines = [GOOD, row(score=""), row(level="")]
    encoded = one(lines, source=a_source(fields=fields))
    assert column(encoded, "is_scored") == [True, True, False]


def test_an_override_wins_over_the_column_over_missing_and_over_a_fault():
    override = Override(column="level", values=["9"], code="NOT_TESTED")
    spec = PLAIN["participation"].model_copy(update={"overrides": [override]})
    source = a_source(fields=PLAIN | {"participation": spec})
    lines = [row(level="9"), row(level="9", shown=""), row(level="9", shown="?"), GOOD]
    encoded = one(lines, source=source)
    assert column(encoded, "participation") == ["NOT_TESTED"] * 3 + ["TESTED"]
    assert faults(encoded) == []


def test_the_first_override_that_holds_wins():
    overrides = [
        Override(column="level", values=["9"], code="EXEMPT"),
        Override(column="score", values=["2400"], code="INVALIDATED"),
    ]
    spec = PLAIN["participation"].model_copy(update={"overrides": overrides})
    encoded = one([row(level="9")], source=a_source(fields=PLAIN | {"participation": spec}))
    assert column(encoded, "participation") == ["EXEMPT"]


def test_the_first_column_that_is_not_missing_counts():
    header = [*HEADER, "state_id"]
    ids = FieldSource(coalesce=["state_id", "id"])
    source = a_source(header=header, fields=PLAIN | {"student_id": ids})
    encoded = one([GOOD + ",77", GOOD + ", "], source=source)
    assert column(encoded, "student_id") == ["77", "1000000001"]


def test_joined_columns_are_missing_where_one_of_them_is():
    header = [*HEADER, "county", "district"]
    spec = FieldSource(join=["county", ["district", "lea"]], pad=7, pattern="[0-9]{7}")
    source = a_source(header=header, fields=PLAIN | {"district_id": spec})
    encoded = one([GOOD + ",01,10017", GOOD + ",1,10017", GOOD + ",,10017"], source=source)
    assert column(encoded, "district_id") == ["0110017", "0110017", None]
    assert faults(encoded) == [(4, "REQUIRED_MISSING", "district_id")]


def test_constants_of_the_layout_win_over_the_field():
    source = a_source(layout={"constants": {"subject": "math"}})
    assert column(one([GOOD], source=source), "subject") == ["math"]


def test_a_field_absent_from_the_layout_is_null():
    source = a_source(header=[h for h in HEADER if h != "race"], layout={"absent": ["ethnicity"]})
    line = ",".join(cell for cell in GOOD.split(",") if cell != "500")
    assert column(one([line], source=source), "ethnicity") == [None]


def test_rows_to_be_set_aside_leave_without_a_fault():
    aside = {"NOT_OURS": SetAside(column="shown", values=["X"], reason="-")}
    encoded = one([GOOD, row(shown="X", subject="?"), GOOD], source=a_source(set_aside=aside))
    assert encoded.set_aside.to_pylist() == [{"source_row": 3, "code": "NOT_OURS", "field": None}]
    assert faults(encoded) == []
    assert column(encoded, "source_row") == [2, 4]


def test_two_or_more_races_or_none_reported_is_unknown_where_no_flag_says_yes():
    header = [*HEADER, "h", "w"]
    fields = PLAIN | {
        "ethnicity": FieldSource(column="race", codes={"800": "MULTI"}, unflagged="MULTI"),
        "race_flags": FieldSource(derive="race_flags"),
    }
    flags = RaceFlags(columns={"HISPANIC": "h", "WHITE": "w"}, yes=["Y"], no=["N"])
    source = a_source(header=header, fields=fields, race=flags)
    lines = [row(race="800") + end for end in (",Y,Y", ",N,N", ",,")]
    encoded = one(lines, source=source)
    assert column(encoded, "ethnicity") == ["MULTI", "UNKNOWN", "UNKNOWN"]
    assert column(encoded, "race_flags") == ["HISPANIC+WHITE", "", None]


DATED = {
    "school_year": FieldSource(column="year", parse="school_year_of_date"),
    "test_window": FieldSource(column="year", parse="window_of_date"),
    "test_date": FieldSource(column="year", parse="date"),
}
WINDOWS = {"fall": Window(from_day="07-01", to_day="12-31")}


def test_year_window_and_date_come_from_one_day():
    source = a_source(fields=PLAIN | DATED, windows=WINDOWS)
    (found,) = one([row(year="2023-10-02")], source=source).table.to_pylist()
    assert (found["school_year"], found["test_window"]) == (2024, "fall")


def undated(**dated):
    return a_source(fields=PLAIN | {"school_year": DATED["school_year"]}, **dated)


def test_a_row_without_date_is_of_the_files_only_year():
    lines = [row(year="2023-10-02"), row(year=""), row(year="2024-05-01")]
    assert column(one(lines, source=undated()), "school_year") == [2024, 2024, 2024]


def test_a_row_without_date_is_a_fault_in_a_file_of_two_years():
    lines = [row(year="2023-05-02"), row(year=""), row(year="2024-05-01")]
    assert faults(one(lines, source=undated())) == [(3, "REQUIRED_MISSING", "school_year")]


def test_years_of_rows_set_aside_do_not_count():
    aside = {"NOT_OURS": SetAside(column="shown", values=["X"], reason="-")}
    lines = [row(year="2020-05-02", shown="X"), row(year=""), row(year="2024-05-01")]
    encoded = one(lines, source=undated(set_aside=aside))
    assert column(encoded, "school_year") == [2024, 2024]


def test_the_landings_district_fills_the_field():
    source = a_source(fields=PLAIN | {"district_id": FieldSource(derive="landing_district")})
    encoded = one([GOOD], source=source, landing=Landing(district_id="D1"))
    assert column(encoded, "district_id") == ["D1"]


def test_a_file_whose_district_nothing_names_is_refused():
    source = a_source(fields=PLAIN | {"district_id": FieldSource(derive="landing_district")})
    with pytest.raises(FileRefused) as caught:
        one([GOOD], source=source)
    assert caught.value.code == "NO_DISTRICT"


def by_name():
    header = [*HEADER, "school"]
    fields = PLAIN | {
        "district_id": FieldSource(derive="landing_district"),
        "school_id": FieldSource(column="cds", if_missing="school_by_name"),
        "school_name": FieldSource(column="school"),
    }
    landing = Landing(district_id="D1", schools=SchoolNames([("Elm Elementary", "S1")]))
    return a_source(header=header, fields=fields), landing


def test_a_school_is_found_by_name_where_its_id_is_blank():
    source, landing = by_name()
    lines = [row(cds="") + ",ELM ELEM.", row(cds="S9") + ",Elm Elementary"]
    (encoded,), _ = encode(lines, source=source, landing=landing)
    assert column(encoded, "school_id") == ["S1", "S9"]


def test_a_school_name_that_the_directory_lacks_is_a_fault():
    source, landing = by_name()
    (encoded,), _ = encode([row(cds="") + ",Oak"], source=source, landing=landing)
    assert faults(encoded) == [(2, "UNKNOWN_SCHOOL", "school_id")]


@pytest.mark.parametrize(
    ("name", "code"), [("SB_ca2024entities.txt", "NO"), ("other.txt", "GENERAL")]
)
def test_a_field_may_come_from_the_files_name(name, code):
    spec = FieldSource(
        derive="file_name",
        pattern="(cast|sb)_ca[0-9]{4}",
        codes={"sb": "NO"},
        otherwise="GENERAL",
    )
    source = a_source(fields=PLAIN | {"condition_code": spec})
    encoded = one([GOOD], source=source, landing=Landing(file_name=name))
    assert column(encoded, "condition_code") == [code]


def test_the_encoder_reads_only_the_columns_it_needs_and_ids_as_plain_strings():
    source = a_source(header=[*HEADER, "teacher"])
    _, encoder = encode([GOOD + ",x"], source=source)
    assert encoder.columns == HEADER
    assert encoder.plain_columns == ["id"]


def test_a_default_fills_what_the_columns_leave_blank():
    spec = FieldSource(column="race", codes={"500": "HISPANIC"}, default="UNKNOWN")
    source = a_source(fields=PLAIN | {"ethnicity": spec})
    assert column(one([GOOD, row(race="")], source=source), "ethnicity") == ["HISPANIC", "UNKNOWN"]


def test_a_default_is_not_for_a_value_at_fault():
    spec = FieldSource(column="race", codes={"500": "HISPANIC"}, default="UNKNOWN")
    encoded = one([row(race="?")], source=a_source(fields=PLAIN | {"ethnicity": spec}))
    assert faults(encoded) == [(2, "UNKNOWN_CODE", "ethnicity")]


def test_a_default_fills_a_field_that_the_layout_lacks_or_whose_columns_are_not_there():
    fields = PLAIN | {
        "ethnicity": FieldSource(column="race", default="UNKNOWN"),
        "gender": FieldSource(coalesce=["sex", "gender"], default="UNKNOWN"),
    }
    header = [*(h for h in HEADER if h != "race"), "sex"]
    source = a_source(header=header, fields=fields, layout={"absent": ["ethnicity", "gender"]})
    line = ",".join([*(cell for cell in GOOD.split(",") if cell != "500"), "F"])
    encoded = one([line], source=source)
    assert column(encoded, "ethnicity") == column(encoded, "gender") == ["UNKNOWN"]


def test_a_default_comes_after_what_fills_missing_values():
    spec = FieldSource(column="cds", if_missing="landing_district", default="0")
    source = a_source(fields=PLAIN | {"district_id": spec})
    encoded = one([row(cds="")], source=source, landing=Landing(district_id="D1"))
    assert column(encoded, "district_id") == ["D1"]


def test_an_id_of_a_person_may_be_a_part_of_a_value_or_a_default():
    spec = FieldSource(column="id", extract="^S-([0-9]+)$", default="none")
    source = a_source(fields=PLAIN | {"student_id": spec})
    encoded = one([row(id="S-7"), row(id=""), row(id="7")], source=source)
    assert column(encoded, "student_id") == ["7", "none", None]
    assert faults(encoded) == [(4, "BAD_FORMAT", "student_id")]


def aside_unless(*values, **more):
    rule = SetAside(column="shown", unless=list(values), reason="-")
    return a_source(set_aside={"NOT_OURS": rule}, **more)


def test_all_rows_but_those_with_a_listed_value_are_set_aside():
    lines = [GOOD, row(shown=" Y "), row(shown="X"), row(shown="")]
    encoded = one(lines, source=aside_unless("Y"))
    assert encoded.set_aside["source_row"].to_pylist() == [4, 5]


def test_a_missing_value_stays_where_the_blank_is_listed():
    lines = [GOOD, row(shown="X"), row(shown=""), row(shown="NA")]
    encoded = one(lines, source=aside_unless("Y", "", missing=["", "NA"]))
    assert encoded.set_aside["source_row"].to_pylist() == [3]


def test_a_blank_race_flag_is_no_where_the_source_says_so():
    header = [*HEADER, "h", "w"]
    fields = PLAIN | {
        "ethnicity": FieldSource(derive="ethnicity"),
        "race_flags": FieldSource(derive="race_flags"),
    }
    flags = RaceFlags(columns={"HISPANIC": "h", "WHITE": "w"}, yes=["Y"], no=["N", ""])
    source = a_source(header=header, fields=fields, race=flags)
    encoded = one([GOOD + ",,", GOOD + ",,Y"], source=source)
    assert column(encoded, "race_flags") == ["", "WHITE"]
    assert column(encoded, "ethnicity") == [None, "WHITE"]


CELLS = st.sampled_from(["", "ELA", "2024", "3", "1000000001", "123456789", "x\x00", "Y", "9"])
LINES = st.lists(st.lists(CELLS, min_size=8, max_size=10).map(",".join), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(LINES, st.sampled_from([512, 1 << 16]))
def test_encoding_never_loses_or_doubles_a_row(lines, block_bytes):
    aside = {"NOT_OURS": SetAside(column="shown", values=["Y"], reason="-")}
    lines = [GOOD, *lines]
    pieces, _ = encode(lines, source=a_source(set_aside=aside), block_bytes=block_bytes)
    seen = []
    for encoded in pieces:
        width = encoded.faults.filter(pa.compute.equal(encoded.faults["code"], "ROW_WIDTH"))
        parts = [encoded.table["source_row"], width["source_row"], encoded.set_aside["source_row"]]
        rows = [number for part in parts for number in part.to_pylist()]
        assert len(rows) == encoded.rows_in
        seen += rows
    filled = [at for at, line in enumerate(lines, start=2) if line.strip(",")]
    assert sorted(seen) == filled
