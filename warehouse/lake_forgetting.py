"""Rows of a student, a district or a school year: found in any Parquet file, taken out of the lake.

Earlier versions of a table whose files hold such rows can no longer be read; the others can.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from warehouse.lake import Lake, PartitionLoad, _place
from warehouse.workspace import PRIVATE_FOLDER

if TYPE_CHECKING:
    import pyarrow as pa

ID_COLUMNS = ("student_id", "local_student_id", "sourced_id")


@dataclass(frozen=True)
class Scope:
    """Whose rows: every part that is told must fit. `ids`: of one student, by the id's column."""

    district_id: str | None = None
    school_year: int | None = None
    ids: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def matching(self, table: pa.Table) -> pa.ChunkedArray | None:
        """Return which rows of a table are of the scope; null where its columns cannot tell."""
        import pyarrow.compute as pc

        tests = [self._by_district(table), self._by_year(table), self._by_ids(table)]
        asked = [self.district_id is not None, self.school_year is not None, bool(self.ids)]
        told = [test for test, wanted in zip(tests, asked, strict=True) if wanted]
        if not told or any(test is None for test in told):
            return None
        both = told[0]
        for test in told[1:]:
            both = pc.and_(both, test)
        return pc.fill_null(both, False)

    def columns(self, names: list[str]) -> list[str]:
        """Return those of the columns that the scope looks at."""
        return [
            one for one in names if one in ("district_id", "school_year", "org_id", *ID_COLUMNS)
        ]

    def _by_district(self, table: pa.Table) -> pa.ChunkedArray | None:
        import pyarrow as pa
        import pyarrow.compute as pc

        district = self.district_id or ""
        if "district_id" in table.column_names:
            return pc.equal(pc.cast(table["district_id"], pa.string()), district)
        if "org_id" in table.column_names and not self.ids:
            orgs = pc.cast(table["org_id"], pa.string())
            return pc.or_(pc.equal(orgs, district), pc.starts_with(orgs, f"{district}/"))
        return None

    def _by_year(self, table: pa.Table) -> pa.ChunkedArray | None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.school_year is None or "school_year" not in table.column_names:
            return None
        return pc.equal(pc.cast(table["school_year"], pa.int64()), self.school_year)

    def _by_ids(self, table: pa.Table) -> pa.ChunkedArray | None:
        import pyarrow as pa
        import pyarrow.compute as pc

        found = None
        for column in ID_COLUMNS:
            if column not in table.column_names:
                continue
            ids = pa.array(sorted(self.ids.get(column, ())), pa.string())
            test = pc.is_in(pc.cast(table[column], pa.string()), value_set=ids)
            found = test if found is None else pc.or_(found, test)
        return found


@dataclass(frozen=True)
class Rows:
    """How many rows of a file are of a scope, and how many it has."""

    matching: int
    all: int


def rows_of(path: Path, scope: Scope) -> Rows | None:
    """Return how many rows of a Parquet file are of the scope; null where it cannot tell."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    table = file.read(columns=scope.columns(file.schema_arrow.names))
    mask = scope.matching(table)
    if mask is None:
        return None
    return Rows(pc.sum(mask).as_py() or 0, file.metadata.num_rows)


@dataclass(frozen=True)
class LakeForgetting:
    """Takes the rows of a scope out of one table of the lake; the caller holds the table's lock."""

    lake: Lake
    table: str
    scope: Scope

    def files(self) -> Iterator[tuple[Path, PartitionLoad, Rows]]:
        """Yield every file of the table, live or not, with its load and its rows of the scope."""
        for path in sorted(self.lake.path(self.table).glob("source=*/partition=*/*.parquet")):
            rows = rows_of(path, self.scope)
            yield path, _place(path), rows or Rows(0, 0)

    def live(self) -> dict[PartitionLoad, Rows]:
        """Return the live partitions that hold rows of the scope, with their rows."""
        now = set(map(Path, self.lake.files(self.table)))
        found: dict[PartitionLoad, Rows] = {}
        for path, place, rows in self.files():
            if path in now:
                before = found.get(place, Rows(0, 0))
                found[place] = Rows(before.matching + rows.matching, before.all + rows.all)
        return {place: rows for place, rows in found.items() if rows.matching}

    def rewrite(self, place: PartitionLoad) -> None:
        """Leave a live partition without the rows of the scope, in one commit."""
        folder = self.lake.workspace.work / f"forget-{uuid4().hex}"
        folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
        try:
            old = self.lake.files(self.table, place.source, [place.partition])
            new = [
                kept
                for number, path in enumerate(map(Path, old))
                if (kept := self._without(path, folder / f"{number:06d}.parquet"))
            ]
            files = {place.partition: new} if new else {}
            self.lake.replace(self.table, place.source, files, place.load_id, [place.partition])
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def remove_history(self) -> int:
        """Remove files that the table does not hold any more and that have rows of the scope."""
        now = set(map(Path, self.lake.files(self.table)))
        gone = [path for path, _, rows in self.files() if rows.matching and path not in now]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def _without(self, path: Path, target: Path) -> Path | None:
        """Write a file again without the rows of the scope; null where no row is left."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        from warehouse.staging import ROW_GROUP, open_writer

        source, kept = pq.ParquetFile(path), 0
        with open_writer(target, source.schema_arrow) as writer:
            for number in range(source.num_row_groups):
                group = source.read_row_group(number)
                mask = self.scope.matching(group)
                group = group if mask is None else group.filter(pc.invert(mask))
                writer.write_table(group, row_group_size=ROW_GROUP)
                kept += group.num_rows
        return target if kept else None
