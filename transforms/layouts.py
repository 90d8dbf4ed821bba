"""Finds the layout of a file by its header, and which column fills which field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from configs.errors import FileRefused, listed
from configs.references import combinations, needed_columns, spelled_out
from configs.source_models import FieldSource, Layout, OneOrMany, RecordSet, Source, as_list
from transforms.renames import unknown_header


@dataclass(frozen=True)
class BoundRecord:
    """One record that a row of the file may hold.

    Attributes:
        codes: variable -> the code that this record has in it.
        columns: column of the record -> the file's column; null where it has none.
        present: columns of the record; where all of them are missing, a row has no such record.
    """

    codes: Mapping[str, str]
    columns: Mapping[str, str | None]
    present: tuple[str, ...]


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
        records: every record that a row may hold, in order; none where a row is a record.
    """

    layout: Layout
    columns: tuple[str, ...]
    bindings: dict[str, list[str]]
    extra: tuple[str, ...]
    missing: tuple[str, ...]
    share: float
    records: tuple[BoundRecord, ...] = ()

    def spelled(self, names: OneOrMany) -> str | None:
        """Return the first of a column's names that the file, or its records, have."""
        known = {*self.columns, *self.layout.record_columns}
        return next((name for name in as_list(names) if name in known), None)

    def behind(self, column: str) -> list[str]:
        """Return the file's columns that a column is read from: itself, or those of the records."""
        if column not in self.layout.record_columns:
            return [column]
        found = [one.columns.get(column) for one in self.records]
        return [name for name in dict.fromkeys(found) if name is not None]

    def codes_of(self, column: str) -> list[str]:
        """Return the codes that the records have in a column which is one of their variables."""
        codes = [one.codes[column] for one in self.records if column in one.codes]
        return list(dict.fromkeys(codes))


def match_layout(
    columns: Sequence[str], source: Source, layout_name: str | None = None
) -> LayoutMatch:
    """Return the layout of the source that the header is of.

    A layout fits when every field that it carries finds its column, no column of its signature is
    missing, and none is there that its headers are without. Of several the one of whose header the
    file shows most is taken.

    Args:
        columns: the header, or the columns of the layout that the file's form has shown.
        source: whose layouts are tried.
        layout_name: the only layout to try. Without it only those are tried whose files carry
            their own header.

    Raises:
        FileRefused: UNKNOWN_HEADER, with what keeps the nearest layout from fitting.
    """
    tried = [one for one in _tried(source, layout_name) if not set(one.without) & set(columns)]
    fitting = [layout for layout in tried if not _lacks(layout, source, columns)]
    if not fitting:
        nearest = max(tried, key=lambda one: _nearness(one, columns), default=None)
        lacking = _lacks(nearest, source, columns) if nearest else []
        raise unknown_header(columns, source, nearest, lacking)
    layout = max(fitting, key=lambda one: _nearness(one, columns))
    header, known = set(columns), set(layout.columns)
    match = LayoutMatch(
        layout=layout,
        columns=tuple(columns),
        bindings=dict(_kept_bindings(layout, source, columns)),
        extra=tuple(column for column in columns if column not in known),
        missing=tuple(column for column in layout.columns if column not in header),
        share=_nearness(layout, columns)[0],
        records=tuple(_bound_records(layout, columns)),
    )
    _refuse_doubled(match, source)
    return match


def columns_to_read(match: LayoutMatch, source: Source) -> list[str]:
    """Return the columns of the file that must be read, in the order of the file."""
    looked_at = _looked_at(match, source)
    if not match.records:
        return own_columns(match, source)
    looked_at |= {name for one in match.records for name in one.present}
    physical = {name for column in looked_at for name in match.behind(column)}
    return [column for column in dict.fromkeys(match.columns) if column in physical]


