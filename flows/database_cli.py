"""The verb of the command line that prepares the database."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.verbs import opened, told

database_app = typer.Typer(help="The database of ledger and SQL marts.", no_args_is_help=True)


@database_app.callback()
def database() -> None:
    """Keep `init` a word of its own although it is the only one."""


@database_app.command("init")
@told
def database_init(
    district_reader: Annotated[
        list[str] | None,
        typer.Option(help="Also a role that sees this district's rows only; may be repeated."),
    ] = None,
) -> int:
    """Make the ledger's tables; on PostgreSQL the schemas and who may read and write them too."""
    from flows.preparing_database import prepare_database

    return prepare_database(opened(), district_reader or [])
