"""A published cell moves by nobody or by enough students, else its slice waits.

Whoever keeps yesterday's marts and holds today's against them would otherwise read off what one
corrected record changed. Slices wait whole, in both areas: all subjects and windows of an
assessment and year, and with them every published slice that looks back on one that waits.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from configs.errors import PublicationHeld, listed
from configs.models import EmbargoRule
from flows.context import Context
from flows.slices import slice_name, slice_parts
from flows.stages.looking_back import slices_told_by
from flows.stages.marts import KEYS, MartFiles
from flows.stages.planning import BuildPlan
from flows.stages.two_publications import told_by_both
from transforms.embargo import slice_rules
from transforms.moves import moved_cells_sql, moved_levels_sql
from warehouse.lake import path_literal
from warehouse.ledger_records import Check, MartRecord
from warehouse.publish import MartArea
from warehouse.published import SIDECAR
from warehouse.waits import (
    SMALL_MOVES,
    TWO_PUBLICATIONS,
    Wait,
    release_check,
    slices_waiting,
    wait_check,
)

log = logging.getLogger("roci.marts")

ACHIEVEMENT, LEVEL = "mart_achievement", "mart_level"
EMBARGO = "roci embargo"


@dataclass(frozen=True)
class Release:
    """Who lets slices through although few students moved. `slices`: all where null."""

    by: str
    slices: frozenset[str] | None = None

    def has(self, name: str) -> bool:
        """Return whether a slice is let through."""
        return self.slices is None or name in self.slices


NOBODY = Release("nobody", frozenset())


@dataclass(frozen=True)
class Moves:
    """The slices that have to wait, and for the record those that somebody let through.

    asked: the changed slices that readers are shown already and that nobody lets through.
    """

    waits: tuple[Wait, ...] = ()
    let_through: tuple[Check, ...] = ()
    asked: frozenset[str] = frozenset()


def small_moves(
    context: Context,
    plan: BuildPlan,
    con: duckdb.DuckDBPyConnection,
    files: MartFiles,
    release: Release,
) -> Moves:
    """Hold the changed slices against what is published of them.

    A slice that readers have not been shown never waits. Nor does one of which other results are
    under embargo than before: that is a person's word on what is shown.
    """
    published = context.publisher.path(ACHIEVEMENT, "reporting")
    is_asked = context.catalogue.marts.suppression.small_moves == "wait"
    if not is_asked or ACHIEVEMENT not in files.reporting or not published.exists():
        return Moves()
    cells = _moved(context, con, files)
    shown = _slices_of(con, path_literal(published)) & {*plan.changed}
    embargoed = {name for name in shown if _is_kept_back_otherwise(context, plan, name)}
    held = {name for name in shown - embargoed if not release.has(name)}
    let_through = [
        release_check(wait, EMBARGO if wait.slice_name in embargoed else release.by)
        for wait in _let_through(context, cells, sorted(shown - held))
    ]
    for one in let_through:
        log.info("slice=%s moves=released by=%s cells=%s", one.name, one.expected, one.observed)
    waits = waits_of(cells, held, plan.waiting)
    return Moves(waits, tuple(let_through), frozenset(held))


def _let_through(
    context: Context, cells: Mapping[str, int], names: Sequence[str]
) -> Iterator[Wait]:
    """Yield those of the slices let through that would have had to wait.

    What the last build found of two publications together is not looked for again.
    """
    if not names:
        return
    waits = slices_waiting(context.ledger)
    told = {w.slice_name: w for w in waits if w.code == TWO_PUBLICATIONS and not w.behind}
    told |= {name: Wait(name, count) for name, count in cells.items()}
    yield from (told[name] for name in names if name in told)


def following(
    context: Context,
    plan: BuildPlan,
    con: duckdb.DuckDBPyConnection,
    files: MartFiles,
    moves: Moves,
) -> tuple[Wait, ...]:
    """Return what has to wait of slices that moved little nowhere: both publications tell more."""
    found = told_by_both(context, con, files, moves.asked)
    return waits_of(found, moves.asked, plan.waiting, TWO_PUBLICATIONS)


def _moved(context: Context, con: duckdb.DuckDBPyConnection, files: MartFiles) -> dict[str, int]:
    """Return how many cells of each slice moved a little; slices without any are left out."""
    minimum = context.catalogue.marts.suppression.minimum_n
    key = _compare(context, con, files, ACHIEVEMENT)
    levels = None
    if LEVEL in files.reporting and context.publisher.path(LEVEL, "reporting").exists():
        _compare(context, con, files, LEVEL)
        levels = f"({moved_levels_sql(f'{LEVEL}_then', f'{LEVEL}_now', key)})"
    sql = moved_cells_sql(f"{ACHIEVEMENT}_then", f"{ACHIEVEMENT}_now", key, minimum, levels)
    return {slice_name(name, year): cells for name, year, cells in con.execute(sql).fetchall()}


def _compare(
    context: Context, con: duckdb.DuckDBPyConnection, files: MartFiles, mart: str
) -> list[str]:
    """Make views of a mart as published and as staged; return the columns that name its cells.

    Of a dimension that only one of them has, the other's students are all.
    """
    paths = {
        "then": context.publisher.path(mart, "reporting"),
        "now": files.reporting[mart],
    }
    columns = {when: dict(_columns(con, path_literal(path))) for when, path in paths.items()}
    key = list(KEYS[ACHIEVEMENT](context.catalogue.marts.dimensions))
    for when, path in paths.items():
        other = columns["now" if when == "then" else "then"]
        alone = [name for name in key if name in columns[when] and name not in other]
        where = " AND ".join(f"{name} = 'all'" for name in alone) or "true"
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW {mart}_{when} AS "
            f"SELECT * FROM read_parquet({path_literal(path)}) WHERE {where}"
        )
    return [name for name in key if name in columns["then"] and name in columns["now"]]


def _columns(con: duckdb.DuckDBPyConnection, file: str) -> list[tuple[str, str]]:
    rows = con.execute(f"DESCRIBE FROM read_parquet({file})").fetchall()
    return [(row[0], row[1]) for row in rows]


def _slices_of(con: duckdb.DuckDBPyConnection, file: str) -> set[str]:
    sql = f"SELECT DISTINCT assessment, school_year FROM read_parquet({file})"
    return {slice_name(*row) for row in con.execute(sql).fetchall()}


def _is_kept_back_otherwise(context: Context, plan: BuildPlan, name: str) -> bool:
    """Return whether other results of a slice are under embargo than at the last publication."""
    last = context.ledger.last_publication()
    basis = context.ledger.basis(last.publication_id) if last is not None else None
    if basis is None:
        return False
    before = [EmbargoRule.model_validate(rule) for rule in basis.embargo]
    return _kept_back(before, name) != _kept_back(plan.embargo, name)


def _kept_back(rules: Collection[EmbargoRule], name: str) -> set[tuple[str | None, str]]:
    return {(rule.district_id, rule.state) for rule in slice_rules(rules, *slice_parts(name))}


def waits_of(
    cells: Mapping[str, int], held: Iterable[str], waiting: Sequence[str], code: str = SMALL_MOVES
) -> tuple[Wait, ...]:
    """Return which of the slices that nobody lets through have to wait.

    They are those that would tell something, and those that look back on one that waits: nothing
    is told of what is not shown yet.

    >>> waits = waits_of({"star|2023": 2}, ["star|2023", "star|2024", "map|2024"], [])
    >>> [(wait.slice_name, wait.behind) for wait in waits]
    [('star|2023', ()), ('star|2024', ('star|2023',))]
    """
    known, found = {*waiting}, dict[str, Wait]()
    for name in sorted(held, key=lambda one: slice_parts(one)[::-1]):
        behind = slices_told_by(name, known)
        if cells.get(name) or behind:
            found[name] = Wait(name, cells.get(name, 0), behind, code=code)
            known.add(name)
            log.info("slice=%s waiting=%s count=%d", name, code, found[name].cells)
    return tuple(found.values())


def require_room_to_wait(
    context: Context,
    con: duckdb.DuckDBPyConnection,
    files: MartFiles,
    publication_id: str,
    waits: Collection[Wait],
) -> None:
    """Refuse to keep slices of marts that are gone, or of other columns than today's.

    Raises:
        PublicationHeld: SMALL_MOVES; the slices that would wait are noted with it.
    """
    unlike = sorted({*_missing(context), *_of_other_columns(context, con, files)})
    if not unlike:
        return
    context.ledger.record_checks(publication_id, map(wait_check, waits))
    raise PublicationHeld(
        "SMALL_MOVES",
        where="what has changed since the last publication",
        found=f"{listed(wait.slice_name for wait in waits)} would tell of few students, and cannot "
        f"be kept as published: {listed(unlike)} is missing there or has other columns now",
        expected="what tells nothing of few students beside what is published",
        remedy="the last publication stays; `roci marts release --all` shows the new numbers all "
        "the same",
    )


def _missing(context: Context) -> set[str]:
    """Return the published marts that are not in their place."""
    publisher, last = context.publisher, context.ledger.last_publication()
    if publisher.shown() is None:
        return {SIDECAR}
    told = json.loads((context.workspace.marts_reporting / SIDECAR).read_text(encoding="utf-8"))
    names = {name for name in told["marts"] if not publisher.path(name, "reporting").exists()}
    if last is not None and last.publication_id == told["publication_id"]:
        names |= {
            mart.name
            for mart in last.marts
            if not publisher.path(mart.name, "reporting").exists()
            and not publisher.path(mart.name, "restricted").exists()
        }
    return names


def _of_other_columns(
    context: Context, con: duckdb.DuckDBPyConnection, files: MartFiles
) -> set[str]:
    """Return the marts built by slice that are published with other columns than they have now."""
    found = set()
    for name, path in files.all.items():
        area: MartArea = "reporting" if name in files.reporting else "restricted"
        published = context.publisher.path(name, area)
        if name in files.sliced and published.exists():
            now, then = _columns(con, path_literal(path)), _columns(con, path_literal(published))
            if now != then:
                found.add(name)
    return found


def is_as_published(context: Context, plan: BuildPlan, records: Sequence[MartRecord]) -> bool:
    """Return whether the marts have the rows that readers are shown already."""
    last = context.ledger.last_publication()
    if last is None or not plan.stands or plan.changed or plan.gone:
        return False
    return {mart.name: mart.content_hash for mart in last.marts} == {
        mart.name: mart.content_hash for mart in records
    }
