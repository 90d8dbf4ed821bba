"""The shape of a source's file: its layouts, how each field is filled, its grain and contract."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from configs.models import Model

Parse = Literal[
    "text",
    "integer",
    "decimal",
    "date",
    "grade",
    "school_year_span",
    "school_year",
    "school_year_of_date",
    "window_of_date",
    "percent",
    "proportion",
]
Derivation = Literal[
    "race_flags", "ethnicity", "landing_district", "school_by_name", "file_name", "sheet_name"
]
OneOrMany = str | list[str]


def as_list(value: OneOrMany | None) -> list[str]:
    """Return a configured name, or list of names, as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


class FileFormat(Model):
    """How the bytes of a source's files are to be read.

    A `table` is one table, in whichever of these forms its bytes show: delimited text, fixed-width
    records (only of layouts that have positions), an Excel workbook, Parquet, JSON lines; plain or
    in gzip. `oneroster` is a zip of CSV files joined into one row per student and enrolment.

    encodings: the first in which every byte can be read. UTF-16 is told by its mark or its zeros.
    strip: blanks around a value are not part of it; without it ` EL` is not `EL`.
    sheets: patterns of the names of the sheets that are read, of those that show the header.
    """

    kind: Literal["table", "oneroster"] = "table"
    delimiters: list[str] = [","]
    encodings: list[str] = ["utf-8", "cp1252"]
    strip: bool = True
    sheets: list[str] = ["*"]


class Position(Model):
    """Where a column stands in a record of fixed width: characters from 1, both ends included."""

    column: str
    start: int = Field(ge=1)
    end: int = Field(ge=1)


class RecordSet(Model):
    """Results that stand beside one another in a row of the file, as one record each.

    over: variable -> code -> how the layout spells it in its column names (may be empty). There is
        a record for every combination of codes, and each variable is a column of the record that
        holds the code.
    columns: column of the record -> the file's column, or its spellings; `{variable}` stands for
        the code's spelling. A combination of which the layout's header has no such column makes no
        record; in the others a column that the header lacks is blank.
    present: columns of the record. Where all of them are missing (the source's tokens), the row has
        no such record. A variable is never missing: with one among them every row has the record.
    """

    over: dict[str, dict[str, str]]
    columns: dict[str, OneOrMany]
    present: list[str]


class Layout(Model):
    """One documented header of a source: the columns of an era, in order.

    `header` is the list itself or the name of a text file in sources/headers, a column a line.
    `constants` are fields that the layout itself decides, whatever the source's fields say.
    `absent` names fields of the source that this layout carries in no column: they are null, or
    what the field's `if_missing` says. A field that is not named here must find its column.
    `signature` are columns, beside those of the fields, without which a header is not of this
    layout: they keep a file whose columns were renamed from passing for an older, poorer layout.
    `without` are columns that no header of this layout has: they do the same where the poorer
    layout has no column of its own.
    `positions`, in place of `header`: the records have a fixed width. A list, or the name of a CSV
    file in sources/positions (column,start,end; the order of the columns is free, they may overlap
    and leave gaps). `record_length` is the length of every record, without its line end.
    `headerless`: the first row is a record; the columns are those of `header`, by their place.
    `marks`: column -> pattern which each record's value matches. They tell apart layouts without a
    header of their own in the file (headerless, or of one record length).
    `records`: several results in one row, each made a record of its own; the source's fields then
    name the columns of the records, or columns of the row itself.
    """

    name: str
    citation: str
    years: tuple[int | None, int | None] = (None, None)
    header: list[str] | str | None = None
    positions: list[Position] | str | None = None
    record_length: int | None = None
    headerless: bool = False
    marks: dict[str, str] = {}
    records: list[RecordSet] = []
    constants: dict[str, str] = {}
    absent: list[str] = []
    signature: list[str] = []
    without: list[str] = []

    @field_validator("marks")
    @classmethod
    def _marks_compile(cls, marks: dict[str, str]) -> dict[str, str]:
        for pattern in marks.values():
            re.compile(pattern)
        return marks

    @model_validator(mode="after")
    def _one_form(self) -> Layout:
        if (self.header is None) == (self.positions is None):
            raise ValueError("give exactly one of header, positions")
        if (self.positions is None) != (self.record_length is None):
            raise ValueError("positions and record_length go together")
        if self.headerless and not self.marks:
            raise ValueError("a layout without a header in its file needs marks")
        return self

    @property
    def columns(self) -> list[str]:
        """Return the columns of the file once the catalogue has read them."""
        if isinstance(self.header, str) or isinstance(self.positions, str):
            raise ValueError(f"the columns of layout {self.name} have not been read yet")
        if self.header is not None:
            return self.header
        return [position.column for position in self.positions or []]

    @property
    def record_columns(self) -> list[str]:
        """Return the columns that its records have beside those of the file's rows."""
        named = [name for one in self.records for name in [*one.over, *one.columns]]
        return list(dict.fromkeys(named))


