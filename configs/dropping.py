"""What a source may forget of its files: columns that no row is told by, and no others."""

from __future__ import annotations

from collections.abc import Iterator

from configs.models import Table
from configs.source_models import Source, as_list


def drop_faults(source: Source, table: Table) -> Iterator[str]:
    """Yield the columns under `drop` that are none, or that rows are read, told or counted by."""
    known = {column for layout in source.layouts for column in layout.columns}
    for column in source.drop:
        if column not in known:
            yield f"drop: no layout has a column {column}"
    used = _used_otherwise(source) & set(source.drop)
    if used:
        yield f"drop: {', '.join(sorted(used))} decides what a row is or becomes"
    for name, spec in source.fields.items():
        read = {column for names in spec.spellings for column in names} & set(source.drop)
        field = table.fields.get(name)
        may_be_null = field is not None and field.personal and not (field.required or spec.required)
        if read and not (may_be_null and name not in source.grain):
            yield f"drop: {', '.join(sorted(read))} fills {name}, which rows need"


def _used_otherwise(source: Source) -> set[str]:
    """Return the columns that are read for something else than a field of their own."""
    names = [rule.column for rule in source.set_aside.values()]
    names += [one.column for spec in source.fields.values() for one in spec.overrides]
    if source.race is not None:
        names += [*source.race.columns.values(), source.race.multiple or []]
    for layout in source.layouts:
        names += [*layout.marks, *layout.record_columns]
        names += [column for one in layout.records for column in one.columns.values()]
    return {column for one in names for column in as_list(one)}
