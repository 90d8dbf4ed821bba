"""Handing rejected rows out, taking corrected ones back, and saying what became of them."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

import typer

from configs.errors import UsageError, listed
from flows.console import show_run
from flows.context import Context
from flows.outcome import RunOutcome
from flows.running import load_all
from flows.stages.exporting import export_rows, reason_words
from flows.stages.intake import Taken
from flows.stages.repairing import Repair, take_corrections
from flows.stages.retrying import as_it_came
from warehouse.spreadsheets import CSV

WRONG_SHOWN = 20
COLUMNS_SHOWN = 5


def export_rejected(
    context: Context, load_id: str, target: Path | None, *, understood: bool
) -> int:
    """Write a load's rejected rows into a spreadsheet and say where; no value is printed."""
    path, rows = export_rows(context, load_id, target, understood=understood)
    typer.echo(f"{rows:,} rows of {load_id} are in {path}, which only you can read.")
    typer.echo("It holds students' data: correct the values in it, then delete it after")
    if path.suffix.lower() == CSV:
        typer.echo("Spreadsheet programs change dates and decimals of a CSV: rather use .xlsx.")
    typer.echo(f"Next: roci quarantine replay {load_id} {quote(str(path))}")
    return 0


def replay_corrected(
    context: Context, load_id: str, path: Path, changed_by: str | None, *, as_json: bool
) -> int:
    """Load the corrected rows of a spreadsheet, build the marts, and say what became of each."""
    repair = take_corrections(context, load_id, path, changed_by or _user())
    again = (as_it_came(context, repair.current),) if repair.waits else ()
    run = load_all(context, Taken(again))
    if as_json:
        typer.echo(json.dumps(_record(repair, run), default=str, indent=2))
    else:
        typer.echo("\n".join(_lines(context, repair)))
        show_run(run, context, as_json=False)
    return run.exit_code


def _lines(context: Context, repair: Repair) -> Iterator[str]:
    wrong = {one.source_row for one in repair.wrong}
    untouched = repair.handed - len(repair.taken) - len(wrong)
    yield (
        f"{repair.handed:,} rows handed in: {len(repair.taken):,} corrected, {len(wrong):,} still "
        f"wrong, {untouched:,} with nothing new."
    )
    for one in repair.wrong[:WRONG_SHOWN]:
        words = reason_words(one, context.catalogue.codes, repair.read_from)
        changed = listed(repair.changed[one.source_row], at_most=COLUMNS_SHOWN)
        yield f"  row {one.source_row:,} stays as it was (changed: {changed}). {words}"
    if len(repair.wrong) > WRONG_SHOWN:
        yield f"  ... and {len(repair.wrong) - WRONG_SHOWN:,} more reasons (--json)"
    if repair.waits and repair.changed_since:
        yield f"Changed since it was loaded, and now in effect: {listed(repair.changed_since)}"


def _record(repair: Repair, run: RunOutcome) -> dict[str, Any]:
    return {
        "handed": repair.handed,
        "taken": list(repair.taken),
        "wrong": [
            {**asdict(one), "changed": list(repair.changed[one.source_row])} for one in repair.wrong
        ],
        "changed_since": list(repair.changed_since),
        "loads": [load.as_record() for load in run.loads],
        "build": run.build.as_record() if run.build else None,
    }


def _user() -> str:
    """Return the name of who is logged in.

    Raises:
        UsageError: the system knows no name.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise UsageError(
            "NO_NAME",
            where="roci quarantine replay",
            found="a user without a name",
            expected="the name of who corrected the rows, since it is kept",
            remedy="add --by NAME",
        ) from None
