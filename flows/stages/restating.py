"""How every published number would move if a load took its place, before it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from configs.errors import LoadHeld, listed
from flows.context import Context
from flows.slices import of_slices
from flows.stages.agreement import unreached
from flows.stages.guards import Candidate
from flows.stages.marts import (
    KEYS,
    connect,
    count_cells,
    count_released,
    open_writer,
    reporting_sql,
)
from flows.stages.planning import DIRECTORY, RESULTS, ROSTER, BuildPlan, fingerprints
from flows.stages.recounting import Brought, brought
from flows.stages.students import STUDENTS
from flows.stages.supposing import SupposedContext, plan_slices, suppose
from transforms.cell_plan import ALL
from transforms.restate import MOVING, moves_sql
from warehouse.bulk import quoted
from warehouse.formulas import harmless_sql
from warehouse.lake import Lake, path_literal
from warehouse.published import publication_id_of
from warehouse.workspace import PRIVATE_FILE, Workspace

MART = "mart_achievement"
TABLES = (RESULTS, ROSTER, DIRECTORY)
WIDE_LEVELS = ("all", "district", "partner", "rest", "network")
SHOWN_AT_MOST = 20


@dataclass(frozen=True)
class Restatement:
    """How published numbers would move: cells by what becomes of them, and the widest that move.

    `slices`: those of which a number could move. `publication_id`: what is published now.
    """

    load_id: str
    publication_id: str | None
    slices: list[str]
    cells: dict[str, int] = field(default_factory=dict)
    widest: list[dict[str, Any]] = field(default_factory=list)
    path: str | None = None

    @property
    def moving(self) -> int:
        """Return how many published cells would not be what they are."""
        return sum(self.cells.get(change, 0) for change in MOVING)


def restatement(context: Context, load: Brought, table: Path | None = None) -> Restatement:
    """Return how the published cells would move if the load's rows were live.

    Args:
        context: the opened workspace; nothing of it is changed.
        load: the rows that would come.
        table: where to write every cell as CSV; its folder is made.
    """
    with TemporaryDirectory(dir=context.workspace.staging, prefix="supposed-") as folder:
        supposed = _supposed(context, load, Path(folder))
        live = context.ledger.live_partitions(RESULTS)
        plan = plan_slices(supposed, fingerprints(context, live, context.embargo))
        published = context.publisher.path(MART, "reporting")
        now = publication_id_of(published) if published.exists() else None
        slices = [*plan.changed, *plan.gone]
        told = Restatement(load.load_id, now, slices)
        if not slices:
            return told
        with connect(supposed) as con:
            _make_moves(supposed, plan, published, con)
            return _told(told, con, table)


def _supposed(context: Context, load: Brought, folder: Path) -> SupposedContext:
    """Return the workspace as it would be with the load's rows in the lake."""
    name, source = load.source.table, load.source.name
    live = {table: context.ledger.live_partitions(table) for table in TABLES}
    files = {table: [Path(file) for file in context.lake.files(table)] for table in TABLES}
    staying = [p for p in live.get(name, []) if (p.source, p.partition) not in _places(load)]
    replaced = set(map(Path, context.lake.files(name, source, load.names)))
    # A lake of its own: what reads lakes reads source and partition from the folders' names.
    apart = Lake(Workspace(folder))
    apart.replace(name, source, load.files, load.load_id)
    coming = [Path(file) for file in apart.files(name)]
    live[name] = [*staying, *load.partitions]
    files[name] = [file for file in files.get(name, []) if file not in replaced] + coming
    return suppose(context, live, files)


def _places(load: Brought) -> set[tuple[str, str]]:
    return {(part.source, part.partition) for part in load.partitions}


