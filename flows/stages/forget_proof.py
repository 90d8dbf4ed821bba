"""Looks through the whole workspace for what was forgotten, whatever form it may have there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from flows.context import Context
from flows.stages.forget_survey import are_of_others, district_of
from flows.stages.forget_target import Target, personal_tables
from warehouse.forgotten import KEY_FILE
from warehouse.lake_forgetting import rows_of
from warehouse.ledger_records import Load
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
    home, look = context.workspace.home, _Look(context, target)
    found: Counter[str] = Counter()
    for path in _all_files(home) if paths is None else paths:
        if count := look.into(path):
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


@dataclass(frozen=True)
class _Look:
    """Looks into files for what is of a target."""

    context: Context
    target: Target

    def into(self, path: Path) -> int:
        """Return how often a file holds some of it."""
        search = self.target.search
        named = search is not None and search.in_text(path.name)
        return int(named) + self._by_rows(path) + self._by_ids(path)

    def _by_ids(self, path: Path) -> int:
        search = self.target.search
        if search is None or self._is_of_others(path):
            return 0
        try:
            return search.in_file(path)
        except Unreadable:
            return UNREAD

    def _is_of_others(self, path: Path) -> bool:
        """Return whether a file is of another district, in which a number may be another's."""
        workspace = self.context.workspace
        if path.is_relative_to(workspace.landing):
            district = district_of(self.context, path)
            return district is not None and district != self.target.district_id
        if not self.target.is_shared:
            return False
        if path.is_relative_to(workspace.raw):
            return are_of_others(self.target, self._by_file.get(path.name, []))
        if path.is_relative_to(workspace.quarantine):
            load = self._by_id.get(path.name.partition(".")[0])
            return load is not None and are_of_others(self.target, [load])
        return False

    @cached_property
    def _by_id(self) -> dict[str, Load]:
        return {load.load_id: load for load in self.context.ledger.loads()}

    @cached_property
    def _by_file(self) -> dict[str | None, list[Load]]:
        found: dict[str | None, list[Load]] = defaultdict(list)
        for load in self._by_id.values():
            found[load.sha256].append(load)
        return found

    def _by_rows(self, path: Path) -> int:
        """Return how many rows of a Parquet file are of the target, where rows are students'."""
        inside = path.relative_to(self.context.workspace.home).parts
        is_public = inside[0] == "lake" and inside[1] not in personal_tables(self.context)
        if path.suffix != ".parquet" or is_public or path.name.startswith(OF_SCHOOLS):
            return 0
        try:
            rows = rows_of(path, self.target.scope)
        except (pa.ArrowException, OSError):
            return UNREAD if path.exists() else 0
        return 0 if rows is None else rows.matching
