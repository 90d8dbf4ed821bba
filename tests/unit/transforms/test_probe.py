import gzip
import io

import pytest

from configs.errors import FileRefused
from configs.source_models import FileFormat
from transforms.probe import examine_delimited, probe

ANY = FileFormat(delimiters=[",", "^"])


def examine(content, file_format=ANY):
    return examine_delimited(io.BytesIO(content), file_format)


def refusal(content, file_format=ANY):
    with pytest.raises(FileRefused) as caught:
        examine(content, file_format)
    return caught.value


def test_the_delimiter_that_parts_the_header_into_most_columns_is_taken():
    assert examine(b"a,b^c^d\n1,2^3^4\n").delimiter == "^"
    assert examine(b"a,b,c\n1,2,3\n").delimiter == ","


def test_a_byte_order_mark_is_no_part_of_the_first_column():
    found = examine(b"\xef\xbb\xbfid,name\n1,x\n")
    assert (found.columns, found.bom) == (("id", "name"), True)


def test_a_header_wider_than_any_worksheet_is_refused_at_once():
    wide = b",".join([b"id"] * 16_385)
    refused = refusal(wide + b"\n" + wide + b"\n")
    assert refused.code == "UNREADABLE_FILE"
    assert "16,385 columns" in str(refused)


def test_a_quoted_header_after_a_byte_order_mark_is_read():
    assert examine(b'\xef\xbb\xbf"id","na,me"\n1,x\n').columns == ("id", "na,me")


def test_header_names_lose_blanks_around_them_but_none_within():
    header = " id ,First  Name, Last\u00a0Name\n1,x,y\n".encode()
    assert examine(header).columns == ("id", "First  Name", "Last\u00a0Name")


def test_a_file_is_utf8_if_every_byte_of_it_is():
    assert examine("id,name\n1,Peña\n".encode()).encoding == "utf-8"


def test_one_byte_far_behind_that_is_not_utf8_makes_a_file_cp1252():
    content = b"id,name\n" + b"1,x\n" * 2_000_000 + "2,Peña\n".encode("cp1252")
    assert examine(content).encoding == "cp1252"


def test_a_header_guessed_as_utf8_is_read_again_when_the_file_is_not():
    content = "id,año\n1,x\n".encode("cp1252")
    assert examine(content).columns == ("id", "año")


def test_bytes_in_none_of_the_encodings_refuse_the_file():
    error = refusal(b"id,name\n1,\x81\n", FileFormat(encodings=["utf-8"]))
    assert error.code == "UNREADABLE_FILE"


def test_a_marked_utf8_file_with_other_bytes_is_refused_rather_than_garbled():
    assert refusal(b"\xef\xbb\xbfid,name\n1,\xf1\n").code == "UNREADABLE_FILE"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_read_whatever_encodings_a_source_lists(encoding):
    found = examine("id,name\n1,Peña\n".encode(encoding), FileFormat(encodings=["utf-8"]))
    assert (found.columns, found.encoding) == (("id", "name"), encoding)


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"\x00\x01\x00\x02" * 100])
def test_what_is_no_text_is_refused(content):
    assert refusal(content).code == "UNREADABLE_FILE"


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xef\xbb\xbf", b"a,b\n", b"a,b", b"a,b\n\n,\n\x1a"]
)
def test_a_file_without_a_record_is_empty(content):
    assert refusal(content).code == "EMPTY_FILE"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_line_end_is_known(newline):
    found = examine(f"a,b{newline}1,2{newline}".encode())
    assert (found.newline, found.columns, found.ends_whole) == (newline, ("a", "b"), True)


def test_blank_rows_above_the_header_are_passed_over_and_counted():
    assert examine(b"\n,,\na,b,c\n1,2,3\n").header_row == 3


def test_a_quotation_mark_in_an_unquoted_caret_file_is_a_character():
    found = examine(b'a^b\n"x^2\n')
    assert (found.quote, found.quoted) == (False, False)


def test_a_caret_file_with_quoted_header_is_quoted():
    assert examine(b'"a"^"b"\n"x"^"2"\n').quote


def test_gzip_is_known_by_its_first_bytes():
    found = examine(gzip.compress(b"a,b\n1,2\n"))
    assert (found.compression, found.columns) == ("gzip", ("a", "b"))


def test_a_gzip_that_ends_early_is_truncated():
    packed = gzip.compress(b"a,b\n" + b"".join(b"%d,x\n" % n for n in range(5000)))
    assert refusal(packed[:-20]).code == "TRUNCATED_FILE"


def test_a_gzip_with_damaged_content_is_unreadable():
    packed = bytearray(gzip.compress(b"a,b\n" + b"1,2\n" * 500))
    packed[-6] ^= 0xFF
    assert refusal(bytes(packed)).code == "UNREADABLE_FILE"


def test_a_file_that_ends_in_zero_bytes_is_truncated():
    assert refusal(b"a,b\n1,2\n" + b"\x00" * 64).code == "TRUNCATED_FILE"


def test_a_whole_last_record_without_line_end_is_whole():
    assert not examine(b"a,b\n1,2").ends_whole


def test_the_head_alone_gives_the_header():
    assert probe(b"a,b,c\n1,2", FileFormat()).columns == ("a", "b", "c")
