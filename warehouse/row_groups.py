"""One Parquet file put together from row groups of others, byte for byte, under a new footer.

A row group says nothing of where it lies: its pages hold no offsets. Only the footer does, so a
row group can move to another file of the same schema without being decoded.

Source: Apache Parquet, "File format" and parquet.thrift, structs FileMetaData, RowGroup,
ColumnChunk and ColumnMetaData (https://github.com/apache/parquet-format). Numbers of fields are
theirs.
"""

from __future__ import annotations

import struct as binary
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

from warehouse.thrift_compact import (
    Elements,
    Field,
    Kind,
    NotThrift,
    Struct,
    read_struct,
    uncollected,
    write_struct,
)

MAGIC = b"PAR1"
# At the end of a file stand the length of its footer and the magic.
_ENDING = binary.Struct("<I4s")
_PIECE = 1 << 20
_LAST_ORDINAL = (1 << 15) - 1


class NotAssembled(Exception):
    """These row groups cannot be copied into one file; they can still be read and written anew."""


class _File(IntEnum):
    VERSION = 1
    SCHEMA = 2
    NUM_ROWS = 3
    ROW_GROUPS = 4
    KEY_VALUES = 5
    COLUMN_ORDERS = 7
    ENCRYPTION = 8


class _Group(IntEnum):
    COLUMNS = 1
    NUM_ROWS = 3
    FILE_OFFSET = 5
    ORDINAL = 7


class _Chunk(IntEnum):
    FILE_PATH = 1
    FILE_OFFSET = 2
    META_DATA = 3
    OFFSET_INDEX = 4
    OFFSET_INDEX_LENGTH = 5
    COLUMN_INDEX = 6
    COLUMN_INDEX_LENGTH = 7
    CRYPTO = 8
    ENCRYPTED_META_DATA = 9


class _Column(IntEnum):
    COMPRESSED_SIZE = 7
    DATA_PAGE = 9
    INDEX_PAGE = 10
    DICTIONARY_PAGE = 11
    BLOOM_FILTER = 14
    BLOOM_FILTER_LENGTH = 15


_PAGES = (_Column.DATA_PAGE, _Column.INDEX_PAGE, _Column.DICTIONARY_PAGE)
# Page indexes and Bloom filters lie outside row groups. A reader does without them.
_LEFT_BEHIND = frozenset(
    {
        _Chunk.OFFSET_INDEX,
        _Chunk.OFFSET_INDEX_LENGTH,
        _Chunk.COLUMN_INDEX,
        _Chunk.COLUMN_INDEX_LENGTH,
    }
)
_FILTERS_LEFT_BEHIND = frozenset({_Column.BLOOM_FILTER, _Column.BLOOM_FILTER_LENGTH})
_ELSEWHERE = frozenset({_Chunk.FILE_PATH, _Chunk.CRYPTO, _Chunk.ENCRYPTED_META_DATA})
# Row groups of two files mean the same only where their footers agree in these.
_ALIKE = (_File.VERSION, _File.SCHEMA, _File.COLUMN_ORDERS)


@dataclass(frozen=True)
class ParquetFooter:
    """A Parquet file's FileMetaData, read as it was; it begins at byte `start` of the file."""

    path: Path
    fields: Struct
    start: int

    @classmethod
    def read(cls, path: Path) -> ParquetFooter:
        """Return the footer of a file.

        Raises:
            NotAssembled: it is damaged or not known.
        """
        with path.open("rb") as file:
            size = file.seek(0, SEEK_END)
            if size < len(MAGIC) + _ENDING.size:
                raise NotAssembled("the file is too short for Parquet")
            file.seek(size - _ENDING.size)
            length, magic = _ENDING.unpack(file.read(_ENDING.size))
            start = size - _ENDING.size - length
            if magic != MAGIC or start < len(MAGIC):
                raise NotAssembled("the file does not end as Parquet does")
            file.seek(start)
            written = file.read(length)
        try:
            return cls(path, read_struct(written), start)._checked()
        except NotThrift as fault:
            raise NotAssembled(str(fault)) from None

    def _checked(self) -> ParquetFooter:
        if _File.ENCRYPTION in self.fields:
            raise NotAssembled("the file is encrypted")
        _structs(self.fields, _File.SCHEMA)
        if sum(self.rows) != _told(self.fields, _File.NUM_ROWS, Kind.I64):
            raise NotAssembled("the row groups have not the rows that the file says")
        return self

    @property
    def groups(self) -> list[Struct]:
        """Return the RowGroup of each row group."""
        return _structs(self.fields, _File.ROW_GROUPS)

    @property
    def rows(self) -> list[int]:
        """Return how many rows each row group has."""
        return [_told(group, _Group.NUM_ROWS, Kind.I64) for group in self.groups]

    def span(self, number: int) -> tuple[int, int]:
        """Return where the bytes of a row group begin and end; it lies there in one piece."""
        spans = sorted(map(_span_of_chunk, _structs(self.groups[number], _Group.COLUMNS)))
        if not spans:
            raise NotAssembled("a row group has no columns")
        start, end = spans[0][0], spans[-1][1]
        beside = all(before[1] == after[0] for before, after in pairwise(spans))
        if not beside or start < len(MAGIC) or end > self.start:
            raise NotAssembled("a row group does not lie in one piece")
        return start, end


@dataclass(frozen=True)
class RowGroups:
    """Row groups of a file, by their numbers from 0 on; null means all."""

    footer: ParquetFooter
    numbers: Sequence[int] | None = None


