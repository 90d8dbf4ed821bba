"""Publication: every mart of a build appears together, in Parquet and in SQL, or none does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os.path import relpath
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import uuid4

from warehouse.database import Database
from warehouse.files import put_in_place, whole_file
from warehouse.mart_tables import AreaChange, MartTable, Slice
from warehouse.postgres_marts import publication_of, write_area
from warehouse.published import SIDECAR, Imprint
from warehouse.sql_marts import file_mode
from warehouse.sqlite_marts import build_file, put_file_in_place
from warehouse.workspace import PRIVATE_FOLDER, Workspace

MartArea = Literal["reporting", "restricted"]
MART_AREAS: tuple[MartArea, ...] = get_args(MartArea)


@dataclass(frozen=True)
class Mart:
    """One mart to be published.

    path: the new Parquet file, made at the place that `Publisher.stage` named; null leaves the
        mart as it was published last.
    key: the columns that identify a row, for the unique index in SQL.
    sql: whether there is an SQL table of it too.
    slices: only the rows of these column values changed; the others in SQL stay.
    """

    path: Path | None
    key: Sequence[str] = ()
    sql: bool = True
    slices: Sequence[Slice] | None = None


Marts = Mapping[MartArea, Mapping[str, Mart]]


@dataclass(frozen=True)
class Publisher:
    """Puts marts where readers are."""

    workspace: Workspace
    database: Database
    _build: str = field(default_factory=lambda: uuid4().hex, repr=False, compare=False)

    def stage(self, name: str, area: MartArea) -> Path:
        """Return where to write a mart's Parquet file before it is published."""
        folder = self._staged / area
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        return folder / f"{name}.parquet"

    def publish(
        self,
        publication_id: str,
        reporting: Mapping[str, Mart],
        restricted: Mapping[str, Mart],
        digests: Mapping[str, str] | None = None,
        *,
        provided: Callable[[], None] = lambda: None,
    ) -> None:
        """Let these marts, and no others, be what is published.

        Everything that can fail is done before readers see any of it. After that only names
        change; a crash between two of them is made good by `recover`. The caller holds a lock:
        there is one publisher at a time.

        Args:
            publication_id: of these marts.
            reporting: by name.
            restricted: by name.
            digests: those that an `Imprint` has beside the id.
            provided: raises where the marts must not be published. It is asked while the SQLite
                files are made, which takes as long.

        Raises:
            RociError: a mart repeats a key, or SQL and Parquet differ; the last publication stays.
        """
        marts: Marts = {"reporting": reporting, "restricted": restricted}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        imprint = Imprint(publication_id, now, **(digests or {}))
        changes = {area: _sql_change(imprint, marts[area]) for area in MART_AREAS}
        self.recover()
        plan = _Plan.of(imprint, self._staged, marts, self.workspace.work)
        if self.database.url is None:
            with self._new_files(changes, provided) as files:
                plan = plan.with_sqlite(files, self.workspace.work)
                self._write_plan(plan)
        else:
            provided()
            with self.database.write("reporting") as connection:
                for area, change in changes.items():
                    write_area(connection, area, change)
                self._write_plan(plan)
        self._carry_out(plan)

    def discard_staged(self) -> None:
        """Remove this build's staged files, unless a broken publication still needs them."""
        if not self._plan_path.exists():
            shutil.rmtree(self._staged, ignore_errors=True)

    def recover(self) -> str | None:
        """Finish the publication that a crash broke off; return its id if there was one."""
        try:
            plan = _Plan(**json.loads(self._plan_path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        if self.database.url is not None and not self._is_in_postgres(plan.publication_id):
            # It crashed before the commit: nothing of it was ever seen, nothing is to be finished.
            self._plan_path.unlink()
            return None
        self._carry_out(plan)
        return plan.publication_id

    def shown(self) -> str | None:
        """Return the publication that readers of the Parquet files meet; null before the first."""
        try:
            told = (self.workspace.marts_reporting / SIDECAR).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return str(json.loads(told)["publication_id"])

    def path(self, name: str, area: MartArea) -> Path:
        """Return where a mart's published Parquet file is, or would be."""
        return self._folder(area) / f"{name}.parquet"

    @property
    def _staged(self) -> Path:
        # Of its own for every build: an earlier one may wait to be finished by `recover`.
        return self.workspace.work / "publish" / self._build

    @property
    def _plan_path(self) -> Path:
        return self.workspace.work / "publish.json"

    def _folder(self, area: MartArea) -> Path:
        workspace = self.workspace
        return workspace.marts_reporting if area == "reporting" else workspace.marts_restricted

    @contextmanager
    def _new_files(
        self, changes: Mapping[MartArea, AreaChange], provided: Callable[[], None]
    ) -> Iterator[dict[MartArea, Path]]:
        """Build both SQLite files at once; they go again unless the body succeeds."""
        building: dict[MartArea, Future[Path | None]] = {}
        try:
            with ThreadPoolExecutor(len(changes)) as pool:  # the driver waits outside Python
                for area, change in changes.items():
                    building[area] = pool.submit(self._new_file, area, change)
                provided()
            made = {area: future.result() for area, future in building.items()}
            yield {area: path for area, path in made.items() if path}
        except BaseException:
            # A plan without its files would let Parquet be of another publication than SQL.
            self._plan_path.unlink(missing_ok=True)
            for future in building.values():
                if future.exception() is None and (path := future.result()):
                    path.unlink(missing_ok=True)
            raise

    def _new_file(self, area: MartArea, change: AreaChange) -> Path | None:
        """Return the new SQLite file of an area; null where it has neither marts nor a file."""
        current = self.database.path(area)
        assert current is not None
        if not change.names and not current.exists():
            return None
        return build_file(current, change, self.workspace.work)

    def _write_plan(self, plan: _Plan) -> None:
        with whole_file(self._plan_path, self.workspace.work) as temporary:
            temporary.write_text(json.dumps(plan.__dict__), encoding="utf-8")

    def _carry_out(self, plan: _Plan) -> None:
        """Do the plan; what is done already is passed over."""
        work = self.workspace.work
        for area, new in plan.sqlite.items():
            current = self.database.path(area)  # type: ignore[arg-type]
            assert current is not None
            put_file_in_place(work / new, current, file_mode(area))  # type: ignore[arg-type]
        for area in MART_AREAS:
            self._place_parquet(area, plan)
        sidecar = self.workspace.marts_reporting / SIDECAR
        with whole_file(sidecar, work, file_mode("reporting")) as temporary:
            told = {**plan.imprint, "marts": plan.names["reporting"]}
            temporary.write_text(json.dumps(told), encoding="utf-8")
        self._plan_path.unlink()
        shutil.rmtree(work / plan.folder, ignore_errors=True)

    def _place_parquet(self, area: MartArea, plan: _Plan) -> None:
        for name, told in plan.parquet[area].items():
            staged = self.workspace.work / told
            if staged.exists():
                put_in_place(staged, self.path(name, area), file_mode(area))
        for published in self._folder(area).glob("*.parquet"):
            if published.stem not in plan.names[area]:
                published.unlink(missing_ok=True)

    def _is_in_postgres(self, publication_id: str) -> bool:
        with self.database.read("reporting") as connection:
            return publication_of(connection, "reporting") == publication_id


@dataclass(frozen=True)
class _Plan:
    """What remains to be done once a publication is certain: plain values, kept as JSON.

    Paths are told from the plan's own folder: the workspace may be moved before it is done.
    """

    imprint: dict[str, str]
    folder: str
    parquet: dict[str, dict[str, str]]
    names: dict[str, list[str]]
    sqlite: dict[str, str]

    @property
    def publication_id(self) -> str:
        """Return the id of the publication that it finishes."""
        return self.imprint["publication_id"]

    @classmethod
    def of(
        cls,
        imprint: Imprint,
        folder: Path,
        marts: Marts,
        work: Path,
    ) -> _Plan:
        parquet: dict[str, dict[str, str]] = {
            area: {name: relpath(one.path, work) for name, one in marts[area].items() if one.path}
            for area in MART_AREAS
        }
        names: dict[str, list[str]] = {area: sorted(marts[area]) for area in MART_AREAS}
        return cls(imprint.as_record(), relpath(folder, work), parquet, names, {})

    def with_sqlite(self, files: Mapping[MartArea, Path], work: Path) -> _Plan:
        told: dict[str, Any] = dict(self.__dict__)
        return _Plan(
            **dict(told, sqlite={area: relpath(path, work) for area, path in files.items()})
        )


def _sql_change(imprint: Imprint, marts: Mapping[str, Mart]) -> AreaChange:
    wanted = {name: mart for name, mart in marts.items() if mart.sql}
    tables = [
        MartTable(name, mart.path, tuple(mart.key), mart.slices)
        for name, mart in wanted.items()
        if mart.path is not None
    ]
    kept = frozenset(name for name, mart in wanted.items() if mart.path is None)
    return AreaChange(imprint, tables, kept)
