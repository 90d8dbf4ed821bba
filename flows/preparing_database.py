"""Prepares the database, and says who may read and write what in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from configs.errors import UsageError
from flows.context import Context

if TYPE_CHECKING:
    from warehouse.roles import RolesMade


def prepare_database(context: Context, districts: Sequence[str] = ()) -> int:
    """Leave the ledger's tables, and the rights that the database or the file system can hold.

    Safe to repeat. Without the right to make roles PostgreSQL is prepared for this login alone, and
    the SQL that an administrator would run is printed.

    Raises:
        UsageError: readers of a district where no database keeps rows apart (NO_DISTRICT_READERS).
    """
    if context.database.dialect == "sqlite":
        return _prepare_files(context, districts)
    from warehouse.roles import make_roles

    made = make_roles(context.database, districts)
    context.database.create_areas()
    context.ledger.create()
    if made.missing:  # an administrator will meet what has just been made
        made = make_roles(context.database, districts)
    typer.echo("database ready (postgresql)")
    _tell(made)
    return 0


def _tell(made: RolesMade) -> None:
    for told in made.done:
        typer.echo(f"done: {told}")
    for told in made.unsafe:
        typer.echo(f"look at this: {told}", err=True)
    if not made.missing:
        typer.echo(
            "roles: roci_reporting reads the schema reporting, roci_restricted also restricted, "
            "roci_loader loads"
        )
        return
    typer.echo("this login may not do the following, so nothing of it was done:", err=True)
    for step in made.missing:
        typer.echo(f"  {step.told}", err=True)
    typer.echo("loading works without; to have the roles, let an administrator run:", err=True)
    typer.echo(made.script)


def _prepare_files(context: Context, districts: Sequence[str]) -> int:
    from warehouse.file_modes import mend_modes

    if districts:
        raise UsageError(
            "NO_DISTRICT_READERS",
            where="--district-reader",
            found="marts in SQLite files, which are read whole or not at all",
            expected="a PostgreSQL database (ROCI_DATABASE_URL), which knows who asks",
            remedy="set ROCI_DATABASE_URL, build the marts, then run this again",
        )
    context.ledger.create()
    mended = mend_modes(context.workspace)
    typer.echo("database ready (sqlite)")
    typer.echo("SQLite knows no roles: whoever may open a file reads all of it")
    for path in mended:
        place = path.relative_to(context.workspace.home)
        typer.echo(f"done: closed to all but its owner: {place}")
    typer.echo("restricted: this user only; reporting: whoever may enter its folder")
    return 0
