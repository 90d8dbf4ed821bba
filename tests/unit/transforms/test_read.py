import gzip
import io

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from configs.errors import FileRefused
from configs.source_models import FieldSource, FileFormat, Layout, Source
from transforms import delimited
from transforms.pieces import distinct_names, raw_of_piece
from transforms.read import examine, raw_rows, read_pieces

ANY = Source(
    name="example",
    title="-",
    publisher="-",
    citation="-",
    table="student_result",
    file_names=["*"],
    format=FileFormat(delimiters=[",", "^", "\t"]),
    layouts=[Layout(name="only", citation="-", header=["no column of these files"])],
    fields={"student_id": FieldSource(value="1")},
    grain=["student_id"],
    partition=["school_year"],
)


def read(content, columns=None, plain=(), block_bytes=1 << 20):
    stream = io.BytesIO(content)
    found = examine(stream, ANY)
    return list(read_pieces(stream, found, columns, plain, block_bytes))


def records(pieces):
    """Row number -> values, of all pieces."""
    found = {}
    for piece in pieces:
        rows = zip(*(column.to_pylist() for column in piece.table.columns), strict=True)
        for number, values in zip(piece.source_row.to_pylist(), rows, strict=True):
            assert number not in found
            found[number] = values
    return found


def wrong_widths(pieces):
    return [row for piece in pieces for row in piece.faults["source_row"].to_pylist()]


def test_the_first_record_is_row_two_as_a_spreadsheet_shows_it():
    assert records(read(b"a,b\n1,2\n3,4\n")) == {2: ("1", "2"), 3: ("3", "4")}


def test_rows_too_short_or_too_long_are_faults_and_move_no_other_row():
    pieces = read(b"a,b\n1,2\nx\n3,4\n5,6,7\n8,9\n")
    assert records(pieces) == {2: ("1", "2"), 4: ("3", "4"), 6: ("8", "9")}
    assert wrong_widths(pieces) == [3, 5]


def test_row_numbers_hold_over_many_blocks():
    lines = [b"%d,%d" % (n, n) for n in range(2, 3000)]
    lines[500], lines[501], lines[2000] = b"broken", b"1,2,3", b""
    pieces = read(b"a,b\n" + b"\n".join(lines) + b"\n", block_bytes=256)
    assert len(pieces) > 20
    assert all(values == (str(row), str(row)) for row, values in records(pieces).items())
    assert wrong_widths(pieces) == [502, 503]


def test_blank_lines_are_no_records_but_count_as_rows():
    pieces = read(b"a,b\n1,2\n\n3,4\n,\n  \n5,6\n\n\n\x1a")
    assert records(pieces) == {2: ("1", "2"), 4: ("3", "4"), 7: ("5", "6")}
    assert wrong_widths(pieces) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"x\n", "more than 50 of another width"),
        (b"\n", "26 pairs of empty ones close together"),
        (b"\r\n", "26 pairs of empty ones close together"),
    ],
)
def test_a_file_of_hardly_any_records_is_refused_before_it_fills_the_memory(
    line, found, monkeypatch
):
    monkeypatch.setattr(delimited, "MOST_BROKEN", 50)
    monkeypatch.setattr(delimited, "MOST_BLANK_VALUES", 100)
    assert set(records(read(b"a,b\n1,2\n" + line * 50 + b"3,4\n"))) == {2, 53}
    with pytest.raises(FileRefused, match="UNREADABLE_FILE") as caught:
        read(b"a,b\n1,2\n" + line * 52)
    assert caught.value.found == found


def test_a_row_blank_in_the_columns_read_is_a_record_if_another_column_has_a_value():
    content = b"a,b,c\n1,2,3\n,,9\n,,\n4,5,6\n"
    pieces = read(content, columns=["a", "b"])
    assert records(pieces) == {2: ("1", "2"), 3: ("", ""), 5: ("4", "5")}
    assert sum(piece.blank_rows for piece in pieces) == 1


def test_a_line_end_within_quotes_is_part_of_the_value_and_of_one_row():
    pieces = read(b'a,b\n"x\ny","1,5"\n3,"say ""so"""\n', block_bytes=12)
    assert records(pieces) == {2: ("x\ny", "1,5"), 3: ("3", 'say "so"')}


def test_line_ends_within_quotes_may_fall_on_any_block_boundary():
    lines = [f'"line\n{n}","x, \r\n{n}"' for n in range(2, 200)]
    found = records(read("\n".join(["a,b", *lines, ""]).encode(), block_bytes=64))
    assert found == {n: (f"line\n{n}", f"x, \r\n{n}") for n in range(2, 200)}


def test_a_quotation_mark_within_a_value_is_a_character():
    assert records(read(b'a,b\n5" pipe,2\n')) == {2: ('5" pipe', "2")}


def test_a_zero_byte_reaches_the_checks_unchanged():
    assert records(read(b"a,b\nx\x00y,2\n")) == {2: ("x\x00y", "2")}


def test_values_keep_their_blanks_and_are_never_null():
    assert records(read(b"a,b\n NA ,\nNULL,nan\n")) == {2: (" NA ", ""), 3: ("NULL", "nan")}


def test_cp1252_is_transcoded():
    assert records(read("a,b\nPeña,–\n".encode("cp1252"))) == {2: ("Peña", "–")}


def test_gzip_of_several_members_is_read_whole():
    packed = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")
    assert records(read(packed)) == {2: ("1", "2"), 3: ("3", "4")}


