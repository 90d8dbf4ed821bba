"""Reads a spreadsheet of corrected rows, and says what was changed in which row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from configs.errors import FileRefused, UsageError, listed
from flows.stages.exporting import Exported
from transforms.mending import Mend
from transforms.pieces import UNPARSED, Piece, distinct_names, plain_strings
from transforms.read import examine_any, read_pieces
from warehouse.spreadsheets import as_read_back

OWN_COLUMNS = 2


@dataclass(frozen=True)
class Handed:
    """What a person handed in: the cells of each row by column, in the export's own layout."""

    rows: Mapping[int, Mapping[str, str]]


def read_corrections(stream: BinaryIO, name: str, exported: Exported) -> Handed:
    """Return the rows of an exported spreadsheet as a person handed it in.

    Raises:
        UsageError: it is not of that load: other columns, other rows, no row numbers, or it cannot
            be read (NOT_THE_EXPORT).
    """
    try:
        probe = examine_any(stream)
        _require_columns(name, probe.columns, exported)
        pieces = list(read_pieces(stream, probe, plain=distinct_names(probe.columns)))
    except FileRefused as refused:
        raise _not_the_export(name, refused.found, "a workbook or CSV as it was exported") from None
    header = exported.header[: len(probe.columns)]
    return Handed(_numbered(name, pieces, header, exported))


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


def _require_columns(name: str, columns: tuple[str, ...], exported: Exported) -> None:
    expected = [one.strip() for one in exported.header]
    while expected and not expected[-1]:  # a spreadsheet has no nameless columns at its end
        expected.pop()
    found = list(distinct_names(columns))
    if found[: len(expected)] == expected and not any(found[len(expected) :]):
        return
    odd = sorted(set(found) ^ set(expected))
    raise _not_the_export(
        name,
        f"{len(odd)} columns that differ, or another order of columns",
        "the columns of the export, in their order: source_row, reasons, then those of the file",
    )


def _numbered(
    name: str, pieces: list[Piece], header: tuple[str, ...], exported: Exported
) -> dict[int, dict[str, str]]:
    rows: dict[int, dict[str, str]] = {}
    again: set[int] = set()
    for number, cells in _rows(name, pieces):
        again |= {number} & set(rows)
        rows[number] = dict(zip(header[OWN_COLUMNS:], cells[OWN_COLUMNS:], strict=False))
    strange = set(rows) - set(exported.rows)
    if strange or again:
        told = f"row numbers that are not in quarantine: {listed(sorted(strange))}"
        raise _not_the_export(
            name,
            told if strange else f"row numbers that stand there twice: {listed(sorted(again))}",
            "each row once, of those that are in quarantine for this load",
        )
    return rows


def _rows(name: str, pieces: list[Piece]) -> Iterator[tuple[int, list[str]]]:
    broken = [row for piece in pieces for row in piece.wrong_width]
    for piece in pieces:
        columns = [column.to_pylist() for column in plain_strings(piece.table).columns]
        places = piece.source_row.to_pylist()
        for place, cells in zip(places, zip(*columns, strict=True), strict=True):
            number = cells[0].strip()
            if not (number.isascii() and number.isdigit()):
                broken.append(place)
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
