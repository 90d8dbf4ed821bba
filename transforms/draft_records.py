"""Finds columns that hold one thing side by side: a column per window, subject or grade."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from configs.catalogue import Catalogue
from transforms.profiles import Profile, plain

VARIABLES = ("subject", "test_window")
_GRADE = re.compile(r"(?i:(?<![a-z0-9])(?:grade|gr)[\W_]*)(\d{1,2})(?!\d)")
_PLACE = re.compile(r"\{\w+\}")
SHORTEST = 3


@dataclass(frozen=True)
class RecordsGuess:
    """Columns of a wide file, as records of its rows.

    Attributes:
        over: variable -> code -> how the columns' names spell it.
        columns: column of the record -> the columns' names with the variables in braces.
        members: column of the record -> the file's columns.
    """

    over: dict[str, dict[str, str]]
    columns: dict[str, str]
    members: dict[str, list[str]]


@dataclass(frozen=True)
class _Spelled:
    column: str
    stem: str
    codes: dict[str, tuple[str, str]]


def guess_records(columns: Sequence[str], catalogue: Catalogue) -> RecordsGuess | None:
    """Return the largest run of columns whose names differ in a window, subject or grade."""
    phrases = list(_phrases(catalogue))
    groups: dict[str, list[_Spelled]] = {}
    for column in columns:
        spelled = _spelled(column, phrases)
        if spelled.codes and not set("{}") & set(column):
            groups.setdefault(spelled.stem, []).append(spelled)
    wide = {stem: group for stem, group in groups.items() if len(group) > 1}
    if not wide:
        return None
    kinds = Counter(tuple(group[0].codes) for group in wide.values() for _ in group)
    kind = kinds.most_common(1)[0][0]
    return _guess([group for group in wide.values() if tuple(group[0].codes) == kind], columns)


def _guess(groups: list[list[_Spelled]], columns: Sequence[str]) -> RecordsGuess:
    over: dict[str, dict[str, str]] = {variable: {} for variable in groups[0][0].codes}
    found = RecordsGuess(over, {}, {})
    for group in sorted(groups, key=len, reverse=True):
        if not _agrees(group, over):
            continue
        for spelled in group:
            for variable, (code, text) in spelled.codes.items():
                over[variable].setdefault(code, text)
        name = _record_column(group[0].stem, {*columns, *over, *found.columns})
        found.columns[name] = group[0].stem
        found.members[name] = [spelled.column for spelled in group]
    return found


def _agrees(group: list[_Spelled], over: dict[str, dict[str, str]]) -> bool:
    """Return whether a group spells its codes as the larger ones do, each in one way."""
    said: dict[tuple[str, str], set[str]] = {}
    for spelled in group:
        for variable, (code, text) in spelled.codes.items():
            known = over[variable].get(code, text)
            said.setdefault((variable, code), {known}).add(text)
    return all(len(texts) == 1 for texts in said.values())


def _record_column(stem: str, taken: set[str]) -> str:
    name = " ".join(_PLACE.sub(" ", stem).replace("_", " ").split()).strip(" -:._") or "Value"
    return name if name not in taken else f"{name} of the record"


def _phrases(catalogue: Catalogue) -> Iterator[tuple[str, str, re.Pattern[str]]]:
    """Yield variable, code and pattern of every word that may stand in a column's name."""
    for variable in VARIABLES:
        known = catalogue.vocabularies[variable]
        pairs = [(code, code) for code in known.codes]
        pairs += [(one.label, code) for code, one in known.codes.items()]
        pairs += list(catalogue.drafting.values.get(variable, {}).items())
        for text, code in sorted(pairs, key=lambda pair: -len(pair[0])):
            if len(text) >= SHORTEST:
                body = r"[\W_]*".join(map(re.escape, plain(text).split()))
                yield variable, code, re.compile(rf"(?<![A-Za-z0-9])(?i:{body})(?![a-z0-9])")


def _spelled(column: str, phrases: Sequence[tuple[str, str, re.Pattern[str]]]) -> _Spelled:
    """Return a column's name with the variables that it spells taken out of it."""
    stem, codes = column, {}
    for variable, code, pattern in phrases:
        found = pattern.search(stem)
        if found and variable not in codes:
            codes[variable] = (code, found[0])
            stem = f"{stem[: found.start()]}{{{variable}}}{stem[found.end() :]}"
    grade = _GRADE.search(stem)
    if grade:
        codes["grade"] = (grade[1].zfill(2), grade[0])
        stem = f"{stem[: grade.start()]}{{grade}}{stem[grade.end() :]}"
    return _Spelled(column, stem, dict(sorted(codes.items())))


def merged(name: str, members: Sequence[Profile]) -> Profile:
    """Return the profile of a column of the records, of those of the file's columns."""
    counts: Counter[str] = Counter()
    for one in members:
        counts.update(one.counts)
    rows = sum(one.rows for one in members)
    return Profile(name, rows, counts, any(one.many for one in members))
