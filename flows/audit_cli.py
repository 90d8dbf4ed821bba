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
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Also solve for the true ranges of hidden counts (slow)."),
    ] = False,
    seconds: Annotated[int, typer.Option(min=1, help="How long --exact may take.")] = 600,
    insider: Annotated[
        bool,
        typer.Option("--insider", help="Hold that a code without any row has no students."),
    ] = False,
    system: Annotated[
        list[str] | None,
        typer.Option(help="Only these: YEAR/ASSESSMENT/SUBJECT/WINDOW, * for any. Repeatable."),
    ] = None,
    json: Json = False,
) -> int:
    """Attack the published marts as an outsider could; 1 if a protected group falls."""
    from flows.auditing import Asked, show_audit

    asked = Asked(folder, against, tuple(system or ()), seconds if exact else 0, insider)
    return show_audit(opened(), asked, as_json=json)


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(audit)
