"""Reads JSON lines: one object a line, its keys the columns.

Nested keys are joined by a point, lists of single values by a comma. Numbers keep the form in which
they are written; true, false and null are TRUE, FALSE and nothing, as a spreadsheet would have it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import pyarrow as pa

from transforms.delimited import DICTIONARY, Wanted
from transforms.faults import fault_table
from transforms.pieces import Piece
from transforms.probe import OLD_END_OF_FILE, Probe, TextHead, plain_stream
from transforms.refusals import empty
from transforms.text_stream import line_blocks

COLUMNS_FROM = 1000
LINES_TRIED = 5
BLOCK_BYTES = 4 << 20

_WORDS = {True: "TRUE", False: "FALSE", None: ""}
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)


def is_json_lines(text: str) -> bool:
    """Return whether a text starts with an object that a line holds.

    >>> is_json_lines('{"id": 1}'), is_json_lines('{1},"a b"')
    (True, False)
    """
    if not text.lstrip().startswith("{"):
        return False
    first = [line for line in text[: 1 << 18].lstrip().splitlines() if line.strip()]
    return any(_record(line) is not None for line in first[:LINES_TRIED])


def json_probe(head: TextHead) -> Probe:
    """Return the probe of JSON lines, with the columns that its first records have."""
    lines = head.text.split("\n")
    columns = _keys(lines[:-1] if head.cut and len(lines) > 1 else lines, ())[0]
    return replace(head.probe, quote=False, columns=columns, header_row=0, kind="json_lines")


def with_all_columns(stream: BinaryIO, found: Probe, known: Collection[str]) -> Probe:
    """Return the probe with the keys of the first 1000 records, and later ones that are known.

    Raises:
        FileRefused: EMPTY_FILE without a record.
    """
    columns, any_record = _keys(_lines(stream, found), known)
    if not any_record:
        raise empty("no record")
    return replace(found, columns=columns)


def read_json_lines(stream: BinaryIO, found: Probe, wanted: Wanted) -> Iterator[Piece]:
    """Yield the records of a file, each with the number of its line.

    A line that is no object is a fault, kept as it stands.
    """
    names = wanted.names(found)
    row = 1
    plain = plain_stream(stream, found.compression)
    for block in line_blocks(plain, found.encoding, min(wanted.block_bytes, BLOCK_BYTES)):
        yield _piece(block.to_pylist(), row, names, wanted.plain)
        row += len(block)


def _lines(stream: BinaryIO, found: Probe) -> Iterator[str]:
    plain = plain_stream(stream, found.compression)
    for block in line_blocks(plain, found.encoding, BLOCK_BYTES):
        yield from block.to_pylist()


def _keys(lines: Collection[str] | Iterator[str], known: Collection[str]) -> tuple[Any, bool]:
    columns: dict[str, None] = {}
    count = 0
    for record in map(_record, lines):
        if record is None:
            continue
        count += 1
        taken = record if count <= COLUMNS_FROM else (key for key in record if key in known)
        columns.update(dict.fromkeys(taken))
    return tuple(columns), count > 0


def _piece(lines: list[str], row: int, names: list[str], plain: Collection[str]) -> Piece:
    values: list[list[str]] = [[] for _ in names]
    rows, broken, blank = [], {}, 0
    for number, line in enumerate(lines, start=row):
        record = _record(line)
        if record is not None:
            rows.append(number)
            for column, name in zip(values, names, strict=True):
                column.append(record.get(name, ""))
        elif line.strip(" \t" + OLD_END_OF_FILE):
            broken[number] = line
        else:
            blank += 1
    columns = [as_column(one, name in plain) for one, name in zip(values, names, strict=True)]
    return Piece(
        table=pa.table(columns, names),
        source_row=pa.array(rows, pa.int32()),
        faults=fault_table(sorted(broken), "ROW_WIDTH", None),
        wrong_width=broken,
        blank_rows=blank,
    )


def as_column(values: list[str], is_plain: bool) -> pa.Array:
    """Return strings as a plain or a dictionary array."""
    array = pa.array(values, pa.string())
    return array if is_plain else array.dictionary_encode().cast(DICTIONARY)


def _record(line: str) -> dict[str, str] | None:
    """Return a line's keys and values, None where it is no object, or none that is text."""
    try:
        value = _DECODER.decode(line)
        if "\\ud" in line.lower():  # half of a character that takes two escapes cannot be stored
            json.dumps(value, ensure_ascii=False).encode()
        return dict(_flat("", value)) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        return None


def _flat(prefix: str, value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(f"{prefix}{key}.", inner)
        else:
            yield f"{prefix}{key}".strip(), _text(inner)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return _WORDS[value]
    if any(isinstance(one, (dict, list)) for one in value):
        return json.dumps(value, ensure_ascii=False)
    return ",".join(map(_text, value))
