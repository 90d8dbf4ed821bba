"""One load: a file's rows into the lake, or the reason why not; nothing lost, nothing doubled."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb

from configs.errors import (
    ConfigurationError,
    FileRefused,
    InfrastructureError,
    LoadHeld,
    RociError,
)
from flows.context import Context
from flows.faults import unexpected
from flows.load_key import load_inputs, load_key
from flows.locking import filling_lock
from flows.outcome import LoadOutcome
from flows.stages.agreement import lake_lock, let_through, reached_lake, stands_whole
from flows.stages.batch import check_batch
from flows.stages.buried import ONLY_FORGOTTEN, bury_again, require_unforgotten
from flows.stages.extract import open_extract
from flows.stages.guards import (
    Candidate,
    hold_what_is_older,
    hold_what_would_double,
    hold_what_would_lose,
)
from flows.stages.intake import Incoming, leave_landing
from flows.stages.interrupted import load_lock
from flows.stages.recording import (
    keep_in_quarantine,
    record_across_step,
    record_rows,
    record_rows_step,
)
from flows.stages.repairs import known_repairs
from flows.stages.resolving import resolve_rows
from flows.stages.rows import stage_rows
from flows.stages.slicing import slices_of, view
from flows.stages.work import Resolved, Terms, Work
from flows.standing import RELEASABLE, require_state
from warehouse.ledger import Counts, LoadedPartitions, Step
from warehouse.ledger_records import Load
from warehouse.locks import lock
from warehouse.raw import RawFile
from warehouse.repairs import Origin

log = logging.getLogger("roci.load")

LAKE_WAIT_SECONDS = 3600


def load_incoming(
    context: Context, incoming: Incoming, *, released: str | None = None, suites: bool = True
) -> LoadOutcome:
    """Load one file, unless exactly this is loaded already; its fate is then on record.

    Files of one source and district are loaded one after the other, so that a load has whatever
    people had corrected in its file when the one before it ended.

    Args:
        context: the opened workspace.
        incoming: the file, claimed by a source, its bytes in the raw store.
        released: the held load that a person lets through.
        suites: whether the batch suite runs (benchmarks measure without it).

    Returns:
        What became of it. A refused or held file is an outcome, not an error.

    Raises:
        InfrastructureError, OSError: storage or database failed; the same call may be repeated.
        UsageError: the load to be released is not held, or no more (WRONG_STATE).
    """
    with filling_lock(context, incoming.source, incoming.district_id):
        if released is not None:  # another may have seen to it while this one waited
            require_state(context, released, RELEASABLE)
        return _load_alone(context, incoming, released, suites)


def _load_alone(
    context: Context, incoming: Incoming, released: str | None, suites: bool
) -> LoadOutcome:
    file = Origin(incoming.source, incoming.sha256, incoming.district_id)
    repairs = known_repairs(context, file)
    inputs = load_inputs(
        context.catalogue, file.source, file.sha256, file.district_id, repairs.digest
    )
    key = load_key(inputs)
    with lock(context.workspace, load_lock(key), LAKE_WAIT_SECONDS, what=incoming.source):
        known = context.ledger.find_by_key(key)
        if known is not None and known.state == "loaded" and _stands(context, known, incoming):
            leave_landing(context, incoming, None)
            return _outcome(known, "unchanged")
        reached = reached_lake(context, key)
        load_id = context.ledger.open_load(
            incoming.source, key, inputs, incoming.sha256, incoming.file_name, incoming.district_id
        )
        terms = Terms(released is not None, reached, suites, repairs)
        outcome, error = _attempt(context, load_id, incoming, terms)
        if (terms.released or reached) and outcome.state == "loaded":
            _close_held(context, released, key)
        if incoming.takes_up is not None:
            taken_up = context.ledger.load(incoming.takes_up)
            context.ledger.finish(taken_up.load_id, "superseded", fault=taken_up.fault)
    leave_landing(context, incoming, error)
    log.info(
        "load=%s source=%s state=%s code=%s received=%d loaded=%d quarantined=%d set_aside=%d "
        "seconds=%.2f",
        load_id,
        outcome.source,
        outcome.state,
        outcome.code,
        outcome.received,
        outcome.loaded,
        outcome.quarantined,
        outcome.set_aside,
        outcome.seconds,
    )
    return outcome


def _close_held(context: Context, released: str | None, key: str) -> None:
    """Note that a load has taken the place of those that were held until it was let through."""
    held = {one.load_id for one in context.ledger.attempts(key) if one.state == "held"}
    for load_id in sorted(held | ({released} if released is not None else set())):
        context.ledger.finish(load_id, "superseded")


def _stands(context: Context, known: Load, incoming: Incoming) -> bool:
    """Return whether doing a load again would change nothing.

    Landed again it changes nothing as long as the lake has what is live of it; asked for by name it
    must be live as a whole.
    """
    parts = context.ledger.partitions_of(known.load_id)
    table = context.catalogue.source(known.source).table
    live = [p for p in context.ledger.live_partitions(table) if p.load_id == known.load_id]
    if incoming.from_raw and len(live) < len(parts):
        return False
    return stands_whole(context, known, table)


def _attempt(
    context: Context, load_id: str, incoming: Incoming, terms: Terms
) -> tuple[LoadOutcome, RociError | None]:
    """Load the file and record how it ended, whatever that is."""
    started = time.perf_counter()
    source = context.catalogue.source(incoming.source)
    error: RociError | None = None
    try:
        with _folder(context, load_id) as folder:
            work = Work(load_id, source, incoming, folder, terms)
            _load(context, work)
    except LoadHeld as held:
        error = _naming_the_file(held, incoming)
        context.ledger.finish(load_id, "held", fault=error)
    except FileRefused as refused:
        error = _naming_the_file(refused, incoming)
        context.ledger.finish(load_id, "failed", fault=error)
    except Exception as broken:
        error = unexpected(broken, incoming.file_name)
        if isinstance(error, InfrastructureError | ConfigurationError):
            _record_interruption(context, load_id, broken)
            raise error from None
        # A fault of ours must not keep the other files from loading.
        context.ledger.finish(load_id, "failed", fault=error)
    except BaseException as broken:
        _record_interruption(context, load_id, broken)
        raise
    seconds = time.perf_counter() - started
    outcome = _outcome(context.ledger.load(load_id), seconds=seconds)
    return replace(outcome, message=str(error) if error else None), error


def _naming_the_file(stopped: RociError, incoming: Incoming) -> RociError:
    """Return the error with the file's name before the place in it: readers know no names."""
    if incoming.file_name not in stopped.where:
        stopped.where = f"{incoming.file_name}: {stopped.where}"
    return stopped


