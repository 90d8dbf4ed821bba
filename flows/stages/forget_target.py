"""Whose data is to be forgotten: a district, a school year, or a student with all their ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from configs.errors import UsageError
from flows.context import Context
from transforms.cell_plan import quoted
from warehouse.lake import path_literal
from warehouse.lake_forgetting import ID_COLUMNS, Scope
from warehouse.traces import Search

Ids = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Request:
    """What a person asked to forget. `column`: which id of the student `student` is, if told."""

    district_id: str | None = None
    school_year: int | None = None
    student: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class Target:
    """Whose rows and whose ids. The ids are a student's: they stay in restricted storage.

    `is_shared`: rows of other districts have one of the ids too, and are of other students as far
    as anybody here can tell.
    """

    district_id: str | None
    school_year: int | None
    ids: Ids = field(default_factory=dict, repr=False)
    is_shared: bool = False

    @property
    def scope(self) -> Scope:
        """Return which rows are meant."""
        return Scope(self.district_id, self.school_year, self.ids)

    @property
    def search(self) -> Search | None:
        """Return the search for the student's ids; null where no student is meant."""
        district = self.district_id if self.is_shared else None
        return Search.of(self.all_ids, district) if self.ids else None

    @property
    def all_ids(self) -> frozenset[str]:
        """Return every id of the student, of whichever kind."""
        return frozenset(one for ids in self.ids.values() for one in ids)


def personal_tables(context: Context) -> list[str]:
    """Return the tables of the lake that have rows of students."""
    tables = context.catalogue.tables
    return [name for name, one in tables.items() if any(f.personal for f in one.fields.values())]


def target_of(context: Context, request: Request) -> Target:
    """Return whose data is meant.

    Raises:
        UsageError: nobody is named (FORGET_WHOM), or an id is of two students
            (AMBIGUOUS_STUDENT).
    """
    _require_whom(request)
    if request.student is None:
        return Target(request.district_id, request.school_year)
    assert request.district_id is not None
    with duckdb.connect() as con:
        known = _Ids(context, con, request.district_id)
        ids = known.of(request.student.strip(), request.column)
        return Target(request.district_id, None, ids, known.are_of_others_too(ids))


def _require_whom(request: Request) -> None:
    told = [request.district_id, request.school_year, request.student]
    alone = request.student is not None and (
        request.district_id is None
        or request.school_year is not None
        or not request.student.strip()
    )
    if alone or all(one is None for one in told):
        raise UsageError(
            "FORGET_WHOM",
            where="roci forget",
            found="a student without a district, or with a year" if alone else "nobody",
            expected="--district D, --year Y, both, or --student ID --district D",
            remedy="ids of students are of a district: name it too; of a student all years go",
        )


