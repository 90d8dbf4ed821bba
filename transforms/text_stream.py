"""A stream as its readers want it: UTF-8, with an end mark, no CRLF torn apart; or its lines."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.compute as pc

FETCHED_BYTES = 1 << 20


def as_utf8(inner: BinaryIO, encoding: str, end: str = "") -> BinaryIO:
    """Return the text of a stream as UTF-8, with `end` behind it."""
    return cast(BinaryIO, _Utf8Stream(inner, encoding, end.encode()))


def line_blocks(plain: BinaryIO, encoding: str, block_bytes: int) -> Iterator[pa.Array]:
    """Yield the lines of a text in blocks of about so many bytes, without their line ends.

    The text behind the last line end is a line too, empty where there is none.
    """
    stream = as_utf8(plain, encoding)
    ahead = _with_line_feeds(stream.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8))
    while chunk := stream.read(block_bytes):
        lines, mark, rest = (ahead + _with_line_feeds(chunk)).rpartition(b"\n")
        if mark:
            yield _split(lines)
        ahead = rest
    yield _split(ahead.rstrip(b"\x1a"))


def _with_line_feeds(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text


def _split(text: bytes) -> pa.Array:
    return pc.split_pattern(pa.array([text], pa.binary()).cast(pa.string()), "\n").values


class _Utf8Stream(io.RawIOBase):
    """Reads another stream in chunks and hands it on as UTF-8.

    pyarrow drops a line feed at the start of a block where the block before ended in a carriage
    return, even inside quotes. So no chunk handed on ends between the two.
    """

    def __init__(self, inner: BinaryIO, encoding: str, end: bytes) -> None:
        self._inner = inner
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
        self._end = end
        self._ahead = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._ended and (size < 0 or len(self._ahead) <= size):
            self._fetch(max(size, FETCHED_BYTES))
        cut = len(self._ahead) if size < 0 else min(size, len(self._ahead))
        if cut > 1 and self._ahead[cut - 1 : cut + 1] == b"\r\n":
            cut -= 1
        content, self._ahead = self._ahead[:cut], self._ahead[cut:]
        return content

    def _fetch(self, size: int) -> None:
        raw = self._inner.read(size)
        self._ended = not raw
        text = raw if self._decoder is None else self._decoder.decode(raw, self._ended).encode()
        self._ahead += text + (self._end if self._ended else b"")
