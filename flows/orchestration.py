"""The Prefect flows and tasks: thin wraps of the plain stage functions, with names and retries.

Tasks take and give ids, names and counts, never rows: Prefect stores parameters in clear text.
Only infrastructure is retried; a file that was refused stays refused. What is already done is the
ledger's to say, so Prefect's own caching is off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.states import Completed, Failed, State
from prefect.task_runners import ThreadPoolTaskRunner

from flows.artifacts import leave_artifacts, name_by_end
from flows.choosing import chosen_loads, what_changed
from flows.console import start_logging
from flows.context import open_context
from flows.crash_guard import guard
from flows.faults import is_panic, unexpected
from flows.locking import nightly_lock
from flows.notifying import tell_people, telling_of_an_end
from flows.outcome import BuildOutcome, LoadOutcome, RunOutcome
from flows.patience import RETRY_DELAYS, may_pass
from flows.stages.building import build_marts as build_marts_stage
from flows.stages.fetching import fetch_all
from flows.stages.intake import (
    Incoming,
    Taken,
    leave_archives,
    take_in,
)
from flows.stages.loading import load_incoming
from flows.stages.retrying import as_it_came, waves
from flows.unfinished_forgetting import finish_forgetting

DEFAULT_WORKERS = 2
# Prefect's own default is as many threads as there are files, whose memory adds up.
RUNNER: Any = ThreadPoolTaskRunner(max_workers=DEFAULT_WORKERS)


def is_infrastructure(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Return whether a failed task failed for a cause outside the data that may pass by itself."""
    try:
        state.result()
    except Exception as error:
        return may_pass(error)
    return False


@task(
    name="load",
    task_run_name="load {source}: {file_name}",
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=is_infrastructure,
    cache_policy=NO_CACHE,
)
def load_task(source: str, file_name: str, file: dict[str, Any]) -> State[Any]:
    """Load one file of one source; the state's name says what became of it."""
    with telling_no_values():
        outcome = load_incoming(open_context(), Incoming(**file))
    get_run_logger().info(
        "load=%s source=%s state=%s received=%d loaded=%d quarantined=%d set_aside=%d",
        outcome.load_id,
        outcome.source,
        outcome.state,
        outcome.received,
        outcome.loaded,
        outcome.quarantined,
        outcome.set_aside,
    )
    return _state(outcome, f"{outcome.state} {outcome.code or ''}".strip())


@task(
    name="marts",
    task_run_name="marts",
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=is_infrastructure,
    cache_policy=NO_CACHE,
)
def marts_task(everything: bool) -> State[Any]:
    """Build the marts whose loads have changed and publish them."""
    with telling_no_values():
        outcome = build_marts_stage(open_context(), everything=everything)
    return _state(outcome, f"{outcome.state} {outcome.code or ''}".strip())


def _state(outcome: LoadOutcome | BuildOutcome, message: str) -> State[Any]:
    if outcome.needs_attention:
        return Failed(name=outcome.state.capitalize(), message=message, data=outcome)
    return Completed(name=outcome.state.capitalize(), message=message, data=outcome)


@contextmanager
def telling_no_values() -> Iterator[None]:
    """Let nothing reach Prefect's log and database but errors that hold no student's value."""
    guard()  # a scheduled run has no command line that would have done it
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception) or is_panic(error):
            raise unexpected(error) from None
        raise


def nightly_name() -> str:
    """Return the name of tonight's run."""
    return f"nightly {datetime.now(UTC).date().isoformat()}"


@flow(
    name="build_marts",
    flow_run_name="build marts",
    validate_parameters=False,
    task_runner=RUNNER,
)
def build_marts(everything: bool = False) -> State[Any]:
    """Build the marts that changed, or all of them."""
    with telling_no_values():
        return _run_state(_load_then_build(Taken(), everything=everything))


@flow(
    name="ingest",
    flow_run_name="ingest {source}",
    validate_parameters=False,
    task_runner=RUNNER,
)
def ingest(source: str, files: list[dict[str, Any]]) -> State[Any]:
    """Load files that the raw store already holds, then build the marts they touch.

    Args:
        source: the source's name, or `several`.
        files: the fields of `Incoming` of each file.
    """
    with telling_no_values():
        return _run_state(_load_then_build(Taken(tuple(Incoming(**file) for file in files))))


