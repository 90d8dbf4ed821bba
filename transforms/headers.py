"""Finds the header among the first rows of a table, or the layout of a table that has none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

from configs.source_models import Layout
from transforms.refusals import empty

HEADER_WITHIN = 40
FIRST_RECORDS = 20
LINES_OF_FIRST_RECORDS = 1_000
# Files parted by a caret are so because their publisher does not quote: a quotation mark in them
# is a character of a name, unless the header itself is quoted.
UNQUOTED_DELIMITERS = "^"


@dataclass(frozen=True)
class Header:
    """A header row.

    Attributes:
        row: its number; 0 where the file has none.
        columns: the names, without the blanks around them.
        shown: how many different ones of them the source's layouts know.
        is_even: most of the first rows have as many cells as the header.
    """

    row: int
    columns: tuple[str, ...]
    shown: int = 0
    is_even: bool = False


@dataclass(frozen=True)
class Parted:
    """Text parted into cells: by which character, and whether quotation marks are syntax."""

    header: Header
    delimiter: str
    quote: bool
    layout: str | None = None


def header_of(rows: Iterable[Sequence[str]], known: Collection[str]) -> Header | None:
    """Return the row that shows most of the known columns, else the one most like a header.

    >>> header_of([["Results of 2024"], ["id", "score"], ["1", "2"]], {"id", "score"}).row
    2
    >>> header_of([["Results of 2024"], ["id", "score"], ["1", "2"]], ()).row
    2
    """
    seen: list[Header] = []
    for row, cells in enumerate(rows, start=1):
        if row > HEADER_WITHIN and seen:
            break
        columns = tuple(cell.strip() for cell in cells)
        if any(columns):
            seen.append(Header(row, columns, len(set(columns) & set(known))))
    best = max(seen, key=lambda one: one.shown, default=None)
    if best is None:
        return None
    best = best if best.shown else below_banner(seen)
    alike = sum(len(one.columns) == len(best.columns) for one in seen)
    return replace(best, is_even=2 * alike > len(seen))


def below_banner(rows: Sequence[Header]) -> Header:
    """Return the first row that fills more than half as many cells as the fullest does."""
    filled = [sum(map(bool, one.columns)) for one in rows]
    return next(one for one, cells in zip(rows, filled, strict=True) if 2 * cells > max(filled))


def parted(text: str, delimiters: Sequence[str], known: Collection[str]) -> Parted:
    """Return the delimiter that shows most known columns, else most columns, and the header.

    A character that parts a row here and there is no delimiter: those that part most rows alike
    come first.

    Raises:
        FileRefused: EMPTY_FILE without a header.
    """
    found = [_parted_by(text, delimiter, known) for delimiter in delimiters]
    best = max(found, key=lambda one: _likelihood(one.header))
    if not any(best.header.columns):
        raise empty("no header and no record")
    return best


def _likelihood(header: Header) -> tuple[int, bool, int, int]:
    width = len(header.columns)
    return header.shown, header.is_even and width > 1, width, -header.row


def _parted_by(text: str, delimiter: str, known: Collection[str]) -> Parted:
    quote = _is_quoted(text, delimiter)
    header = header_of(records(text, delimiter, quote), known)
    if header is not None and header.row > 1 and not quote:
        # A banner says nothing of whether the header below it is quoted.
        line = next(islice(io.StringIO(text), header.row - 1, None), "")
        if '"' in line:
            quote, header = True, header_of(records(text, delimiter, True), known)
    return Parted(header or Header(1, ()), delimiter, quote)


def _is_quoted(text: str, delimiter: str) -> bool:
    first_line = text.lstrip("\r\n \t" + delimiter)[:65536].splitlines()[:1]
    return delimiter not in UNQUOTED_DELIMITERS or '"' in "".join(first_line)


def records(text: str, delimiter: str, quote: bool) -> Iterator[list[str]]:
    """Yield the cells of each record, up to where a quotation mark swallows the text."""
    lines = io.StringIO(text, newline="")
    with suppress(csv.Error):
        if quote:
            yield from csv.reader(lines, delimiter=delimiter)
        else:
            yield from csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


def headerless(text: str, delimiters: Sequence[str], layouts: Sequence[Layout]) -> Parted | None:
    """Return the first layout without a header whose columns and marks the first records show."""
    for delimiter in delimiters:
        quote = _is_quoted(text, delimiter)
        lines = islice(records(text, delimiter, quote), LINES_OF_FIRST_RECORDS)
        rows = (cells for cells in lines if any(map(str.strip, cells)))
        first = list(islice(rows, FIRST_RECORDS))
        for layout in layouts:
            if layout.headerless and _is_of(first, layout):
                return Parted(Header(0, tuple(layout.columns)), delimiter, quote, layout.name)
    return None


def _is_of(rows: Sequence[Sequence[str]], layout: Layout) -> bool:
    columns = layout.columns
    fitting = [dict(zip(columns, row, strict=True)) for row in rows if len(row) == len(columns)]
    return 2 * len(fitting) > len(rows) and all(marked(layout, record) for record in fitting)


def marked(layout: Layout, record: Mapping[str, str]) -> bool:
    """Return whether a record has all marks of a layout; blanks around a value do not count."""
    return all(
        re.fullmatch(pattern, record.get(column, "").strip()) is not None
        for column, pattern in layout.marks.items()
    )
