"""Who repaired which rows of a load, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from flows.context import Context
from warehouse.repairs import RepairedRow


def repairs_of(context: Context, load_id: str) -> list[RepairedRow]:
    """Return the corrections of a load's rows, then those that it was the first to have."""
    found = [*context.repairs.of_load(load_id), *context.repairs.first_in(load_id)]
    return list({(one.repair_id, one.source_row): one for one in found}.values())


def repair_lines(rows: Iterable[RepairedRow]) -> Iterator[str]:
    """Yield who repaired how many rows, when, in which columns, and which load has them."""
    by_id: dict[str, list[RepairedRow]] = {}
    for row in rows:
        by_id.setdefault(row.repair_id, []).append(row)
    for of_one in by_id.values():
        first = of_one[0]
        columns = Counter(name for row in of_one for name in row.columns).most_common()
        named = ", ".join(f"column {name} {count:,}" for name, count in columns) or "taken back"
        where = f"by {first.load_id}" if first.load_id else "but are in no load yet"
        yield (
            f"{len(of_one):,} {'row was' if len(of_one) == 1 else 'rows were'} repaired {where} "
            f"(of {first.parent_load_id}, by {first.changed_by} on {first.changed_at:%Y-%m-%d}): "
            f"{named}"
        )
