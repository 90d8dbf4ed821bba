"""The verbs of the command line about the database: to prepare it, to see who read from it."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.verbs import Json, opened, told

database_app = typer.Typer(help="The database of ledger and SQL marts.", no_args_is_help=True)


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


@database_app.command("access-log")
@told
def access_log(
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 100,
    json: Json = False,
) -> int:
    """Show who had restricted rows written out: when, by what, how many, where to."""
    from flows.reporting import show_accesses

    return show_accesses(opened(), limit=limit, as_json=json)