class Override(Model):
    """A code that another column's value forces, whatever the field's own column says."""

    column: OneOrMany
    values: list[str]
    code: str


class RaceFlags(Model):
    """Which yes/no column stands for which race. Blank is neither yes nor no: it is unknown."""

    columns: dict[str, OneOrMany]
    multiple: OneOrMany | None = None
    yes: list[str]
    no: list[str]


class FieldSource(Model):
    r"""How a source fills one field of its table: from a column, a constant or a derivation.

    column: the column, or its spellings over the years (the first that the header has is used).
    coalesce: several columns, of which the first that is not missing counts; columns that the
        header lacks are passed over.
    join: several columns (each a name or its spellings) put together without a separator; missing
        where any of them is.
    value: one constant for every row.
    derive: `race_flags` (kept text of all flags that say yes), `ethnicity` (reporting category
        from the flags), `landing_district` (the folder under landing/, or --district),
        `school_by_name` (looked up in the directory within the landing's district), `file_name`
        (the first group of `pattern` where it is found in the file's name, lower case; `otherwise`
        where it is not), `sheet_name` (likewise in the name of the workbook's sheet, as written).
    if_missing: the derivation that fills the field where its columns say nothing.
    default: what the field is where its columns say nothing (after `if_missing`).
    parse: `percent` reads 46.13 and 46.13% alike (0 to 100), `proportion` 0 to 1 as 0 to 100.
    extract: the part of the value that counts, a pattern of one group; a value in which it is not
        found is BAD_FORMAT. `Fall` of `Fall 2021-2022` is '^(\w+) '.
    codes: raw value -> code, exactly as written. `otherwise` is the code of every value that is not
        listed, but not of a missing one; without it such a value is a fault. What the codes give is
        then read as the field's kind; `parse` is not applied to it.
    overrides: the first that holds wins, over every origin and over missing.
    unflagged: a code that becomes UNKNOWN where none of the race columns says yes.
    pad: digits are padded with zeros on the left to this length if no more than `lost_zeros` lack
        (counted); of a shorter number nobody knows whether it is the same kind of id.
    slice: the characters kept, [from, to) after padding and the pattern check.
    """

    column: OneOrMany | None = None
    coalesce: list[str] | None = None
    join: list[OneOrMany] | None = None
    value: str | None = None
    derive: Derivation | None = None
    if_missing: Literal["landing_district", "school_by_name"] | None = None
    parse: Parse = "text"
    date_formats: list[str] = ["%Y-%m-%d"]
    codes: dict[str, str] | None = None
    otherwise: str | None = None
    overrides: list[Override] = []
    unflagged: str | None = None
    missing: list[str] = []
    default: str | None = None
    extract: str | None = None
    pattern: str | None = None
    not_values: list[str] = []
    pad: int | None = None
    lost_zeros: int = Field(default=1, ge=1, le=3)
    slice: tuple[int, int] | None = None
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            re.compile(pattern)
        return pattern

    @model_validator(mode="after")
    def _one_origin(self) -> FieldSource:
        origins = [self.column, self.coalesce, self.join, self.value, self.derive]
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("give exactly one of column, coalesce, join, value, derive")
        groups = re.compile(self.pattern or "").groups
        if self.derive in ("file_name", "sheet_name") and groups != 1:
            raise ValueError(f"derive {self.derive} needs a pattern with one group, found {groups}")
        if self.extract is not None and re.compile(self.extract).groups != 1:
            raise ValueError("extract needs a pattern with one group")
        return self

    @property
    def spellings(self) -> list[list[str]]:
        """Return the columns it needs, each with the names it may have; one of them suffices."""
        if self.join is not None:
            return [as_list(part) for part in self.join]
        names = as_list(self.column) or list(self.coalesce or [])
        return [names] if names else []


