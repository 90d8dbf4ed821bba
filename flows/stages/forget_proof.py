"""Looks through the whole workspace for what was forgotten, whatever form it may have there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from flows.context import Context
from flows.stages.forget_survey import district_of, is_others_file
from flows.stages.forget_target import Target, personal_tables
from warehouse.forgotten import KEY_FILE
from warehouse.lake_forgetting import rows_of
from warehouse.sql_forgetting import OF_SCHOOLS, ids_in_postgres, rows_in_marts
from warehouse.traces import Unreadable
from warehouse.workspace import FORGET_PLAN

BACKUPS = "backups"
# Delta's own log and Prefect's settings aside, everything is looked at; these cannot be edited, or
# are what the search itself is made with.
LEFT_OUT = (BACKUPS, "locks")
UNREAD = 1


def remaining(
    context: Context, target: Target, paths: Iterable[Path] | None = None
) -> dict[str, int]:
    """Return where data of the target still stands, and how often; empty where it is gone.

    Args:
        context: the opened workspace.
        target: whose.
        paths: only these files; by default every file of the workspace, and the SQL databases.
    """
    home = context.workspace.home
    found: Counter[str] = Counter()
    for path in _all_files(home) if paths is None else paths:
        count = (
            _in_name(target, path)
            + _by_rows(context, target, path)
            + _by_ids(context, target, path)
        )
        if count:
            found[_place(target, path.relative_to(home))] += count
    if paths is None:
        found.update(rows_in_marts(context.database, target.scope))
        if target.search is not None:
            found.update(ids_in_postgres(context.database, target.search))
    return dict(found)


def known_backups(context: Context) -> list[str]:
    """Return the backups that are known: those in the workspace, and those that were written."""
    folder = context.workspace.home / BACKUPS
    inside = {str(path) for path in folder.rglob("*") if path.is_file()}
    written = {one.place for one in context.accesses.all() if one.verb == "backup"}
    return sorted(inside | written)


def _all_files(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home)
        if inside.parts[0] in LEFT_OUT or path.name in (FORGET_PLAN, KEY_FILE):
            continue
        if path.is_file() and not path.is_symlink():
            yield path


def _place(target: Target, inside: Path) -> str:
    """Return where a file is, without a part of its name that is an id."""
    search = target.search
    parts = [
        "(a name with the id)" if search is not None and search.in_text(part) else part
        for part in inside.parts
    ]
    return "/".join(parts)


def _in_name(target: Target, path: Path) -> int:
    return int(target.search is not None and target.search.in_text(path.name))


def _by_ids(context: Context, target: Target, path: Path) -> int:
    if target.search is None or _is_of_others(context, target, path):
        return 0
    try:
        return target.search.in_file(path)
    except Unreadable:
        return UNREAD


def _is_of_others(context: Context, target: Target, path: Path) -> bool:
    """Return whether a file is of another district, in whose files a number may be another's."""
    workspace = context.workspace
    if path.is_relative_to(workspace.landing):
        district = district_of(context, path)
        return district is not None and district != target.district_id
    if not target.is_shared:
        return False
    if path.is_relative_to(workspace.raw):
        return is_others_file(context, target, path.name)
    if path.is_relative_to(workspace.quarantine):
        load_id = path.name.partition(".")[0]
        sha256 = next((one.sha256 for one in context.ledger.loads() if one.load_id == load_id), "")
        return is_others_file(context, target, sha256 or "")
    return False


def _by_rows(context: Context, target: Target, path: Path) -> int:
    """Return how many rows of a Parquet file are of the target, where rows are of students."""
    inside = path.relative_to(context.workspace.home).parts
    is_public = inside[0] == "lake" and inside[1] not in personal_tables(context)
    if path.suffix != ".parquet" or is_public or path.name.startswith(OF_SCHOOLS):
        return 0
    try:
        rows = rows_of(path, target.scope)
    except (pa.ArrowException, OSError):
        return UNREAD if path.exists() else 0
    return 0 if rows is None else rows.matching
