"""The student rows that the marts are counted from, with the groups that they are counted by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from configs.catalogue import Catalogue
from flows.context import Context
from flows.slices import of_slices
from flows.stages.lake_relations import relate_lake
from flows.stages.planning import RESULTS, ROSTER, BuildPlan
from transforms.el_groups import EL_GROUPS, el_groups_sql
from transforms.embargo import released_sql, rules_table
from transforms.growth_matching import PRIOR_STATUS, match_prior
from transforms.race_standard import group_breaks_sql
from transforms.roster import DATES, fill_from_roster

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STUDENTS = "students"
RELEASED = "released_students"
GROUP_BREAKS = "group_breaks"
_GROUPED, _EARLIER = "students_grouped", "earlier_results"


def stated_groups(catalogue: Catalogue, table: str) -> tuple[str, ...]:
    """Return the dimensions of the marts that a table of the lake states; others are derived."""
    fields = catalogue.tables[table].fields
    return tuple(name for name in catalogue.marts.dimensions if name in fields)


def relate_students(context: Context, plan: BuildPlan, con: DuckDBPyConnection) -> str:
    """Make relation `students`: view `results` with every dimension of the marts; return its name.

    Groups that the extract leaves out are the roster's (`fill_from_roster`), English learners are
    grouped by their years (`el_groups_sql`), and each student's result before is beside this one
    (`match_prior`), the latter two where marts.yml asks for them. Beside it table `group_breaks`
    (`group_breaks_sql`), of all years.
    """
    catalogue = context.catalogue
    _relate_earlier(context, plan, con)
    _relate_group_breaks(con, "all_results")
    grouped = fill_from_roster(con, "results", "roster", stated_groups(catalogue, ROSTER), DATES)
    if not set(EL_GROUPS).isdisjoint(catalogue.marts.one_way):
        sql = el_groups_sql(grouped, _EARLIER)
        grouped = _view(con, _GROUPED, sql)
    return _matched(catalogue, con, grouped, _EARLIER, STUDENTS)


def relate_released(context: Context, plan: BuildPlan, con: DuckDBPyConnection) -> str:
    """Make relation `released_students`: `students` without what is under embargo, then or now.

    `relate_students` has made what it reads. Afterwards `group_breaks` is of released results too.
    """
    con.register("embargo_given", rules_table(plan.embargo))
    every = _view(con, "released_results", released_sql("all_results", "embargo_given"))
    _relate_group_breaks(con, every)
    before = _view(con, "released_earlier", released_sql(_EARLIER, "embargo_given"))
    now = _view(con, "released_now", released_sql(STUDENTS, "embargo_given"))
    if PRIOR_STATUS not in context.catalogue.marts.one_way:
        return now
    without = "prior_status, prior_level, prior_score, prior_grade"
    unmatched = _view(con, "released_unmatched", f"SELECT * EXCLUDE ({without}) FROM {now}")
    return match_prior(con, unmatched, before, RELEASED)


def _relate_group_breaks(con: DuckDBPyConnection, results: str) -> None:
    sql = group_breaks_sql(results, "roster", "networks")
    con.execute(f"CREATE OR REPLACE TEMP TABLE {GROUP_BREAKS} AS {sql}")


def _matched(
    catalogue: Catalogue, con: DuckDBPyConnection, grouped: str, earlier: str, name: str
) -> str:
    if PRIOR_STATUS in catalogue.marts.one_way:
        return match_prior(con, grouped, earlier, name)
    return _view(con, name, f"SELECT * FROM {grouped}")


def _relate_earlier(context: Context, plan: BuildPlan, con: DuckDBPyConnection) -> None:
    """Make view `earlier_results`: the lake's rows that the changed slices look back on."""
    names = (*plan.earlier, *plan.changed)
    partitions = {source: set(parts) for source, parts in plan.partitions.items()}
    for source, parts in plan.earlier_partitions.items():
        partitions.setdefault(source, set()).update(parts)
    files = [
        file
        for source, parts in sorted(partitions.items())
        for file in context.lake.files(RESULTS, source, sorted(parts))
    ]
    relate_lake(context, con, "earlier_lake", RESULTS, files)
    chosen = of_slices(names) if names else "false"
    _view(con, _EARLIER, f"SELECT * FROM earlier_lake WHERE {chosen}")


def _view(con: DuckDBPyConnection, name: str, sql: str) -> str:
    con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")
    return name
