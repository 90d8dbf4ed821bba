import gzip
import io
import json
import zipfile
from datetime import date, datetime

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import FileRefused
from configs.source_models import FieldSource, FileFormat, Layout, Position, Source
from transforms.read import (
    examine,
    examine_any,
    examine_head,
    header_columns,
    raw_rows,
    read_pieces,
)

MIDNIGHT = datetime.fromisoformat("2024-05-01T00:00:00")
HALF_PAST_EIGHT = datetime.fromisoformat("2024-05-01T08:30:00")
COLUMNS = ["id", "name", "score"]
ROWS = [("0017", "Peña", "2400"), ("0018", "O'Hara, Jo", ""), ("0019", "Åse", "2510")]
WIDTHS = {"id": 4, "name": 12, "score": 5}
HEADED = Layout(name="headed", citation="-", header=COLUMNS)
FIXED = Layout(
    name="fixed",
    citation="-",
    positions=[
        Position(column="id", start=1, end=4),
        Position(column="name", start=5, end=16),
        Position(column="score", start=17, end=21),
    ],
    record_length=21,
    marks={"id": r"00\d\d"},
)
HEADERLESS = Layout(
    name="headerless", citation="-", header=COLUMNS, headerless=True, marks={"id": r"00\d\d"}
)


def a_source(*layouts, fields=None, **file_format):
    return Source(
        name="example",
        title="-",
        publisher="-",
        citation="-",
        table="student_result",
        file_names=["*"],
        format=FileFormat(**{"delimiters": [",", "\t"], **file_format}),
        layouts=list(layouts) or [HEADED],
        fields=fields or {"student_id": FieldSource(column="id")},
        grain=["student_id"],
        partition=["school_year"],
    )


ANY = a_source(HEADED, FIXED, HEADERLESS)


def read(content, source=ANY, columns=None, block_bytes=1 << 20):
    stream = io.BytesIO(content)
    return list(read_pieces(stream, examine(stream, source), columns, (), block_bytes))


def records(pieces):
    """Row number -> values, of all pieces."""
    found = {}
    for piece in pieces:
        rows = zip(*(column.to_pylist() for column in piece.table.columns), strict=True)
        found |= dict(zip(piece.source_row.to_pylist(), rows, strict=True))
    return found


def faults(pieces):
    return {row: text for piece in pieces for row, text in piece.wrong_width.items()}


def refusal(content, source=ANY):
    with pytest.raises(FileRefused) as caught:
        read(content, source)
    error = caught.value
    assert all([error.where, error.found, error.expected, error.remedy])
    return error


def as_csv(rows=ROWS, header=True):
    quoted = [[f'"{cell}"' for cell in row] for row in ([COLUMNS] if header else []) + list(rows)]
    return "\r\n".join(",".join(row) for row in quoted) + "\r\n"


def as_fixed(rows=ROWS, end="\r\n"):
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(row, WIDTHS.values(), strict=True)) + end
        for row in rows
    )


