"""The verbs of the command line that are about keys in place of students' ids."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Annotated

import typer

from flows.verbs import Json, opened, told

pseudonyms_app = typer.Typer(help="Keys that stand for students.", no_args_is_help=True)


@pseudonyms_app.command("export")
@told
def export(
    mart: Annotated[str, typer.Argument(help="A restricted mart with a row for each student.")],
    file: Annotated[Path, typer.Argument(help="A new .parquet, .csv or .xlsx.")],
    district: Annotated[str | None, typer.Option(help="Only this district's students.")] = None,
    i_understand: Annotated[
        bool,
        typer.Option("--i-understand", help="The file may leave the workspace and is guarded."),
    ] = False,
    json: Json = False,
) -> int:
    """Write a mart of students with a key in place of every id, name and birth date."""
    from flows.pseudonymous import hand_out

    made = hand_out(opened(), mart, file, district=district, outside=i_understand)
    if json:
        typer.echo(json_text.dumps(made.__dict__, default=str, indent=2))
        return 0
    typer.echo(f"{made.rows:,} rows of {made.students:,} students in {made.path}")
    typer.echo(f"left out: {', '.join(made.left_out)}")
    typer.echo("each row is still of one student: give it only to those who may have that")
    return 0


@pseudonyms_app.command("rotate")
@told
def rotate() -> int:
    """Give every student another key from now on; files handed out before no longer match."""
    from warehouse.pseudonyms import Pseudonyms

    Pseudonyms(opened().workspace).rotate()
    typer.echo("rotated: every student has another key in what is exported from now on")
    return 0
