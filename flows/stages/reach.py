"""Which slices of the results a roster reaches: those with students of its district and year."""

from __future__ import annotations

from collections import defaultdict

import duckdb

from flows.context import Context
from flows.slices import slice_name
from flows.stages.lake_relations import relate_lake

_REACHED = """
WITH tested AS (SELECT DISTINCT assessment, school_year, district_id FROM reached_results),
stating AS (
    SELECT source, partition, district_id, school_year,
        bool_or(record_kind = 'EL_STATUS') AS holds_over_years
    FROM reaching_roster GROUP BY ALL
)
SELECT DISTINCT assessment, tested.school_year, source, partition
FROM tested JOIN stating USING (district_id)
WHERE stating.school_year = tested.school_year
    OR (stating.holds_over_years AND stating.school_year < tested.school_year)
ORDER BY ALL
"""


def rosters_of_slices(context: Context, results: str, roster: str) -> dict[str, list[list[str]]]:
    """Return, by slice of the results, the live roster partitions that may speak of its students.

    They are those with rows of a district and school year of the slice, and those of its districts'
    earlier years that hold English-learner statuses. The lake is asked, for the ledger knows no
    districts. A slice that no roster reaches is left out. A partition is told as its load, source
    and name.
    """
    loads = {
        (part.source, part.partition): part.load_id
        for part in context.ledger.live_partitions(roster)
    }
    if not loads:
        return {}
    reached: dict[str, list[list[str]]] = defaultdict(list)
    with duckdb.connect() as con:
        relate_lake(context, con, "reached_results", results)
        relate_lake(context, con, "reaching_roster", roster)
        for assessment, year, source, partition in con.execute(_REACHED).fetchall():
            load = loads.get((source, partition), "")
            reached[slice_name(assessment, year)].append([load, source, partition])
    return dict(reached)
