"""Fills one field of a table from a piece of a file, as its FieldSource says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from configs.catalogue import Catalogue
from configs.errors import FileRefused
from configs.models import TableField
from configs.references import allowed_codes
from configs.source_models import FieldSource, SetAside, Source
from transforms.coded import (
    Coded,
    Filled,
    code_array,
    code_mask,
    constant,
    decoded,
    filled,
    first_of,
    joined,
    typed_array,
)
from transforms.demographics import MULTI, UNKNOWN, RaceReader, Races
from transforms.ids import is_plain, read_ids
from transforms.layouts import LayoutMatch
from transforms.parse import MISSING, REQUIRED_MISSING, Decoder, FieldRules, Outcome
from transforms.pieces import SHEET, Piece
from transforms.schools import SchoolNames

UNKNOWN_SCHOOL = "UNKNOWN_SCHOOL"
SMALL_LIST = 127


@dataclass(frozen=True)
class Landing:
    """What is known of a file beside its content.

    Attributes:
        file_name: the name it arrived by.
        district_id: the folder under landing/, or --district, or the home district.
        file_school_year: its only school year, which fills rows without a date (`only_year`).
        schools: the district's schools by name, where a source looks them up.
    """

    file_name: str = ""
    district_id: str | None = None
    file_school_year: int | None = None
    schools: SchoolNames | None = None


@dataclass(frozen=True)
class Setting:
    """What all fields of a load share."""

    source: Source
    match: LayoutMatch
    catalogue: Catalogue
    landing: Landing

    @cached_property
    def races(self) -> RaceReader | None:
        """Return the reader of the race columns, null where the source has none."""
        flags = self.source.race
        if flags is None:
            return None
        named = {race: self.match.spelled(names) for race, names in flags.columns.items()}
        named[MULTI] = self.match.spelled(flags.multiple) if flags.multiple else None
        columns = {race: column for race, column in named.items() if column is not None}
        return RaceReader(flags, columns, self.source.missing, self.source.format.strip)


class Rows:
    """A piece, with what several fields need of it worked out once."""

    def __init__(self, piece: Piece, setting: Setting) -> None:
        self.piece = piece
        self.count = piece.table.num_rows
        self._setting = setting
        self._dictionaries: dict[str, pa.DictionaryArray] = {}

    def dictionary(self, name: str) -> pa.DictionaryArray:
        """Return a column as a dictionary array."""
        if name not in self._dictionaries:
            array = _whole(self.piece.table[name])
            is_one = isinstance(array, pa.DictionaryArray)
            self._dictionaries[name] = array if is_one else array.dictionary_encode()
        return self._dictionaries[name]

    def strings(self, name: str) -> pa.Array:
        """Return a column as plain strings."""
        return _whole(self.piece.table[name]).cast(pa.string())

    @cached_property
    def races(self) -> Races:
        """Return the race flags of the piece."""
        reader = self._setting.races
        assert reader is not None, "the catalogue refuses such a source"
        columns = {name: self.dictionary(name) for name in reader.columns.values()}
        return reader.read(columns, self.count)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def arrow_type(field: TableField, catalogue: Catalogue) -> pa.DataType:
    """Return the Arrow type of a field.

    Codes are dictionaries over the whole vocabulary, other text is a dictionary of the piece's own
    values, personal text (nearly every value another) is plain.
    """
    if field.kind == "code":
        codes = allowed_codes(catalogue, field.vocabulary or "")
        index = pa.int8() if len(codes) <= SMALL_LIST else pa.int16()
        return pa.dictionary(index, pa.string())
    plain: Mapping[str, pa.DataType] = {
        "integer": pa.int32(),
        "decimal": pa.float64(),
        "date": pa.date32(),
        "boolean": pa.bool_(),
        "text": pa.string() if field.personal else pa.dictionary(pa.int32(), pa.string()),
    }
    return plain[field.kind]


class FieldFiller:
    """Fills one field, piece after piece.

    Attributes:
        plain_column: the column that is best read as plain strings, if it is of that kind.
    """

    def __init__(self, name: str, field: TableField, setting: Setting) -> None:
        """Work out where the field's values come from.

        Raises:
            FileRefused: NO_DISTRICT where the field needs the landing's district.
        """
        self.field = field
        self.type = arrow_type(field, setting.catalogue)
        self._setting = setting
        layout = setting.match.layout
        spec = setting.source.fields.get(name)
        constant_of_layout = layout.constants.get(name)
        if constant_of_layout is not None:
            spec = FieldSource(value=constant_of_layout)
        self._spec = spec
        self._bound = setting.match.bindings.get(name, [])
        dropped = spec is not None and bool(spec.spellings) and not self._bound
        self._absent = dropped or (name in layout.absent and constant_of_layout is None)
        self._codes = (
            allowed_codes(setting.catalogue, field.vocabulary)
            if field.kind == "code" and field.vocabulary
            else []
        )
        self._decoder = Decoder(spec or FieldSource(value=""), self._rules())
        self._required = field.required or (spec is not None and spec.required)
        self._refuse_without_district()
        plain = is_plain(field, spec) and not self._absent
        self.plain_column = self._bound[0] if plain else None

    def fill(self, rows: Rows) -> Filled:
        """Return the field's column of the piece."""
        if self.plain_column is not None:
            column = rows.strings(self.plain_column)
            return read_ids(column, self._decoder, self._required)
        if self._spec is None:
            return Filled(pa.nulls(rows.count, self.type), [], [])
        coded = self._demanded(self._overridden(self._completed(self._origin(rows), rows), rows))
        if self.field.kind == "code":
            return filled(coded, code_array(coded, self._codes, self.type))
        return filled(coded, typed_array(coded, self.type))

    def _rules(self) -> FieldRules:
        setting, vocabularies = self._setting, self._setting.catalogue.vocabularies
        known = vocabularies.get(self.field.vocabulary or "")
        return FieldRules(
            kind=self.field.kind,
            codes=frozenset(self._codes),
            spellings=known.spellings if known else {},
            missing=frozenset(setting.source.missing),
            windows=setting.source.windows,
            minimum=self.field.minimum,
            maximum=self.field.maximum,
            strip=setting.source.format.strip,
        )

    def _refuse_without_district(self) -> None:
        spec, landing = self._spec, self._setting.landing
        needs = {"landing_district", "school_by_name"}
        if spec is None or not needs & {spec.derive, spec.if_missing}:
            return
        if landing.district_id is None:
            raise FileRefused(
                "NO_DISTRICT",
                where="the file's place",
                found="no district: nothing in the file names one",
                expected="the district that the file is of",
                remedy="put it into landing/<district id>/, or give --district, or set "
                "home_district in the profile",
            )

    def _origin(self, rows: Rows) -> Coded:
        spec = self._spec
        assert spec is not None
        if self._absent:
            return constant(MISSING, rows.count)
        if spec.value is not None:
            return constant(self._decoder.typed(spec.value), rows.count)
        if spec.derive is not None:
            return self._derived(spec.derive, rows)
        if spec.join is not None:
            parts = [rows.dictionary(column) for column in self._bound]
            decoder = self._decoder
            return decoded(joined(parts, decoder.missing.__contains__, decoder.plain), decoder)
        columns = [decoded(rows.dictionary(column), self._decoder) for column in self._bound]
        return first_of(columns) if columns else constant(MISSING, rows.count)

    def _derived(self, derivation: str, rows: Rows) -> Coded:
        if derivation == "race_flags":
            return rows.races.as_text()
        if derivation == "ethnicity":
            return rows.races.as_category()
        if derivation == "landing_district":
            district = self._setting.landing.district_id or ""
            return constant(self._decoder.typed(district), rows.count)
        if derivation == "file_name":
            return constant(self._of_file_name(), rows.count)
        if derivation == "sheet_name":
            return self._of_sheet(rows)
        return self._by_name(rows)

    def _of_file_name(self) -> Outcome:
        pattern, name = self._decoder.pattern, self._setting.landing.file_name.lower()
        found = pattern.search(name) if pattern else None
        return self._decoder.of_file_name(found[1] if found else None)

    def _of_sheet(self, rows: Rows) -> Coded:
        if SHEET not in rows.piece.table.column_names:
            return constant(self._decoder.of_file_name(None), rows.count)
        return decoded(rows.dictionary(SHEET), self._of_sheet_name)

    def _of_sheet_name(self, name: str) -> Outcome:
        pattern = self._decoder.pattern
        found = pattern.search(name) if pattern else None
        return self._decoder.of_file_name(found[1] if found else None)

    def _by_name(self, rows: Rows) -> Coded:
        bound = self._setting.match.bindings.get("school_name", [])
        if not bound:
            return constant(MISSING, rows.count)
        return decoded(rows.dictionary(bound[0]), self._school_of)

    def _school_of(self, raw: str) -> Outcome:
        name, schools = raw.strip(), self._setting.landing.schools
        if name in self._decoder.missing:
            return MISSING
        school_id = schools.find(name) if schools is not None else None
        return Outcome(fault=UNKNOWN_SCHOOL) if school_id is None else Outcome(school_id)

    def _completed(self, coded: Coded, rows: Rows) -> Coded:
        """Fill what is missing where the source says from what; part the unflagged."""
        spec, landing = self._spec, self._setting.landing
        assert spec is not None
        if spec.if_missing is not None and coded.mask(lambda one: one == MISSING).any():
            coded = first_of([coded, self._derived(spec.if_missing, rows)])
        if spec.parse == "school_year_of_date" and landing.file_school_year is not None:
            year = Outcome(landing.file_school_year)
            coded = coded.replaced(lambda one: year if one == MISSING else one)
        if spec.default is not None:
            default = self._decoder.typed(spec.default)
            coded = coded.replaced(lambda one: default if one == MISSING else one)
        if spec.unflagged is not None:
            said = coded.mask(lambda one: one.value == spec.unflagged)
            coded = coded.with_rows(said & rows.races.unflagged, Outcome(UNKNOWN))
        return coded

    def _overridden(self, coded: Coded, rows: Rows) -> Coded:
        spec = self._spec
        assert spec is not None
        for override in reversed(spec.overrides):
            column = self._setting.match.spelled(override.column)
            if column is not None:
                held = holds(rows.dictionary(column), override.values, self._decoder.rules.strip)
                coded = coded.with_rows(held, self._decoder.typed(override.code))
        return coded

    def _demanded(self, coded: Coded) -> Coded:
        if not self._required:
            return coded
        return coded.replaced(lambda one: REQUIRED_MISSING if one == MISSING else one)


def sets_aside(column: pa.DictionaryArray, rule: SetAside, source: Source) -> np.ndarray:
    """Return the rows that a rule sets aside.

    Under `unless` a missing value stays only where the rule lists the blank.
    """
    strip = source.format.strip
    if rule.values:
        return holds(column, rule.values, strip)
    missing = source.missing if "" in rule.unless else []
    return ~holds(column, [*rule.unless, *missing], strip)


def holds(column: pa.DictionaryArray, values: list[str], strip: bool) -> np.ndarray:
    """Return the rows in which a column has one of the values."""
    wanted = set(values)
    return code_mask(column, lambda word: (word.strip() if strip else word) in wanted)
