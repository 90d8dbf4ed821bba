"""Every mart as a Parquet file aside: changed slices from the lake, the others as published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from configs.mart_models import Marts
from flows.context import Context
from flows.slices import of_slices
from flows.stages.lake_relations import relate_lake
from flows.stages.planning import DIRECTORY, RESULTS, ROSTER, BuildPlan
from flows.stages.sliced_marts import (
    LastMart,
    with_schools_of_waiting,
    write_rows,
    write_sliced,
)
from flows.stages.students import STUDENTS, relate_released, relate_students
from transforms import dimensions as dims
from transforms import identity
from transforms import marts as mart_sql
from transforms import organisations as orgs
from transforms.cell_plan import quoted
from transforms.cells import UNKNOWN, CellPlan, build_cells
from transforms.focus import FOCUS_KEY
from transforms.participation import UNTESTED_KEY
from validation.identity_rules import identity_flags_sql
from warehouse.lake import path_literal
from warehouse.publish import MartArea

if TYPE_CHECKING:
    import pyarrow as pa

    from flows.stages.protecting import Decided

ORGANISATIONS = orgs.Organisations("partners", "networks", "names")
EXACT_CELLS = "mart_achievement_unsuppressed"
CELL_KEY = ("school_year", "assessment", "subject", "test_window", "grade", "org_level", "org_id")
# Marts with a row for each student: in SQL only where an installation asks for it.
STUDENT_ROWS = frozenset(
    {
        "student_result",
        "unmatched_students",
        "identity_flags",
        "untested_students",
        "focus_students",
    }
)
Key = Callable[[Sequence[str]], Sequence[str]]


def _cell_key(groups: Sequence[str]) -> Sequence[str]:
    return (*CELL_KEY, *groups)


def _cell_key_and(*more: str) -> Key:
    return lambda groups: (*CELL_KEY, *groups, *more)


def _both(mart: str, key: Key) -> dict[str, Key]:
    """Return the key of a reporting mart and of its restricted twin."""
    return dict.fromkeys((mart, f"{mart}_unsuppressed"), key)


KEYS: dict[str, Key] = {
    **_both("mart_achievement", _cell_key),
    **_both("mart_level", _cell_key_and("performance_level")),
    **_both("mart_gap", _cell_key_and("dimension", "reference")),
    **_both("mart_growth", _cell_key_and("growth_type", "growth_measure", "growth_norm")),
    **_both("mart_comparison", _cell_key_and("compared_to", "from_year", "contrast")),
    **_both("mart_transition", _cell_key_and("prior_level", "performance_level")),
    "student_result": lambda _: ("load_id", "source_row", "source_record"),
    "roster_match": lambda _: identity.MATCH_KEY,
    "unmatched_students": lambda _: (
        "assessment",
        "school_year",
        "district_id",
        "school_id",
        "student_id",
        "local_student_id",
    ),
    "untested_students": lambda _: UNTESTED_KEY,
    "focus_students": lambda _: FOCUS_KEY,
    "identity_flags": lambda _: ("table", "district_id", "school_year", "student_id", "code"),
    "dim_school": lambda _: ("school_year", "school_id"),
    "dim_assessment": lambda _: ("assessment", "subject", "performance_level"),
    "dim_student_group": lambda _: ("dimension", "code"),
}


@dataclass(frozen=True)
class MartFiles:
    """The marts of one build as Parquet files aside, by name.

    sliced: those built by slice. released: the exact cells of the students of the reporting marts.
    """

    reporting: dict[str, Path]
    restricted: dict[str, Path]
    sliced: frozenset[str]
    released: Path | None = None

    @property
    def all(self) -> dict[str, Path]:
        """Return all marts of both areas."""
        return {**self.reporting, **self.restricted}

    def of(self, area: MartArea) -> dict[str, Path]:
        """Return the marts of one area."""
        return self.reporting if area == "reporting" else self.restricted


def connect(context: Context) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB that spills into the workspace's own work folder."""
    con = duckdb.connect()
    folder = context.workspace.work / "duckdb"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    con.execute(f"SET temp_directory = {quoted(str(folder))}")
    con.execute("SET enable_progress_bar = false")
    return con


def write_marts(
    context: Context, plan: BuildPlan, con: duckdb.DuckDBPyConnection, publication_id: str
) -> MartFiles:
    """Write every mart that is to be published, suppressed where it is public.

    Each file carries the publication's id, so that a reader can tell files of two publications
    apart (`warehouse.published`).
    """
    writer = open_writer(context, plan, con, publication_id)
    cells = count_cells(context, plan, con)
    if cells is not None:
        _write_cells(context, plan, con, writer, cells)
    flags = identity_flags_sql({RESULTS: "all_results", ROSTER: "roster"})
    writer.whole("identity_flags", "restricted", flags)
    _configured_dimensions(context, con, writer)
    return writer.files()


