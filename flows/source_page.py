"""The page of all sources, written from their YAML: docs/sources.md."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from configs.catalogue import Catalogue
from configs.source_models import Layout, Source

TABLES = {
    "student_result": "Results of students",
    "student_roster": "Rosters",
    "school": "Directories of schools",
    "published_result": "Results that states publish",
}


def source_page(catalogue: Catalogue) -> str:
    """Return the page: by table, each source with its layouts and what it does not do."""
    order = list(TABLES)
    sources = sorted(catalogue.sources.values(), key=lambda one: (order.index(one.table), one.name))
    return "\n".join([*_head(sources), *_sections(sources)]) + "\n"


def _head(sources: list[Source]) -> Iterator[str]:
    layouts = sum(len(source.layouts) for source in sources)
    yield "# Sources"
    yield ""
    yield f"{len(sources)} sources with {layouts} layouts, written from configs/sources by"
    yield "`roci sources list --markdown > docs/sources.md`; a test holds the two together. Years"
    yield "are spring years; where an end is open, the layout is taken to go on."
    yield "[Adding a source](adding-a-source.md) tells how to add your own,"
    yield "[Sources not taken](sources-not-taken.md) which exports are left out and why."


def _sections(sources: list[Source]) -> Iterator[str]:
    for table, group in groupby(sources, key=lambda one: one.table):
        yield from ("", f"## {TABLES[table]}")
        for source in group:
            yield from _section(source)


def _section(source: Source) -> Iterator[str]:
    yield from ("", f"### {source.name}", "", f"{source.title}. {source.publisher}.", "")
    yield from ("| layout | years | columns | form |", "|---|---|---|---|")
    for layout in source.layouts:
        form = _form(source, layout)
        yield f"| {layout.name} | {years_of(layout)} | {len(layout.columns)} | {form} |"
    if source.known_gaps:
        yield ""
        yield from (f"- {' '.join(gap.split())}" for gap in source.known_gaps)


def years_of(layout: Layout) -> str:
    """Return the years of a layout.

    >>> years_of(Layout(name="a", citation="b", header=["c"], years=(2016, 2018)))
    '2016 to 2018'
    """
    first, last = layout.years
    if first is None and last is None:
        return "any"
    if first == last:
        return str(first)
    if last is None:
        return f"from {first}"
    return f"{first} to {last}" if first else f"up to {last}"


def _form(source: Source, layout: Layout) -> str:
    if source.format.kind == "oneroster":
        return "zip or folder of CSV files"
    base = "fixed width" if layout.positions else "table"
    more = ["without a header"] if layout.headerless else []
    more += ["several records in a row"] if layout.records else []
    return ", ".join([base, *more])
