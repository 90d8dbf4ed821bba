"""Reads single values: what one string of a file means in one field.

Columns are read through their distinct values, so these functions run a few times for a million
rows, and may be plain.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import NamedTuple

from configs.models import Kind
from configs.source_models import FieldSource, Window

Value = str | int | float | bool | dt.date

LOST_ZERO_REPAIRED = "LOST_ZERO_REPAIRED"
# Times 100 a share such as 0.29 is 28.999999999999996.
SHARE_DECIMALS = 10
CACHED_AT_MOST = 200_000
INT32_LIMIT = 2**31
INT32_DIGITS = 10
FIRST_YEAR, LAST_YEAR = 1900, 2100
SCHOOL_YEAR_STARTS = (7, 1)
_INTEGER = re.compile(r"[+-]?[0-9]+(\.0*)?")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_YEAR = re.compile(r"[0-9]{4}")
_SPAN = re.compile(r"([0-9]{4})\s*[-_/–]\s*([0-9]{4}|[0-9]{2})")
_LINE_ENDS = re.compile(r"\s*[\r\n\t]+\s*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Outcome(NamedTuple):
    """What a string means: a value, or none; and the fault or the flag that it earns its row."""

    value: Value | None = None
    fault: str | None = None
    flag: str | None = None


MISSING = Outcome()
NOT_A_DATE = Outcome(fault="NOT_A_DATE")
NOT_A_NUMBER = Outcome(fault="NOT_A_NUMBER")
BAD_FORMAT = Outcome(fault="BAD_FORMAT")
UNKNOWN_CODE = Outcome(fault="UNKNOWN_CODE")
OUT_OF_RANGE = Outcome(fault="OUT_OF_RANGE")
REQUIRED_MISSING = Outcome(fault="REQUIRED_MISSING")


@dataclass(frozen=True)
class FieldRules:
    """What of a field is decided outside its FieldSource.

    Attributes:
        kind: the field's kind in fields.yml.
        codes: the codes of its vocabulary.
        spellings: other spellings of these codes.
        missing: the source's tokens for a missing value.
        windows: the source's test windows.
        minimum, maximum: the table's own limits.
        strip: blanks around a value are not part of it.
    """

    kind: Kind
    codes: frozenset[str] = frozenset()
    spellings: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset([""])
    windows: Mapping[str, Window] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    strip: bool = True


class Decoder:
    """Says what a string means in one field, and remembers it.

    Order: strip, missing, extract, pad, not_values and pattern, slice, codes or parse, range.
    """

    def __init__(self, spec: FieldSource, rules: FieldRules) -> None:
        """Keep what the field's reading depends on."""
        self.spec = spec
        self.rules = rules
        self.missing = rules.missing | set(spec.missing)
        self.pattern = re.compile(spec.pattern, re.ASCII) if spec.pattern else None
        self.part = re.compile(spec.extract) if spec.extract else None
        self.not_values = frozenset(spec.not_values)
        self._read = self._of_codes if spec.codes is not None else self._reader()
        self._cache: dict[str, Outcome] = {}

    def __call__(self, raw: str) -> Outcome:
        """Return what the string means."""
        outcome = self._cache.get(raw)
        if outcome is None:
            if len(self._cache) >= CACHED_AT_MOST:
                self._cache.clear()
            outcome = self._cache[raw] = self._decode(raw)
        return outcome

    def plain(self, raw: str) -> str:
        """Return the string as it is compared with codes and missing tokens."""
        return raw.strip() if self.rules.strip else raw

    def typed(self, text: str) -> Outcome:
        """Return a string that configuration states, as the field's kind."""
        return _TYPED[self.rules.kind](self, text)

    def of_file_name(self, found: str | None) -> Outcome:
        """Return what the part of the file name means that the field's pattern found."""
        if found is not None:
            return self._read(found)
        return self.typed(self.spec.otherwise) if self.spec.otherwise is not None else MISSING

    def _decode(self, raw: str) -> Outcome:
        text = self.plain(raw)
        if text in self.missing:
            return MISSING
        part = self._extracted(text)
        if part is None:
            return BAD_FORMAT
        text, flag = self._padded(part)
        if text in self.not_values or (self.pattern and not self.pattern.fullmatch(text)):
            return BAD_FORMAT
        if self.spec.slice is not None:
            text = text[slice(*self.spec.slice)]
        outcome = self._read(text)
        return outcome if outcome.fault else outcome._replace(flag=flag)

    def _extracted(self, text: str) -> str | None:
        """Return the part of the value that counts; null where it is not found."""
        if self.part is None:
            return text
        found = self.part.search(text)
        return found[1] if found else None

    def _padded(self, text: str) -> tuple[str, str | None]:
        width = self.spec.pad or 0
        lost = width - len(text)
        if 0 < lost <= self.spec.lost_zeros and text.isascii() and text.isdigit():
            return text.zfill(width), LOST_ZERO_REPAIRED
        return text, None

    def _of_codes(self, text: str) -> Outcome:
        mapped = (self.spec.codes or {}).get(text, self.spec.otherwise)
        return UNKNOWN_CODE if mapped is None else self.typed(mapped)

    def _reader(self) -> Callable[[str], Outcome]:
        readers: dict[str, Callable[[str], Outcome]] = {
            "integer": self._integer,
            "decimal": self._decimal,
            "percent": self._percent,
            "proportion": self._proportion,
            "date": self._date,
            "grade": self._code,
            "school_year": self._school_year,
            "school_year_span": self._school_year_span,
            "school_year_of_date": self._school_year_of_date,
            "window_of_date": self._window_of_date,
        }
        return readers.get(self.spec.parse, self.typed)

    def _text(self, text: str) -> Outcome:
        text = _LINE_ENDS.sub(" ", text)
        return BAD_FORMAT if _CONTROL.search(text) else Outcome(text)

    def _code(self, text: str) -> Outcome:
        code = text if text in self.rules.codes else self.rules.spellings.get(text)
        return UNKNOWN_CODE if code is None else Outcome(code)

    def _integer(self, text: str) -> Outcome:
        if not _INTEGER.fullmatch(text):
            return NOT_A_NUMBER
        # Python refuses to read a number of thousands of digits, zeros or not.
        digits = text.partition(".")[0].lstrip("+-").lstrip("0") or "0"
        if len(digits) > INT32_DIGITS:
            return OUT_OF_RANGE
        number = -int(digits) if text.startswith("-") else int(digits)
        return self._within(number) if abs(number) < INT32_LIMIT else OUT_OF_RANGE

    def _decimal(self, text: str) -> Outcome:
        return self._within(float(text)) if _DECIMAL.fullmatch(text) else NOT_A_NUMBER

    def _percent(self, text: str) -> Outcome:
        number = text.removesuffix("%").rstrip()
        return self._share(float(number)) if _DECIMAL.fullmatch(number) else NOT_A_NUMBER

    def _proportion(self, text: str) -> Outcome:
        if not _DECIMAL.fullmatch(text):
            return NOT_A_NUMBER
        return self._share(round(float(text) * 100, SHARE_DECIMALS))

    def _share(self, percent: float) -> Outcome:
        return self._within(percent) if 0 <= percent <= 100 else OUT_OF_RANGE

    def _boolean(self, text: str) -> Outcome:
        known = {"true": Outcome(True), "false": Outcome(False)}
        return known.get(text.lower(), UNKNOWN_CODE)

    def _within(self, number: int | float) -> Outcome:
        lowest = [m for m in (self.spec.minimum, self.rules.minimum) if m is not None]
        highest = [m for m in (self.spec.maximum, self.rules.maximum) if m is not None]
        inside = all(number >= m for m in lowest) and all(number <= m for m in highest)
        return Outcome(number) if inside and isfinite(number) else OUT_OF_RANGE

    def _date(self, text: str) -> Outcome:
        day = parse_date(text, self.spec.date_formats)
        if day is None:
            return NOT_A_DATE
        return Outcome(day) if FIRST_YEAR <= day.year <= LAST_YEAR else OUT_OF_RANGE

    def _iso_date(self, text: str) -> Outcome:
        day = parse_date(text, ["%Y-%m-%d"])
        return NOT_A_DATE if day is None else Outcome(day)

    def _school_year(self, text: str) -> Outcome:
        return self._within(int(text)) if _YEAR.fullmatch(text) else NOT_A_NUMBER

    def _school_year_span(self, text: str) -> Outcome:
        year = later_year(text)
        return BAD_FORMAT if year is None else self._within(year)

    def _school_year_of_date(self, text: str) -> Outcome:
        day = self._date(text)
        return self._within(school_year_of(day.value)) if isinstance(day.value, dt.date) else day

    def _window_of_date(self, text: str) -> Outcome:
        day = self._date(text)
        if not isinstance(day.value, dt.date):
            return day
        window = window_of(day.value, self.rules.windows)
        return OUT_OF_RANGE if window is None else Outcome(window)


