"""What the verbs that change something do: with Prefect around the stages, or without it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from configs.errors import UsageError
from flows.choosing import chosen_loads, what_changed
from flows.console import progress
from flows.context import Context
from flows.locking import filling_lock, nightly_lock
from flows.notifying import tell_people, telling_of_an_end
from flows.outcome import LoadOutcome, RunOutcome
from flows.patience import patiently
from flows.slices import years_of
from flows.stages.fetching import fetch_all
from flows.stages.intake import (
    Incoming,
    Taken,
    ingest_files,
    leave_archives,
    take_in,
)
from flows.stages.retrying import as_it_came, waves
from flows.standing import RELEASABLE, STOPPED, done_again, require_state
from flows.unfinished_forgetting import finish_forgetting

if TYPE_CHECKING:
    from flows.stages.small_moves import Release


def run_nightly(
    context: Context,
    *,
    source: str | None = None,
    engine: str = "direct",
    workers: int | None = None,
) -> RunOutcome:
    """Take in everything new, load it, build what changed; one nightly at a time."""
    if engine == "prefect":
        return _through_prefect(context, "nightly", {"source": source}, workers)
    if workers is not None:
        raise UsageError(
            "NO_WORKERS",
            where="roci run --engine direct",
            found=f"--workers {workers}",
            expected="no --workers: without Prefect files load one after the other",
            remedy="leave --workers out, or use --engine prefect",
        )
    with telling_of_an_end(context), nightly_lock(context):
        finish_forgetting(context)
        context.workspace.tidy()
        fetches = fetch_all(context)
        run = load_all(context, replace(take_in(context, source), fetches=fetches))
        tell_people(context, run.build)
        return run


def run_ingest(
    context: Context, source: str, files: Sequence[Path], *, district: str | None, engine: str
) -> RunOutcome:
    """Load the named files for the named source, then build the marts they touch."""
    incoming = ingest_files(context, source, files, district)
    return _load(context, incoming, engine=engine)


def run_again(
    context: Context, load_ids: Iterable[str], *, failed: bool, code: str | None, engine: str
) -> RunOutcome:
    """Do loads again from the raw store.

    Raises:
        UsageError: nothing was chosen, or a load does not exist.
        ConfigurationError: a load's source is unfinished.
    """
    chosen = chosen_loads(context, load_ids, failed=failed, code=code)
    incoming = [as_it_came(context, load) for load in chosen]
    again = what_changed(context, chosen)
    if engine == "direct" or not chosen:
        return replace(load_all(context, Taken(tuple(incoming))), again=again)
    parameters: dict[str, object] = {"loads": [load.load_id for load in chosen]}
    return _through_prefect(context, "rerun", parameters, None)


def run_backfill(context: Context, source: str, years: str, *, engine: str) -> RunOutcome:
    """Do again every live load of a source with a school year in `years` ("2021..2024").

    Raises:
        UsageError: the years are not of the form A..B, or no load has one of them.
    """
    context.catalogue.source(source)
    first, last = _span(years)
    ids = {
        live.load_id
        for table in context.catalogue.tables
        for live in context.ledger.live_partitions(table)
        if live.source == source and any(first <= year <= last for year in years_of(live))
    }
    if not ids:
        raise UsageError(
            "NOTHING_CHOSEN",
            where=f"roci backfill {source} --years {years}",
            found="no load of that source with those years",
            expected="years that are loaded",
            remedy="see `roci sources list` and `roci loads --source " + source + "`",
        )
    loads = [context.ledger.load(load_id) for load_id in sorted(ids)]
    return _load(context, [as_it_came(context, load) for load in loads], engine=engine)


def run_release(context: Context, load_id: str) -> RunOutcome:
    """Load a held load although its checks say otherwise; who released it is on record.

    Raises:
        UsageError: the load is not held.
    """
    from flows.stages.loading import load_incoming

    load = require_state(context, load_id, RELEASABLE)
    outcome = load_incoming(context, as_it_came(context, load), released=load_id)
    if outcome.state == "loaded":
        context.ledger.record_decision(load_id, "released", getuser(), outcome.load_id)
    return _with_build(context, RunOutcome(loads=(outcome,)))


def discard_load(context: Context, load_id: str) -> int:
    """Mark a held or failed load as given up; nothing in the lake changes.

    Raises:
        UsageError: the load is neither, or is so no more once no other is at work on its file.
    """
    load = require_state(context, load_id, STOPPED)
    with filling_lock(context, load.source, load.district_id):
        load = require_state(context, load_id, STOPPED)
        context.ledger.discard(load, getuser())
    typer.echo(f"{load.load_id} discarded; its file stays in the raw store")
    newest = done_again(context, load)
    if newest is not None:
        typer.echo(f"The file was done again since: {newest.load_id} is {newest.state} as it was.")
        typer.echo(f"Next: roci explain {newest.load_id}")
    return 0


def require_mart(name: str) -> None:
    """Refuse the name of a mart that does not exist.

    Raises:
        UsageError: there is none of that name.
    """
    from flows.stages.marts import KEYS

    if name not in KEYS:
        raise UsageError(
            "UNKNOWN_MART",
            where="roci marts build",
            found=name,
            expected="one of " + ", ".join(sorted(KEYS)),
            remedy="check the spelling; without a name everything that changed is built",
        )


def run_build(
    context: Context, *, everything: bool, engine: str, release: Release | None = None
) -> RunOutcome:
    """Build the marts that changed, or all of them; `release` is only for engine direct."""
    if release is not None:
        return _with_build(context, RunOutcome(), everything=everything, release=release)
    if engine == "prefect":
        return _through_prefect(context, "build_marts", {"everything": everything}, None)
    return load_all(context, Taken(), everything=everything)


def load_all(context: Context, taken: Taken, *, everything: bool = False) -> RunOutcome:
    """Load phase by phase without Prefect; a file that fails never stops the others."""
    from flows.stages.loading import load_incoming

    run = RunOutcome(loads=taken.refused, fetches=taken.fetches)
    with progress(len(taken.incoming), "loading") as step:
        for wave in waves(context, taken):
            outcomes: list[LoadOutcome] = []
            for item in wave:
                step(item.file_name)
                outcomes.append(patiently("load", partial(load_incoming, context, item)))
            run = run.with_loads(outcomes)
    leave_archives(context, taken)
    return _with_build(context, run, everything=everything)


def _with_build(
    context: Context, run: RunOutcome, *, everything: bool = False, release: Release | None = None
) -> RunOutcome:
    from flows.stages.building import build_marts
    from flows.stages.small_moves import NOBODY

    build = patiently(
        "marts",
        partial(build_marts, context, everything=everything, release=release or NOBODY),
    )
    return replace(run, build=build)


def _load(context: Context, incoming: Sequence[Incoming], *, engine: str) -> RunOutcome:
    if engine == "direct":
        return load_all(context, Taken(tuple(incoming)))
    names = {item.source for item in incoming}
    parameters: dict[str, object] = {
        "source": names.pop() if len(names) == 1 else "several",
        "files": [asdict(item) for item in incoming],
    }
    return _through_prefect(context, "ingest", parameters, None)


def _through_prefect(
    context: Context, flow: str, parameters: dict[str, object], workers: int | None
) -> RunOutcome:
    from flows.prefect_settings import prepare

    prepare(context.workspace)
    from flows.orchestration import run_flow

    return run_flow(flow, parameters, workers or context.catalogue.profile.workers)


def _span(years: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{4})\.\.(\d{4})", years)
    if match is None or match[1] > match[2]:
        raise UsageError(
            "BAD_YEARS",
            where="--years",
            found=years,
            expected="two spring years, as 2021..2024",
            remedy="write the first year, two dots and the last year",
        )
    return int(match[1]), int(match[2])
