"""Reads a spreadsheet of corrected rows, and says what was changed in which row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from configs.errors import FileRefused, UsageError, listed
from flows.stages.exporting import Exported
from transforms.mending import Mend
from transforms.pieces import UNPARSED, Piece, distinct_names, plain_strings
from transforms.read import examine_any, read_pieces
from warehouse.formulas import as_it_was
from warehouse.spreadsheets import as_read_back

# What a load's id looks like: nothing else of a wrong spreadsheet is told.
LOAD_ID = re.compile(r"L[0-9]{8}-[0-9]{4,}")
# How spreadsheet programs write long numbers into CSV: 1.99018E+12.
SHORTENED = re.compile(r"[0-9](?:\.([0-9]+))?E\+[0-9]{2}")
# The longest number that an exponent of two digits can stand for.
SHORTENED_AT_MOST = 100
COLUMNS_TOLD = 5


@dataclass(frozen=True)
class Handed:
    """What a person handed in: the cells of each row by column, in the export's own layout."""

    rows: Mapping[int, Mapping[str, str]]


def read_corrections(stream: BinaryIO, name: str, exported: Exported) -> Handed:
    """Return the rows of an exported spreadsheet as a person handed it in.

    Raises:
        UsageError: it is not of that load: other columns, another load's rows, no row numbers, or
            it cannot be read (NOT_THE_EXPORT).
    """
    try:
        probe = examine_any(stream)
        columns = probe.columns
        if probe.kind == "delimited":
            columns = tuple(as_it_was(column).strip() for column in columns)
        places = _places(name, columns, exported)
        pieces = list(read_pieces(stream, probe, plain=distinct_names(probe.columns)))
    except FileRefused as refused:
        raise _not_the_export(name, refused.found, "a workbook or CSV as it was exported") from None
    rows = _numbered(name, pieces, places, exported)
    if probe.kind == "delimited":
        rows = {
            number: {column: _of_csv(cell, exported.rows[number][column] or "")
                     for column, cell in cells.items()}
            for number, cells in rows.items()
        }  # fmt: skip
    return Handed(rows)


def _of_csv(cell: str, exported: str) -> str:
    """Return what a cell of a CSV says, without the apostrophe that the export put before it."""
    return exported if cell == exported else unspoilt(as_it_was(cell), exported)


def unspoilt(cell: str, exported: str) -> str:
    """Return a cell of a CSV; as exported, where a spreadsheet program took an id for a number.

    Programs do so whenever they open a CSV, whatever a person does: leading zeros are lost, long
    numbers shortened.

    >>> unspoilt("123", "00123"), unspoilt("1.99018E+12", "01990176990013"), unspoilt("7", "6")
    ('00123', '01990176990013', '7')
    """
    if not (exported.isascii() and exported.isdigit()):
        return cell
    shortened = SHORTENED.fullmatch(cell) if len(exported) <= SHORTENED_AT_MOST else None
    digits = len(shortened[1] or "") if shortened else 0
    cut = shortened is not None and cell == f"{int(exported):.{digits}E}"
    lost = exported.startswith("0") and cell == (exported.lstrip("0") or "0")
    return exported if cut or lost else cell


def changes(handed: Handed, exported: Exported) -> dict[int, Mend]:
    """Return what was changed, by row; rows in which nothing was changed are not among them.

    Raises:
        UsageError: the text of `unparsed` was changed.
    """
    found: dict[int, Mend] = {}
    for number, cells in handed.rows.items():
        row = exported.rows[number]
        changed = {name for name, cell in cells.items() if _differs(cell, row[name])}
        if UNPARSED in changed:
            raise _line_changed(number)
        if not changed:
            continue
        line = row[UNPARSED]
        if line is not None:
            after = {name: cells.get(name, "") for name in exported.columns}
            found[number] = Mend({UNPARSED: line}, after)
        else:
            before = {name: row[name] or "" for name in changed}
            found[number] = Mend(before, {name: cells[name] for name in changed})
    return found


def laid_over(new: Mend, earlier: Mend | None) -> Mend:
    """Return a correction together with an earlier one of the same row, which it changes further.

    What was corrected to what the file says is no correction; a row may end without any.
    """
    if earlier is None:
        return new
    if earlier.is_of_line:
        return Mend(earlier.before, {**earlier.after, **new.after})
    if new.is_of_line:
        return new
    before, after = {**new.before, **earlier.before}, {**earlier.after, **new.after}
    kept = [name for name, value in after.items() if value != before[name]]
    return Mend({name: before[name] for name in kept}, {name: after[name] for name in kept})


