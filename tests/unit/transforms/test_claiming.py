import io

from configs.source_models import FieldSource, Layout, Position, Source
from transforms.claiming import header_fits, header_likeness

HEADED = Layout(name="headed", citation="-", header=["id", "score"])
FIXED = Layout(
    name="fixed",
    citation="-",
    positions=[Position(column="id", start=1, end=4), Position(column="score", start=5, end=8)],
    record_length=8,
    marks={"id": r"00\d\d"},
)


def a_source(*layouts):
    return Source(
        name="example",
        title="-",
        publisher="-",
        citation="-",
        table="student_result",
        file_names=["*"],
        layouts=list(layouts),
        fields={"student_id": FieldSource(column="id")},
        grain=["student_id"],
        partition=["school_year"],
    )


def test_a_header_fits_by_the_share_of_its_layout():
    source = a_source(HEADED, FIXED)
    assert header_fits(io.BytesIO(b"Results of 2024\nid,score\n1,2\n"), source) == 1.0
    assert header_fits(io.BytesIO(b"id,other\n1,2\n"), source) == 0.5


def test_records_of_fixed_width_fit_by_their_marks():
    records = io.BytesIO(b"00172400\n00182410\n")
    assert header_fits(records, a_source(HEADED, FIXED)) == 1.0
    assert header_fits(records, a_source(HEADED)) is None


def test_what_is_no_table_fits_nothing():
    assert header_fits(io.BytesIO(b"PK\x03\x04broken"), a_source(HEADED)) is None
    assert header_likeness(io.BytesIO(b""), a_source(HEADED)) == 0.0
