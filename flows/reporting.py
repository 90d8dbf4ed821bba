"""What the verbs that only look print."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from configs.errors import UsageError
from flows.console import show_records
from flows.context import Context
from flows.explaining import explanation, explanation_lines
from flows.morning import status_lines, status_of
from flows.outcome import UNCLAIMED
from flows.standing import standing_loads
from warehouse.accesses import Access
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


def show_status(context: Context, *, as_json: bool) -> int:
    """Print the morning: what failed, is held, late, waiting or stale, loaded and published."""
    status = status_of(context)
    if as_json:
        typer.echo(json.dumps(status, default=str, indent=2))
    else:
        typer.echo("\n".join(status_lines(status)))
    return 0


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
        for load in standing_loads(context)
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
    if values:
        rows = min(limit, table.num_rows)
        context.accesses.note(
            Access("quarantine show --values", "rejected rows", "the terminal", rows, load_id)
        )
    if not as_json and table.num_rows > limit:
        typer.echo(f"... {table.num_rows - limit:,} more (--limit)")
    return 0


def show_accesses(context: Context, *, limit: int, as_json: bool) -> int:
    """Print who had restricted rows written out, the newest first."""
    records = [asdict(one) for one in context.accesses.all()[:limit]]
    show_records(records, as_json, "nobody has had restricted rows written out")
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