@uncollected()
def assemble(target: Path, parts: Sequence[RowGroups], key_values: Mapping[str, str]) -> None:
    """Write a file of these row groups, in this order, with these key-value metadata alone.

    Schema and the rest of the footer are the first part's. `target` is none of the parts; it is
    half written where anything is raised, and not yet flushed to the disk.

    Raises:
        NotAssembled: the schemas differ, or a row group is not as the format has it.
    """
    first = parts[0].footer
    for part in parts[1:]:
        if any(first.fields.get(one) != part.footer.fields.get(one) for one in _ALIKE):
            raise NotAssembled("the files differ in their schema")
    with target.open("wb") as out:
        out.write(MAGIC)
        groups: list[Struct] = []
        for part in parts:
            groups.extend(_copied(part, out, len(groups)))
        written = write_struct(_file_of(first, groups, key_values))
        out.write(written + _ENDING.pack(len(written), MAGIC))


def _copied(part: RowGroups, out: BinaryIO, ordinal: int) -> Iterator[Struct]:
    """Copy row groups to the end of `out`; yield each as the new footer has it."""
    footer = part.footer
    numbers = range(len(footer.groups)) if part.numbers is None else part.numbers
    with footer.path.open("rb") as file:
        for place, number in enumerate(numbers, ordinal):
            start, end = footer.span(number)
            moved = _moved(footer.groups[number], out.tell() - start, place)
            _copy(file, out, start, end)
            yield moved


def _copy(file: BinaryIO, out: BinaryIO, start: int, end: int) -> None:
    file.seek(start)
    left = end - start
    while left:
        piece = file.read(min(_PIECE, left))
        if not piece:
            raise NotAssembled("the file became shorter while it was read")
        out.write(piece)
        left -= len(piece)


def _span_of_chunk(chunk: Struct) -> tuple[int, int]:
    if _ELSEWHERE & chunk.keys():
        raise NotAssembled("a column lies in another file or is encrypted")
    column = _told(chunk, _Chunk.META_DATA, Kind.STRUCT)
    size = _told(column, _Column.COMPRESSED_SIZE, Kind.I64)
    _told(column, _Column.DATA_PAGE, Kind.I64)
    # Some writers say 0 where there is no such page: no page begins before the magic ends.
    pages = [page for page in (_offset(column, one) for one in _PAGES) if page]
    start = min(pages, default=0)
    if size < 0 or not all(start <= page <= start + size for page in pages):
        raise NotAssembled("the pages of a column do not lie within it")
    return start, start + size


def _offset(column: Struct, page: _Column) -> int:
    return _told(column, page, Kind.I64) if page in column else 0


def _moved(group: Struct, by: int, ordinal: int) -> Struct:
    """Return a RowGroup whose bytes lie so much farther back, as the file's `ordinal`-th."""
    if ordinal > _LAST_ORDINAL:
        raise NotAssembled("a file cannot number so many row groups")
    chunks = [_moved_chunk(chunk, by) for chunk in _structs(group, _Group.COLUMNS)]
    moved = group | {_Group.COLUMNS: Field(Kind.LIST, Elements(Kind.STRUCT, chunks))}
    if _Group.FILE_OFFSET in group:
        offset = _told(group, _Group.FILE_OFFSET, Kind.I64)
        moved[_Group.FILE_OFFSET] = Field(Kind.I64, offset + by)
    if _Group.ORDINAL in group:
        moved[_Group.ORDINAL] = Field(Kind.I16, ordinal)
    return moved


def _moved_chunk(chunk: Struct, by: int) -> Struct:
    column = {
        number: Field(Kind.I64, field.value + by) if number in _PAGES and field.value else field
        for number, field in chunk[_Chunk.META_DATA].value.items()
        if number not in _FILTERS_LEFT_BEHIND
    }
    moved = {number: field for number, field in chunk.items() if number not in _LEFT_BEHIND}
    # Deprecated: to be 0 where no ColumnMetaData stands outside the footer.
    moved[_Chunk.FILE_OFFSET] = Field(Kind.I64, 0)
    moved[_Chunk.META_DATA] = Field(Kind.STRUCT, column)
    return moved


def _file_of(footer: ParquetFooter, groups: list[Struct], key_values: Mapping[str, str]) -> Struct:
    rows = sum(group[_Group.NUM_ROWS].value for group in groups)
    pairs = [
        {1: Field(Kind.BINARY, key.encode()), 2: Field(Kind.BINARY, value.encode())}
        for key, value in key_values.items()
    ]
    return footer.fields | {
        _File.NUM_ROWS: Field(Kind.I64, rows),
        _File.ROW_GROUPS: Field(Kind.LIST, Elements(Kind.STRUCT, groups)),
        _File.KEY_VALUES: Field(Kind.LIST, Elements(Kind.STRUCT, pairs)),
    }


def _structs(struct: Struct, number: int) -> list[Struct]:
    """Return a field that is a list of structs."""
    elements: Elements = _told(struct, number, Kind.LIST)
    if elements.values and elements.kind != Kind.STRUCT:
        raise NotAssembled("the footer is not that of a Parquet file")
    return elements.values


def _told(struct: Struct, number: int, kind: Kind) -> Any:
    """Return what a struct says under a number that it must have, as a value of this kind."""
    field = struct.get(number)
    if field is None or field.kind != kind:
        raise NotAssembled("the footer is not that of a Parquet file")
    return field.value
