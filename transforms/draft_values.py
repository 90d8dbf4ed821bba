"""What the values of an unknown column are: codes, numbers, dates, ids. They confirm or veto."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from configs.assessment_models import Assessment
from configs.catalogue import Catalogue
from configs.models import Drafting
from configs.references import ASSESSMENT
from transforms.parse import later_year, parse_date
from transforms.profiles import plain, words

TRIED = 500
MOST = 0.95
HALF = 0.5
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_YEAR = re.compile(r"(19|20)\d\d")
_ID = re.compile(r"[A-Za-z]{0,4}[-_]?[0-9]{3,}[A-Za-z0-9-]*")


def known_codes(catalogue: Catalogue, vocabulary: str) -> dict[str, str]:
    """Return code by plain value: of the codes, labels, spellings, and every source's own codes.

    A value that stands for two codes in two sources is left out.
    """
    pairs = [*_of_sources(catalogue, vocabulary)]
    if vocabulary in catalogue.vocabularies:
        known = catalogue.vocabularies[vocabulary]
        pairs += known.spellings.items()
        for code, one in known.codes.items():
            pairs += [(code, code), (one.label, code)]
    if vocabulary == ASSESSMENT:
        for name, assessment in catalogue.assessments.items():
            pairs += [(name, name), (assessment.title, name)]
    meant: dict[str, set[str]] = {}
    for value, code in pairs:
        meant.setdefault(plain(value), set()).add(code)
    found = {value: codes.pop() for value, codes in meant.items() if len(codes) == 1}
    return found | {plain(k): v for k, v in catalogue.drafting.values.get(vocabulary, {}).items()}


def _of_sources(catalogue: Catalogue, vocabulary: str) -> Iterable[tuple[str, str]]:
    for source in catalogue.sources.values():
        fields = catalogue.tables[source.table].fields
        for name, spec in source.fields.items():
            if name in fields and fields[name].vocabulary == vocabulary:
                yield from (pair for pair in (spec.codes or {}).items() if not pair[0].isdigit())


def guessed_codes(
    values: Sequence[str], known: dict[str, str], drafting: Drafting
) -> dict[str, str]:
    """Return the code of each value for which one is guessed."""
    found = {}
    for value in values:
        spellings = [plain(value), *_same(plain(value), drafting)]
        code = next((known[one] for one in spellings if one in known), None)
        if code is not None:
            found[value] = code
    return found


def _same(value: str, drafting: Drafting) -> list[str]:
    return [word for group in drafting.same if value in group for word in group]


def date_formats(values: Sequence[str], formats: Sequence[str]) -> list[str]:
    """Return the formats that read nearly all values: all that do alone, the first the likeliest.

    >>> date_formats(["03/04/2025"], ["%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y"])
    ['%m/%d/%Y', '%d/%m/%Y']
    """
    tried = values[:TRIED]
    if not tried:
        return []
    return [one for one in formats if _share(tried, partial(_is_date, one))]


def _is_date(one: str, value: str) -> bool:
    day = parse_date(value, [one])
    return day is not None and 1990 <= day.year <= 2100


def _share(values: Sequence[str], test: Callable[[str], bool]) -> bool:
    return sum(map(test, values)) >= MOST * len(values)


def are_numbers(values: Sequence[str]) -> bool:
    """Return whether nearly all values are numbers."""
    return bool(values) and _share(values, lambda value: bool(_NUMBER.fullmatch(value)))


def are_whole(values: Sequence[str]) -> bool:
    """Return whether no number has a fraction."""
    return not any(value.partition(".")[2].strip("0") for value in values)


def are_years(values: Sequence[str]) -> bool:
    """Return whether nearly all values are single years."""
    return bool(values) and _share(values, lambda value: bool(_YEAR.fullmatch(value)))


def are_spans(values: Sequence[str]) -> bool:
    """Return whether nearly all values are school years of two years."""
    return bool(values) and _share(values, lambda value: later_year(value) is not None)


def are_ids(values: Sequence[str]) -> bool:
    """Return whether nearly all values have the form of an id."""
    return bool(values) and _share(values, lambda value: bool(_ID.fullmatch(value)))


def all_digits(values: Sequence[str], length: int) -> bool:
    """Return whether nearly all values are so many digits, one lost zero allowed."""
    return bool(values) and _share(
        values, lambda value: value.isdigit() and length - 1 <= len(value) <= length
    )


def level_ranks(labels: Sequence[str], drafting: Drafting) -> dict[str, int]:
    """Return the rank of each label that has a word of levels; the longest such word counts."""
    by_length = sorted(drafting.levels, key=lambda word: (-len(word.split()), -len(word)))
    ranks = {}
    for label in labels:
        text = f" {plain(label)} "
        word = next((one for one in by_length if f" {plain(one)} " in text), None)
        if word is not None:
            ranks[label] = drafting.levels.index(word)
    return ranks


def ordered_levels(
    labels: Sequence[str], drafting: Drafting, means: dict[str, float]
) -> tuple[list[str], str]:
    """Return levels from the lowest up, and what the order was guessed by."""
    ranks = level_ranks(labels, drafting)
    if len(set(ranks.values())) == len(labels):
        return sorted(labels, key=ranks.__getitem__), "by their words"
    if set(labels) <= set(means):
        return sorted(labels, key=means.__getitem__), "by the mean score of their rows"
    return sorted(labels, key=lambda one: (ranks.get(one, -1), one)), "by the words of some of them"


def fitting_assessments(labels: Sequence[str], catalogue: Catalogue) -> list[Assessment]:
    """Return the assessments of whose levels all these labels are."""
    seen = {plain(label) for label in labels}
    return [
        one
        for one in catalogue.assessments.values()
        if len(seen) > 1 and seen <= {plain(level.label) for level in one.levels}
    ]


def proficient_from(labels: Sequence[str], drafting: Drafting) -> int | None:
    """Return the place of the first of the ordered labels with a word of proficiency."""
    good = set(drafting.proficient)
    for place, label in enumerate(labels, start=1):
        text = plain(label)
        told = any(f" {word} " in f" {text} " for word in good)
        if told and not {"below", "not", "partially", "nearly"} & set(words(label)):
            return place
    return None
