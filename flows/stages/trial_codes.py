"""What every value of a sample's coded columns would become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from configs.catalogue import Catalogue, allowed_codes
from configs.models import TableField
from configs.source_models import FieldSource, Source
from transforms.layouts import LayoutMatch, own_columns
from transforms.parse import MISSING, Decoder, FieldRules, Outcome
from transforms.pieces import Piece
from transforms.profiles import Profile, may_be_shown
from transforms.reshape import Reshaper

NOT_READ = ("window_of_date", "date", "school_year_of_date")


class CodedColumns:
    """Counts the values of the columns that are read by codes, piece after piece."""

    def __init__(self, source: Source, match: LayoutMatch, catalogue: Catalogue) -> None:
        """Find the coded fields that the layout fills from columns."""
        self._source, self._catalogue = source, catalogue
        own, format_ = own_columns(match, source), source.format
        self._records = (
            Reshaper(own, match.records, source.missing, format_.strip) if match.records else None
        )
        table = catalogue.tables[source.table].fields
        self._profiles: dict[tuple[str, str], Profile] = {}
        self._decoders: dict[str, Decoder] = {}
        for name, columns in match.bindings.items():
            spec = source.fields[name]
            if _is_coded(spec, table[name]):
                self._decoders[name] = Decoder(spec, self._rules(table[name]))
                self._profiles |= {(column, name): Profile(column) for column in columns}

    def take(self, piece: Piece) -> None:
        """Count the values of a piece, record by record."""
        table = (self._records.reshape(piece) if self._records else piece).table
        for (column, _), profile in self._profiles.items():
            profile.take(table[column].combine_chunks().cast(pa.string()))

    def records(self) -> list[dict[str, Any]]:
        """Return a record per column, field and value; `value` is null where it may not be shown.

        `becomes` is the code, missing, or what would be set aside; `unknown` says that it has none.
        """
        found: list[dict[str, Any]] = []
        for (column, name), profile in self._profiles.items():
            decoder = self._decoders[name]
            identifying = self._catalogue.drafting.identifying
            shown = may_be_shown(profile, self._column_words(identifying, name), decoder.missing)
            found += (_each if shown else _together)(column, name, profile, decoder)
        return found

    def _column_words(self, identifying: list[str], name: str) -> list[str]:
        """Return the words of a person's columns; a coded field's column may be called a name."""
        personal = self._catalogue.tables[self._source.table].fields[name].personal
        return identifying if personal else [one for one in identifying if one not in _OF_CODES]

    def _rules(self, field: TableField) -> FieldRules:
        known = self._catalogue.vocabularies.get(field.vocabulary or "")
        codes = allowed_codes(self._catalogue, field.vocabulary) if field.vocabulary else []
        return FieldRules(
            kind=field.kind,
            codes=frozenset(codes),
            spellings=known.spellings if known else {},
            missing=frozenset(self._source.missing),
            minimum=field.minimum,
            maximum=field.maximum,
            strip=self._source.format.strip,
        )


# "Race Name" and "Level Number" hold codes where the source's YAML says so.
_OF_CODES = ("name", "number")


def _is_coded(spec: FieldSource, field: TableField) -> bool:
    if field.personal or spec.join is not None or spec.parse in NOT_READ:
        return False
    return spec.codes is not None or field.kind == "code"


def _each(column: str, name: str, profile: Profile, decoder: Decoder) -> list[dict[str, Any]]:
    return [
        _record(column, name, value, decoder(value), rows)
        for value, rows in profile.counts.most_common()
    ]


def _together(column: str, name: str, profile: Profile, decoder: Decoder) -> list[dict[str, Any]]:
    """Return one record for all known values of a column, and one for the unknown ones."""
    rows: dict[bool, int] = {}
    for value, count in profile.counts.items():
        unknown = decoder(value).fault is not None
        rows[unknown] = rows.get(unknown, 0) + count
    return [
        {
            "column": column,
            "field": name,
            "value": None,
            "becomes": _set_aside(count) if unknown else "codes and missing",
            "rows": count,
            "unknown": unknown,
        }
        for unknown, count in sorted(rows.items())
    ]


def _record(column: str, name: str, value: str, outcome: Outcome, rows: int) -> dict[str, Any]:
    return {
        "column": column,
        "field": name,
        "value": value,
        "becomes": _words(outcome, rows),
        "rows": rows,
        "unknown": outcome.fault is not None,
    }


def _words(outcome: Outcome, rows: int) -> str:
    if outcome.fault is not None:
        return _set_aside(rows)
    return "missing" if outcome == MISSING else str(outcome.value)


def _set_aside(rows: int) -> str:
    return f"unknown: {rows:,} {'row' if rows == 1 else 'rows'} would be set aside"


def partition_counts(
    counts: Mapping[tuple[Any, ...], int], names: list[str]
) -> list[dict[str, Any]]:
    """Return a record per partition: what it is of, and its rows."""
    return [
        {"partition": dict(zip(names, key, strict=True)), "rows": rows}
        for key, rows in sorted(counts.items(), key=lambda one: str(one[0]))
    ]
