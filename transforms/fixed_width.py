"""Reads records of fixed width: which layout they have, and their columns in bounded pieces.

Positions count characters, so an accent moves no column. Blanks at the end of a value are the
filling of its column and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.source_models import Layout, Position
from transforms.delimited import Wanted
from transforms.faults import fault_table
from transforms.headers import FIRST_RECORDS, marked
from transforms.pieces import Piece, distinct_names
from transforms.probe import OLD_END_OF_FILE, Probe, TextHead, plain_stream
from transforms.refusals import truncated
from transforms.text_stream import line_blocks

LINES_LOOKED_AT = 200


def fixed_probe(head: TextHead, layouts: Sequence[Layout]) -> Probe | None:
    """Return the probe of the first layout with positions that the first lines show, if any does.

    Its length is that of half the lines at least, or of the longest of lines whose trailing blanks
    were left out, and the first records have all its marks. Only where there is no such layout, one
    counts of whose filling at the end every line lacks the same part.
    """
    lines = _first_lines(head)
    fixed = [one for one in layouts if one.record_length is not None]
    lengths = [(one, one.record_length) for one in fixed]
    for layout, length in [*lengths, *((one, _shorter_length(lines, one)) for one in fixed)]:
        if length and _is_of(lines, layout, length):
            return _probe(head, layout, length, lines)
    return None


def _probe(head: TextHead, layout: Layout, length: int, lines: Sequence[str]) -> Probe:
    return replace(
        head.probe,
        quote=False,
        columns=tuple(layout.columns),
        header_row=0,
        kind="fixed",
        layout=layout.name,
        positions=tuple(_positions(layout)),
        record_length=length,
        trimmed=_is_trimmed(lines, length),
    )


def _shorter_length(lines: Sequence[str], layout: Layout) -> int | None:
    """Return the one length of all lines, if it lacks no more than a part of the last column."""
    lengths = set(map(len, lines))
    needed = max((one.start for one in _positions(layout)), default=1) - 1
    if len(lengths) != 1 or not needed <= min(lengths) < (layout.record_length or 0):
        return None
    return lengths.pop()


def _first_lines(head: TextHead) -> list[str]:
    text = head.text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.rstrip("\n" + OLD_END_OF_FILE).split("\n")
    if head.cut and len(lines) > 1:
        del lines[-1]
    return [line for line in lines if line.strip()][:LINES_LOOKED_AT]


def _positions(layout: Layout) -> list[Position]:
    assert not isinstance(layout.positions, str), "the catalogue reads them"
    return layout.positions or []


def _is_of(lines: Sequence[str], layout: Layout, length: int) -> bool:
    whole = [line for line in lines if len(line) == length]
    if 2 * len(whole) < len(lines) or not whole:
        if not _may_be_trimmed(lines, length, bool(whole), bool(layout.marks)):
            return False
        whole = list(lines)
    return all(
        marked(layout, _cut(line, _positions(layout), layout.marks))
        for line in whole[:FIRST_RECORDS]
    )


def _may_be_trimmed(lines: Sequence[str], length: int, one_whole: bool, has_marks: bool) -> bool:
    """Return whether blanks left out at the end explain that most lines are shorter.

    Without a line of the whole length only marks can tell such lines from any other text.
    """
    longest = max(map(len, lines), default=0)
    fits = longest == length if one_whole else has_marks and length < 2 * longest <= 2 * length
    return fits and not any(len(line) < length and line.endswith(" ") for line in lines)


def _cut(line: str, positions: Sequence[Position], columns: Sequence[str] | dict[str, str]) -> dict:
    return {one.column: line[one.start - 1 : one.end] for one in positions if one.column in columns}


def _is_trimmed(lines: Sequence[str], length: int) -> bool:
    shorter = any(len(line) < length and not line.endswith(" ") for line in lines)
    return shorter and not any(len(line) == length and line.endswith(" ") for line in lines)


@dataclass
class _Reader:
    """Cuts lines into columns, and knows where in the file it stands."""

    found: Probe
    wanted: Wanted
    next_row: int = 1
    shortest: int = field(init=False)

    def __post_init__(self) -> None:
        self.shortest = self.found.record_length

    def piece(self, lines: pa.Array) -> Piece:
        """Return the records of some lines; those of another length are faults."""
        rows = np.arange(self.next_row, self.next_row + len(lines), dtype=np.int32)
        self.next_row += len(lines)
        blank = pc.equal(pc.utf8_trim(lines, " \t" + OLD_END_OF_FILE), "").to_numpy(False)
        fits = self._fits(lines) & ~blank
        broken = np.flatnonzero(~fits & ~blank)
        texts = lines.take(pa.array(broken)).to_pylist()
        return Piece(
            table=self._table(lines if fits.all() else lines.filter(pa.array(fits))),
            source_row=pa.array(rows[fits], pa.int32()),
            faults=fault_table(rows[broken], "ROW_WIDTH", None),
            wrong_width=dict(zip(rows[broken].tolist(), texts, strict=True)),
            blank_rows=int(blank.sum()),
        )

    def refuse_broken_end(self, line: str) -> None:
        """Refuse a last line that has no line end and ends before a record does.

        Raises:
            FileRefused: TRUNCATED_FILE.
        """
        whole = self.shortest if self.found.trimmed else self.found.record_length
        if line.strip() and len(line) < whole:
            raise truncated(
                f"row {self.next_row} has {len(line)} of {self.found.record_length} characters "
                "and no line end"
            )

    def _fits(self, lines: pa.Array) -> np.ndarray:
        lengths = pc.utf8_length(lines).to_numpy()
        fits: np.ndarray = lengths == self.found.record_length
        if self.found.trimmed and not fits.all():
            ends_blank = pc.ends_with(lines, " ").to_numpy(False)
            fits |= (lengths < self.found.record_length) & (lengths > 0) & ~ends_blank
        if self.found.trimmed and fits.any():
            self.shortest = min(self.shortest, int(lengths[fits].min()))
        return fits

    def _table(self, lines: pa.Array) -> pa.Table:
        positions = dict(zip(distinct_names(self.found.columns), self.found.positions, strict=True))
        ascii_only = bool(pc.all(pc.string_is_ascii(lines), min_count=0).as_py())
        columns = {}
        for name in self.wanted.names(self.found):
            values = _sliced(lines, positions[name], ascii_only)
            columns[name] = values if name in self.wanted.plain else values.dictionary_encode()
        return pa.table(columns)


def _sliced(lines: pa.Array, position: Position, ascii_only: bool) -> pa.Array:
    start, stop = position.start - 1, position.end
    if ascii_only:
        # Bytes are characters then, and need not be counted from the start of every record.
        cut = pc.binary_slice(lines.cast(pa.binary()), start, stop).cast(pa.string())
        return pc.ascii_rtrim(cut, " ")
    return pc.utf8_rtrim(pc.utf8_slice_codeunits(lines, start, stop), " ")


def read_fixed(stream: BinaryIO, found: Probe, wanted: Wanted) -> Iterator[Piece]:
    """Yield the records of a file of fixed width; its first line is row 1.

    Raises:
        FileRefused: TRUNCATED_FILE.
    """
    reader = _Reader(found, wanted)
    plain = plain_stream(stream, found.compression)
    ahead: pa.Array | None = None
    for lines in line_blocks(plain, found.encoding, wanted.block_bytes):
        if ahead is not None:
            yield reader.piece(ahead)
        ahead = lines
    if ahead is not None and ahead[-1].as_py():
        if len(ahead) > 1:
            yield reader.piece(ahead[:-1])
            ahead = ahead[-1:]
        reader.refuse_broken_end(ahead[0].as_py())
        yield reader.piece(ahead)
