"""Which falls are of protected groups: the restricted marts know what no reader can.

A protected group has 1 to the minimum less one students. Whether a hidden group is one, or of
nobody, or large and hidden for the sake of others, a reader cannot tell, so `validation.audit`
names each that may be. Here each is held against what was counted; that it is of a protected group
or not is all that is said of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from flows.counted_students import CountedStudents, Moved, counted, parts_of
from warehouse.lake import path_literal

if TYPE_CHECKING:
    from configs.catalogue import Catalogue
    from configs.mart_models import Marts
    from validation.audit.result import Fall

YES, NO, UNKNOWN = "yes", "no", "unknown"
GRADE, ALL, SHOWN = "grade", "all", "shown"
MARTS = CELLS, GROWTH, TRANSITION = "mart_achievement", "mart_growth", "mart_transition"
# The attacker has computed a small group, or shows what the rule of one cell forbids.
COMPUTED = frozenset(
    {
        "below_minimum", "extreme_rate", "derived", "span_n", "span_coded", "span_matched",
        "span_not_tested", "nested", "nested_all_or_none", "nested_level", "residual",
        "residual_all_or_none", "bounds_coded", "moved", "changed_records", "rate_of_hidden",
    }
)  # fmt: skip
# About the students of the cell that is named.
OF_CELL = frozenset({"bounds_n", "bounds_proficient", "bounds_level", "range", "none", "all"})
# About those whom the statistic names, such as the matched of the cell, or any whom they are of.
OF_STATISTIC = frozenset({"bounds_other"})
# One count is of the publication before, of which nothing is counted here.
OF_TWO = frozenset({"two_releases"})
STUDENTS = (CELLS, "n_tested")
TOOK_PART = "round(n_enrolled * pct_participation / 100)"
COUNTS: Mapping[str, Mapping[str, str]] = {
    CELLS: {
        "n_tested": "n_tested",
        "without a score": "n_enrolled - n_tested",
        "took part without a score": f"{TOOK_PART} - n_tested",
        "did not take part": f"n_enrolled - {TOOK_PART}",
    },
    GROWTH: {
        "n_matched": "n_matched",
        "not matched": "n_tested - n_matched",
        "n_low_prior": "n_low_prior",
        "not low before": "n_matched - n_low_prior",
        "n_growth": "n_growth",
        "without growth": "n_tested - n_growth",
    },
}
OF_MATCHED = ("n_matched", "n_tested")
# Whom a statistic counts some of: a count within a protected group is protected, be it of nobody.
WHOLES: Mapping[str, tuple[str, ...]] = {
    "n_matched": ("n_tested",),
    "not matched": ("n_tested",),
    "n_low_prior": OF_MATCHED,
    "not low before": OF_MATCHED,
    "n_growth": ("n_tested",),
    "without growth": ("n_tested",),
}
Cell = tuple[str, str]


@dataclass(frozen=True)
class Twins:
    """The exact marts of the same cells as the attacked ones.

    reporting: the attacked marts. exact: of a mart, the file that its numbers are taken from.
    dimensions: grade first, in the order in which cells are named.
    minimum: students that a group needs to be shown.
    students: rows of students, for groups that no mart counts; null where there are none.
    """

    reporting: Path
    exact: Mapping[str, Path]
    dimensions: tuple[str, ...]
    minimum: int
    students: CountedStudents | None = None

    @classmethod
    def beside(cls, reporting: Path, restricted: Path, catalogue: Catalogue) -> Twins:
        """Return those of the marts of one publication, as far as they are there."""
        named = ((mart, restricted / f"{mart}_unsuppressed.parquet") for mart in MARTS)
        exact = {mart: path for mart, path in named if path.is_file()}
        students = CountedStudents.of(restricted / "student_result.parquet", catalogue)
        return replace(cls.of(reporting, exact, catalogue.marts), students=students)

    @classmethod
    def of(cls, reporting: Path, exact: Mapping[str, Path], marts: Marts) -> Twins:
        """Return twins as the configuration of the marts says how they are named."""
        dimensions = (GRADE, *marts.dimensions)
        return cls(reporting, exact, dimensions, marts.suppression.minimum_n)


def standing(falls: Iterable[Fall], twins: Twins | None) -> dict[Fall, str]:
    """Return of each fall whether it is of a protected group: yes, no or unknown.

    Args:
        falls: what an attack has found.
        twins: what was counted; without it nothing is known of a fall that is told by bounds.
    """
    falls = tuple(falls)
    asked = [fall for fall in falls if fall.kind in OF_CELL | OF_STATISTIC | OF_TWO]
    known = _Truth(twins, asked) if asked and twins and CELLS in twins.exact else None
    return {fall: _stands(fall, known) for fall in falls}


def _stands(fall: Fall, known: _Truth | None) -> str:
    if fall.kind in COMPUTED:
        return YES
    if known is None or fall.kind not in OF_CELL | OF_STATISTIC | OF_TWO:
        return UNKNOWN
    told = known.of(fall)
    return UNKNOWN if told == NO and fall.kind in OF_TWO else told


class _Truth:
    """How many students the fallen groups really have."""

    def __init__(self, twins: Twins, falls: Sequence[Fall]) -> None:
        self._twins = twins
        with duckdb.connect() as con:
            _relate(con, twins, falls)
            self._other = {name for (name,) in con.execute(_OTHER_SQL).fetchall()}
            asked = {one for fall in falls for one in _asked(fall)}
            self._counts = {
                one: _Count.of(con, _count_sql(*one)) for one in asked if one[0] in twins.exact
            }
            self._moved: dict[Cell, Moved] = {}
            if twins.students is not None:
                for fall in falls:
                    self._count_students(con, twins.students, fall)

    def of(self, fall: Fall) -> str:
        """Return whether the fallen group is a protected one, or is counted of one."""
        if fall.system in self._other:
            return UNKNOWN
        told = {self._told(fall, mart, statistic) for mart, statistic in _asked(fall)}
        return next(one for one in (YES, UNKNOWN, NO) if one in told)

    def _count_students(
        self, con: duckdb.DuckDBPyConnection, students: CountedStudents, fall: Fall
    ) -> None:
        """Count the students of a fallen group of which the marts do not say how many they are."""
        cell = (fall.system, fall.cell)
        if cell in self._moved or cell[0] in self._other or self.of(fall) != UNKNOWN:
            return
        self._moved[cell] = students.count(con, *cell)

    def _told(self, fall: Fall, mart: str, statistic: str) -> str:
        """Return whether those whom a statistic of the fallen cell counts are a protected group."""
        cell = (fall.system, fall.cell)
        if cell in self._moved:
            n = counted(self._moved[cell], statistic)
            if n is not None:
                return YES if 1 <= n < self._twins.minimum else NO
        count = self._counts.get((mart, statistic))
        if count is None:
            return UNKNOWN
        found = count.students.get(cell)
        if found is None:
            # A crossing that is counted has a row for everybody: without a row there is nobody.
            crossing = crossing_of(fall.cell, self._twins.dimensions)
            return NO if (fall.system, crossing) in count.crossings else UNKNOWN
        return YES if any(1 <= n < self._twins.minimum for n in found) else NO


@dataclass(frozen=True)
class _Count:
    """One count of the fallen cells, and by which crossings there is such a count of each system.

    A cell may have several, of the growth from different years.
    """

    students: Mapping[Cell, list[float]]
    crossings: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, con: duckdb.DuckDBPyConnection, sql: str) -> _Count:
        """Return what SQL of the columns system, cell, crossing and n says."""
        counted = f"FROM ({sql}) WHERE n IS NOT NULL"
        students: dict[Cell, list[float]] = {}
        fallen = f"SELECT system, cell, n FROM ({counted}) SEMI JOIN fallen USING (system, cell)"
        for system, cell, n in con.execute(fallen).fetchall():
            students.setdefault((system, cell), []).append(n)
        crossings = con.execute(f"SELECT DISTINCT system, crossing {counted}").fetchall()
        return cls(students, frozenset(crossings))


def _asked(fall: Fall) -> list[tuple[str, str]]:
    """Return the marts and statistics that say how many the fallen, and those around them, are."""
    if fall.kind not in OF_STATISTIC:
        return [STUDENTS]
    is_level = fall.mart == TRANSITION and fall.statistic != "n_matched"
    wholes = OF_MATCHED if is_level else WHOLES.get(fall.statistic, ())
    return [(fall.mart, fall.statistic), *(_where_counted(fall.mart, one) for one in wholes)]


def _where_counted(mart: str, statistic: str) -> tuple[str, str]:
    """Return the mart that says how many all are: transitions have the matched alone."""
    return STUDENTS if statistic == STUDENTS[1] else (mart, statistic)


def crossing_of(cell: str, dimensions: Sequence[str]) -> str:
    """Return the level of a cell's organisation, and what it is split by.

    >>> crossing_of("school/1/2, grade 05, gender F", ["grade", "gender"])
    'school, grade, gender'
    """
    place, *groups = parts_of(cell, tuple(dimensions))
    return ", ".join([place.partition("/")[0], *(group.partition(" ")[0] for group in groups)])


def _relate(con: duckdb.DuckDBPyConnection, twins: Twins, falls: Sequence[Fall]) -> None:
    """Make the fallen cells, and of their systems the named rows of each mart."""
    con.execute("CREATE TABLE fallen (system VARCHAR, cell VARCHAR)")
    cells = sorted({(fall.system, fall.cell) for fall in falls})
    columns = [list(column) for column in zip(*cells, strict=True)]
    con.execute("INSERT INTO fallen SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[])", columns)
    for mart, path in {SHOWN: twins.reporting / f"{CELLS}.parquet", **twins.exact}.items():
        con.execute(
            f"CREATE VIEW {mart} AS FROM ({_named_sql(con, path, twins.dimensions)}) "
            "SEMI JOIN (SELECT DISTINCT system FROM fallen) USING (system)"
        )


def _named_sql(con: duckdb.DuckDBPyConnection, path: Path, dimensions: Sequence[str]) -> str:
    """Return SQL of a mart's rows with system, cell and crossing as an attack names them."""
    file = f"read_parquet({path_literal(path)})"
    there = {row[0] for row in con.execute(f"DESCRIBE FROM {file}").fetchall()}
    split = [name for name in dimensions if name in there]
    groups = (f"if({name} <> '{ALL}', '{name} ' || {name}, NULL)" for name in split)
    names = (f"if({name} <> '{ALL}', '{name}', NULL)" for name in split)
    return (
        "SELECT *, concat_ws('/', school_year, assessment, subject, test_window) AS system, "
        "concat_ws(', ', if(org_level = org_id, org_level, org_level || '/' || org_id), "
        f"{', '.join(groups)}) AS cell, "
        f"concat_ws(', ', org_level, {', '.join(names)}) AS crossing FROM {file}"
    )


# Systems of which the exact marts hold other students than the attacked: some are under embargo.
_OTHER_SQL = f"""
    SELECT DISTINCT system FROM {CELLS} AS exact FULL JOIN {SHOWN} USING (system, cell)
    WHERE coalesce({SHOWN}.n_tested, 0) > 0 AND {SHOWN}.n_tested IS DISTINCT FROM exact.n_tested
    OR exact.crossing = exact.org_level AND {SHOWN}.crossing IS NULL
"""


def _count_sql(mart: str, statistic: str) -> str:
    """Return SQL of the rows of a mart that say how many a statistic is of."""
    if mart in COUNTS:
        return f"SELECT system, cell, crossing, {COUNTS[mart][statistic]} AS n FROM {mart}"
    level = re.fullmatch(r"level (\d+) before", statistic)
    before = f"prior_level = {level[1]}" if level else "true"
    return (
        f"SELECT system, cell, crossing, sum(n) FILTER ({before}) AS n FROM {mart} "
        "GROUP BY system, cell, crossing, prior_year, prior_window"
    )