def as_workbook(sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def as_parquet(table, **options):
    content = io.BytesIO()
    pq.write_table(table, content, **options)
    return content.getvalue()


def as_json(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_table(rows=ROWS):
    return pa.table({name: [row[at] or None for row in rows] for at, name in enumerate(COLUMNS)})


RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
FORMS = {
    "utf-8": as_csv().encode(),
    "utf-8-sig": as_csv().encode("utf-8-sig"),
    "cp1252": as_csv().encode("cp1252"),
    "utf-16": as_csv().encode("utf-16"),
    "utf-16-le": as_csv().encode("utf-16-le"),
    "utf-16-be": as_csv().encode("utf-16-be"),
    "headerless": as_csv(header=False).encode(),
    "fixed": as_fixed().encode(),
    "fixed cp1252": as_fixed(end="\n").encode("cp1252"),
    "fixed utf-16": as_fixed(end="\r").encode("utf-16"),
    "fixed marked": as_fixed().encode("utf-8-sig") + b"\x1a",
    "workbook": as_workbook({"Data": [COLUMNS, *ROWS]}),
    "parquet": as_parquet(as_table()),
    "json lines": as_json(RECORDS).encode(),
    "json lines utf-16": as_json(RECORDS).encode("utf-16"),
}
FORMS |= {f"{name}, gzip": gzip.compress(content) for name, content in FORMS.items()}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_the_same_in_every_form_and_encoding(form):
    pieces = read(FORMS[form])
    assert [piece.table.column_names for piece in pieces if piece.table.num_rows] == [COLUMNS]
    found = records(pieces)
    assert list(found.values()) == ROWS
    assert next(iter(found)) in (1, 2)
    assert records(read(FORMS[form], columns=["score", "id"])) == {
        row: (values[2], values[0]) for row, values in found.items()
    }


@pytest.mark.parametrize("form", FORMS)
def test_original_values_are_read_again_in_every_form(form):
    stream = io.BytesIO(FORMS[form])
    found = examine(stream, ANY)
    first = min(records(read_pieces(stream, found)))
    raw = raw_rows(stream, found, [first + 1])
    assert raw.to_pylist() == [{"source_row": first + 1, **RECORDS[1], "unparsed": None}]
    assert header_columns(stream, ANY) == tuple(COLUMNS)
    assert examine_head(stream, ANY).layout == found.layout


def kind(content, source=ANY):
    found = examine(io.BytesIO(content), source)
    return found.kind, found.layout


def test_the_form_is_told_by_the_bytes():
    kinds = {name: kind(content) for name, content in FORMS.items() if "gzip" not in name}
    assert {name.split()[0]: one for name, one in kinds.items() if "utf" not in name} == {
        "cp1252": ("delimited", None),
        "headerless": ("delimited", "headerless"),
        "fixed": ("fixed", "fixed"),
        "workbook": ("workbook", None),
        "parquet": ("parquet", None),
        "json": ("json_lines", None),
    }


# --- banner rows ---------------------------------------------------------------------------


def test_rows_above_the_header_are_no_records_and_keep_their_numbers():
    banner = "Results of Example Unified\n\nRun,2024-05-01\nid\n"
    content = (banner + "id,name,score\n1,x,2\nbroken\n3,y,4\n").encode()
    pieces = read(content, a_source(), block_bytes=32)
    assert records(pieces) == {6: ("1", "x", "2"), 8: ("3", "y", "4")}
    assert faults(pieces) == {7: "broken"}


def test_a_banner_with_quotes_and_line_ends_within_is_passed_over():
    content = b'"Results,\nof 2024"\nid,name,score\n1,"x\ny",2\n'
    assert records(read(content, a_source())) == {3: ("1", "x\ny", "2")}


def test_a_header_below_the_fortieth_row_is_not_sought():
    content = b"no,header\n" * 40 + b"id,name,score\n1,2,3\n"
    assert examine(io.BytesIO(content), a_source()).columns == ("no", "header")


def test_an_unknown_header_is_the_first_row_that_is_not_blank():
    found = examine(io.BytesIO(b"\nfoo,bar\n1,2\n"), a_source())
    assert (found.columns, found.header_row) == (("foo", "bar"), 2)


def test_a_header_below_a_banner_without_a_record_is_empty():
    assert refusal(b"Results\nid,name,score\n\n", a_source()).code == "EMPTY_FILE"


# --- fixed width ---------------------------------------------------------------------------


def test_records_without_their_trailing_blanks_are_whole():
    text = as_fixed([*ROWS, ("0020", "Li", "")]).replace(" ", "·")
    trimmed = "\n".join(line.rstrip("·") for line in text.splitlines()).replace("·", " ") + "\n"
    pieces = read(trimmed.encode())
    assert list(records(pieces).values()) == [*ROWS, ("0020", "Li", "")]
    assert faults(pieces) == {}


def test_lines_of_another_length_are_faults_kept_as_they_stand():
    lines = as_fixed(ROWS, end="\n").splitlines()
    lines[1:1] = ["0017 cut", lines[0] + "more", "", " " * 21]
    pieces = read(("\n".join(lines) + "\n").encode())
    assert list(records(pieces)) == [1, 6, 7]
    assert faults(pieces) == {2: "0017 cut", 3: lines[0] + "more"}
    assert sum(piece.blank_rows for piece in pieces) == 2


def test_a_last_line_that_breaks_off_refuses_the_file():
    content = as_fixed(end="\n").encode()[:-8]
    assert refusal(content).code == "TRUNCATED_FILE"
    assert list(records(read(as_fixed(end="\n").encode()[:-1])).values()) == ROWS


def test_row_numbers_of_fixed_records_hold_over_many_blocks():
    rows = [(f"00{n % 100:02}", f"n{n}", str(n)) for n in range(1, 900)]
    found = records(read(as_fixed(rows).encode(), block_bytes=100))
    assert found == dict(enumerate(rows, start=1))


def test_a_part_of_the_last_column_that_every_line_lacks_is_its_filling():
    longer = FIXED.model_copy(update={"name": "longer", "record_length": 25})
    for name, layouts in {"longer": [longer], "fixed": [longer, FIXED]}.items():
        source = a_source(*layouts)
        assert kind(FORMS["fixed"], source) == ("fixed", name)
        assert list(records(read(FORMS["fixed"], source)).values()) == ROWS


def test_lines_that_lack_whole_columns_are_of_no_layout():
    lines = as_fixed([(id_, name, "") for id_, name, _ in ROWS], end="\n").splitlines()
    cut = "".join(line[:15] + "\n" for line in lines)
    assert kind(cut.encode(), a_source(HEADED, FIXED))[0] == "delimited"


def test_marks_tell_layouts_of_one_length_apart_and_else_the_first_is_taken():
    other = FIXED.model_copy(update={"name": "other", "marks": {"id": "99.."}})
    again = FIXED.model_copy(update={"name": "again"})
    assert kind(FORMS["fixed"], a_source(other, FIXED, again)) == ("fixed", "fixed")
    assert kind(FORMS["fixed"], a_source(again, FIXED)) == ("fixed", "again")
    assert kind(FORMS["fixed"], a_source(HEADED, other))[0] == "delimited"


def test_a_csv_is_not_taken_for_records_of_fixed_width():
    assert kind(FORMS["utf-8"], a_source(HEADED, FIXED)) == ("delimited", None)


# --- headerless ----------------------------------------------------------------------------


def test_headerless_rows_too_narrow_or_too_wide_are_faults():
    pieces = read(b"0017,x,1\n0018,y\n0019,z,2\n0020,z,2,4\n0021,w,3\n")
    assert records(pieces) == {1: ("0017", "x", "1"), 3: ("0019", "z", "2"), 5: ("0021", "w", "3")}
    assert faults(pieces) == {2: "0018,y", 4: "0020,z,2,4"}


def test_text_without_the_marks_has_a_header():
    assert kind(b"id,name,score\n0017,x,1\n") == ("delimited", None)


# --- workbooks -----------------------------------------------------------------------------


def test_cells_are_as_a_csv_export_has_them():
    cells = [7.0, 0.1 + 0.2, True, date(2024, 5, 1), HALF_PAST_EIGHT, None, "007", " x"]
    header = [f"c{n}" for n in range(len(cells))]
    source = a_source(Layout(name="a", citation="-", header=header))
    (found,) = records(read(as_workbook({"S": [header, cells]}), source)).values()
    expected = ("7", "0.3", "TRUE", "2024-05-01", "2024-05-01 08:30:00", "", "007", " x")
    assert found == expected


def test_every_sheet_of_the_table_is_read_whatever_the_order_of_its_columns():
    content = as_workbook(
        {
            "Notes": [["id"], ["about this file"]],
            "Fall": [["Results"], [], COLUMNS, *ROWS[:1], [], *ROWS[1:2]],
            "Winter": [["score", "id", "name"], ["1", "2", "3"]],
            "Other": [["id", "name"], ["5", "6"]],
            "Rooms": [["room", "id"], ["12", "7"]],
        }
    )
    assert records(read(content)) == {
        10_000_004: ROWS[0],
        10_000_006: ROWS[1],
        20_000_002: ("2", "3", "1"),
        30_000_002: ("5", "6", ""),
    }
    assert list(records(read(content, a_source(sheets=["Win*"])))) == [20_000_002]


def test_a_sheet_with_a_further_column_is_read_with_the_others():
    content = as_workbook(
        {"Grade 3": [COLUMNS, *ROWS[:1]], "Grade 4": [["Room", *COLUMNS], ["12", *ROWS[1]]]}
    )
    assert records(read(content, columns=COLUMNS)) == {2: ROWS[0], 10_000_002: ROWS[1]}
    found = examine(io.BytesIO(content), ANY)
    assert found.columns == (*COLUMNS, "Room")
    raw = raw_rows(io.BytesIO(content), found, [2, 10_000_002])
    assert raw["Room"].to_pylist() == ["", "12"]


def test_the_sheets_name_is_a_column_where_a_field_is_filled_from_it():
    named = FieldSource(derive="sheet_name", pattern=r"^(\w+)", codes={"Fall": "FALL"})
    source = a_source(fields={"test_window": named})
    content = as_workbook({"Fall": [COLUMNS, *ROWS]})
    (piece,) = read(content, source, columns=["id"])
    assert piece.table.column_names == ["id", "#sheet"]
    assert piece.table["#sheet"].unique().to_pylist() == ["Fall"]


def test_a_workbook_of_headers_alone_is_empty():
    assert refusal(as_workbook({"S": [COLUMNS]})).code == "EMPTY_FILE"
    assert refusal(as_workbook({"S": []})).code == "EMPTY_FILE"


def with_member(content, name, data):
    whole = io.BytesIO(content)
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return whole.getvalue()


def test_a_workbook_that_unpacks_to_far_more_than_it_holds_is_refused():
    bomb = with_member(FORMS["workbook"], "xl/more.xml", b"\x00" * (11 << 20))
    error = refusal(bomb)
    assert (error.code, "200 times" in error.found) == ("UNREADABLE_FILE", True)


def test_an_encrypted_workbook_is_refused_with_the_reason():
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 504
    error = refusal(content + "EncryptedPackage".encode("utf-16-le") + b"\x00" * 480)
    assert (error.code, "password" in error.found) == ("UNREADABLE_FILE", True)


@pytest.mark.parametrize(
    "content", [FORMS["workbook"][:-400], b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1xx"]
)
def test_a_broken_workbook_is_refused(content):
    assert refusal(content).code == "UNREADABLE_FILE"


# --- Parquet -------------------------------------------------------------------------------


def test_values_of_parquet_are_as_a_csv_export_has_them():
    table = pa.table(
        {
            "id": pa.array([1, None], pa.int64()),
            "float": [2.0, 2.25],
            "decimal": pa.array(["3.00", "3.10"]).cast(pa.decimal128(9, 2)),
            "day": [date(2024, 5, 1), None],
            "time": [MIDNIGHT, HALF_PAST_EIGHT],
            "yes": [True, False],
            "list": [["a", "b"], None],
            "code": pa.array(["x", "x"]).dictionary_encode(),
            "name": [{"first": "A", "last": "B"}, {"first": None, "last": "C"}],
        }
    )
    pieces = read(as_parquet(table, row_group_size=1), a_source())
    assert records(pieces) == {
        1: ("1", "2", "3", "2024-05-01", "2024-05-01", "TRUE", "a,b", "x", "A", "B"),
        2: ("", "2.25", "3.10", "", "2024-05-01 08:30:00", "FALSE", "", "x", "", "C"),
    }
    assert pieces[0].table.column_names[-2:] == ["name.first", "name.last"]
    (part,) = read(as_parquet(table), a_source(), columns=["name.last", "id"])
    assert part.table.column_names == ["name.last", "id"]


def test_a_broken_or_empty_parquet_is_refused():
    assert refusal(FORMS["parquet"][:-20]).code == "UNREADABLE_FILE"


def test_parquet_of_which_a_name_is_no_text_is_refused():
    content = FORMS["parquet"].replace(b"name", b"\xff" * 4)
    assert content != FORMS["parquet"]
    assert refusal(content).code == "UNREADABLE_FILE"
    assert refusal(as_parquet(as_table([]).cast(as_table().schema))).code == "EMPTY_FILE"


# --- JSON lines ----------------------------------------------------------------------------


def test_nested_keys_are_joined_and_numbers_keep_their_form():
    content = b'{"id": 1.50, "name": {"first": "A", "marks": [1, "b"]}, "ok": true, "no": null}\n'
    (piece,) = [one for one in read(content) if one.table.num_rows]
    assert piece.table.to_pylist() == [
        {"id": "1.50", "name.first": "A", "name.marks": "1,b", "ok": "TRUE", "no": ""}
    ]


def test_a_line_that_is_no_object_is_a_fault_and_a_blank_one_nothing():
    pieces = read(b'{"id": 1}\n\n[1]\n{"id": \n{"id": 2}\n')
    assert records(pieces) == {1: ("1",), 5: ("2",)}
    assert faults(pieces) == {3: "[1]", 4: '{"id": '}


def test_a_line_with_half_of_a_character_is_a_fault_and_keeps_no_other_back():
    pieces = read(b'{"id": 1}\n{"id": "\\ud800"}\n{"id": "\\ud83d\\ude00"}\n')
    assert records(pieces) == {1: ("1",), 3: ("\U0001f600",)}
    assert faults(pieces) == {2: '{"id": "\\ud800"}'}


def test_keys_that_come_late_are_columns_only_if_a_layout_knows_them():
    content = as_json([{"id": "1"}] * 1000 + [{"id": "2", "score": "3", "odd": "4"}]).encode()
    found = examine(io.BytesIO(content), ANY)
    assert found.columns == ("id", "score")
    assert records(read(content))[1001] == ("2", "3")


# --- encodings -----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_read_whatever_a_source_lists_and_recorded(encoding):
    content = as_csv().encode(encoding)
    found = examine(io.BytesIO(content), a_source(encodings=["utf-8"]))
    assert (found.encoding, found.bom, found.ends_whole) == (encoding, encoding == "utf-16", True)


# --- of no known source --------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", "^"])
def test_the_delimiter_of_an_unknown_file_is_found(delimiter):
    content = f"a b{delimiter}c{delimiter}d\n1{delimiter}2{delimiter}3\n".encode()
    found = examine_any(io.BytesIO(content))
    assert (found.delimiter, found.columns) == (delimiter, ("a b", "c", "d"))


def test_a_character_within_a_value_is_no_delimiter():
    found = examine_any(io.BytesIO(b'"column 0"\t"column 1"\n""\t"^0^1"\n""\t"2"'))
    assert (found.delimiter, found.header_row) == ("\t", 1)


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_header_of_an_unknown_file_stands_below_its_banner(delimiter):
    lines = [["Benchmark of Example"], ["Printed", "05/30/2025"], ["a b", "c", "d", "e", "f"]]
    content = "\n".join(delimiter.join(line) for line in [*lines, ["1", "2", "", "4", ""]])
    found = examine_any(io.BytesIO(content.encode()))
    assert (found.header_row, found.columns) == (3, ("a b", "c", "d", "e", "f"))


@pytest.mark.parametrize("form", ["parquet", "json lines", "utf-16-le", "workbook, gzip"])
def test_any_form_of_an_unknown_file_is_read(form):
    stream = io.BytesIO(FORMS[form])
    found = examine_any(stream)
    assert list(records(read_pieces(stream, found)).values()) == ROWS


def test_the_first_sheet_of_two_columns_is_that_of_an_unknown_workbook():
    content = as_workbook({"Cover": [["About"]], "Data": [["Results"], COLUMNS, *ROWS]})
    stream = io.BytesIO(content)
    found = examine_any(stream)
    assert (found.sheets[0].name, found.columns) == ("Data", tuple(COLUMNS))
    assert list(records(read_pieces(stream, found)).values()) == ROWS
