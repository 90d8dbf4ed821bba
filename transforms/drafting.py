"""Guesses which column of an unknown file fills which field, and how it is to be read.

Names propose: they are compared with the columns that shipped sources read each field from. Values
confirm or veto. Whatever is not certain carries a note, for a person to decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from configs.catalogue import Catalogue
from configs.models import TableField
from configs.references import UNSET, allowed_codes
from transforms.draft_records import RecordsGuess, guess_records, merged
from transforms.draft_values import (
    HALF,
    all_digits,
    are_ids,
    are_numbers,
    are_spans,
    are_whole,
    are_years,
    date_formats,
    guessed_codes,
    known_codes,
    level_ranks,
)
from transforms.profiles import Profile, may_be_shown, plain, words
from transforms.renames import likeness

ALIKE, SURELY_ALIKE = 0.62, 0.9
SSID_DIGITS, CDS_DIGITS = 10, 14
DERIVED_PARSES = ("school_year_of_date", "window_of_date")
DISTRICT, SCHOOL, LEVEL = "district_id", "school_id", "performance_level"
LEVELS_AT_MOST = 9


@dataclass(frozen=True)
class FieldGuess:
    """How a field may be filled: keys of a FieldSource, and what is not certain of it."""

    field: str
    spec: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def column(self) -> str | None:
        """Return the column that it reads."""
        column = self.spec.get("column")
        return column if isinstance(column, str) else None


@dataclass(frozen=True)
class Guesses:
    """All that was guessed of a sample.

    Attributes:
        fields: by field, in the order of the table.
        records: of a wide file.
        missing: tokens of the sample that may stand for a missing value.
        levels: distinct values of the level column, where it holds words or a few numbers.
        unused: columns that fill nothing.
    """

    fields: dict[str, FieldGuess]
    records: RecordsGuess | None
    missing: list[str]
    levels: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


def guess(profiles: Sequence[Profile], catalogue: Catalogue, table: str) -> Guesses:
    """Return which column may fill which field of a table.

    Args:
        profiles: the columns of the sample, in the order of the file.
        catalogue: the whole configuration: its sources teach names and codes.
        table: the student-level table that the file is to fill.
    """
    names = [one.name for one in profiles]
    records = guess_records(names, catalogue) if table == "student_result" else None
    by_name = {one.name: one for one in profiles}
    inner = [merged(name, [by_name[m] for m in of]) for name, of in _members(records).items()]
    gone = {column for of in _members(records).values() for column in of}
    candidates = [*inner, *(one for one in profiles if one.name not in gone)]
    guesser = _Guesser(candidates, catalogue, table)
    fields = guesser.fields()
    if records is not None:
        fields |= {name: FieldGuess(name, {"column": name}) for name in records.over}
    used = {one.column for one in fields.values()}
    return Guesses(
        fields={name: fields[name] for name in guesser.table if name in fields},
        records=records,
        missing=guesser.missing,
        levels=guesser.levels(fields.get(LEVEL)),
        unused=[one.name for one in candidates if one.name not in used],
    )


def _members(records: RecordsGuess | None) -> dict[str, list[str]]:
    return records.members if records is not None else {}


class _Guesser:
    """Binds columns to fields, the most alike first, each column once."""

    def __init__(self, columns: Sequence[Profile], catalogue: Catalogue, table: str) -> None:
        self.columns = {one.name: one for one in columns}
        self.catalogue = catalogue
        self.drafting = catalogue.drafting
        self.table: Mapping[str, TableField] = catalogue.tables[table].fields

    @cached_property
    def missing(self) -> list[str]:
        """Return the tokens for a missing value that the sample shows."""
        seen = {value for one in self.columns.values() for value in one.counts}
        return [token for token in self.drafting.missing if token in seen]

    def values(self, column: str) -> list[str]:
        return self.columns[column].values(["", *self.missing])

    def fields(self) -> dict[str, FieldGuess]:
        found: dict[str, FieldGuess] = {}
        taken: set[str] = set()
        for score, name, column in sorted(self._proposals(), key=lambda one: -one[0]):
            if name in found or column in taken or not self.values(column):
                continue
            reading = self._reading(name, column, score)
            if reading is not None:
                found[name] = reading
                taken.add(column)
        found |= self._of_long_code(found)
        return found | {one.field: one for one in self._without_column(found)}

    def _proposals(self) -> Iterator[tuple[float, str, str]]:
        for name, one in self.table.items():
            # Nothing in the values of a free text speaks against it: its name must be certain.
            free = one.kind == "text" and not name.endswith("_id")
            known = self._names(name)
            for column in self.columns:
                score = _name_score(column, known)
                if score >= (SURELY_ALIKE if free else ALIKE):
                    yield score, name, column

    def _names(self, name: str) -> list[str]:
        """Return what columns that fill a field are called."""
        known = [name, *self.drafting.columns.get(name, [])]
        for source in self.catalogue.sources.values():
            spec = source.fields.get(name)
            if spec is not None and spec.parse not in DERIVED_PARSES and spec.join is None:
                known += [one for spellings in spec.spellings for one in spellings]
        return list({plain(one): one for one in known}.values())

    def _reading(self, name: str, column: str, score: float) -> FieldGuess | None:
        """Return how the column may fill the field; none where its values speak against it."""
        told = self._told(name, column)
        if told is None:
            return None
        spec, notes = told
        if score < SURELY_ALIKE:
            notes = [f"the column's name is only like those of {name}", *notes]
        return FieldGuess(name, {"column": column, **spec}, tuple(notes))

    def _told(self, name: str, column: str) -> tuple[dict[str, Any], list[str]] | None:
        kind, values = self.table[name].kind, self.values(column)
        if kind == "code":
            return self._codes(name, column)
        if kind == "date":
            return self._dates(values)
        if name == "school_year":
            return self._years(values)
        if name == LEVEL:
            return self._levels(column)
        if kind in ("decimal", "integer"):
            parse = "integer" if are_whole(values) else "decimal"
            return ({"parse": parse}, []) if are_numbers(values) else None
        return self._text(name, values)

    def _codes(self, name: str, column: str) -> tuple[dict[str, Any], list[str]] | None:
        vocabulary = self.table[name].vocabulary or ""
        shown = may_be_shown(self.columns[column], self.drafting.identifying, self._gone)
        values = self.values(column)
        codes = guessed_codes(values, known_codes(self.catalogue, vocabulary), self.drafting)
        if len(codes) < HALF * len(values):
            return None
        if name == "grade" and self._is_plain_grade(values):
            return {"parse": "grade"}, []
        if not shown:
            return None
        open_values = [value for value in values if value not in codes]
        notes = [f"no code was guessed for {value!r}" for value in open_values]
        said = [f"{v!r} as {c}" for v, c in codes.items() if plain(v) != plain(c)]
        notes += [f"read {', '.join(said)}"] if said else []
        return {"codes": codes}, notes

    @property
    def _gone(self) -> list[str]:
        return ["", *self.missing]

    def _is_plain_grade(self, values: Sequence[str]) -> bool:
        grades = self.catalogue.vocabularies["grade"]
        return {*values} <= {*grades.codes, *grades.spellings}

    def _dates(self, values: Sequence[str]) -> tuple[dict[str, Any], list[str]] | None:
        formats = date_formats(values, self.drafting.date_formats)
        if not formats:
            return None
        others = [f"{one} reads them all too" for one in formats[1:]]
        return {"parse": "date", "date_formats": formats[:1]}, others

    def _years(self, values: Sequence[str]) -> tuple[dict[str, Any], list[str]] | None:
        if are_spans(values):
            return {"parse": "school_year_span"}, []
        if are_years(values):
            return {"parse": "school_year"}, ["is the year written the spring year?"]
        return None

    def _levels(self, column: str) -> tuple[dict[str, Any], list[str]] | None:
        values = self.values(column)
        if not may_be_shown(self.columns[column], self.drafting.identifying, self._gone):
            return None
        if not 1 < len(values) <= LEVELS_AT_MOST:
            return None
        if all(re.fullmatch("[1-9]", value) for value in values):
            return {"parse": "integer"}, []
        known = len(level_ranks(values, self.drafting))
        return (
            ({"codes": dict.fromkeys(values, UNSET)}, []) if known >= HALF * len(values) else None
        )

    def _text(self, name: str, values: Sequence[str]) -> tuple[dict[str, Any], list[str]] | None:
        if not name.endswith("_id"):
            return None if are_numbers(values) else ({}, [])
        if not are_ids(values):
            return None
        if name == "student_id" and all_digits(values, SSID_DIGITS):
            return {"pad": SSID_DIGITS, "pattern": f"^[0-9]{{{SSID_DIGITS}}}$"}, []
        if name in (DISTRICT, SCHOOL) and all_digits(values, CDS_DIGITS):
            return _of_cds(name), []
        return _of_one_length(values)

    def _of_long_code(self, found: Mapping[str, FieldGuess]) -> dict[str, FieldGuess]:
        """Return district and school of one code of 14 digits, where it fills one of the two."""
        for name, other in ((SCHOOL, DISTRICT), (DISTRICT, SCHOOL)):
            one = found.get(name)
            if one is not None and one.spec.get("pad") == CDS_DIGITS and other not in found:
                spec = {"column": one.column, **_of_cds(other)}
                return {other: FieldGuess(other, spec, one.notes)}
        return {}

    def _without_column(self, found: Mapping[str, FieldGuess]) -> Iterator[FieldGuess]:
        """Yield the required fields that no column fills: derived, or left to a person."""
        for name, one in self.table.items():
            if not one.required or name in found:
                continue
            if name == DISTRICT:
                note = "no column names a district: the landing folder or --district does"
                yield FieldGuess(name, {"derive": "landing_district"}, (note,))
            elif name == SCHOOL and "school_name" in found:
                note = "no column has its code: it is looked up by its name in the directory"
                yield FieldGuess(name, {"derive": "school_by_name"}, (note,))
            elif name == "school_year" and "test_date" in found:
                when = found["test_date"].spec
                spec = {key: when[key] for key in ("column", "date_formats")}
                note = "no column has it: it is taken from the test date"
                yield FieldGuess(name, spec | {"parse": "school_year_of_date"}, (note,))
            else:
                yield FieldGuess(name, {"value": UNSET}, (self._choices(name),))

    def _choices(self, name: str) -> str:
        vocabulary = self.table[name].vocabulary
        codes = allowed_codes(self.catalogue, vocabulary) if vocabulary else []
        told = f"; one of {', '.join(codes)}" if codes else ""
        told += " (TESTED, where the file lists nobody else)" if name == "participation" else ""
        return f"no column says it: name its column, or set the value{told}"

    def levels(self, level: FieldGuess | None) -> list[str]:
        """Return what the level column holds."""
        return self.values(level.column) if level is not None and level.column else []


def _of_one_length(values: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return how ids with zeros in front are read: a spreadsheet drops them, and 0112 is not 112.

    >>> _of_one_length(["0112", "1127"])[0]
    {'pad': 4, 'pattern': '^[0-9]{4}$'}
    """
    size = max(map(len, values))
    zeros = any(len(value) == size and value.startswith("0") for value in values)
    if not zeros or not all_digits(values, size):
        return {}, []
    note = f"all have {size} digits, some a zero in front, which is put back where it is lost"
    return {"pad": size, "pattern": f"^[0-9]{{{size}}}$"}, [note]


def _of_cds(name: str) -> dict[str, Any]:
    kept = [0, 7] if name == DISTRICT else [7, CDS_DIGITS]
    return {"pad": CDS_DIGITS, "pattern": f"^[0-9]{{{CDS_DIGITS}}}$", "slice": kept}


def _name_score(column: str, known: Sequence[str]) -> float:
    """Return how alike a column's name is to the names known, 0 to 1."""
    own, best = plain(column), 0.0
    parts = set(words(column))
    for name in known:
        if plain(name) == own:
            return 1.0
        if parts & set(words(name)):
            best = max(best, 0.95 * likeness(column, name))
    return best