def _load(context: Context, work: Work) -> None:
    """Read, check, resolve, hold against the suite, commit.

    Raises:
        FileRefused, LoadHeld: see their codes.
    """
    with context.raw.open(work.incoming.sha256) as stream:
        clock = time.perf_counter()
        mends = work.terms.repairs.mends(context)
        extract = open_extract(context, work.source, work.incoming, stream, mends)
        written = extract.probe.words + (
            f", in {work.incoming.archive}" if work.incoming.archive else ""
        )
        context.ledger.note_reading(work.load_id, extract.match.layout.name, written)
        staged = stage_rows(
            extract.pieces, extract.encoder, work.source, context.catalogue, work.folder
        )
        record_rows_step(context, work, staged.tally, clock)
        clock = time.perf_counter()
        with duckdb.connect() as con:
            resolved = resolve_rows(context, work, staged, con)
            record_across_step(context, work, staged, resolved, clock)
            # Before anything can refuse the file: its reasons are what a person will ask for.
            keep_in_quarantine(context, work, extract, resolved.tally.rejects)
            record_rows(context, work.load_id, resolved.tally, con)
            if work.terms.reached and not work.terms.released:
                # Told before what a person may have let pass already.
                hold_what_is_older(context, work, resolved.rows)
            _refuse_too_many_rejects(context, work, resolved)
            if work.terms.suites and resolved.rows:
                check_batch(context, work, resolved.files, con)
            _commit(context, Candidate(work, resolved, extract.match.layout, con))


def _commit(context: Context, candidate: Candidate) -> None:
    """Replace the partitions in the lake in one commit, then say so in the ledger."""
    work, resolved, con = candidate.work, candidate.resolved, candidate.con
    counts = Counts(
        received=resolved.tally.received + resolved.tally.made,
        loaded=resolved.tally.staged,
        quarantined=resolved.tally.rejected,
        set_aside=resolved.tally.aside,
    )
    counts.require_balance(work.load_id)
    table = work.source.table
    if not resolved.rows:
        raise _nothing_left(work, counts)
    view(con, "final", resolved.files)
    loaded = LoadedPartitions(table, resolved.rows, slices_of(con, "final", table))
    while not _replaced(context, candidate, counts, loaded):
        log.info("load=%s stage=lake state=again table=%s", work.load_id, table)