class _Ids:
    """The ids of a district's students in the lake, live or not, and which are of one student."""

    def __init__(self, context: Context, con: duckdb.DuckDBPyConnection, district_id: str) -> None:
        self._con = con
        self._pairs = list(_used_pairs(context, con, district_id))
        rows = list(map(_rows_sql, _files(context)))
        told = " UNION ALL BY NAME ".join(rows) or f"SELECT {_nothing()} WHERE false"
        con.execute(f"CREATE TEMP TABLE all_ids AS SELECT DISTINCT * FROM ({told})")
        con.execute(
            f"CREATE TEMP VIEW ids AS SELECT * FROM all_ids "
            f"WHERE district_id = {quoted(district_id)}"
        )
        self._district_id = district_id

    def are_of_others_too(self, ids: Ids) -> bool:
        """Return whether another district has rows with one of the ids, as whatever kind of id."""
        every = sorted({one for found in ids.values() for one in found})
        tests = " OR ".join(f"list_contains($1, {name})" for name in ID_COLUMNS)
        query = f"SELECT count(*) FROM all_ids WHERE district_id <> $2 AND ({tests})"
        return bool(self._con.execute(query, [every, self._district_id]).fetchall()[0][0])

    def of(self, student: str, column: str | None) -> Ids:
        """Return every id of the student who goes by this one, by the id's column."""
        columns = [column] if column else list(ID_COLUMNS)
        met = [
            self._closure({name: found}) for name in columns if (found := self._as(name, student))
        ]
        if not met:
            return {name: frozenset({student}) for name in columns}
        together = _united(met)
        if any(self._closure(one) != self._closure(together) for one in met):
            raise _ambiguous(len(met))
        return {name: self._met(name, ids) for name, ids in together.items()}

    def _met(self, column: str, ids: set[str]) -> frozenset[str]:
        """Return those of the ids that stand in the column: pairs bring some of another kind."""
        query = f"SELECT DISTINCT {column} FROM ids WHERE list_contains(?, {column})"
        return frozenset(one for (one,) in self._con.execute(query, [sorted(ids)]).fetchall())

    def _as(self, column: str, student: str) -> set[str]:
        """Return how the id is spelt in a column; the zeros before it do not count."""
        plain = student.lstrip("0").casefold()
        query = f"SELECT DISTINCT {column} FROM ids WHERE lower(ltrim({column}, '0')) = ?"
        return {one for (one,) in self._con.execute(query, [plain]).fetchall()}

    def _closure(self, ids: Mapping[str, set[str]]) -> dict[str, set[str]]:
        """Return the ids that stand in one row with them, and so on until there are no more."""
        now = {name: set(ids.get(name, ())) for name in ID_COLUMNS}
        while True:
            before = {name: set(found) for name, found in now.items()}
            for one, other in self._pairs:
                now[one] |= before[other]
                now[other] |= before[one]
            tests = " OR ".join(f"list_contains(?, {name})" for name in ID_COLUMNS)
            asked = [sorted(now[name]) for name in ID_COLUMNS]
            for row in self._con.execute(f"SELECT {', '.join(ID_COLUMNS)} FROM ids WHERE {tests}",
                                         asked).fetchall():  # fmt: skip
                for name, value in zip(ID_COLUMNS, row, strict=True):
                    now[name] |= {value} - {None}
            if now == before:
                return now


def _united(met: list[dict[str, set[str]]]) -> dict[str, set[str]]:
    return {name: set().union(*(one[name] for one in met)) for name in ID_COLUMNS}


def _files(context: Context) -> Iterator[Path]:
    for table in personal_tables(context):
        yield from sorted(context.lake.path(table).glob("source=*/partition=*/*.parquet"))


def _rows_sql(path: Path) -> str:
    import pyarrow.parquet as pq

    names = set(pq.read_schema(path).names)
    told = ", ".join(
        f"{name}::VARCHAR AS {name}" if name in names else f"NULL::VARCHAR AS {name}"
        for name in ID_COLUMNS
    )
    return f"SELECT {told}, district_id::VARCHAR AS district_id FROM {_scan(path)}"


def _scan(path: Path) -> str:
    return f"read_parquet({path_literal(path)}, hive_partitioning = false)"


def _nothing() -> str:
    return ", ".join(f"NULL::VARCHAR AS {name}" for name in (*ID_COLUMNS, "district_id"))


def _used_pairs(
    context: Context, con: duckdb.DuckDBPyConnection, district_id: str
) -> Iterator[tuple[str, str]]:
    """Yield the kinds of ids by which the district's results meet its rosters."""
    path = context.publisher.path("roster_match", "restricted")
    if path.exists():
        query = f"SELECT DISTINCT result_id, roster_id FROM {_scan(path)}"
        yield from con.execute(
            f"{query} WHERE is_used AND result_id <> roster_id AND district_id = ?", [district_id]
        ).fetchall()


def _ambiguous(kinds: int) -> UsageError:
    return UsageError(
        "AMBIGUOUS_STUDENT",
        where="--student",
        found=f"an id that is met in {kinds} columns, of students who have nothing else in common",
        expected="the id of one student",
        remedy=f"say which kind of id it is: --column with one of {', '.join(ID_COLUMNS)}",
    )