class Window(Model):
    """A test window by month and day, both ends included; it may run over the turn of the year."""

    from_day: Annotated[str, Field(pattern=r"^\d\d-\d\d$")]
    to_day: Annotated[str, Field(pattern=r"^\d\d-\d\d$")]


class Repeat(Model):
    """Which of several rows of one grain is kept; the others are set aside, never lost.

    `order`: the kept row is highest in these fields in turn; the row number breaks the last tie.
    Of `participation`, TESTED is the highest and the others are alike.
    """

    order: list[str]
    code: str = "REPEATED_TEST"
    reason: str


class SetAside(Model):
    """Rows that are not this source's to load: the column, if there, holds one of the values.

    `unless`, in place of `values`: all rows but those in which it holds one of these.
    """

    column: OneOrMany
    values: list[str] = []
    unless: list[str] = []
    reason: str

    @model_validator(mode="after")
    def _one_list(self) -> SetAside:
        if bool(self.values) == bool(self.unless):
            raise ValueError("give exactly one of values, unless")
        return self


class Threshold(Model):
    """When a file is refused whole, and when it is held for a person before it replaces anything.

    rejected_pct: of more rejected rows the file is refused.
    row_floor_pct, row_ceiling_pct: of the rows of the last load of the same kind, the floor also of
        each partition that it replaces; null is the profile's.
    group_shift_points: by how many percentage points the share of a student group may move against
        the last load of the same kind.
    mean_shift_sd: by how many standard deviations the mean scale score of an assessment, subject
        and grade may move.
    same_rows_pct: how many of its students may have the very results of the year before.
    """

    rejected_pct: float = Field(default=5.0, ge=0, le=100)
    row_floor_pct: float | None = Field(default=None, ge=0, le=100)
    row_ceiling_pct: float | None = Field(default=None, ge=100)
    group_shift_points: float = Field(default=20.0, gt=0)
    mean_shift_sd: float = Field(default=1.0, gt=0)
    same_rows_pct: float = Field(default=50.0, ge=0, le=100)


class Source(Model):
    """One kind of extract: its layouts, how each field is filled, its grain and its contract.

    name_year: a pattern of one group, the spring year, in the file's name (lower case). The name is
    only a hint: a file whose rows are of another year is held, never filed under the name's.
    drop: columns of the file, as its header spells them, that are forgotten where a row is read:
        names or birth dates that an installation must not keep. They reach neither lake nor
        quarantine, and a field that is read from them is null. The file stays in raw/ as it came.
    """

    name: str
    title: str
    publisher: str
    citation: str
    table: Literal["student_result", "student_roster", "school", "published_result"]
    file_names: list[str]
    name_year: str | None = None
    format: FileFormat = FileFormat()
    layouts: list[Layout]
    missing: list[str] = [""]
    fields: dict[str, FieldSource]
    race: RaceFlags | None = None
    windows: dict[str, Window] = {}
    grain: list[str]
    partition: list[str]
    repeat: Repeat | None = None
    threshold: Threshold = Threshold()
    set_aside: dict[str, SetAside] = {}
    drop: list[str] = []
    known_gaps: list[str] = []
