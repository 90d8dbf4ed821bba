"""Student-level tables as Delta Lake: a partition is replaced whole, in one commit."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from uuid import uuid4

from configs.errors import InfrastructureError, RociError, listed
from warehouse.files import flush
from warehouse.lake_commit import Change, common_schema
from warehouse.workspace import PRIVATE_FILE, Workspace

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

_ATTEMPTS = 30
_LOAD_OF_FILE = re.compile(r"^(?P<load_id>.+)~[0-9a-f]{32}\.parquet$")


@dataclass(frozen=True)
class PartitionLoad:
    """Which load's rows a partition holds now."""

    source: str
    partition: str
    load_id: str


@dataclass(frozen=True)
class Lake:
    """The folder `lake/`: one Delta table per student-level table.

    Every table is partitioned by `source` and by `partition`, a text such as `2024` or
    `2024|1964733|ela`. Each data file carries its load's id in its name, so that the lake and the
    ledger can always be held together.
    """

    workspace: Workspace

    def path(self, table: str) -> Path:
        """Return the folder of a table."""
        return self.workspace.lake / table

    def exists(self, table: str) -> bool:
        """Return whether the table has ever been written."""
        # The folder alone is what a first commit leaves that found the disk full.
        return any((self.path(table) / "_delta_log").glob("*.json"))

    def replace(
        self,
        table: str,
        source: str,
        files: Mapping[str, Sequence[Path]],
        load_id: str,
        partitions: Collection[str] | None = None,
    ) -> int:
        """Replace whole partitions by staged files in one commit; return the table's version.

        The files become the lake's own (they are linked, not copied). Columns that the table does
        not have yet are added to it. Doing it twice leaves what doing it once leaves.

        Args:
            table: name of the table; it is created if there is none.
            source: whose partitions are replaced; those of other sources stay.
            files: the new files of each partition, as `Staging.close` returns them.
            load_id: the load, kept in the commit and in the names of the files.
            partitions: all that are replaced; those without files become empty. By default those
                that have files.

        Raises:
            RociError: files of a partition that is not to be replaced (UNLISTED_PARTITION), or a
                column whose type the table has otherwise (LAKE_TYPE).
            InfrastructureError: other writers were always quicker (LAKE_BUSY), or the disk is full
                or cannot be written (STORAGE_FAILED).
        """
        from deltalake.exceptions import DeltaError

        replaced = sorted(files if partitions is None else partitions)
        _require_listed(table, files, replaced)
        try:
            return self._replace(table, source, files, load_id, replaced)
        except (OSError, DeltaError) as error:
            raise _storage_failed(table, error) from error

    def _replace(
        self,
        table: str,
        source: str,
        files: Mapping[str, Sequence[Path]],
        load_id: str,
        replaced: list[str],
    ) -> int:
        schema = common_schema(table, [path for paths in files.values() for path in paths])
        added: list[AddAction] = []
        try:
            for action in self._adopt(table, source, files, load_id):
                added.append(action)
            return self._commit(table, Change(source, replaced, added, schema, load_id))
        except BaseException:
            self._forget(table, added)
            raise

    def files(
        self,
        table: str,
        source: str | None = None,
        partitions: Collection[str] | None = None,
    ) -> list[str]:
        """Return the absolute paths of the Parquet files that are the table now.

        `source` and `partition` are not columns of the files but of their folders' names: see
        `scan_sql`.
        """
        wanted = None if partitions is None else set(partitions)
        return sorted(
            str(path)
            for path in self._live(table)
            if (source is None or _place(path).source == source)
            and (wanted is None or _place(path).partition in wanted)
        )

    def scan_sql(
        self,
        table: str,
        source: str | None = None,
        partitions: Collection[str] | None = None,
    ) -> str | None:
        """Return a DuckDB table expression over the files; null where there are none.

        Its columns are those of the table, then `partition` and `source`.
        """
        return scan_sql(self.files(table, source, partitions))

    def partition_loads(self, table: str) -> list[PartitionLoad]:
        """Return which load fills each partition now."""
        return sorted(
            {_place(Path(file)) for file in self.files(table)},
            key=lambda p: (p.source, p.partition),
        )

    def _live(self, table: str) -> list[Path]:
        """Return the files that are the table now."""
        opened = self._open(table)
        return [] if opened is None else self._files_of(table, opened)

    def _files_of(self, table: str, opened: DeltaTable) -> list[Path]:
        # Only the last three parts of an address are to be relied on: it spells blanks and accents
        # of the workspace's own path in another way than the file system does.
        return [self.path(table).joinpath(*Path(uri).parts[-3:]) for uri in opened.file_uris()]

    def vacuum(self, table: str, days: int, *, dry_run: bool) -> tuple[int, int]:
        """Remove files that the table has not held for so long; return how many, and their bytes.

        The caller keeps writers away. Afterwards the table cannot be read as it was before then.

        Raises:
            InfrastructureError: a file that the table holds now would go (STORAGE_FAILED).
        """
        opened = self._open(table)
        if opened is None:
            return 0, 0
        remove = partial(opened.vacuum, 24 * days, enforce_retention_duration=False, full=True)
        named = (self.path(table) / name for name in remove(dry_run=True))
        paths = [path for path in named if path.exists()]  # the log goes on naming the others
        live = set(self.files(table))
        if any(str(path) in live for path in paths):
            raise _storage_failed(table, OSError("a file in use would be removed"))
        size = sum(path.stat().st_size for path in paths)
        if paths and not dry_run:
            remove(dry_run=False)
        return len(paths), size

    def _open(self, table: str) -> DeltaTable | None:
        from deltalake import DeltaTable

        return DeltaTable(self.path(table)) if self.exists(table) else None

    def _adopt(
        self, table: str, source: str, files: Mapping[str, Sequence[Path]], load_id: str
    ) -> Iterator[AddAction]:
        import pyarrow.parquet as pq
        from deltalake.transaction import AddAction

        for partition, paths in files.items():
            folder = f"source={_folder_name(source)}/partition={_folder_name(partition)}"
            (self.path(table) / folder).mkdir(parents=True, exist_ok=True)
            for path in paths:
                name = f"{folder}/{load_id}~{uuid4().hex}.parquet"
                target = self.path(table) / name
                _link(path, target)
                facts = target.stat()
                rows = pq.read_metadata(target).num_rows
                yield AddAction(
                    path=name,
                    size=facts.st_size,
                    partition_values={"source": source, "partition": partition},
                    modification_time=int(facts.st_mtime * 1000),
                    data_change=True,
                    # Counts only: smallest and largest values would be students' ids.
                    stats=json.dumps({"numRecords": rows}),
                )
            flush(self.path(table) / folder)

    def _forget(self, table: str, added: Sequence[AddAction]) -> None:
        """Remove adopted files of a commit that failed, unless it did reach the log."""
        live = set(self.files(table))
        for action in added:
            path = self.path(table) / action.path
            if str(path) not in live:
                path.unlink(missing_ok=True)

    def _commit(self, table: str, change: Change) -> int:
        from deltalake.exceptions import CommitFailedError, DeltaError

        for attempt in range(_ATTEMPTS):
            opened = self._open(table)
            try:
                if opened is None:
                    change.create(self.path(table))
                    return 0
                change.apply(opened)
                opened.update_incremental()
                return opened.version()
            except CommitFailedError:
                time.sleep(0.02 * (attempt + 1))  # another writer was quicker: look again
            except DeltaError:
                if opened is not None or not self.exists(table):
                    raise
        raise _busy(table)