def _make_moves(
    supposed: SupposedContext, plan: BuildPlan, published: Path, con: duckdb.DuckDBPyConnection
) -> None:
    """Make table `moves`: every cell of the plan's slices, as published and as it would be."""
    from flows.stages.concern import relate_participation
    from flows.stages.protecting import decide

    marts, students = supposed.catalogue.marts, STUDENTS
    try:
        open_writer(supposed, plan, con)
        cells = count_cells(supposed, plan, con)
        if plan.keeps_back:
            students = count_released(supposed, plan, con)
    finally:
        supposed.publisher.discard_staged()
    shape = "SELECT * FROM after WHERE false"
    if cells is None:
        after = f"SELECT * FROM read_parquet({path_literal(published)}) WHERE false"
    else:
        decided = decide(con, cells, marts)
        participation = relate_participation(supposed, con, cells, students)
        after = reporting_sql(cells, marts, decided, participation)[MART]
    con.execute(f"CREATE TEMP TABLE after AS {after}")
    if published.exists():
        slices = of_slices([*plan.changed, *plan.gone])
        shape += (
            f" UNION ALL BY NAME SELECT * FROM read_parquet({path_literal(published)}) "
            f"WHERE {slices}"
        )
    con.execute(f"CREATE TEMP TABLE before AS {shape}")
    key = KEYS[MART](marts.dimensions)
    con.execute(f"CREATE TEMP TABLE moves AS {moves_sql('before', 'after', key)}")


def _told(told: Restatement, con: duckdb.DuckDBPyConnection, table: Path | None) -> Restatement:
    counts = con.execute("SELECT change, count(*) FROM moves GROUP BY 1 ORDER BY 1").fetchall()
    if table is not None:
        write_csv(con, "SELECT * FROM moves", table)
    path = None if table is None else str(table)
    return Restatement(
        told.load_id, told.publication_id, told.slices, dict(counts), _widest(con), path
    )


def _widest(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the cells of all students of wide organisations that move, the farthest first."""
    columns = [name for name, *_ in con.execute("DESCRIBE moves").fetchall()]
    place = ("school_year", "assessment", "subject", "test_window", "grade", "org_level", "org_id")
    # What stands between the key's organisation and the name are the groups.
    groups = columns[len(place) : columns.index("org_name")]
    whole = " AND ".join(f"{name} = '{ALL}'" for name in groups)
    shown = [*place, *columns[columns.index("org_name") + 1 :]]
    levels, moving = (", ".join(f"'{one}'" for one in many) for many in (WIDE_LEVELS, MOVING))
    rows = con.execute(
        f"SELECT {', '.join(shown)} FROM moves WHERE {whole} AND org_level IN ({levels}) "
        f"AND change IN ({moving}) ORDER BY grade <> '{ALL}', "
        f"abs(after_pct_proficient - before_pct_proficient) DESC NULLS LAST, {', '.join(place)} "
        f"LIMIT {SHOWN_AT_MOST}"
    ).fetchall()
    return [dict(zip(shown, row, strict=True)) for row in rows]


def write_csv(con: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Leave what a query gives as a CSV file that its owner alone reads; no text is a formula."""
    columns = con.execute(f"DESCRIBE {query}").fetchall()
    shown = ", ".join(
        f"{harmless_sql(quoted(name))} AS {quoted(name)}" if kind == "VARCHAR" else quoted(name)
        for name, kind, *_ in columns
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.touch(PRIVATE_FILE)
    try:
        target = str(part).replace("'", "''")
        con.execute(f"COPY (SELECT {shown} FROM ({query})) TO '{target}' (HEADER)")
        part.chmod(PRIVATE_FILE)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def compare_folder(context: Context) -> Path:
    """Return where comparisons are kept: with the restricted marts."""
    return context.workspace.marts_restricted / "compare"


def hold_what_would_restate(context: Context, candidate: Candidate) -> None:
    """Hold a load that takes an earlier one's place and would move published numbers.

    Only where the profile says so (`review_restatements`).

    Raises:
        LoadHeld: RESTATES.
    """
    work, rows = candidate.work, candidate.resolved.rows
    live = context.ledger.live_partitions(work.source.table)
    asked = unreached(context, work, rows)
    replaced = [p for p in live if p.source == work.source.name and p.partition in asked]
    if not replaced or context.ledger.last_publication() is None:
        return
    load = brought(candidate.con, work, candidate.resolved.files, rows)
    told = restatement(context, load)
    if told.moving:
        raise LoadHeld(
            "RESTATES",
            where=candidate.name,
            found=f"{_counted(told.cells)} of what is published of {listed(told.slices)}",
            expected="no published number to move without a person having looked",
            remedy=f"see `roci restate {work.load_id}`; then `roci release {work.load_id}` or "
            f"`roci discard {work.load_id}`",
        )


def _counted(cells: Mapping[str, int]) -> str:
    words = {"moves": "cells would move", "appears": "appear", "vanishes": "vanish"}
    return ", ".join(f"{cells.get(name, 0):,} {word}" for name, word in words.items())