@flow(
    name="rerun",
    flow_run_name="rerun",
    validate_parameters=False,
    task_runner=RUNNER,
)
def rerun(
    loads: list[str] | None = None, failed: bool = False, code: str | None = None
) -> State[Any]:
    """Do loads again from the raw store, with today's configuration; safe to repeat.

    Args:
        loads: ids of loads.
        failed: every load that failed or is held.
        code: loads that stopped for this code, or that have rows rejected for it.
    """
    context = open_context()
    start_logging(context.workspace)
    with telling_no_values():
        chosen = chosen_loads(context, loads or [], failed=failed, code=code)
        again = what_changed(context, chosen)
        for one in again:
            get_run_logger().info("again=%s", one.words)
        taken = Taken(tuple(as_it_came(context, load) for load in chosen))
        return _run_state(replace(_load_then_build(taken), again=again))


@flow(
    name="nightly",
    flow_run_name=nightly_name,
    validate_parameters=False,
    task_runner=RUNNER,
)
def nightly(source: str | None = None) -> State[Any]:
    """Take in everything new in landing/, load it, and build the marts that changed."""
    context = open_context()
    start_logging(context.workspace)  # a scheduled run has no command line that would have begun it
    with telling_no_values(), telling_of_an_end(context), nightly_lock(context):
        finish_forgetting(context)
        context.workspace.tidy()
        fetches = fetch_all(context)
        run = _load_then_build(replace(take_in(context, source), fetches=fetches))
        tell_people(context, run.build)
        return _run_state(run)


def _load_then_build(taken: Taken, *, everything: bool = False) -> RunOutcome:
    """Load phase by phase (directories, rosters, results), so that each finds what it refers to."""
    run = RunOutcome(loads=taken.refused, fetches=taken.fetches)
    for wave in waves(open_context(), taken):
        futures = [load_task.submit(item.source, item.file_name, asdict(item)) for item in wave]
        run = run.with_loads([_result(future) for future in futures])
    leave_archives(open_context(), taken)
    run = replace(run, build=_result(marts_task.submit(everything)))
    leave_artifacts(open_context(), run)
    return run


def _result(future: PrefectFuture[Any]) -> Any:
    """Return a task's outcome; a data failure is an outcome too, anything else is raised."""
    future.wait()
    outcome = future.state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _run_state(run: RunOutcome) -> State[Any]:
    name_by_end(run)
    kind = Failed if run.exit_code else Completed
    return kind(message=run.summary(), data=run)


def run_flow(name: str, parameters: dict[str, Any], workers: int | None) -> RunOutcome:
    """Run one of the flows here and now and return its outcome."""
    flows: dict[str, Any] = {
        "nightly": nightly,
        "ingest": ingest,
        "rerun": rerun,
        "build_marts": build_marts,
    }
    runner: Any = ThreadPoolTaskRunner(max_workers=workers or DEFAULT_WORKERS)
    state = flows[name].with_options(task_runner=runner)(**parameters, return_state=True)
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def serve_flows(cron: str, timezone: str, workers: int) -> None:
    """Serve the nightly on its schedule, and reruns on request, until stopped.

    A stop leaves the schedule active. One of them runs at a time, the others wait.
    """
    from prefect import serve
    from prefect.schedules import Cron

    runner: Any = ThreadPoolTaskRunner(max_workers=workers)
    nights: Any = nightly.with_options(task_runner=runner).to_deployment(
        name="nightly",
        schedule=Cron(cron, timezone=timezone),
        description="Everything new in landing/, then the marts that changed",
        tags=["roci"],
    )
    reruns: Any = rerun.with_options(task_runner=runner).to_deployment(
        name="rerun",
        description="Loads again from the raw store: `loads`, `failed` or `code`",
        tags=["roci"],
    )
    starting = os.isatty(1)
    serve(nights, reruns, pause_on_shutdown=False, limit=1, print_starting_message=starting)