def scan_sql(files: Iterable[str | os.PathLike[str]]) -> str | None:
    """Return a DuckDB table expression over files of one lake table; null without files."""
    names = ", ".join(map(path_literal, files))
    if not names:
        return None
    return (
        f"read_parquet([{names}], union_by_name = true, hive_partitioning = true, "
        "hive_types = {'source': VARCHAR, 'partition': VARCHAR})"
    )


def path_literal(path: str | os.PathLike[str]) -> str:
    """Return the SQL text that names this one file to DuckDB, which takes every path for a pattern.

    >>> print(path_literal("/home/o'neil/a[1].parquet"))
    '/home/o''neil/a[[]1].parquet'
    """
    literally = re.sub(r"([\[*?])", r"[\1]", os.fspath(path))
    return "'" + literally.replace("'", "''") + "'"


def _folder_name(value: str) -> str:
    return quote(value, safe="")


def _place(path: Path) -> PartitionLoad:
    source, partition = (
        unquote(folder.partition("=")[2]) for folder in (path.parts[-3], path.parts[-2])
    )
    match = _LOAD_OF_FILE.match(path.name)
    assert match is not None, f"no file of ours: {path.name}"
    return PartitionLoad(source, partition, match["load_id"])


def _link(path: Path, target: Path) -> None:
    """Let a staged file be a file of the lake too, whole and on the disk."""
    try:
        os.link(path, target)
    except OSError:  # another file system, or one without links
        _copy(path, target)
    target.chmod(PRIVATE_FILE)
    flush(target)


def _copy(path: Path, target: Path) -> None:
    try:
        shutil.copyfile(path, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _require_listed(table: str, files: Iterable[str], partitions: Collection[str]) -> None:
    if "" in partitions:
        raise RociError(
            "NO_PARTITION",
            where=f"lake table {table}",
            found="a partition whose name is empty",
            expected="a name, since Delta Lake takes the empty text for null",
            remedy="make the partition's fields required in the source",
        )
    unlisted = set(files) - set(partitions)
    if unlisted:
        raise RociError(
            "UNLISTED_PARTITION",
            where=f"lake table {table}",
            found=f"rows of {listed(unlisted)}",
            expected=f"rows of {listed(partitions)} only",
            remedy="report this as a defect of roci: these rows would stand beside older ones",
        )


def _busy(table: str) -> InfrastructureError:
    return InfrastructureError(
        "LAKE_BUSY",
        where=f"lake table {table}",
        found=f"other writers committed first, {_ATTEMPTS} times in a row",
        expected="a moment without another commit",
        remedy="give the same command again",
    )


def _storage_failed(table: str, error: Exception) -> InfrastructureError:
    return InfrastructureError(
        "STORAGE_FAILED",
        where=f"lake table {table}",
        found=_cause(error),
        expected="a disk with room, and a folder lake/ that can be read and written",
        remedy="free space or mend the permissions, then give the same command again",
    )


def _cause(error: Exception) -> str:
    """Return the last line of what deltalake says, which is the cause, without its colours."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[-1].strip(" ↳") if lines else type(error).__name__
