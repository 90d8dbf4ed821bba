"""The batch suite: a whole load is held against its last of the same kind before it replaces it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from configs.errors import LoadHeld
from configs.source_models import Source
from flows.context import Context
from flows.stages.agreement import let_through
from flows.stages.slicing import view
from warehouse.ledger import Check
from warehouse.ledger_records import Load
from warehouse.staging import StagedFiles

if TYPE_CHECKING:
    from flows.stages.work import Work
    from validation.suites import Check as Found

PROFILE = "profile"
DIRECTORY_TABLE = "school"


def check_batch(
    context: Context, work: Work, files: StagedFiles, con: duckdb.DuckDBPyConnection
) -> None:
    """Run the batch suite over the staged rows and record every check.

    Args:
        context: the opened workspace.
        work: the load under way.
        files: its good rows by partition.
        con: a connection; views `final` and `directory` are made in it.

    Raises:
        LoadHeld: a check of severity `hold` did not pass and the load was not let through.
    """
    from validation.profile import batch_profile, profile_values
    from validation.suites import needed_columns, run_batch_suite, suite_for

    view(con, "final", files)
    table = context.catalogue.tables[work.source.table]
    last = last_of_kind(context, work.source, files)
    profile = batch_profile(
        con, "final", table, _profile_of(context, last), _directory(context, work.source, con)
    )
    suite = suite_for(context.catalogue, "batch", work.source)
    columns = needed_columns(suite).get("rows", [])
    rows = _categorical(files, columns).to_pandas()
    result = run_batch_suite(suite, rows, profile, context.workspace.docs, work.load_id)
    context.ledger.record_checks(work.load_id, [recorded(check) for check in result.checks])
    context.ledger.record_checks(work.load_id, _as_checks(profile_values(profile)))
    failed = result.failed("hold")
    if failed and not let_through(context, work, files):
        raise held(work, failed, last)


def recorded(found: Found) -> Check:
    """Return a suite's check as the ledger keeps it."""
    return Check(
        found.suite,
        found.name,
        found.code,
        found.severity,
        found.success,
        found.observed,
        found.expected,
    )


def held(work: Work, failed: list[Found], last: Load | None) -> LoadHeld:
    """Return why a load waits for a person: every check that holds it."""
    beside = f" (compared with {last.load_id})" if last else ""
    return LoadHeld(
        failed[0].code,
        where=work.incoming.file_name + beside,
        found="; ".join(f"{check.meaning} Found {check.observed}" for check in failed[:5]),
        expected="; ".join(check.expected for check in failed[:5]),
        remedy=f"look at the file; then `roci release {work.load_id}` if it is right, or "
        f"`roci discard {work.load_id}`",
    )


def last_of_kind(context: Context, source: Source, files: Iterable[str]) -> Load | None:
    """Return the newest load of the source whose partitions differ in nothing but the year.

    Only such a load can be compared row for row: a file of one district says nothing of another's.
    A load of the very same partitions, which this one replaces, comes first.
    """
    names = set(files)
    kind = series(source, names)
    of_kind = []
    for load in context.ledger.loads(source.name, state=("loaded", "superseded"), limit=50):
        partitions = {part.partition for part in context.ledger.partitions_of(load.load_id)}
        if partitions == names:
            return load
        if series(source, partitions) == kind:
            of_kind.append(load)
    return of_kind[0] if of_kind else None


def series(source: Source, partitions: Iterable[str]) -> Counter[str]:
    """Return how many partitions there are of each kind, the school year left aside.

    A load of five years and a load of one are not of one kind.
    """
    year = source.partition.index("school_year") if "school_year" in source.partition else None
    kinds: Counter[str] = Counter()
    for partition in partitions:
        parts = partition.split("|")
        kinds["|".join(part for place, part in enumerate(parts) if place != year)] += 1
    return kinds


def _profile_of(context: Context, load: Load | None) -> dict[str, float] | None:
    if load is None:
        return None
    kept = [check for check in context.ledger.checks(load.load_id) if check.suite == PROFILE]
    return {check.name: float(check.observed or 0) for check in kept}


def _as_checks(values: dict[str, float]) -> list[Check]:
    """Return a load's figures in the form in which the ledger keeps them for the next load."""
    return [
        Check(PROFILE, name, "PROFILE", "warn", True, repr(value)) for name, value in values.items()
    ]


def _directory(context: Context, source: Source, con: duckdb.DuckDBPyConnection) -> str | None:
    """Make a view of the directory, where it is one of the load's own districts, and name it.

    A source that numbers its districts otherwise than the directory cannot be held against it.
    """
    scan = context.lake.scan_sql(DIRECTORY_TABLE) if source.table != DIRECTORY_TABLE else None
    if scan is None:
        return None
    con.execute(f"CREATE OR REPLACE VIEW directory AS SELECT * FROM {scan}")
    shared = "SELECT 1 FROM final SEMI JOIN directory USING (district_id) LIMIT 1"
    return "directory" if con.execute(shared).fetchall() else None


def _categorical(files: StagedFiles, columns: list[str]) -> pa.Table:
    """Return the named columns of staged files, text as dictionaries."""
    tables = [
        pq.read_table(path, columns=columns, read_dictionary=columns, partitioning=None)
        for paths in files.values()
        for path in paths
    ]
    return pa.concat_tables(tables).unify_dictionaries()
