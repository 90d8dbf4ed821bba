"""Finds the layout of a file by its header, and which column fills which field."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from configs.errors import FileRefused, listed
from configs.references import needed_columns
from configs.source_models import FieldSource, Layout, OneOrMany, Source, as_list

LIKELY_RENAME = 0.6
# Below this share in common, of the layout's columns and of the file's, the first row is no header
# of that layout with columns renamed: it may be a student's record.
AKIN = 0.5
# What may be told of the file's own columns: no ids, birth dates, sentences.
_NAME = re.compile(r"[^\W\d_][\w .,:;/()%#&?'*+-]{0,59}")
_NUMBER = re.compile(r"\d{3}")


@dataclass(frozen=True)
class LayoutMatch:
    """A header laid over one of a source's layouts.

    Attributes:
        layout: the layout that fits best.
        columns: the file's header.
        bindings: for each field that columns fill, those columns as the file spells them.
        extra: columns of the file that the layout does not know.
        missing: columns of the layout that the file lacks, none of which is needed.
        share: how much of the layout's header the file has, 0 to 1.
    """

    layout: Layout
    columns: tuple[str, ...]
    bindings: dict[str, list[str]]
    extra: tuple[str, ...]
    missing: tuple[str, ...]
    share: float

    def spelled(self, names: OneOrMany) -> str | None:
        """Return the first of a column's names that the file has."""
        return next((name for name in as_list(names) if name in self.columns), None)


def match_layout(columns: Sequence[str], source: Source) -> LayoutMatch:
    """Return the layout of the source that the header is of.

    A layout fits when every field that it carries finds its column, and no column of its signature
    is missing. Of several the one of whose header the file shows most is taken.

    Raises:
        FileRefused: UNKNOWN_HEADER, with what keeps the nearest layout from fitting.
    """
    fitting = [layout for layout in source.layouts if not _lacks(layout, source, columns)]
    if not fitting:
        raise _unknown_header(columns, source)
    layout = max(fitting, key=lambda one: _nearness(one, columns))
    match = LayoutMatch(
        layout=layout,
        columns=tuple(columns),
        bindings={name: list(bound) for name, bound in _bindings(layout, source, columns)},
        extra=tuple(column for column in columns if column not in set(layout.columns)),
        missing=tuple(column for column in layout.columns if column not in set(columns)),
        share=_nearness(layout, columns)[0],
    )
    _refuse_doubled(match, source)
    return match


def columns_to_read(match: LayoutMatch, source: Source) -> list[str]:
    """Return the columns of the file that its source looks at, in the order of the file."""
    wanted = {column for bound in match.bindings.values() for column in bound}
    for spec in _carried(match.layout, source).values():
        wanted |= {match.spelled(override.column) or "" for override in spec.overrides}
    if source.race is not None:
        flags = [*source.race.columns.values(), source.race.multiple or []]
        wanted |= {match.spelled(names) or "" for names in flags}
    wanted |= {match.spelled(rule.column) or "" for rule in source.set_aside.values()}
    return [column for column in dict.fromkeys(match.columns) if column and column in wanted]


def _carried(layout: Layout, source: Source) -> dict[str, FieldSource]:
    """Return the fields that the layout's columns fill."""
    apart = {*layout.absent, *layout.constants}
    return {name: spec for name, spec in source.fields.items() if name not in apart}


def _lacks(layout: Layout, source: Source, columns: Sequence[str]) -> list[list[str]]:
    """Return the needs of a layout that the header does not meet, each by its names."""
    header = set(columns)
    needs = [[column] for column in layout.signature]
    needs += [spellings for _, spellings in needed_columns(source, layout)]
    lacking = [tuple(names) for names in needs if not header & set(names)]
    return [list(names) for names in dict.fromkeys(lacking)]


def _nearness(layout: Layout, columns: Sequence[str]) -> tuple[float, float, bool]:
    """Return share of the layout, share of all names in common, and whether the order is equal."""
    own, other = set(layout.columns), set(columns)
    common = len(own & other)
    return common / len(own), common / len(own | other), list(columns) == list(layout.columns)


def likeness_to(columns: Sequence[str], source: Source) -> float:
    """Return how much of the nearest layout the header shows (0 to 1), whether it fits or not."""
    return max(_nearness(layout, columns)[0] for layout in source.layouts)


def _bindings(
    layout: Layout, source: Source, columns: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    header = set(columns)
    for name, spec in _carried(layout, source).items():
        if spec.coalesce is not None:
            yield name, [column for column in spec.coalesce if column in header]
        elif spec.spellings:
            yield (
                name,
                [next(column for column in names if column in header) for names in spec.spellings],
            )


def _refuse_doubled(match: LayoutMatch, source: Source) -> None:
    counts = Counter(match.columns)
    doubled = [name for name in columns_to_read(match, source) if counts[name] > 1]
    if doubled:
        raise FileRefused(
            "UNKNOWN_HEADER",
            where="the header",
            found=f"more than one column {listed(doubled)}",
            expected=f"each column once, as in layout {match.layout.name} of {source.name}",
            remedy="export the file again; if both columns are right, give them their own names",
        )


def _unknown_header(columns: Sequence[str], source: Source) -> FileRefused:
    nearest = max(source.layouts, key=lambda one: _nearness(one, columns))
    lacking = _lacks(nearest, source, columns)
    own = _own_columns(nearest, source, columns) if _akin(nearest, columns) else None
    renames = list(_likely_renames(lacking, own or []))
    told = _told_without_cells(nearest, columns) if own is None else _told_of(own, nearest, columns)
    found = (
        f"{len(columns)} columns; of layout {nearest.name} they lack "
        + listed(" or ".join(names) for names in lacking)
        + told
        + (f"; likely renamed: {'; '.join(renames)}" if renames else "")
    )
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
    extra = [column for column in columns if column and column not in set(layout.columns)]
    if any(not re.search(r"[^\W\d_]", column) for column in extra if column not in known):
        return None
    return [column for column in extra if column in known or _is_name(column)]


def _is_name(cell: str) -> bool:
    return _NAME.fullmatch(cell) is not None and _NUMBER.search(cell) is None


def _told_of(own: Sequence[str], layout: Layout, columns: Sequence[str]) -> str:
    extra = {column for column in columns if column and column not in set(layout.columns)}
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
        f"check that this is a file of {source.name} whose first row is its header; a new layout "
        "goes into its YAML"
    )


def _likely_renames(lacking: Sequence[Sequence[str]], extra: Sequence[str]) -> Iterator[str]:
    for names in lacking[:20]:
        scored = [(likeness(name, other), name, other) for name in names for other in extra]
        score, name, other = max(scored, default=(0.0, "", ""))
        if score >= LIKELY_RENAME:
            yield f"{name} -> {other}"


def likeness(one: str, other: str) -> float:
    """Return how alike two column names are, 0 to 1, by letters or by words, whichever is more.

    >>> likeness("Student ID", "ID of Student") > likeness("Student ID", "School")
    True
    """
    words_one, words_other = _words(one), _words(other)
    shared = len(words_one & words_other) / max(len(words_one | words_other), 1)
    letters = difflib.SequenceMatcher(None, one.casefold(), other.casefold()).ratio()
    return max(shared, letters)


def _words(name: str) -> set[str]:
    return {word.casefold() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)}