def _write_cells(
    context: Context,
    plan: BuildPlan,
    con: duckdb.DuckDBPyConnection,
    writer: MartWriter,
    cells: CellPlan,
) -> None:
    """Write the marts of cells and of what is computed from them, first of all results there are.

    Where some are under embargo they are counted again without those: a sum over all districts
    would give them away.
    """
    from flows.stages.concern import relate_participation, students_of_concern
    from flows.stages.derived import Derived
    from flows.stages.partners import write_comparison
    from flows.stages.protecting import decide
    from flows.stages.told import ToldAchievement

    marts = context.catalogue.marts
    decided = decide(con, cells, marts)
    participation = relate_participation(context, con, cells, STUDENTS)
    for name, sql in restricted_sql(cells, marts, decided.decisions, participation).items():
        writer.sliced(name, "restricted", sql)
    for name, sql in students_of_concern(context, con, cells).items():
        writer.sliced(name, "restricted", sql)
    told = ToldAchievement(con, writer, cells)
    derived = Derived(context, plan, con, writer, cells, told)
    derived.write("restricted", STUDENTS, decided.decisions)
    write_comparison(context, writer, told, "restricted")
    students = STUDENTS
    if plan.keeps_back:
        students = count_released(context, plan, con)
        decided = decide(con, cells, marts)
        participation = relate_participation(context, con, cells, students)
        writer.released(restricted_sql(cells, marts, decided.decisions)[EXACT_CELLS])
    for name, sql in reporting_sql(cells, marts, decided, participation).items():
        writer.sliced(name, "reporting", sql)
    derived.write("reporting", students, decided.decisions)
    write_comparison(context, writer, told, "reporting")


def open_writer(
    context: Context, plan: BuildPlan, con: duckdb.DuckDBPyConnection, publication_id: str = ""
) -> MartWriter:
    """Make the relations that the marts are built from, `dim_school` among them."""
    _relate(context, plan, con)
    writer = MartWriter(context, plan, con, publication_id)
    schools = dims.dim_school_sql("all_results", "directory", "partners")
    published = context.publisher.path("dim_school", "reporting")
    writer.dimension("dim_school", with_schools_of_waiting(schools, published, plan.waiting))
    return writer


def restricted_sql(
    cells: CellPlan, marts: Marts, decisions: str | None, participation: str | None = None
) -> dict[str, str]:
    """Return SQL of each restricted mart; `decisions` may be left out where nothing is published.

    `count_cells` has made what they read.
    """
    return {
        EXACT_CELLS: mart_sql.exact_achievement_sql(cells, marts, decisions, participation),
        "mart_level_unsuppressed": mart_sql.exact_level_sql(cells, marts, decisions),
        "student_result": student_result_sql(cells),
        "roster_match": identity.roster_match_sql(),
        "unmatched_students": identity.unmatched_sql("results"),
    }


def reporting_sql(
    cells: CellPlan, marts: Marts, decided: Decided, participation: str | None = None
) -> dict[str, str]:
    """Return SQL of each reporting mart that shows cells."""
    return {
        "mart_achievement": mart_sql.published_achievement_sql(
            cells, marts, decided.decisions, decided.listed, participation
        ),
        "mart_level": mart_sql.published_level_sql(cells, marts, decided.decisions),
    }


def count_cells(
    context: Context, plan: BuildPlan, con: duckdb.DuckDBPyConnection
) -> CellPlan | None:
    """Build the cells of the changed slices; null where nothing is loaded at all."""
    if not (plan.changed or plan.kept):
        return None
    students = relate_students(context, plan, con)
    con.execute(
        f"CREATE OR REPLACE VIEW names AS {orgs.org_names_sql('dim_school', 'network_titles')}"
    )
    cells = _cell_plan(context)
    build_cells(con, students, ORGANISATIONS, cells)
    return cells


def count_released(context: Context, plan: BuildPlan, con: duckdb.DuckDBPyConnection) -> str:
    """Build the cells of the changed slices anew, without the results that are under embargo.

    `count_cells` has made what they read. Returns the relation of the students who are left.
    """
    students = relate_released(context, plan, con)
    build_cells(con, students, ORGANISATIONS, _cell_plan(context))
    return students


def _cell_plan(context: Context) -> CellPlan:
    catalogue = context.catalogue
    return CellPlan.configured(catalogue.marts, catalogue.assessments, catalogue.vocabularies)


def student_result_sql(plan: CellPlan) -> str:
    """Return SQL of `student_result`: the rows of the lake as they are counted, each with its load.

    Groups are those that the cells count, the roster's where the extract says nothing, else
    UNKNOWN; `<dimension>_origin` says which. `load_id` and `source_row` lead to the raw file;
    `source_record` tells the records of one row apart. Birth dates only tell whether an id is of
    one student: that is looked at in the lake, and they stay there.
    """
    # Rows that were loaded before records were numbered are one record each.
    number = "coalesce(source_record, 0) AS source_record"
    groups = ", ".join(
        f"coalesce({group}, '{UNKNOWN}') AS {group}" for group in (*plan.crossed, *plan.one_way)
    )
    return (
        f"SELECT s.* EXCLUDE (birth_date) REPLACE ({groups}, {number}), load_id "
        f"FROM {STUDENTS} AS s "
        "JOIN result_loads USING (source, partition)"
    )


