"""What a load must not replace without a person having looked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass

import duckdb

from configs.errors import LoadHeld, listed
from configs.source_models import Layout
from flows.context import Context
from flows.stages.agreement import unreached
from flows.stages.slicing import slices_of
from flows.stages.work import Resolved, Work
from transforms.parse import school_year_of
from transforms.staleness import (
    COMPARABLE,
    same_grain_sql,
    same_results_sql,
    schools_kept_sql,
)
from warehouse.ledger_records import LivePartition

# So few results may be alike by chance.
FEWEST_COMPARED = 10


@dataclass(frozen=True)
class Candidate:
    """What a load would put into the lake: its rows, by partition and as the view `final`."""

    work: Work
    resolved: Resolved
    layout: Layout
    con: duckdb.DuckDBPyConnection

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.work.incoming.file_name

    @property
    def years(self) -> dict[int, int]:
        """Return the rows of each school year."""
        query = "SELECT school_year, count(*) FROM final GROUP BY 1 ORDER BY 1"
        return dict(self.con.execute(query).fetchall())


def hold_what_would_lose(context: Context, candidate: Candidate) -> None:
    """Hold a load of a wrong year, an old export, an older file, or of far fewer rows than before.

    Raises:
        LoadHeld: WRONG_YEAR, STALE_EXPORT, PARTITION_SHRINKS, SCHOOLS_LOST or OLDER_FILE.
    """
    work = candidate.work
    live = [
        part
        for part in context.ledger.live_partitions(work.source.table)
        if part.source == work.source.name
    ]
    partitions = candidate.resolved.rows
    asked = unreached(context, work, partitions)
    replaced = [part for part in live if part.partition in asked]
    _hold_wrong_year(candidate)
    _hold_stale(context, candidate, [part for part in live if part.partition not in partitions])
    _hold_shrinking(context, candidate, replaced)
    _hold_losing_schools(context, candidate, replaced)
    hold_what_is_older(context, work, partitions)


def hold_what_would_double(context: Context, candidate: Candidate) -> None:
    """Hold results that another source has loaded already: each would count twice.

    No release lets them through, since the marts count every result of the lake once.

    Raises:
        LoadHeld: COUNTED_TWICE.
    """
    work, table = candidate.work, candidate.work.source.table
    if table not in COMPARABLE:
        return
    for source, partitions in _same_slices(context, candidate).items():
        other = context.lake.scan_sql(table, source, partitions)
        doubled = same_grain_sql(context.catalogue.tables[table].grain, other) if other else None
        rows = candidate.con.execute(doubled).fetchall()[0][0] if doubled else 0
        if rows:
            raise LoadHeld(
                "COUNTED_TWICE",
                where=candidate.name,
                found=f"{rows:,} results that source {source} has loaded already",
                expected="each result from one source",
                remedy=f"`roci discard {work.load_id}`, and keep one of {source} and "
                f"{work.source.name} for these students, years and tests",
            )


def _same_slices(context: Context, candidate: Candidate) -> dict[str, list[str]]:
    """Return the other sources' partitions that have a slice of the load's, by source."""
    table, name = candidate.work.source.table, candidate.work.source.name
    slices = {one for names in slices_of(candidate.con, "final", table).values() for one in names}
    found: dict[str, list[str]] = {}
    for part in context.ledger.live_partitions(table):
        if part.source != name and slices & set(part.slices):
            found.setdefault(part.source, []).append(part.partition)
    return found


def _hold_wrong_year(candidate: Candidate) -> None:
    """Hold rows of a year that their layout was not in use, of the future, or not of the name."""
    years, work = candidate.years, candidate.work
    first, last = candidate.layout.years
    # A file may be of the school year that begins this summer, never of a later one.
    latest = min(last or 9999, school_year_of(dt.datetime.now(dt.UTC).date()) + 1)
    wrong = {year: rows for year, rows in years.items() if not (first or 0) <= year <= latest}
    if wrong:
        span = f"{first or 'any year'} to {latest}"
        layout = f"school years of layout {candidate.layout.name}, {span}"
        raise _wrong_year(work, f"rows of {_counted(wrong)}", layout)
    named = _year_of_name(work)
    if named is not None and named not in years:
        raise _wrong_year(work, f"rows of {_counted(years)}", f"{named}, as the file's name says")


def _year_of_name(work: Work) -> int | None:
    pattern = work.source.name_year
    found = re.search(pattern, work.incoming.file_name.lower()) if pattern else None
    return int(found[1]) if found else None


def _counted(years: dict[int, int]) -> str:
    return listed(f"{year} ({rows:,})" for year, rows in years.items())


def _wrong_year(work: Work, found: str, expected: str) -> LoadHeld:
    return LoadHeld(
        "WRONG_YEAR",
        where=work.incoming.file_name,
        found=found,
        expected=expected,
        remedy="see whether an old export was filed as a new one; then "
        f"`roci release {work.load_id}` if the file is right, or `roci discard {work.load_id}`",
    )


def _hold_stale(context: Context, candidate: Candidate, others: list[LivePartition]) -> None:
    """Hold rows that repeat what stands in the lake for an earlier year, under a new year."""
    work = candidate.work
    table, allowed = work.source.table, work.source.threshold.same_rows_pct
    partitions = [part.partition for part in others]
    if table not in COMPARABLE or not partitions:
        return
    earlier = context.lake.scan_sql(table, work.source.name, partitions)
    if earlier is None:
        return
    for year, compared, same in candidate.con.execute(same_results_sql(table, earlier)).fetchall():
        if compared >= FEWEST_COMPARED and 100 * same > allowed * compared:
            raise LoadHeld(
                "STALE_EXPORT",
                where=candidate.name,
                found=f"{same:,} of {compared:,} results of {year} that are the very ones of an "
                "earlier year: same grade, same score",
                expected=f"at most {allowed:g} percent",
                remedy="fetch the new year's export; `roci discard "
                f"{work.load_id}`, or `roci release {work.load_id}` if the file is right",
            )


def _hold_shrinking(context: Context, candidate: Candidate, live: list[LivePartition]) -> None:
    """Hold a load of which one partition shrinks below the floor, however the whole stands."""
    work, rows = candidate.work, candidate.resolved.rows
    floor_pct = _floor_pct(context, work)
    shrunk = {
        part.partition: (part.rows, rows[part.partition])
        for part in live
        if rows[part.partition] < floor_pct / 100 * part.rows
    }
    if not shrunk:
        return
    words = (f"{name}: {now:,} rows in place of {was:,}" for name, (was, now) in shrunk.items())
    raise LoadHeld(
        "PARTITION_SHRINKS",
        where=candidate.name,
        found=listed(words, at_most=5),
        expected=f"at least {floor_pct:g} percent of the rows of each partition that it replaces",
        remedy="see whether single rows carry a wrong year, district or subject; then "
        f"`roci release {work.load_id}` if the file is right, or `roci discard {work.load_id}`",
    )


def _hold_losing_schools(context: Context, candidate: Candidate, live: list[LivePartition]) -> None:
    """Hold a file of a few schools that would take the place of a whole district's."""
    work, table = candidate.work, candidate.work.source.table
    columns = context.catalogue.tables[table].fields
    partitions = [part.partition for part in live]
    if not partitions or not {"district_id", "school_id"} <= set(columns):
        return
    before = context.lake.scan_sql(table, work.source.name, partitions)
    if before is None:
        return
    floor_pct = _floor_pct(context, work)
    lost = [
        f"district {district}: {kept:,} of {schools:,} schools"
        for district, schools, kept in candidate.con.execute(schools_kept_sql(before)).fetchall()
        if kept < schools and 100 * kept <= floor_pct * schools
    ]
    if lost:
        raise LoadHeld(
            "SCHOOLS_LOST",
            where=candidate.name,
            found=listed(lost, at_most=5),
            expected=f"more than {floor_pct:g} percent of the schools of each district that it "
            "replaces",
            remedy="see whether the file is of a school or a charter alone; then "
            f"`roci discard {work.load_id}`, or `roci release {work.load_id}` if it is right",
        )


