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
]
Derivation = Literal["race_flags", "ethnicity", "landing_district", "school_by_name", "file_name"]
OneOrMany = str | list[str]


def as_list(value: OneOrMany | None) -> list[str]:
    """Return a configured name, or list of names, as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


class FileFormat(Model):
    """How the bytes of a source's files are to be read.

    `oneroster` is a zip of CSV files joined into one row per student and enrolment. `strip`: blanks
    around a value are not part of it; without it ` EL` is not `EL`.
    """

    kind: Literal["delimited", "oneroster"] = "delimited"
    delimiters: list[str] = [","]
    encodings: list[str] = ["utf-8", "cp1252"]
    strip: bool = True


class Layout(Model):
    """One documented header of a source: the columns of an era, in order.

    `header` is the list itself or the name of a text file in sources/headers, a column a line.
    `constants` are fields that the layout itself decides, whatever the source's fields say.
    `absent` names fields of the source that this layout carries in no column: they are null, or
    what the field's `if_missing` says. A field that is not named here must find its column.
    `signature` are columns, beside those of the fields, without which a header is not of this
    layout: they keep a file whose columns were renamed from passing for an older, poorer layout.
    """

    name: str
    citation: str
    years: tuple[int | None, int | None] = (None, None)
    header: list[str] | str
    constants: dict[str, str] = {}
    absent: list[str] = []
    signature: list[str] = []

    @property
    def columns(self) -> list[str]:
        """Return the header once the catalogue has read it."""
        if isinstance(self.header, str):
            raise ValueError(f"the header file {self.header} has not been read yet")
        return self.header


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
    """How a source fills one field of its table: from a column, a constant or a derivation.

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
        where it is not).
    if_missing: the derivation that fills the field where its columns say nothing.
    codes: raw value -> code, exactly as written. `otherwise` is the code of every value that is not
        listed, but not of a missing one; without it such a value is a fault. What the codes give is
        then read as the field's kind; `parse` is not applied to it.
    overrides: the first that holds wins, over every origin and over missing.
    unflagged: a code that becomes UNKNOWN where none of the race columns says yes.
    pad: digits are padded with zeros on the left to this length if just one is missing (counted).
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
    pattern: str | None = None
    not_values: list[str] = []
    pad: int | None = None
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
        if self.derive == "file_name" and groups != 1:
            raise ValueError(f"derive file_name needs a pattern with one group, found {groups}")
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
    """

    order: list[str]
    code: str = "REPEATED_TEST"
    reason: str


class SetAside(Model):
    """Rows that are not this source's to load: the column, if there, holds one of the values."""

    column: OneOrMany
    values: list[str]
    reason: str


class Threshold(Model):
    """When a file is refused whole."""

    rejected_pct: float = Field(default=5.0, ge=0, le=100)


class Source(Model):
    """One kind of extract: its layouts, how each field is filled, its grain and its contract."""

    name: str
    title: str
    publisher: str
    citation: str
    table: Literal["student_result", "student_roster", "school"]
    file_names: list[str]
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
    known_gaps: list[str] = []
