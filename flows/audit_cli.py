"""The verb of the command line that attacks what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs import Json, opened, told


@told
def audit(
    folder: Annotated[
        Path | None, typer.Argument(help="Reporting marts as Parquet; those published by default.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="The reporting marts of the publication before.")
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option(help="Only these: YEAR/ASSESSMENT/SUBJECT/WINDOW, * for any. Repeatable."),
    ] = None,
    json: Json = False,
) -> int:
    """Attack the published marts as an outsider could; say which groups fall. 1 if any does."""
    from flows.auditing import show_audit

    return show_audit(opened(), folder, against, system or [], json)


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(audit)
