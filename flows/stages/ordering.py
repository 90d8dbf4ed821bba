"""Which files are loaded first, and which at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flows.context import Context
from flows.stages.intake import Incoming

TABLE_ORDER = ("school", "student_roster", "student_result", "published_result")


def phases(context: Context, incoming: Sequence[Incoming]) -> list[list[Incoming]]:
    """Return the files in groups to be loaded one after the other; those of one group at once.

    Directories come before rosters and rosters before results, which refer to them. Files of one
    source and district keep the order in which they arrived: a later one may replace an earlier.
    """

    def table(item: Incoming) -> str:
        return context.catalogue.source(item.source).table

    waves: dict[tuple[int, int], list[Incoming]] = {}
    before: Counter[tuple[str, str | None]] = Counter()
    for item in incoming:
        kind = (item.source, item.district_id)
        waves.setdefault((TABLE_ORDER.index(table(item)), before[kind]), []).append(item)
        before[kind] += 1
    return [waves[place] for place in sorted(waves)]
