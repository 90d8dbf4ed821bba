"""Finds out in which encoding the bytes of a text are."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from transforms.refusals import truncated, unreadable_bytes

TAIL_BYTES = 64
UTF8_BOM = codecs.BOM_UTF8
UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
NULL_SHARE = 0.8
_IN_NONE = "bytes that are in none of the encodings allowed"


def encoding_of_head(head: bytes, encodings: Sequence[str]) -> str:
    """Return the encoding that the first bytes show: UTF-16 always, else the first that fits.

    Raises:
        FileRefused: UNREADABLE_FILE where it is no text, or in none of the encodings.
    """
    if head.startswith(UTF16_BOMS):
        return "utf-16"
    unmarked = _unmarked_utf16(head[:4096])
    if unmarked is not None:
        return unmarked
    start = head[:4096].rstrip(b"\x00")
    if start.count(0) > len(start) // 4:
        raise unreadable_bytes("binary content", "a table: text, a workbook or Parquet")
    for encoding in ["utf-8"] if head.startswith(UTF8_BOM) else encodings:
        if _decodes(head, encoding):
            return encoding
    raise unreadable_bytes(_IN_NONE, " or ".join(encodings))


def is_marked(head: bytes) -> bool:
    """Return whether the bytes start with a byte order mark."""
    return head.startswith((UTF8_BOM, *UTF16_BOMS))


def _unmarked_utf16(start: bytes) -> str | None:
    """Return the kind of UTF-16 of which every other byte is zero."""
    even, odd = start[0::2], start[1::2]
    if len(odd) < 2:
        return None
    for name, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros.count(0) >= NULL_SHARE * len(zeros) and not others.count(0):
            text = start.decode(name, errors="replace")
            return name if all(char >= " " or char in "\t\r\n\x1a" for char in text) else None
    return None


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def candidates(encoding: str, marked: bool, encodings: Sequence[str]) -> list[str]:
    """Return the encodings that the whole file may be in, given what its head shows."""
    if marked or encoding not in encodings:
        return [encoding]
    start = list(encodings).index(encoding)
    return [name for name in encodings[start:] if _ascii_compatible(name)]


def _ascii_compatible(encoding: str) -> bool:
    return not encoding.startswith(("utf-16", "utf-32"))


class Scan:
    """Reads bytes once; narrows the encodings that fit; keeps the end."""

    def __init__(self, encodings: Sequence[str]) -> None:
        self.encodings = list(encodings)
        self.tried = list(encodings)
        self.decoders = {name: codecs.getincrementaldecoder(name)() for name in encodings}
        self.has_quotes = False
        self.tail = b""

    @property
    def ends_whole(self) -> bool:
        """Return whether a line end is the last of the text."""
        return self.tail.rstrip(b"\x00").endswith((b"\n", b"\r"))

    def take(self, chunk: bytes) -> None:
        """Look at the next bytes."""
        self.has_quotes = self.has_quotes or b'"' in chunk
        self.tail = (self.tail + chunk)[-TAIL_BYTES:]
        ascii_only = chunk.isascii()
        for name in list(self.encodings):
            decoder = self.decoders[name]
            if not (ascii_only and _ascii_compatible(name) and decoder.getstate()[0] == b""):
                self._try(name, chunk, final=False)

    def finish(self) -> None:
        """Look at the end.

        Raises:
            FileRefused: TRUNCATED_FILE, UNREADABLE_FILE.
        """
        for name in list(self.encodings):
            self._try(name, b"", final=True)
        if self.tail.endswith(b"\x00" * 16):
            raise truncated("the last bytes are all zero: the file was not written to its end")

    def _try(self, name: str, chunk: bytes, final: bool) -> None:
        try:
            self.decoders[name].decode(chunk, final)
        except UnicodeDecodeError:
            self.encodings.remove(name)
            if not self.encodings:
                raise unreadable_bytes(_IN_NONE, " or ".join(self.tried)) from None