def _relate(context: Context, plan: BuildPlan, con: duckdb.DuckDBPyConnection) -> None:
    """Make the relations that everything is built from."""
    network = context.catalogue.network
    for name, table in (
        ("partners", orgs.partner_schools(network)),
        ("networks", orgs.network_schools(network)),
        ("network_titles", orgs.network_titles(network)),
    ):
        con.register(f"{name}_given", table)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM {name}_given")
    relate_lake(context, con, "roster", ROSTER)
    relate_lake(context, con, "directory", DIRECTORY)
    relate_lake(context, con, "all_results", RESULTS)
    _relate_changed(context, plan, con)
    con.register("result_loads_given", _loads_of_partitions(context))
    con.execute("CREATE OR REPLACE TEMP TABLE result_loads AS FROM result_loads_given")


def _loads_of_partitions(context: Context) -> pa.Table:
    """Return `source`, `partition`, `load_id`: which load's rows each partition holds."""
    import pyarrow as pa

    live = context.ledger.live_partitions(RESULTS)
    columns = {
        "source": [part.source for part in live],
        "partition": [part.partition for part in live],
        "load_id": [part.load_id for part in live],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _relate_changed(context: Context, plan: BuildPlan, con: duckdb.DuckDBPyConnection) -> None:
    """Make view `results`: the lake's rows of the changed slices, each with its load."""
    files = [
        file
        for source, partitions in plan.partitions.items()
        for file in context.lake.files(RESULTS, source, partitions)
    ]
    if not files:
        con.execute("CREATE OR REPLACE VIEW results AS SELECT * FROM all_results WHERE false")
        return
    relate_lake(context, con, "changed_results", RESULTS, files)
    con.execute(
        "CREATE OR REPLACE VIEW results AS SELECT * FROM changed_results "
        f"WHERE {of_slices(plan.changed)}"
    )


def _configured_dimensions(
    context: Context, con: duckdb.DuckDBPyConnection, writer: MartWriter
) -> None:
    """Write the dimensions that configuration alone decides."""
    catalogue = context.catalogue
    con.register("assessments_given", dims.dim_assessment(catalogue.assessments))
    con.register("groups_given", dims.dim_student_group(catalogue.vocabularies, catalogue.marts))
    writer.dimension("dim_assessment", "SELECT * FROM assessments_given")
    writer.dimension("dim_student_group", "SELECT * FROM groups_given")


class MartWriter:
    """Writes marts aside and remembers where."""

    def __init__(
        self,
        context: Context,
        plan: BuildPlan,
        con: duckdb.DuckDBPyConnection,
        publication_id: str = "",
    ) -> None:
        self._context, self._plan, self._con = context, plan, con
        self._publication_id = publication_id
        self._files: dict[MartArea, dict[str, Path]] = {"reporting": {}, "restricted": {}}
        self._sliced: set[str] = set()
        self._released: Path | None = None

    def dimension(self, name: str, sql: str) -> None:
        """Write a reporting mart whole, and let later ones read it under its name."""
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        self.whole(name, "reporting", f"SELECT * FROM {name}")

    def whole(self, name: str, area: MartArea, sql: str) -> None:
        """Write a mart of which nothing is kept from the last publication."""
        path = self._context.publisher.stage(name, area)
        write_rows(self._con, sql, path, self._publication_id)
        self._note(name, area, path)

    def sliced(self, name: str, area: MartArea, sql: str) -> None:
        """Write a mart of which the changed slices are new and the kept ones as published."""
        self._sliced.add(name)
        publisher, kept = self._context.publisher, self._plan.kept
        path, published = publisher.stage(name, area), publisher.path(name, area)
        last = LastMart(published, kept) if kept and published.exists() else None
        write_sliced(self._con, sql, path, self._publication_id, last)
        self._note(name, area, path)

    def released(self, sql: str) -> None:
        """Write the exact cells of what is not under embargo; they are checked, never published."""
        self._released = self._context.publisher.stage("released_cells", "restricted")
        write_rows(self._con, sql, self._released, self._publication_id)

    def _note(self, name: str, area: MartArea, path: Path) -> None:
        """Remember where a mart is, if it has rows."""
        written = f"SELECT count(*) FROM read_parquet({path_literal(path)})"
        if self._con.execute(written).fetchall()[0][0]:
            self._files[area][name] = path

    def written(self, name: str, area: MartArea) -> Path | None:
        """Return where a mart of this build is; null where it has no rows."""
        return self._files[area].get(name)

    def files(self) -> MartFiles:
        """Return what has been written; a mart without rows is left out."""
        restricted = self._files["restricted"]
        released = self._released or restricted.get(EXACT_CELLS)
        return MartFiles(self._files["reporting"], restricted, frozenset(self._sliced), released)
