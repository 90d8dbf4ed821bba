"""What is summed over students for growth: who was matched, from which level to which, what gain.

Everything else that is said of matched students (moved up, stayed, moved down, began low, reached
the standard) is a sum over the transitions, so it is not counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from configs.assessment_models import Assessment
from transforms.cell_plan import UNKNOWN, CellPlan, Rollup, quoted
from transforms.cell_statistics import SCORE_DECIMALS, Statistic, units
from transforms.growth_matching import MATCHED, PRIOR_STATUS, before_sql

GROWTH_CELLS = "growth_cells"
STUDENTS = "growth_students"


def growth_plan(plan: CellPlan) -> CellPlan:
    """Return the plan of the growth cells: each grade and each dimension alone.

    `prior_status` is no dimension here, for it says who is matched. Roll-ups are dimensions of the
    student rows (`students_sql` adds them).
    """
    dimensions = (*plan.crossed, *plan.side_columns)
    return CellPlan(
        crossed=(),
        one_way=tuple(d for d in dimensions if d != PRIOR_STATUS),
        assessments=plan.assessments,
    )


def transition(before: int, now: int) -> str:
    """Return the column of the students who went from one level to another.

    >>> transition(1, 3)
    'n_from_1_to_3'
    """
    return f"n_from_{before}_to_{now}"


def growth_statistics(plan: CellPlan) -> tuple[Statistic, ...]:
    """Return the statistics of the growth cells.

    - `n_tested`; `n_asked` of them in a district that has results of the system before; `n_matched`
      with a result of their own there.
    - `n_from_j_to_k`: matched students who were at level j and are at level k.
    - `n_gains`, `gain_sum`, `gain_squares`: matched students with both scores, and what they
      gained; of meaning only where one scale runs over the grades.
    - `n_distance_gains`, `distance_gain_sum`: the same of the distance from the proficient level,
      each score being held against the cut of its own grade and year.
    """
    gain = f"({units('scale_score', SCORE_DECIMALS)} - {units('prior_score', SCORE_DECIMALS)})"
    closer = f"({units('distance', SCORE_DECIMALS)} - {units('prior_distance', SCORE_DECIMALS)})"
    moves = (
        Statistic(transition(j, k), f"(prior_level = {j} AND performance_level = {k})::INTEGER")
        for j in plan.levels
        for k in plan.levels
    )
    return (
        Statistic("n_tested", "1"),
        Statistic("n_asked", f"({PRIOR_STATUS} IS NOT NULL)::INTEGER"),
        Statistic("n_matched", f"({PRIOR_STATUS} = '{MATCHED}')::INTEGER"),
        *moves,
        Statistic("n_gains", f"({gain} IS NOT NULL)::INTEGER"),
        Statistic("gain_sum", gain, "BIGINT", SCORE_DECIMALS),
        Statistic("gain_squares", f"{gain}::HUGEINT * {gain}", "HUGEINT", 2 * SCORE_DECIMALS),
        Statistic("n_distance_gains", f"({closer} IS NOT NULL)::INTEGER"),
        Statistic("distance_gain_sum", closer, "BIGINT", SCORE_DECIMALS),
    )


def students_sql(matched: str, plan: CellPlan) -> str:
    """Return SQL of the rows of `match_prior` with what the growth cells are counted from.

    Added columns: each roll-up of the plan; `distance` and `prior_distance` of a score from the cut
    of the proficient level (null where the assessment has no cut for that grade and year).
    """
    rollups = "".join(f", {_rollup_sql(rollup)} AS {rollup.dimension}" for rollup in plan.rollups)
    cuts = _cuts_sql(plan.assessments)
    return f"""
        SELECT r.*{rollups}, scale_score - now.cut AS distance,
            prior_score - earlier.cut AS prior_distance
        FROM {matched} AS r
        LEFT JOIN {before_sql()} ON before.test_window = r.test_window
        LEFT JOIN {cuts} AS now ON {_cut_of("now", "r.grade", "r.school_year")}
        LEFT JOIN {cuts} AS earlier
            ON {_cut_of("earlier", "r.prior_grade", "r.school_year - before.years_back")}
    """


def _rollup_sql(rollup: Rollup) -> str:
    code = f"coalesce(r.{rollup.of}, '{UNKNOWN}')"
    whens = " ".join(
        f"WHEN {code} IN ({', '.join(map(quoted, members))}) THEN {quoted(union)}"
        for union, members in rollup.members.items()
        if members
    )
    return f"CASE {whens} END" if whens else "NULL::VARCHAR"


def _cuts_sql(assessments: Mapping[str, Assessment]) -> str:
    """Return SQL of the cut of the proficient level by assessment, subject, grade and years."""
    rows = ", ".join(_cut_rows(assessments)) or "(NULL, NULL, NULL, 0, 0, NULL::DOUBLE)"
    columns = "assessment, subject, grade, from_year, to_year, cut"
    return f"(SELECT * FROM (VALUES {rows}) AS given({columns}))"


def _cut_rows(assessments: Mapping[str, Assessment]) -> Iterator[str]:
    for name, assessment in sorted(assessments.items()):
        proficient = assessment.proficient_from or 0
        for one in assessment.score_ranges:
            if one.cuts and proficient >= 2:
                yield (
                    f"({quoted(name)}, {quoted(one.subject)}, {quoted(one.grade)}, "
                    f"{one.from_year or 0}, {one.to_year or 9999}, "
                    f"{one.cuts[proficient - 2]!r}::DOUBLE)"
                )


def _cut_of(cuts: str, grade: str, year: str) -> str:
    return (
        f"({cuts}.assessment, {cuts}.subject) = (r.assessment, r.subject) "
        f"AND {cuts}.grade = {grade} AND {year} BETWEEN {cuts}.from_year AND {cuts}.to_year"
    )