def _differs(cell: str, value: str | None) -> bool:
    """Return whether a cell says something else than the export did."""
    return as_read_back(cell) != as_read_back(value or "")


def _places(name: str, columns: tuple[str, ...], exported: Exported) -> list[int]:
    """Return where each column of the export stands in the spreadsheet; they may have been moved.

    In the order of the export: the file may have a `load_id` of its own beside ours.

    Raises:
        UsageError: a column is missing, or there are others.
    """
    expected = [one.strip() for one in exported.header]
    while len(expected) > len(columns) and not expected[-1]:
        expected.pop()  # a spreadsheet has no nameless columns at its end
    found = list(columns)
    while len(found) > len(expected) and not found[-1]:
        found.pop()
    own, names = distinct_names(expected), distinct_names(found)
    lacking = [one for one in own if one not in names]
    others = [place for place, one in enumerate(names, start=1) if one not in own]
    if lacking or others:
        raise _not_the_export(
            name,
            "; ".join(_odd_columns(lacking, others)),
            "the columns of the export, and no other",
        )
    if names != own and (own != expected or "" in own):
        raise _not_the_export(
            name, "columns of the same name or of none, in another order", "the export's own order"
        )
    return [names.index(one) for one in own]


def _odd_columns(lacking: list[str], others: list[int]) -> Iterator[str]:
    if lacking:
        yield f"it lacks {listed(lacking, at_most=COLUMNS_TOLD)}"
    if others:
        told = ", ".join(map(str, others[:COLUMNS_TOLD])) + ", ..." * (len(others) > COLUMNS_TOLD)
        yield f"not of the export, counted from the left: column {told}"


def _numbered(
    name: str, pieces: list[Piece], places: list[int], exported: Exported
) -> dict[int, dict[str, str]]:
    number_at, _, load_at, *values_at = places
    rows: dict[int, dict[str, str]] = {}
    again: set[int] = set()
    loads: dict[int, str] = {}
    for number, cells in _rows(name, pieces, number_at):
        again |= {number} & set(rows)
        values = zip(exported.values, values_at, strict=False)
        rows[number] = {column: cells[at] for column, at in values}
        loads[number] = cells[load_at].strip()
    _require_load(name, loads, exported)
    strange = set(rows) - set(exported.rows)
    if strange or again:
        told = f"row numbers that are not in quarantine: {listed(sorted(strange))}"
        raise _not_the_export(
            name,
            told if strange else f"row numbers that stand there twice: {listed(sorted(again))}",
            "each row once, of those that are in quarantine for this load",
        )
    return rows


def _require_load(name: str, loads: Mapping[int, str], exported: Exported) -> None:
    """Refuse rows that were exported for another load: their numbers mean other students there."""
    odd = {number: load for number, load in loads.items() if load != exported.load_id}
    if not odd:
        return
    told = sorted({load for load in odd.values() if LOAD_ID.fullmatch(load)})
    found = f"another load_id in rows {listed(odd, at_most=COLUMNS_TOLD)}"
    raise _not_the_export(
        name,
        f"rows of {listed(told, at_most=COLUMNS_TOLD)}" if told else found,
        f"{exported.load_id} in column load_id of every row",
    )


def _rows(name: str, pieces: list[Piece], place: int) -> Iterator[tuple[int, list[str]]]:
    broken = [row for piece in pieces for row in piece.wrong_width]
    for piece in pieces:
        columns = [column.to_pylist() for column in plain_strings(piece.table).columns]
        there = piece.source_row.to_pylist()
        for row, cells in zip(there, zip(*columns, strict=True), strict=True):
            number = cells[place].strip()
            if not (number.isascii() and number.isdigit()):
                broken.append(row)
                continue
            yield int(number), list(cells)
    if broken:
        raise _not_the_export(
            name,
            f"rows without a number in source_row, or of another width: {listed(sorted(broken))}",
            "the number of a rejected row in column source_row of every row",
        )


def _line_changed(number: int) -> UsageError:
    return UsageError(
        "NOT_THE_EXPORT",
        where=f"row {number}",
        found="another text in column unparsed",
        expected="the line as it stands in the file, and its values in the columns beside it",
        remedy="put the line back, write its values into the columns, and replay again",
    )


def _not_the_export(name: str, found: str, expected: str) -> UsageError:
    return UsageError(
        "NOT_THE_EXPORT",
        where=name,
        found=found,
        expected=expected,
        remedy="correct the spreadsheet that `roci quarantine export` wrote for this very load",
    )