def test_a_last_record_that_breaks_off_refuses_the_file():
    with pytest.raises(FileRefused) as caught:
        read(b"a,b,c\n1,2,3\n4,5")
    assert caught.value.code == "TRUNCATED_FILE"
    assert "row 3" in caught.value.found


@pytest.mark.parametrize("end", [b'"3","4711', b'"3","', b'"3","x\n', b'"'])
def test_a_last_field_whose_quote_never_closes_refuses_the_file(end):
    with pytest.raises(FileRefused) as caught:
        read(b'"a","b"\n"1","2"\n' + end)
    assert caught.value.code == "TRUNCATED_FILE"
    assert "4711" not in str(caught.value)


def test_a_last_field_of_several_lines_that_closes_is_whole():
    assert records(read(b'a,b\n1,"x\n"')) == {2: ("1", "x\n")}


def test_a_short_last_record_with_its_line_end_is_only_a_row_at_fault():
    assert wrong_widths(read(b"a,b,c\n1,2,3\n4,5\n")) == [3]


def test_a_long_last_record_without_line_end_is_only_a_row_at_fault():
    assert wrong_widths(read(b"a,b,c\n1,2,3\n4,5,6,7")) == [3]


def test_a_quote_that_never_closes_refuses_the_file_with_the_row():
    content = b'a,b\n1,2\n"3,4\n' + b"5,6\n" * 500
    with pytest.raises(FileRefused) as caught:
        read(content, block_bytes=256)
    assert caught.value.code in ("UNREADABLE_FILE", "TRUNCATED_FILE")


def test_only_the_wanted_columns_are_read_in_the_order_wanted():
    (piece,) = read(b"a,b,c\n1,2,3\n", columns=["c", "a"], plain=["c"])
    assert piece.table.column_names == ["c", "a"]
    assert piece.table.schema.field("c").type == pa.string()
    assert pa.types.is_dictionary(piece.table.schema.field("a").type)


def test_repeated_header_names_are_told_apart():
    (piece,) = read(b"id,Blank,Blank\n1,2,3\n")
    assert piece.table.column_names == ["id", "Blank", "Blank (2)"]
    assert distinct_names(["x", "x (2)", "x"]) == ["x", "x (2)", "x (3)"]


def test_records_blank_rows_and_faults_account_for_every_line():
    pieces = read(b"a,b\n1,2\n\nx\n3,4\n")
    assert sum(piece.rows_in for piece in pieces) == 3
    assert sum(piece.blank_rows for piece in pieces) == 1


def test_the_stream_stays_open_for_the_next_reading():
    stream = io.BytesIO(b"a,b\n1,2\n")
    found = examine(stream, ANY)
    assert records(read_pieces(stream, found)) == records(read_pieces(stream, found))


def test_raw_rows_gives_back_the_values_and_the_lines_that_do_not_parse():
    stream = io.BytesIO(b'a,b\n1,"x, y"\nbroken\n3,4\n')
    raw = raw_rows(stream, examine(stream, ANY), [2, 3])
    assert raw.to_pylist() == [
        {"source_row": 2, "a": "1", "b": "x, y", "unparsed": None},
        {"source_row": 3, "a": None, "b": None, "unparsed": "broken"},
    ]


def test_raw_rows_of_a_piece_are_those_of_the_file():
    content = b"a,b\n1,2\nbroken\n3,4\n5,6\n"
    stream = io.BytesIO(content)
    found = examine(stream, ANY)
    (piece,) = read_pieces(stream, found)
    assert raw_of_piece(piece, [3, 5]).equals(raw_rows(stream, found, [3, 5]))


TEXT = st.text(st.characters(codec="cp1252", exclude_categories=["Cc"]), max_size=6)
CELL = TEXT | st.sampled_from(['"', ",", "^", "\n", "a\r\nb", ' "x" ', "\x00", "NA"])


def written(cell, delimiter, quote):
    quote = quote or any(mark in cell for mark in (delimiter, '"', "\n", "\r"))
    return '"' + cell.replace('"', '""') + '"' if quote else cell


@st.composite
def written_tables(draw):
    """A table of strings, the bytes it was written to, and the block size to read it with."""
    delimiter = draw(st.sampled_from([",", "\t", "^"]))
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=12))
    # A caret file is quoted as a whole or not at all.
    quote_all = delimiter == "^" or draw(st.booleans())
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = [
        delimiter.join(written(cell, delimiter, quote_all) for cell in row)
        for row in [[f"column {n}" for n in range(width)], *rows]
    ]
    text = newline.join(lines) + draw(st.sampled_from(["", newline]))
    content = text.encode(draw(st.sampled_from(["utf-8", "cp1252", "utf-8-sig"])))
    # Few bytes may be text in both encodings; no reader could tell.
    as_utf8 = content.decode("utf-8-sig", errors="replace")
    assume(as_utf8 == text or "\ufffd" in as_utf8)
    packed = gzip.compress(content) if draw(st.booleans()) else content
    return rows, packed, draw(st.sampled_from([512, 1 << 16]))


@settings(max_examples=200, deadline=None)
@given(written_tables())
def test_any_table_comes_back_as_it_was_written_with_its_row_numbers(table):
    rows, content, block_bytes = table
    expected = {at: tuple(row) for at, row in enumerate(rows, start=2) if any(row)}
    if not expected or not any(cell.strip(" \t\x1a") for row in rows for cell in row):
        return
    assert records(read(content, block_bytes=block_bytes)) == expected