def _replaced(
    context: Context, candidate: Candidate, counts: Counts, loaded: LoadedPartitions
) -> bool:
    """Replace the load's partitions, unless what it was held against has changed meanwhile."""
    work = candidate.work
    against = context.ledger.live_partitions(loaded.table)
    _hold(context, candidate)
    clock = time.perf_counter()
    with lock(context.workspace, lake_lock(loaded.table), LAKE_WAIT_SECONDS, what=work.load_id):
        if context.ledger.live_partitions(loaded.table) != against:
            return False
        _require_unforgotten(context, work)
        context.lake.replace(loaded.table, work.source.name, candidate.resolved.files, work.load_id)
        context.ledger.record_step(
            work.load_id,
            Step("lake", counts.loaded, counts.loaded, seconds=time.perf_counter() - clock),
        )
        context.ledger.finish_loaded(work.load_id, counts, [loaded], work.terms.repairs.ids)
    return True


def _require_unforgotten(context: Context, work: Work) -> None:
    """Refuse rows that were read before `roci forget` destroyed their file.

    Raises:
        FileRefused: RAW_FORGOTTEN.
    """
    incoming = work.incoming
    path = context.raw.path(incoming.sha256)
    require_unforgotten(context, RawFile(incoming.sha256, 0, path), incoming.file_name)


def _hold(context: Context, candidate: Candidate) -> None:
    """Hold what would double, lose or move results that people rely on.

    Raises:
        LoadHeld: see their codes.
    """
    hold_what_would_double(context, candidate)
    if let_through(context, candidate.work, candidate.resolved.rows):
        return
    hold_what_would_lose(context, candidate)
    if context.catalogue.profile.review_restatements:
        from flows.stages.restating import hold_what_would_restate

        hold_what_would_restate(context, candidate)


def _nothing_left(work: Work, counts: Counts) -> FileRefused:
    return FileRefused(
        "EMPTY_FILE",
        where=work.incoming.file_name,
        found=f"{counts.received} records, none of which can be loaded",
        expected="at least one record to load",
        remedy=f"see `roci explain {work.load_id}` for the reasons, or export the file again",
    )


def _refuse_too_many_rejects(context: Context, work: Work, resolved: Resolved) -> None:
    """Refuse a file of which more rows are rejected than its source allows.

    Raises:
        FileRefused: TOO_MANY_REJECTS, or EMPTY_FILE where there are no records at all.
    """
    tally = resolved.tally
    rows = tally.received + tally.made
    if rows and tally.forgotten == rows:
        bury_again(context, work.incoming.sha256)
        raise _only_forgotten(work, rows)
    if rows == 0:
        raise FileRefused(
            "EMPTY_FILE",
            where=work.incoming.file_name,
            found="a header and no records",
            expected="at least one record",
            remedy="export the file again and put it into landing/",
        )
    share = 100 * tally.rejected / rows
    allowed = work.source.threshold.rejected_pct
    if share > allowed and not let_through(context, work, resolved.rows):
        raise FileRefused(
            "TOO_MANY_REJECTS",
            where=work.incoming.file_name,
            found=f"{tally.rejected:,} of {rows:,} rows rejected ({share:.1f} percent)",
            expected=f"at most {allowed:g} percent (threshold of source {work.source.name})",
            remedy=f"see `roci explain {work.load_id}` for the reasons, correct the extract and "
            "land it again",
        )


def _only_forgotten(work: Work, rows: int) -> FileRefused:
    return FileRefused(
        ONLY_FORGOTTEN,
        where=work.incoming.file_name,
        found=f"{rows:,} rows, all of students, districts or years that were forgotten",
        expected="rows of others",
        remedy="nothing of the file is kept; see to it that it is not sent any more",
    )


@contextmanager
def _folder(context: Context, load_id: str) -> Iterator[Path]:
    """Yield the load's folder for work in progress; it is gone afterwards."""
    folder = context.workspace.staging / load_id
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _record_interruption(context: Context, load_id: str, broken: BaseException) -> None:
    """Say in the ledger that the load was cut off, if the ledger can still be reached."""
    fault = (
        broken
        if isinstance(broken, RociError)
        else RociError(
            "INTERRUPTED",
            where=load_id,
            found=f"cut off by {type(broken).__name__}",
            expected="a load that runs to its end",
            remedy="type the same command again; what was not whole is not shown",
        )
    )
    try:
        context.ledger.finish(load_id, "failed", fault=fault)
    except Exception:  # the cause itself is raised right after
        log.warning("load=%s state=unrecorded cause=%s", load_id, type(broken).__name__)


def _outcome(load: Load, state: str | None = None, seconds: float = 0.0) -> LoadOutcome:
    return LoadOutcome(
        load_id=load.load_id,
        source=load.source,
        file_name=load.file_name or "",
        state=state or load.state,
        code=load.fault.code if load.fault else None,
        received=load.rows_received or 0,
        loaded=load.rows_loaded or 0,
        quarantined=load.rows_quarantined or 0,
        set_aside=load.rows_set_aside or 0,
        seconds=seconds,
    )