def _floor_pct(context: Context, work: Work) -> float:
    own = work.source.threshold.row_floor_pct
    return context.catalogue.profile.row_count_floor_pct if own is None else own


def hold_what_is_older(context: Context, work: Work, partitions: Collection[str]) -> None:
    """Hold a rerun that would put an older file in the place of a newer one.

    A file that landed again has been handed in again, unless it lies there since it was cut off.

    Raises:
        LoadHeld: OLDER_FILE.
    """
    if not (work.incoming.from_raw or work.terms.reached):
        return
    newer = _newer_loads(context, work, unreached(context, work, partitions))
    if newer:
        raise LoadHeld(
            "OLDER_FILE",
            where=work.incoming.file_name,
            found=f"a file that arrived before those of {listed(newer)}, which fill its partitions",
            expected="a rerun of the newest file of a partition",
            remedy=_remedy_of_older(work, newer),
        )


def _newer_loads(context: Context, work: Work, partitions: Collection[str]) -> list[str]:
    """Return the loads of files that arrived later and fill one of the partitions."""
    mine = context.ledger.raw(work.incoming.sha256)
    filling = {
        part.load_id
        for part in context.ledger.live_partitions(work.source.table)
        if part.source == work.source.name and part.partition in partitions
    }
    newer = []
    for load_id in sorted(filling):
        raw = context.ledger.raw(context.ledger.load(load_id).sha256 or "")
        if mine and raw and raw.first_seen_at > mine.first_seen_at:
            newer.append(load_id)
    return newer


def _remedy_of_older(work: Work, newer: list[str]) -> str:
    if work.terms.reached:  # nothing can be published until its other rows are whole again
        return (
            f"its other partitions are in the lake since it was cut off: `roci release "
            f"{work.load_id}`, then `roci rerun {' '.join(newer)}` for the newer rows again"
        )
    return (
        f"`roci discard {work.load_id}`; or `roci release {work.load_id}` if the older file is to "
        "replace the newer one"
    )
