"""How many students a group has that no mart counts, such as a crossing of three dimensions.

Counted from the restricted rows of students, as the cells are: by the organisations of their
schools and by their groups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from transforms.cell_plan import ALL, UNKNOWN, CellPlan, quoted
from transforms.growth_matched import LOW_LEVELS
from transforms.growth_matching import MATCHED, PRIOR_STATUS
from transforms.organisations import SYSTEM
from warehouse.lake import path_literal

if TYPE_CHECKING:
    from configs.catalogue import Catalogue

GRADE = "grade"


@dataclass(frozen=True)
class Moved:
    """Scored students of a group.

    n: all. levels: of the matched, by the level before; 0 where they have none.
    """

    n: int
    levels: Mapping[int, int]

    @property
    def matched(self) -> int:
        """Return how many of them are matched."""
        return sum(self.levels.values())

    def where(self, is_counted: Callable[[int], bool]) -> int:
        """Return how many began at a level that is counted."""
        return sum(n for level, n in self.levels.items() if is_counted(level))


@dataclass(frozen=True)
class CountedStudents:
    """The restricted rows of students, and what the cells are counted by.

    path: student_result. plan: what is counted. partners: keys of partner schools. networks: the
    keys of the schools of each.
    """

    path: Path
    plan: CellPlan
    partners: tuple[str, ...] = ()
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, catalogue: Catalogue) -> CountedStudents | None:
        """Return those of an installation; null where there is no such file."""
        if not path.is_file():
            return None
        marts, network = catalogue.marts, catalogue.network
        plan = CellPlan.configured(marts, catalogue.assessments, catalogue.vocabularies)
        networks = {name: tuple(one.schools) for name, one in network.networks.items()}
        return cls(path, plan, tuple(network.partner_schools), networks)

    def count(self, con: duckdb.DuckDBPyConnection, system: str, cell: str) -> Moved:
        """Return who is in a cell, both named as an attack names them."""
        where = [
            f"{name} = {quoted(part)}" for name, part in zip(SYSTEM, system.split("/"), strict=True)
        ]
        place, *groups = parts_of(cell, self.plan.group_columns)
        where += ["is_scored", self._place_sql(place), *map(self._group_sql, groups)]
        rows = con.execute(
            f"SELECT if({PRIOR_STATUS} = '{MATCHED}', coalesce(prior_level, 0), NULL) AS before, "
            f"count(*) FROM read_parquet({path_literal(self.path)}) "
            f"WHERE {' AND '.join(where)} GROUP BY before"
        ).fetchall()
        levels = {before: n for before, n in rows if before is not None}
        return Moved(sum(n for _, n in rows), levels)

    def _place_sql(self, place: str) -> str:
        """Return the condition that a row is of an organisation."""
        level, _, own = place.partition("/")
        if level == ALL:
            return "true"
        key = "district_id || '/' || school_id"
        if level == "school":
            return f"{key} = {quoted(own)}"
        if level == "network":
            return _is_in(key, self.networks.get(own, ()))
        district = f"district_id = {quoted(own)}"
        if level == "district":
            return district
        is_partner = _is_in(key, self.partners)
        return f"{district} AND {'' if level == 'partner' else 'NOT '}{is_partner}"

    def _group_sql(self, group: str) -> str:
        """Return the condition that a row is of a group, given as `dimension code`."""
        dimension, _, code = group.partition(" ")
        for rollup in self.plan.rollups:
            if rollup.dimension == dimension:
                return _is_in(f"coalesce({rollup.of}, '{UNKNOWN}')", rollup.members.get(code, ()))
        return f"coalesce({dimension}, '{UNKNOWN}') = {quoted(code)}"


# How many of a group a statistic is of; of others, as of the enrolled, nothing is known here.
COUNTED: Mapping[str, Callable[[Moved], int]] = {
    "n_tested": lambda of: of.n,
    "n_matched": lambda of: of.matched,
    "not matched": lambda of: of.n - of.matched,
    "n_low_prior": lambda of: of.where(lambda level: 1 <= level <= LOW_LEVELS),
    "not low before": lambda of: of.where(lambda level: level > LOW_LEVELS),
}


def counted(of: Moved, statistic: str) -> int | None:
    """Return how many of a group a statistic is of; null where that is not counted here.

    >>> counted(Moved(5, {1: 2, 3: 1}), "level 3 before")
    1
    """
    level = re.fullmatch(r"level (\d+) before", statistic)
    if level:
        return of.levels.get(int(level[1]), 0)
    return COUNTED[statistic](of) if statistic in COUNTED else None


def parts_of(cell: str, dimensions: tuple[str, ...]) -> list[str]:
    """Return a cell's organisation, and its groups as `dimension code`.

    >>> parts_of("network/North, South, grade 03", ("grade", "gender"))
    ['network/North, South', 'grade 03']
    """
    return re.split(rf", (?=(?:{'|'.join(dimensions)}) )", cell)


def _is_in(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(map(quoted, words))})" if words else "false"
