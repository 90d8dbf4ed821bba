"""What a run leaves in the Prefect UI: counts, codes and ids of loads, never a name or a value."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from configs.models import CodeWords
from flows.context import Context
from flows.explaining import KIND_WORDS, next_commands, row_counts, state_words
from flows.outcome import RunOutcome

log = logging.getLogger("roci.prefect")

COLUMNS = (
    "load_id",
    "source",
    "state",
    "code",
    "received",
    "loaded",
    "quarantined",
    "set_aside",
)


def leave_artifacts(context: Context, run: RunOutcome) -> None:
    """Leave a table of all loads, and a page for each that needs a person.

    What Prefect cannot take does not undo what is loaded and published.
    """
    try:
        _leave_table(run)
        for load in run.loads:
            if load.needs_attention:
                create_markdown_artifact(
                    key=f"load-{load.load_id.lower()}",
                    markdown="\n".join(explained(context, load.load_id)),
                    description=f"{load.state}: {load.code}",
                )
    except Exception as error:
        log.warning("artifacts=failed cause=%s", type(error).__name__)


def _leave_table(run: RunOutcome) -> None:
    rows = [{name: load.as_record()[name] for name in COLUMNS} for load in run.loads]
    if rows:
        create_table_artifact(
            key="loads", table=rows, description="Rows by load; counts only. `roci explain LOAD`"
        )


def name_by_end(run: RunOutcome) -> None:
    """Add what became of it to the name of the run."""
    try:
        with get_client(sync_client=True) as client:
            name = f"{flow_run.get_name()}: {ended(run)}"
            client.update_flow_run(UUID(flow_run.get_id()), name=name)
    except Exception as error:
        log.warning("run_name=failed cause=%s", type(error).__name__)


def ended(run: RunOutcome) -> str:
    """Return in a few words how a run ended."""
    build = run.build
    marts = f", marts {build.state}" if build is not None and build.state != "unchanged" else ""
    waiting = len(build.waiting) if build is not None else 0
    return run.summary() + marts + (f", {waiting} of them waiting" if waiting else "")


def explained(context: Context, load_id: str) -> Iterator[str]:
    """Yield the page of a load: what happened, why, how many rows for which reason, what to type.

    No name of a file or school and no row number is on it: `roci explain` has them.
    """
    load, codes = context.ledger.load(load_id), context.catalogue.codes
    yield f"# {load.load_id}: {load.state}\n"
    yield f"Source `{load.source}`. {state_words(load)}\n"
    if load.fault is not None:
        yield from _cause(load.fault.code, codes)
    if load.rows_received:
        yield (
            f"{load.rows_received:,} rows received = {load.rows_loaded:,} loaded + "
            f"{load.rows_quarantined:,} quarantined + {load.rows_set_aside:,} set aside.\n"
        )
    yield from _reasons(context, load_id)
    yield "## Next\n"
    following = [f"roci explain {load_id}", *next_commands(load, codes)]
    yield from (f"    {command}" for command in following)


def _cause(code: str, codes: Mapping[str, CodeWords]) -> Iterator[str]:
    words = codes.get(code)
    yield f"**{code}** {words.meaning if words else ''}\n"
    if words:
        yield f"To do: {words.remedy}\n"


def _reasons(context: Context, load_id: str) -> Iterator[str]:
    counts = row_counts(context, load_id)
    if counts:
        yield "| rows | code | field | what becomes of them |\n| ---: | --- | --- | --- |"
    for count in counts:
        words = KIND_WORDS[count.kind].removeprefix("Rows ")
        yield f"| {count.rows:,} | {count.code} | {count.field or ''} | {words} |"
    if counts:
        yield ""
