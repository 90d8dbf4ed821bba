"""Marts in SQL, on whichever database there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from warehouse.database import Area, Database
from warehouse.mart_tables import AreaChange, MartTable, Slice
from warehouse.postgres_marts import write_area
from warehouse.published import Imprint
from warehouse.sqlite_marts import build_file, put_file_in_place
from warehouse.workspace import PRIVATE_FILE

__all__ = ["AreaChange", "MartTable", "Slice", "file_mode", "replace_tables"]


def replace_tables(
    database: Database,
    area: Area,
    tables: Mapping[str, tuple[Path, Sequence[str]]],
    *,
    publication_id: str = "",
    kept: Collection[str] = (),
) -> None:
    """Let the area hold these marts and those `kept`, all at once; every other one goes.

    Args:
        database: where.
        area: `reporting` or `restricted`.
        tables: Parquet file and key columns of each mart.
        publication_id: written into table `publication`.
        kept: marts that stay as they are.

    Raises:
        RociError: two rows of a mart have one key (MART_KEY_REPEATED).
    """
    marts = [MartTable(name, path, tuple(key)) for name, (path, key) in tables.items()]
    change_area(database, area, AreaChange(Imprint(publication_id), marts, frozenset(kept)))


def change_area(database: Database, area: Area, change: AreaChange) -> None:
    """Let the area become what the change says, all at once."""
    current = database.path(area)
    if current is None:
        with database.write(area) as connection:
            write_area(connection, area, change)
        return
    new = build_file(current, change, database.workspace.work)
    put_file_in_place(new, current, file_mode(area))


def file_mode(area: Area) -> int:
    """Return the permissions of the area's files, whatever the umask: who may enter reads them."""
    return 0o644 if area == "reporting" else PRIVATE_FILE
