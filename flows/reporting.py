"""What the verbs that only look print."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from configs.errors import UsageError
from flows.console import show_records
from flows.context import Context
from flows.explaining import explanation, explanation_lines
from flows.load_key import changed_parts, load_inputs
from flows.outcome import UNCLAIMED
from flows.slices import years_of
from flows.source_reporting import unfinished_line, unfinished_sources
from flows.unmatched import unmatched_line, unmatched_students
from warehouse.ledger_records import Load
from warehouse.ledger_tables import STATES

LOAD_COLUMNS = (
    "load_id",
    "source",
    "file_name",
    "state",
    "code",
    "rows_received",
    "rows_loaded",
    "rows_quarantined",
    "rows_set_aside",
    "finished_at",
)
STOPPED = ("failed", "held")
ATTENTION_SHOWN = 5


def show_status(context: Context, *, as_json: bool) -> int:
    """Print what is loaded, failed, held and waiting, and the last publication."""
    status = _status(context)
    if as_json:
        typer.echo(json.dumps(status, default=str, indent=2))
        return 0
    counts = status["loads"]
    typer.echo("loads: " + (", ".join(f"{n:,} {s}" for s, n in sorted(counts.items())) or "none"))
    typer.echo(f"waiting in landing/: {status['waiting']}")
    for unfinished in status["unfinished"]:
        typer.echo(unfinished_line(unfinished))
    for stale in status["stale"]:
        typer.echo(
            f"stale: {stale['loads']} loads of {stale['source']}, {stale['changed']} changed since"
            f"  -> roci backfill {stale['source']} --years {stale['years']}"
        )
    for unmatched in status["unmatched"]:
        typer.echo(unmatched_line(unmatched))
    published = status["publication"]
    typer.echo(
        f"published: {published['publication_id']} at {published['published_at']}"
        if published
        else "published: nothing yet"
    )
    for load in status["attention"][:ATTENTION_SHOWN]:
        typer.echo(
            f"{load['state']}: {load['load_id']} {load['file_name']} ({load['code']})"
            f"  -> roci explain {load['load_id']}"
        )
    if len(status["attention"]) > ATTENTION_SHOWN:
        typer.echo(f"... and {len(status['attention']) - ATTENTION_SHOWN} more: roci loads")
    return 0


def _status(context: Context) -> dict[str, Any]:
    publication = context.ledger.last_publication()
    attention = open_faults(context)
    return {
        "home": str(context.workspace.home),
        "loads": dict(Counter(load.state for load in context.ledger.loads())),
        "waiting": len(context.landing.files()),
        "unfinished": unfinished_sources(context),
        "stale": stale_loads(context),
        "unmatched": unmatched_students(context),
        "attention": [
            {name: load_record(load)[name] for name in ("load_id", "file_name", "state", "code")}
            for load in attention
        ],
        "publication": None
        if publication is None
        else {
            "publication_id": publication.publication_id,
            "published_at": publication.published_at,
        },
    }


def stale_loads(context: Context) -> list[dict[str, Any]]:
    """Return, by source, how many live loads were made by another configuration or code.

    They are never reloaded silently: a person decides, by `roci backfill` or `roci rerun`.
    """
    years: dict[str, set[int]] = defaultdict(set)
    for part in context.ledger.live_partitions():
        years[part.load_id] |= years_of(part)
    changed: dict[str, dict[str, set[Any]]] = {}
    inputs = context.ledger.inputs_of_loaded()
    for load in context.ledger.loads(state="loaded"):
        if load.source not in context.catalogue.sources or load.sha256 is None:
            continue
        now = load_inputs(context.catalogue, load.source, load.sha256, load.district_id)
        parts = changed_parts(inputs.get(load.load_id, {}), now)
        if parts:
            of_source = changed.setdefault(load.source, defaultdict(set))
            of_source["loads"].add(load.load_id)
            of_source["parts"].update(parts)
            of_source["years"].update(years[load.load_id])
    return [
        {
            "source": source,
            "loads": len(found["loads"]),
            "changed": ", ".join(sorted(found["parts"])),
            "years": f"{min(found['years'])}..{max(found['years'])}",
        }
        for source, found in sorted(changed.items())
        if found["years"]
    ]


def open_faults(context: Context) -> list[Load]:
    """Return failed and held loads that no later attempt at the same file has mended."""
    ended: set[tuple[str, str | None, str | None]] = set()
    waiting = []
    for load in context.ledger.loads():  # the newest first
        file = (load.source, load.sha256, load.district_id)
        if load.state in STOPPED and file not in ended:
            waiting.append(load)
        ended.add(file)
    return waiting


def load_record(load: Load) -> dict[str, Any]:
    """Return what a list of loads shows of one."""
    record = asdict(load) | {"code": load.fault.code if load.fault else None}
    return {name: record[name] for name in LOAD_COLUMNS}


def show_loads(
    context: Context, *, source: str | None, state: str | None, limit: int, as_json: bool
) -> int:
    """Print loads, the newest first.

    Raises:
        UsageError: there is no such source or state.
    """
    known = [*context.catalogue.sources, *context.catalogue.drafts, UNCLAIMED]
    _require_one_of("--source", source, known)
    _require_one_of("--state", state, STATES)
    loads = context.ledger.loads(source=source, state=state, limit=limit)
    show_records(
        [load_record(load) for load in loads],
        as_json,
        "no load matches"
        if source or state
        else "no loads yet: put files into landing/ and type `roci run`",
    )
    return 0


def _require_one_of(option: str, value: str | None, allowed: Sequence[str]) -> None:
    if value is not None and value not in allowed:
        raise UsageError(
            "UNKNOWN_VALUE",
            where=option,
            found=value,
            expected="one of " + ", ".join(allowed),
            remedy="check the spelling",
        )


def show_explanation(context: Context, load_id: str, *, as_json: bool) -> int:
    """Print what happened to a load and what to type next."""
    if as_json:
        typer.echo(json.dumps(explanation(context, load_id), default=str, indent=2))
    else:
        typer.echo("\n".join(explanation_lines(context, load_id)))
    return 0


def show_quarantine_list(context: Context, *, as_json: bool) -> int:
    """Print the loads that have rejected rows, refused files included, a line for each reason."""
    records = [
        {
            "load_id": load.load_id,
            "source": load.source,
            "file_name": load.file_name,
            "code": count.code,
            "field": count.field,
            "rows": count.rows,
        }
        for load in context.ledger.loads()
        if load.state not in ("superseded", "discarded")
        for count in context.ledger.rejected_counts(load.load_id)
        if count.kind == "reject"
    ]
    show_records(records, as_json, "no rows in quarantine")
    return 0


def show_quarantine(
    context: Context, load_id: str, *, limit: int, values: bool, as_json: bool
) -> int:
    """Print a load's rejected rows; students' values only where asked for."""
    context.ledger.load(load_id)
    table = context.quarantine.read(load_id)
    if table is None:
        show_records([], as_json, f"{load_id} has no rows in quarantine")
        return 0
    reasons = {"source_row", "reject_codes", "reject_fields"}
    shown = [name for name in table.column_names if values or name in reasons]
    show_records(table.select(shown).slice(0, limit).to_pylist(), as_json)
    if not as_json and table.num_rows > limit:
        typer.echo(f"... {table.num_rows - limit:,} more (--limit)")
    return 0


def show_configuration(*, as_json: bool) -> int:
    """Check the whole configuration and print what it holds.

    Raises:
        ConfigurationError: with every fault, or every value that is still to be set.
    """
    import os

    from configs.catalogue import load_catalogue

    site = os.environ.get("ROCI_CONFIG")
    catalogue = load_catalogue(Path(site) if site else None)
    catalogue.require_finished()
    counts = Counter(
        sources=len(catalogue.sources),
        assessments=len(catalogue.assessments),
        vocabularies=len(catalogue.vocabularies),
        suites=len(catalogue.suites),
    )
    if as_json:
        typer.echo(json.dumps({"configuration": "good", **counts}))
    else:
        words = ", ".join(f"{n} {name}" for name, n in counts.items())
        typer.echo(f"configuration good: {words}")
    return 0


def init_database(context: Context) -> int:
    """Make the ledger's tables, and the three schemas on PostgreSQL; safe to repeat."""
    context.database.create_areas()
    context.ledger.create()
    typer.echo(f"database ready ({context.database.dialect})")
    return 0
