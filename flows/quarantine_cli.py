"""The verbs of the command line about rejected rows: see them, hand them out, take them back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs import Json, opened, told

quarantine_app = typer.Typer(
    help="See the rows that were set aside, hand them out, take corrected ones back.",
    no_args_is_help=True,
)
LoadId = Annotated[str, typer.Argument(help="A load's id, as `roci loads` shows it.")]


@quarantine_app.command("list")
@told
def quarantine_list(json: Json = False) -> int:
    """List loads that have rejected rows, with counts by reason."""
    from flows.reporting import show_quarantine_list

    return show_quarantine_list(opened(), as_json=json)


@quarantine_app.command("show")
@told
def quarantine_show(
    load: LoadId,
    limit: Annotated[int, typer.Option(min=1, help="At most this many rows.")] = 20,
    values: Annotated[bool, typer.Option("--values", help="Show students' values too.")] = False,
    json: Json = False,
) -> int:
    """Show a load's rejected rows: row number, reason, field; values only when asked for."""
    from flows.reporting import show_quarantine

    return show_quarantine(opened(), load, limit=limit, values=values, as_json=json)


@quarantine_app.command("export")
@told
def quarantine_export(
    load: LoadId,
    file: Annotated[
        Path | None,
        typer.Argument(help="A new .xlsx or .csv; by default one in quarantine/exports/."),
    ] = None,
    understood: Annotated[
        bool,
        typer.Option(
            "--i-understand",
            help="Write outside of quarantine/exports/, although it holds students' data.",
        ),
    ] = False,
) -> int:
    """Write a load's rejected rows into a spreadsheet to be corrected: values, reasons."""
    from flows.repair_verbs import export_rejected

    return export_rejected(opened(), load, file, understood=understood)


@quarantine_app.command("replay")
@told
def quarantine_replay(
    load: LoadId,
    file: Annotated[Path, typer.Argument(help="The spreadsheet, corrected.")],
    by: Annotated[
        str | None, typer.Option(help="Who corrected the rows; by default who is logged in.")
    ] = None,
    json: Json = False,
) -> int:
    """Check the corrected rows of an exported spreadsheet, and load those that pass."""
    from flows.repair_verbs import replay_corrected

    return replay_corrected(opened(), load, file, by, as_json=json)
