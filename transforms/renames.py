"""Says why a header is of no layout: what it lacks and has besides, and what was likely renamed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from configs.errors import FileRefused, listed
from configs.source_models import Layout, Source

LIKELY_RENAME = 0.6
RENAMES_SHOWN = 20
# Below this share in common, of the layout's columns and of the file's, the first row is no header
# of that layout with columns renamed: it may be a student's record.
AKIN = 0.5
# What may be told of the file's own columns: no ids, birth dates, sentences.
_NAME = re.compile(r"[^\W\d_][\w .,:;/()%#&?'*+-]{0,89}")
_NUMBER = re.compile(r"\d{3}")
_ASIDE = re.compile(r"\(([^)]*)\)")
_WORD = re.compile(r"CALPADS|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_GLUED = re.compile(r"(?<=[a-z]{4})(for|of|or|and)$")
# What the field's abbreviations stand for, so that a name written out is like the short one.
_MEANINGS = {
    "idea": {"special", "education"},
    "sped": {"special", "education"},
    "lep": {"english", "learner"},
    "el": {"english", "learner"},
    "ell": {"english", "learner"},
    "elas": {"english", "learner", "status"},
    "ssid": {"statewide", "student", "id"},
    "identifier": {"id"},
}
# Words that many columns share say little of what a column is.
_COMMON = {"reporting", "testing", "indicator", "status", "code", "flag", "student", "final"}
_COMMON_WEIGHT = 0.25


def unknown_header(
    columns: Sequence[str],
    source: Source,
    nearest: Layout | None,
    lacking: Sequence[Sequence[str]],
) -> FileRefused:
    """Return the refusal of a header.

    Args:
        columns: the header.
        source: of none of whose layouts it is.
        nearest: the layout that it is most like; null where none of them has a header in its file.
        lacking: the needs of that layout that the header does not meet, each by its names.
    """
    if nearest is None:
        return _refused(source, f"{len(columns)} columns", [])
    own = _own_columns(nearest, source, columns) if _akin(nearest, columns) else None
    renames = list(_likely_renames(lacking, own or []))
    told = _told_without_cells(nearest, columns) if own is None else _told_of(own, nearest, columns)
    found = (
        f"{len(columns)} columns; of layout {nearest.name} they lack "
        + listed(" or ".join(names) for names in lacking)
        + told
        + (f"; likely renamed: {'; '.join(renames)}" if renames else "")
    )
    return _refused(source, found, renames)


def _refused(source: Source, found: str, renames: Sequence[str]) -> FileRefused:
    return FileRefused(
        "UNKNOWN_HEADER",
        where="the header",
        found=found,
        expected="one of the layouts of "
        f"{source.name}: {listed(layout.name for layout in source.layouts)}",
        remedy=_remedy(source, renames),
    )


def _akin(layout: Layout, columns: Sequence[str]) -> bool:
    """Return whether a first row is surely a header: enough of it, or of the layout, is in both."""
    own, other = set(layout.columns), {column for column in columns if column}
    common = len(own & other)
    return common >= AKIN * min(len(own), len(other)) and common > 0


def _own_columns(layout: Layout, source: Source, columns: Sequence[str]) -> list[str] | None:
    """Return the columns beside the layout's that may be told; None where values are among them.

    A cell without a letter is no column's name but a value: its neighbours are values too, then.
    """
    known = {column for one in source.layouts for column in one.columns}
    own = set(layout.columns)
    extra = [column for column in columns if column and column not in own]
    if any(not re.search(r"[^\W\d_]", column) for column in extra if column not in known):
        return None
    return [column for column in extra if column in known or _is_name(column)]


def _is_name(cell: str) -> bool:
    return _NAME.fullmatch(cell) is not None and _NUMBER.search(cell) is None


def _told_of(own: Sequence[str], layout: Layout, columns: Sequence[str]) -> str:
    extra = {column for column in columns if column} - set(layout.columns)
    hidden = len(extra - set(own))
    told = [listed(own)] if own else []
    told += [f"{hidden} not shown, which may hold values"] if hidden else []
    return f"; they have besides {' and '.join(told)}" if told else ""


def _told_without_cells(layout: Layout, columns: Sequence[str]) -> str:
    common = len(set(layout.columns) & set(columns))
    return f"; {common} are the layout's: the first row may be data, not a header"


def _remedy(source: Source, renames: Sequence[str]) -> str:
    if renames:
        return (
            f"if a column was renamed, add its new name to the field's columns in "
            f"sources/{source.name}.yml; else export the file again in the documented layout"
        )
    return (
        f"check that this is a file of {source.name} with its header; where columns were renamed, "
        f"add their new names to the fields of sources/{source.name}.yml and a layout with this "
        "header"
    )


def _likely_renames(lacking: Sequence[Sequence[str]], extra: Sequence[str]) -> Iterator[str]:
    """Yield the likely renames, best first; no column is in two of them."""
    scored = [
        (likeness(name, other), place, name, other)
        for place, names in enumerate(lacking)
        for name in names
        for other in extra
    ]
    settled: set[int] = set()
    taken: set[str] = set()
    for score, place, name, other in sorted(scored, key=lambda one: (-one[0], one[1:])):
        if score < LIKELY_RENAME or len(settled) == RENAMES_SHOWN:
            return
        if place not in settled and other not in taken:
            settled.add(place)
            taken.add(other)
            yield f"{name} -> {other}"


def likeness(one: str, other: str) -> float:
    """Return how alike two column names are, 0 to 1, by letters or by words, whichever is more.

    What stands in parentheses explains the rest, so each part is also compared by itself.

    >>> likeness("Student ID", "ID of Student") > likeness("Student ID", "School")
    True
    >>> likeness("Statewide_Student_Identifier(SSID)", "SSID")
    1.0
    """
    return max(_alike(a, b) for a in _readings(one) for b in _readings(other))


def _readings(name: str) -> list[str]:
    readings = [name, _ASIDE.sub("", name), *_ASIDE.findall(name)]
    return list(dict.fromkeys(text for text in readings if text.strip()))


def _alike(one: str, other: str) -> float:
    letters = difflib.SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False)
    return max(_shared(_words(one), _words(other)), letters.ratio())


def _shared(one: set[str], other: set[str]) -> float:
    everything = _weight(one | other)
    return _weight(one & other) / everything if everything else 0.0


def _weight(words: set[str]) -> float:
    return sum(_COMMON_WEIGHT if word in _COMMON else 1.0 for word in words)


def _words(name: str) -> set[str]:
    words: set[str] = set()
    for word in _WORD.findall(name):
        plain = _GLUED.sub("", word.casefold())
        words |= _MEANINGS.get(plain, {plain})
    return words
