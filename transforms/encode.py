"""Turns pieces of strings into typed pieces with faults: codes, numbers, dates, groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.catalogue import Catalogue
from transforms.coded import Marked
from transforms.faults import all_faults, all_flags, fault_table, flag_table
from transforms.fill import FieldFiller, Rows, Setting, arrow_type, sets_aside
from transforms.layouts import columns_to_read, own_columns
from transforms.pieces import Piece
from transforms.reshape import Reshaper

SOURCE_ROW, SOURCE_RECORD = "source_row", "source_record"
IS_SCORED, SCHOOL_YEAR = "is_scored", "school_year"
RESULTS = ("scale_score", "performance_level")


@dataclass(frozen=True)
class Encoded:
    """A typed piece.

    Attributes:
        table: every record that is neither set aside nor of the wrong width; columns of
            `typed_schema`. A value at fault is null and listed in `faults`.
        faults: rows to be rejected, with code and field; records of the wrong width included,
            which are not in `table`.
        flags: records that stay and are counted, told apart by `source_record`.
        set_aside: records that leave without a fault; they are not in `table`.
        rows_in: records of the file that this piece accounts for:
            rows_in + rows_made = rows of `table` + ROW_WIDTH faults + rows set aside.
        rows_made: rows beyond the first of the same row of the file.
        blank_rows: rows without any value, which are no records.
    """

    table: pa.Table
    faults: pa.Table
    flags: pa.Table
    set_aside: pa.Table
    rows_in: int
    rows_made: int = 0
    blank_rows: int = 0


def typed_schema(table: str, catalogue: Catalogue) -> pa.Schema:
    """Return the columns of an encoded table: its fields, is_scored, source_row, source_record.

    is_scored (student_result only) is true where the student was tested and the row has whatever of
    scale score and performance level the source carries: such rows alone enter rates and means, so
    that both are of the same students. source_row is the row of the file, source_record which of
    its records this is: 0 where a row makes one.
    """
    fields = [
        (name, arrow_type(one, catalogue)) for name, one in catalogue.tables[table].fields.items()
    ]
    scored = [(IS_SCORED, pa.bool_())] if table == "student_result" else []
    return pa.schema([*fields, *scored, (SOURCE_ROW, pa.int32()), (SOURCE_RECORD, pa.int16())])


class Encoder:
    """Encodes the pieces of one file.

    Attributes:
        columns: the columns of the file that must be read.
        plain_columns: those of them that are best read as plain strings.
        schema: of every encoded table.
        year_columns: the columns that the school year is read from, if it is read from dates.
    """

    def __init__(self, setting: Setting) -> None:
        """Work out how each field is filled.

        Raises:
            FileRefused: NO_DISTRICT where the source needs the landing's district.
        """
        self._setting = setting
        source, match, catalogue = setting.source, setting.match, setting.catalogue
        self._fillers = {
            name: FieldFiller(name, one, setting)
            for name, one in catalogue.tables[source.table].fields.items()
        }
        self.columns = columns_to_read(match, source)
        self._reshaper = _reshaper(setting)
        self.year_columns = self._year_columns()
        self.plain_columns = sorted(
            {one.plain_column for one in self._fillers.values() if one.plain_column}
            & set(self.columns)
        )
        self.schema = typed_schema(source.table, catalogue)
        self._results = _carried_results(setting)

    def encode(self, piece: Piece) -> Encoded:
        """Return the piece typed; every record of it is in the result exactly once."""
        piece = self._in_records(piece)
        kept, set_aside = self._set_aside(piece)
        rows = Rows(kept, self._setting)
        found = {name: filler.fill(rows) for name, filler in self._fillers.items()}
        columns = [one.array for one in found.values()]
        if IS_SCORED in self.schema.names:
            columns.append(_is_scored(dict(zip(found, columns, strict=True)), self._results))
        records = kept.record_numbers
        table = pa.table([*columns, kept.source_row, records], schema=self.schema)
        numbers = kept.source_row.to_numpy()
        return Encoded(
            table=table,
            faults=all_faults(
                [
                    piece.faults,
                    *_tables(numbers, ((name, one.faults) for name, one in found.items())),
                ]
            ),
            flags=all_flags(
                [
                    flag_table(numbers[at], records.to_numpy()[at], code, name)
                    for name, one in found.items()
                    for at, code in one.flags
                ]
            ),
            set_aside=all_faults([piece.set_aside, set_aside]),
            rows_in=piece.rows_in,
            rows_made=piece.rows_made,
            blank_rows=piece.blank_rows,
        )

    def years_in(self, piece: Piece) -> set[int]:
        """Return the school years of a piece of which `year_columns` were read."""
        kept, _ = self._set_aside(self._in_records(piece))
        array = self._fillers[SCHOOL_YEAR].fill(Rows(kept, self._setting)).array
        return set(pc.unique(array).drop_null().to_pylist())

    def _year_columns(self) -> list[str]:
        source, match = self._setting.source, self._setting.match
        spec = source.fields.get(SCHOOL_YEAR)
        if spec is None or spec.parse != "school_year_of_date":
            return []
        if self._reshaper is not None:
            return self.columns
        aside = [match.spelled(rule.column) for rule in source.set_aside.values()]
        return [*match.bindings.get(SCHOOL_YEAR, []), *(name for name in aside if name)]

    def _in_records(self, piece: Piece) -> Piece:
        return piece if self._reshaper is None else self._reshaper.reshape(piece)

    def _set_aside(self, piece: Piece) -> tuple[Piece, pa.Table]:
        """Part off the rows that are not this source's to load."""
        source, rows = self._setting.source, Rows(piece, self._setting)
        gone = np.zeros(rows.count, dtype=bool)
        tables = []
        for code, rule in source.set_aside.items():
            column = self._setting.match.spelled(rule.column)
            if column is None:
                continue
            held = sets_aside(rows.dictionary(column), rule, source) & ~gone
            tables.append(fault_table(piece.source_row.to_numpy()[held], code, None))
            gone |= held
        if not gone.any():
            return piece, all_faults([])
        keep = pa.array(~gone)
        kept = replace(
            piece,
            table=piece.table.filter(keep),
            source_row=piece.source_row.filter(keep),
            source_record=piece.record_numbers.filter(keep),
        )
        return kept, all_faults(tables)


def _reshaper(setting: Setting) -> Reshaper | None:
    source, match = setting.source, setting.match
    if not match.records:
        return None
    own = own_columns(match, source)
    return Reshaper(own, match.records, source.missing, source.format.strip)


def _carried_results(setting: Setting) -> list[str]:
    """Return which of scale score and performance level the file's layout carries."""
    absent = setting.match.layout.absent
    return [name for name in RESULTS if name in setting.source.fields and name not in absent]


def _is_scored(columns: dict[str, pa.Array], results: Sequence[str]) -> pa.Array:
    participation = columns["participation"]
    tested = participation.dictionary.index("TESTED").as_py()
    took_part = pc.fill_null(pc.equal(participation.indices, tested), False)
    if not results:
        return pa.repeat(pa.scalar(False), len(took_part))
    for name in results:
        took_part = pc.and_(took_part, pc.is_valid(columns[name]))
    return took_part


def _tables(
    numbers: np.ndarray, marked: Iterable[tuple[str, Sequence[Marked]]]
) -> Iterable[pa.Table]:
    for name, marks in marked:
        for positions, code in marks:
            yield fault_table(numbers[positions], code, name)
