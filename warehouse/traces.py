"""Looks for ids in whatever a workspace holds: text, archives, workbooks, Parquet, SQLite.

An id is found as a word of its own, whatever zeros stand before it. Where words run together (in
records of fixed width, between the values of a database's pages) it is found within them, if it is
long enough not to be met there by chance.
"""

from __future__ import annotations

import gzip
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from io import SEEK_END
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO

from warehouse.sqlite_bytes import texts_within

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1 << 20
OVERLAP = 512
IN_MEMORY = 1 << 26
DEEPEST = 4
HEAD = 1 << 16
LONG_LINE = 24
# Anywhere in bytes that are no text: digests and numbers would hold a shorter one by chance.
LONG = 8
# As a word of its own, or anywhere in records of fixed width.
SHORT = 5
DISTRICT = "district_id"
NEVER = "false"
# SQLite has no whole numbers from here on: of an id no digits would be left.
NO_NUMBER = 1 << 63
PARQUET, SQLITE, GZIP, ZIP = b"PAR1", b"SQLite format 3\x00", b"\x1f\x8b", b"PK\x03\x04"
UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# A text without any of them has records of fixed width.
_PARTING = re.compile(rb"[,\t|^;<>{}\"=]")
# Declared types of SQLite's columns in which a number becomes text; and ids that may be numbers.
_OF_TEXT = re.compile(r"(?i)(?!.*INT).*(?:CHAR|CLOB|TEXT)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_SPOILT = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError)


class Unreadable(Exception):
    """A file cannot be unpacked, so that nobody can tell what it holds."""


@dataclass(frozen=True)
class Search:
    """The ids of one student, in every spelling that the data has.

    `district_id`: rows of a table that are of another district are of another student; null where
    an id is one student's wherever it stands.
    """

    ids: frozenset[str]
    district_id: str | None = None

    @classmethod
    def of(cls, ids: Collection[str], district_id: str | None = None) -> Search:
        """Return the search for these ids; the zeros before one do not count."""
        plain = frozenset(one.strip().lstrip("0") or one.strip() for one in ids)
        return cls(plain, district_id)

    @property
    def too_short(self) -> int:
        """Return how many ids could be any other number: they are looked for as ids alone."""
        return sum(len(one) < SHORT for one in self.ids)

    @property
    def words(self) -> str | None:
        """Return the pattern of any of the ids as a word, without looking around; null for none."""
        told = "|".join(re.escape(one) for one in sorted(self.ids) if len(one) >= SHORT)
        return f"(?i)(?:^|[^0-9A-Za-z])0*(?:{told})(?:[^0-9A-Za-z]|$)" if told else None

    @cached_property
    def _spellings(self) -> tuple[str, ...]:
        """Return the ids that are looked for in text, their ASCII letters small."""
        told = (one.encode("utf-8").lower().decode("utf-8") for one in self.ids)
        return tuple(sorted(one for one in told if len(one) >= SHORT))

    @cached_property
    def _numbers(self) -> tuple[int | float, ...]:
        """Return those of them that a database may hold as a number, the least first."""
        told = filter(_NUMBER.fullmatch, self._spellings)
        numbers = (float(one) if "." in one else int(one) for one in told)
        return tuple(sorted(one for one in numbers if one < NO_NUMBER))

    @cached_property
    def _words(self) -> re.Pattern[bytes] | None:
        return _pattern(self.ids, SHORT, rb"(?<![0-9A-Za-z])0*(?:%s)(?![0-9A-Za-z])")

    @cached_property
    def _within(self) -> re.Pattern[bytes] | None:
        return _pattern(self.ids, SHORT, rb"(?:%s)")

    @cached_property
    def _anywhere(self) -> re.Pattern[bytes] | None:
        return _pattern(self.ids, LONG, rb"(?:%s)")

    def in_file(self, path: Path) -> int:
        """Return how often they stand in a file, whatever its form.

        Raises:
            Unreadable: an archive cannot be unpacked.
        """
        try:
            with path.open("rb") as stream:
                return self._in_stream(stream, path, 0)
        except _SPOILT as error:
            if not path.exists():
                return 0  # gone meanwhile
            raise Unreadable(path.name) from error

    def in_text(self, text: str) -> bool:
        """Return whether one of them stands in a text."""
        content = text.encode("utf-8", "replace")
        return self._words is not None and self._words.search(content) is not None

    def _in_stream(self, stream: BinaryIO, path: Path | None, depth: int) -> int:
        head = stream.read(len(SQLITE))
        stream.seek(0)
        if head.startswith(PARQUET):
            return self._in_parquet(stream)
        if head == SQLITE and path is not None:
            is_anywhere = self.district_id is None and self._in_bytes(stream, self._anywhere)
            return is_anywhere or self._in_sqlite(path)
        if depth < DEEPEST and head.startswith(GZIP):
            with gzip.open(stream) as unpacked:
                return self._in_part(unpacked, depth)  # type: ignore[arg-type]
        if depth < DEEPEST and head.startswith(ZIP):
            return self._in_zip(stream, depth)
        return self._in_plain(stream)

    def _in_part(self, unpacked: BinaryIO, depth: int) -> int:
        """Look into what was packed; it is laid aside, as archives are read from their end."""
        with SpooledTemporaryFile(max_size=IN_MEMORY) as aside:
            while block := unpacked.read(BLOCK):
                aside.write(block)
            aside.seek(0)
            return self._in_stream(aside, None, depth + 1)  # type: ignore[arg-type]

    def _in_zip(self, stream: BinaryIO, depth: int) -> int:
        found = 0
        with zipfile.ZipFile(stream) as archive:
            for member in archive.infolist():
                found += self.in_text(member.filename)
                if not member.is_dir():
                    with archive.open(member) as unpacked:
                        found += self._in_part(unpacked, depth)  # type: ignore[arg-type]
        return found

    def _in_plain(self, stream: BinaryIO) -> int:
        head = stream.read(HEAD)
        stream.seek(0)
        encoding = UTF_16.get(head[:2])
        if encoding is not None:
            return self._in_bytes(stream, self._words, encoding)
        return self._in_bytes(stream, self._within if _runs_together(head) else self._words)

    def _in_bytes(
        self, stream: BinaryIO, pattern: re.Pattern[bytes] | None, encoding: str | None = None
    ) -> int:
        """Return in how many blocks the pattern is met; words are never cut by a block's end."""
        if pattern is None:
            return 0
        blocks = filter(self._may_stand_in, _blocks(stream, encoding))
        return sum(pattern.search(block) is not None for block in blocks)

    def _may_stand_in(self, block: bytes) -> bool:
        """Return whether the bytes of an id stand in a block: told far faster than by a pattern."""
        small = block.lower()
        return any(one.encode("utf-8") in small for one in self._spellings)

    def _in_parquet(self, stream: BinaryIO) -> int:
        """Return how many values are, or hold, one of them, those in the footer among them.

        The pages are packed: what their bytes look like is chance.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(stream)
            names, found = file.schema_arrow.names, 0
            is_told = self.district_id is not None and DISTRICT in names
            if not is_told:
                stream.seek(-(file.metadata.serialized_size + len(PARQUET)), SEEK_END)
                found = self._in_bytes(stream, self._anywhere)
            for number in range(file.num_row_groups):
                rows = file.read_row_group(number)
                rows = self._of_district(rows) if is_told else rows
                found += sum(map(self._in_column, rows.columns))
        except pa.ArrowException as error:
            raise Unreadable("parquet") from error
        return found

    def _of_district(self, rows: pa.Table) -> pa.Table:
        """Return the rows that are of the district, or do not say of which."""
        import pyarrow as pa
        import pyarrow.compute as pc

        same = pc.equal(pc.cast(rows[DISTRICT], pa.string()), self.district_id)
        return rows.filter(pc.fill_null(same, True))

    def _in_column(self, column: pa.ChunkedArray) -> int:
        import pyarrow as pa
        import pyarrow.compute as pc

        if (
            self.words is None
            or pa.types.is_boolean(column.type)
            or not column.null_count < len(column)
        ):
            return 0
        try:
            texts = pc.cast(pc.unique(column), pa.string())
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            return sum(self.in_text(str(one)) for one in column.to_pylist())
        return pc.sum(pc.match_substring_regex(texts, self.words)).as_py() or 0

    def _in_sqlite(self, path: Path) -> int:
        within = texts_within(path, [one.encode("utf-8") for one in self._spellings])
        texts = [one for one in self._spellings if within is None or one.encode("utf-8") in within]
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as con:
            con.text_factory = lambda raw: raw.decode("utf-8", "replace")
            tables = con.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
            rows = (row for (name,) in tables for row in self._rows(con, name, texts))
            return sum(self.in_text("\n".join(map(str, row))) for row in rows)

    def _rows(
        self, con: sqlite3.Connection, table: str, texts: Collection[str]
    ) -> Iterable[tuple[object, ...]]:
        """Return the rows in which one of the ids stands, perhaps within another number.

        `texts`: those ids that stand anywhere in the file as text.
        """
        columns = con.execute(f"PRAGMA table_info({_named(table)})").fetchall()
        tests = [self._test(_named(name), kind, texts) for _, name, kind, *_ in columns]
        tests = [one for one in tests if one != NEVER]
        if not tests:
            return []
        query = f"SELECT * FROM {_named(table)} WHERE ({' OR '.join(tests)})"
        values = {f"id{number}": one for number, one in enumerate(self._spellings)}
        if self.district_id is not None and DISTRICT in [name for _, name, *_ in columns]:
            values["own"] = self.district_id
            query += f" AND coalesce({DISTRICT}, :own) = :own"
        return con.execute(query, values)

    def _test(self, column: str, kind: str, texts: Collection[str]) -> str:
        """Return SQL that is true where an id stands in a column; `:id0` and so on are the ids.

        To make text of every number would take longer than all else, so a number is an id where it
        is equal to it; what stands behind its point is none. Columns of text hold no numbers.
        """
        ids = [(f":id{number}", one) for number, one in enumerate(self._spellings)]
        is_cased = any(one != one.upper() for one in texts)
        spelt = f"lower({column})" if is_cased else column
        within = " OR ".join(f"instr({spelt}, {mark})" for mark, one in ids if one in texts)
        if _OF_TEXT.match(kind) or not self._numbers:
            return within or NEVER
        equal = ", ".join(f"{one}, -{one}" for one in self._numbers)
        least = self._numbers[0]
        # Told first, as most numbers are small; to SQLite text is larger than any number.
        is_large = f"({column} >= {least} OR {column} <= -{least})"
        is_number = f"typeof({column}) IN ('integer', 'real')"
        told = f"CASE WHEN {is_number} THEN {column} IN ({equal}) ELSE {within or NEVER} END"
        return f"({is_large} AND {told})"


def _pattern(ids: Collection[str], shortest: int, form: bytes) -> re.Pattern[bytes] | None:
    told = [re.escape(one.encode("utf-8")) for one in sorted(ids) if len(one) >= shortest]
    return re.compile(form % b"|".join(told), re.IGNORECASE) if told else None


def _runs_together(head: bytes) -> bool:
    """Return whether a text has records of fixed width: long lines that nothing parts."""
    is_parted = len(_PARTING.findall(head)) * 100 > len(head)
    return not is_parted and max(map(len, head.splitlines()), default=0) >= LONG_LINE


def _blocks(stream: BinaryIO, encoding: str | None) -> Iterator[bytes]:
    """Yield a stream in blocks, each with the end of the one before it."""
    tail = b""
    while block := stream.read(BLOCK):
        if encoding is not None:
            block = block.decode(encoding, "replace").encode("utf-8")
        joined = tail + block
        # What the first block begins with is a whole word; what a later one does, need not be.
        yield joined if not tail else b"x" + joined
        tail = joined[-OVERLAP:]


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
