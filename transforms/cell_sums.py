"""From students to all cells: one statement reads the students, arrays add up the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from transforms.cell_arrays import (
    Axis,
    Cells,
    Finest,
    Ints,
    Numbers,
    Sums,
    crossed_cells,
    rolled_up,
    side_cells,
    steps_of,
)
from transforms.cell_keys import CellKeys
from transforms.cell_plan import ALWAYS_SPLIT, PLAIN_CODES, UNKNOWN, CellPlan, Rollup
from transforms.cell_statistics import LIMB_BITS
from transforms.cell_tables import CellBuild
from transforms.organisations import LEVELS, UNIT

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class _Read:
    """The finest cells of all systems as arrays.

    unit, group: of each finest cell, its rows in `units` and `groups`. `sums`: theirs.
    units: the bits of each school's place. `groups`: column -> bits, in each combination.
    places: bits of all places, ascending. `links`: bits of child and parent, step by step.
    """

    unit: Ints
    group: Ints
    sums: Sums
    units: Ints
    groups: Mapping[str, Ints]
    places: Ints
    links: tuple[tuple[Ints, Ints], ...]


def finest_sql(build: CellBuild, results: str, groups: int) -> str:
    """Return SQL of the scored rows summed by school and combination of all groups.

    `finest` is the number of the unit, and below it, in so many bits as `groups` has, that of the
    combination. The only statement that sums over students.
    """
    same = " AND ".join(f"g.{c} IS NOT DISTINCT FROM r.{c}" for c in build.plan.given_columns)
    values = ", ".join(one.per_student() for one in build.statistics if not one.of_finest)
    return f"""
        SELECT (u.code << {groups.bit_length()}) + g.code AS finest, {values}
        FROM {results} AS r
        JOIN {build.name}_units AS u USING ({", ".join(UNIT)})
        JOIN {build.name}_groups_seen AS g ON {same}
        WHERE is_scored GROUP BY 1
    """


def all_cells(con: DuckDBPyConnection, build: CellBuild, groups: int) -> Iterator[pa.Table]:
    """Yield `cell_id` and what the statistics store of all cells, ordered by `cell_id`.

    A table without rows comes first, then one for each system. Systems are added up side by side,
    as NumPy lets go of Python's lock while it adds. The table of the finest cells is dropped.

    Raises:
        OverflowError: a sum over everything does not fit into its type.
    """
    keys = CellKeys.of(con, build.name)
    read = _read(con, build, keys, groups)
    con.execute(f"DROP TABLE {build.name}_finest")
    counts, totals = read.sums
    yield _as_table(Cells(np.empty(0, np.int64), (counts[:, :0], totals[:, :0])), build)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        systems = pool.map(lambda one: _in_order(_cells_of(one, build, keys)), _systems(read, keys))
        for cells in systems:
            yield _as_table(cells, build)


def _in_order(families: Iterator[Cells]) -> Cells:
    """Return the cells of one system by their keys."""
    parts = list(families)
    cell_id = np.concatenate([part.cell_id for part in parts])
    order = np.argsort(cell_id)
    counts, totals = (
        np.concatenate([part.sums[kind] for part in parts], axis=1)[:, order] for kind in (0, 1)
    )
    return Cells(cell_id[order], (counts, totals))


def _as_table(cells: Cells, build: CellBuild) -> pa.Table:
    """Return keys and sums as columns."""
    import pyarrow as pa

    columns = {"cell_id": cells.cell_id}
    counts, totals = cells.sums
    columns |= dict(zip(build.counts, counts, strict=True))
    columns |= dict(zip(build.totals, totals, strict=True))
    return pa.table(columns)


def _read(con: DuckDBPyConnection, build: CellBuild, keys: CellKeys, groups: int) -> _Read:
    name, bits = build.name, groups.bit_length()
    finest = con.execute(_located_sql(build, keys, bits)).fetchnumpy()
    units = con.execute(f"SELECT code, bits FROM {name}_units ORDER BY code").fetchnumpy()
    coded = con.execute(f"FROM {name}_groups_coded ORDER BY code").fetchnumpy()
    places = con.execute(f"SELECT bits FROM {name}_places ORDER BY bits").fetchnumpy()["bits"]
    return _Read(
        unit=np.searchsorted(units["code"], finest["finest"] >> bits),
        group=(finest["finest"] & ((1 << bits) - 1)) - 1,
        sums=(
            _stacked(finest, build.counts, np.int32),
            _stacked(finest, build.totals, np.int64),
        ),
        units=units["bits"],
        groups={column: values for column, values in coded.items() if column != "code"},
        places=places,
        links=_links(con, name),
    )


def _stacked(
    columns: Mapping[str, Ints], names: Sequence[str], kind: type[np.signedinteger[Any]]
) -> Numbers:
    """Return columns as an array (statistics, cells) of a type that holds their sums."""
    found = np.empty((len(names), len(columns["finest"])), kind)
    for row, name in zip(found, names, strict=True):
        row[:] = columns[name]
        if np.abs(row, dtype=np.float64).sum() > np.iinfo(kind).max / 2:
            raise OverflowError(f"the sum of {name} over everything is too large")
    return found


def _links(con: DuckDBPyConnection, name: str) -> tuple[tuple[Ints, Ints], ...]:
    """Return which places are added to which, level by level, 'all' last."""
    found = con.execute(
        f"SELECT list_position({[*LEVELS[1:], LEVELS[0]]}, parent_level) AS step, child, parent "
        f"FROM {name}_lineage"
    ).fetchnumpy()
    steps = [found["step"] == step for step in np.unique(found["step"])]
    return tuple((found["child"][chosen], found["parent"][chosen]) for chosen in steps)


def _located_sql(build: CellBuild, keys: CellKeys, bits: int) -> str:
    """Return SQL of the finest cells with every column that is stored."""
    name = build.name
    values = ", ".join(
        f"({one.sql})::{'INTEGER' if one.type == 'COUNT' else one.type} AS {one.name}"
        if one.of_finest
        else one.name
        for one in build.statistics
    )
    stored = ", ".join(
        f"({one.name} >> {LIMB_BITS})::BIGINT AS {one.stored[0]}, "
        f"({one.name} & {(1 << LIMB_BITS) - 1})::BIGINT AS {one.stored[1]}"
        if one.type == "HUGEINT"
        else one.name
        for one in build.statistics
    )
    cells = f"{name}_finest"
    if any(one.of_finest for one in build.statistics):
        cells += (
            f" JOIN {name}_units AS u ON u.code = finest >> {bits} "
            f"JOIN {name}_groups_coded AS g ON g.code = finest & {(1 << bits) - 1} "
            f"LEFT JOIN {name}_cuts AS c ON c.bits = (u.bits & {keys.mask('system')}) + g.grade"
        )
    return f"SELECT finest, {stored} FROM (SELECT finest, {values} FROM {cells})"


def _systems(read: _Read, keys: CellKeys) -> Iterator[tuple[Finest, dict[str, Axis]]]:
    """Yield the finest cells of each system, with its axes by column of groups."""
    mask = keys.mask("system")
    systems, system_of_unit = np.unique(read.units & mask, return_inverse=True)
    system = system_of_unit.astype(np.uint16)[read.unit]
    order = np.argsort(system, kind="stable")
    ends = np.searchsorted(system[order], np.arange(len(systems) + 1))
    coded = {column: np.unique(bits, return_inverse=True) for column, bits in read.groups.items()}
    for number, bits in enumerate(systems.tolist()):
        rows = order[ends[number] : ends[number + 1]]
        group = read.group[rows]
        axes = {column: Axis.of(*one, group) for column, one in coded.items()}
        places = read.places[read.places & mask == bits]
        links = [(c[c & mask == bits], p[c & mask == bits]) for c, p in read.links]
        yield (
            Finest(
                place_bits=places,
                org=np.searchsorted(places, read.units)[read.unit[rows]],
                steps=steps_of(places, links),
                grade=axes["grade"],
                sums=(read.sums[0][:, rows], read.sums[1][:, rows]),
            ),
            axes,
        )


def _cells_of(
    system: tuple[Finest, Mapping[str, Axis]], build: CellBuild, keys: CellKeys
) -> Iterator[Cells]:
    """Yield all cells of one system, family by family."""
    (finest, axes), plan = system, build.plan
    crossed = crossed_cells(finest, [axes[c] for c in plan.crossed])
    yield crossed
    for dimension in plan.one_way:
        plain = {
            keys.bits(dimension, code) for code in PLAIN_CODES if code in keys.codes[dimension]
        }
        if dimension in ALWAYS_SPLIT or not plain.issuperset(axes[dimension].bits.tolist()):
            columns = [axes[c] for c in plan.crossed_with]
            for cells in side_cells(finest, axes[dimension], columns):
                yield cells if plan.by_grade else _over_all_grades(cells, plan, keys)
    for rollup in plan.rollups:
        unions = _unions(rollup, axes[rollup.of], keys)
        if set(unions.values()) != {keys.bits(rollup.dimension, UNKNOWN)}:
            yield rolled_up(_alone(crossed, rollup.of, build, keys), keys.mask(rollup.of), unions)


def _over_all_grades(cells: Cells, plan: CellPlan, keys: CellKeys) -> Cells:
    """Return the cells without those of single grades that are split by a crossed dimension."""
    in_grade = cells.cell_id & keys.mask("grade") != 0
    is_crossed = cells.cell_id & keys.mask(*plan.crossed) != 0
    kept = ~(in_grade & is_crossed)
    counts, totals = cells.sums
    return Cells(cells.cell_id[kept], (counts[:, kept], totals[:, kept]))


def _unions(rollup: Rollup, base: Axis, keys: CellKeys) -> dict[int, int]:
    """Return the bits of the union that each code of the base that occurs belongs to."""
    found = {}
    for union, members in rollup.members.items():
        for member in members:
            bits = keys.bits(rollup.of, member)
            if bits is not None and bits in base.bits:
                found[bits] = keys.codes[rollup.dimension][union]
    return found


def _alone(crossed: Cells, column: str, build: CellBuild, keys: CellKeys) -> Cells:
    """Return the cells that are split by one column and, perhaps, by grade."""
    others = keys.mask(*(c for c in build.plan.crossed if c != column))
    chosen = (crossed.cell_id & others == 0) & (crossed.cell_id & keys.mask(column) != 0)
    counts, totals = crossed.sums
    return Cells(crossed.cell_id[chosen], (counts[:, chosen], totals[:, chosen]))