def own_columns(match: LayoutMatch, source: Source) -> list[str]:
    """Return the columns of the file's rows, beside those of the records, that are looked at."""
    wanted = _looked_at(match, source) - set(match.layout.record_columns)
    return [column for column in dict.fromkeys(match.columns) if column in wanted]


def _looked_at(match: LayoutMatch, source: Source) -> set[str]:
    """Return the columns, of rows or of records, that the source looks at."""
    wanted = {column for bound in match.bindings.values() for column in bound}
    for spec in _carried(match.layout, source).values():
        wanted |= {match.spelled(override.column) or "" for override in spec.overrides}
    if source.race is not None:
        flags = [*source.race.columns.values(), source.race.multiple or []]
        wanted |= {match.spelled(names) or "" for names in flags}
    wanted |= {match.spelled(rule.column) or "" for rule in source.set_aside.values()}
    return wanted - {""}


def _kept_bindings(
    layout: Layout, source: Source, columns: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the columns of each field; none where one of them is dropped, so that none is read."""
    for name, bound in _bindings(layout, source, columns):
        yield name, [] if set(bound) & set(source.drop) else list(bound)


def _tried(source: Source, layout_name: str | None) -> list[Layout]:
    if layout_name is not None:
        return [layout for layout in source.layouts if layout.name == layout_name]
    return [one for one in source.layouts if one.positions is None and not one.headerless]


def _carried(layout: Layout, source: Source) -> dict[str, FieldSource]:
    """Return the fields that the layout's columns fill."""
    apart = {*layout.absent, *layout.constants}
    return {name: spec for name, spec in source.fields.items() if name not in apart}


def _lacks(layout: Layout, source: Source, columns: Sequence[str]) -> list[list[str]]:
    """Return the needs of a layout that the header does not meet, each by its names."""
    header = set(columns)
    needs = [[column] for column in layout.signature]
    needs += [names for one in layout.records for names in _documented(one, layout)]
    lacking = [tuple(names) for names in needs if not header & set(names)]
    header |= set(layout.record_columns)
    fields = [spellings for _, spellings in needed_columns(source, layout)]
    lacking += [tuple(names) for names in fields if not header & set(names)]
    return [list(names) for names in dict.fromkeys(lacking)]


def _documented(one: RecordSet, layout: Layout) -> Iterator[list[str]]:
    """Yield the file's columns of the records that the layout's header has, by their names."""
    header = set(layout.columns)
    for column in one.columns:
        yield from (names for names in spelled_out(one, column) if header & set(names))


def _bound_records(layout: Layout, columns: Sequence[str]) -> Iterator[BoundRecord]:
    documented, header = set(layout.columns), set(columns)
    for one in layout.records:
        spelled = {column: list(spelled_out(one, column)) for column in one.columns}
        for at, combination in enumerate(combinations(one)):
            names = {column: found[at] for column, found in spelled.items()}
            if any(documented & set(found) for found in names.values()):
                yield BoundRecord(
                    codes={variable: code for variable, (code, _) in combination.items()},
                    columns={
                        column: next((name for name in found if name in header), None)
                        for column, found in names.items()
                    },
                    present=tuple(one.present),
                )


def _nearness(layout: Layout, columns: Sequence[str]) -> tuple[float, float, bool]:
    """Return share of the layout, share of all names in common, and whether the order is equal."""
    own, other = set(layout.columns), set(columns)
    common = len(own & other)
    return common / len(own), common / len(own | other), list(columns) == list(layout.columns)


def likeness_to(columns: Sequence[str], source: Source, layout_name: str | None = None) -> float:
    """Return how much of the nearest layout the header shows (0 to 1), whether it fits or not."""
    tried = _tried(source, layout_name)
    return max((_nearness(layout, columns)[0] for layout in tried), default=0.0)


def _bindings(
    layout: Layout, source: Source, columns: Sequence[str]
) -> Iterator[tuple[str, list[str]]]:
    header = {*columns, *layout.record_columns}
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