_TYPED: dict[str, Callable[[Decoder, str], Outcome]] = {
    "text": Decoder._text,
    "code": Decoder._code,
    "integer": Decoder._integer,
    "decimal": Decoder._decimal,
    "date": Decoder._iso_date,
    "boolean": Decoder._boolean,
}


def parse_date(text: str, formats: list[str]) -> dt.date | None:
    """Return the day that the first fitting format reads, null where none fits.

    >>> parse_date("1/14/2026", ["%Y-%m-%d", "%m/%d/%Y"])
    datetime.date(2026, 1, 14)
    """
    for one in formats:
        try:
            return dt.date(*time.strptime(text, one)[:3])
        except ValueError:
            continue
    return None


def later_year(span: str) -> int | None:
    """Return the spring year of a school year written as two years, null where they are not two.

    >>> [later_year(span) for span in ("2020_2021", "2021-22", "1999-00", "2020-2022")]
    [2021, 2022, 2000, None]
    """
    found = _SPAN.fullmatch(span)
    if not found:
        return None
    year = int(found[1]) + 1
    return year if str(year).endswith(found[2]) else None


def school_year_of(day: dt.date) -> int:
    """Return the spring year of the school year that holds the day; it starts on July 1.

    >>> school_year_of(dt.date(2021, 7, 1)), school_year_of(dt.date(2021, 6, 30))
    (2022, 2021)
    """
    return day.year + ((day.month, day.day) >= SCHOOL_YEAR_STARTS)


def window_of(day: dt.date, windows: Mapping[str, Window]) -> str | None:
    """Return the first window that holds the day; a window may run over the turn of the year."""
    at = f"{day:%m-%d}"
    for name, window in windows.items():
        start, end = window.from_day, window.to_day
        if start <= at <= end or (start > end and (at >= start or at <= end)):
            return name
    return None
