"""Growth of invented schools: from student results to both twins of the marts."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd
import pytest

from configs.assessment_models import Assessment
from configs.mart_models import Marts
from transforms.breaks import breaks_relation
from transforms.cell_plan import CellPlan
from transforms.cells import build_cells
from transforms.growth import (
    GrowthInputs,
    build_growth,
    exact_growth_sql,
    growth_key,
    published_growth_sql,
)
from transforms.growth_lines import Lines
from transforms.growth_matching import match_prior
from transforms.growth_privacy import hidden_numbers, hidden_vendors
from transforms.growth_statistics import (
    growth_plan,
    growth_statistics,
    students_sql,
    transition,
)
from transforms.growth_transition import (
    exact_transition_sql,
    published_transition_sql,
    transition_key,
)
from transforms.growth_vendor import build_vendor_cells
from transforms.organisations import Organisations
from transforms.statistics.proportions import newcombe_difference, newcombe_paired
from transforms.suppress_lines import Dimensions

MARTS = Marts.model_validate(
    {
        "crossed": ["ethnicity"],
        "one_way": ["prior_status"],
        "crossed_with": ["ethnicity"],
        "suppression": {"minimum_n": 11, "extreme_bands": [[11, 20], [20, 10], [40, 5]]},
    }
)


@dataclass(frozen=True)
class Student:
    """One result: who, when, where, which level and score, and what a vendor says of it."""

    student_id: str
    school_year: int
    grade: str
    level: int | None
    score: float | None = None
    ethnicity: str = "ASIAN"
    school_id: str = "S1"
    test_window: str = "annual"
    growth_index: float | None = None
    growth_percentile: int | None = None
    growth_met: bool | None = None
    growth_norm: str | None = None


def _assessment(**more: Any) -> Assessment:
    return Assessment.model_validate(
        {
            "name": "map",
            "title": "M",
            "citation": "invented",
            "subjects": ["math"],
            "levels": [{"order": k, "label": f"level {k}"} for k in (1, 2, 3, 4)],
            "proficient_from": 3,
            "scale": "vertical",
            "score_ranges": [
                {"subject": "math", "grade": g, "lowest": 0, "highest": 900, "cuts": [100, c, 500]}
                for g, c in (("03", 200), ("04", 250))
            ],
            **more,
        }
    )


@dataclass(frozen=True)
class Built:
    """The twins of both marts, as rows by column."""

    growth: list[dict[str, Any]]
    shown: list[dict[str, Any]]
    moves: list[dict[str, Any]]
    shown_moves: list[dict[str, Any]]

    def one(self, growth_type: str, **key: Any) -> dict[str, Any]:
        """Return the only row of a type with that key, 'all' where nothing is said."""
        return _only(self.growth, growth_type=growth_type, **key)


def _only(rows: list[dict[str, Any]], **key: Any) -> dict[str, Any]:
    wanted = {"org_level": "school", "grade": "all", "ethnicity": "all", **key}
    found = [row for row in rows if all(row[c] == v for c, v in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def _build(
    students: Sequence[Student],
    assessment: Assessment | None = None,
    *,
    shown: bool = False,
    group_break: int | None = None,
) -> Built:
    """Build both marts: the published twins only where they are asked for.

    From `group_break` on the ethnicities of D1/S1 are other groups than before.
    """
    assessments = {"map": assessment or _assessment()}
    plan = CellPlan(("ethnicity",), ("prior_status",), assessments, ("ethnicity",))
    con = duckdb.connect()
    _results(con, students)
    con.execute("CREATE TABLE partners (school_key VARCHAR)")
    con.execute("CREATE TABLE networks (network VARCHAR, school_key VARCHAR)")
    con.execute(
        "CREATE TABLE names (org_level VARCHAR, org_id VARCHAR, school_year INTEGER, "
        "org_name VARCHAR)"
    )
    match_prior(con, "results", "results", "matched")
    con.execute(f"CREATE TEMP TABLE students AS {students_sql('matched', plan)}")
    organisations = Organisations("partners", "networks", "names")
    build_cells(con, "students", organisations, plan)
    own = growth_plan(plan)
    build_cells(con, "students", organisations, own, growth_statistics(own), name="growth_cells")
    build_vendor_cells(con, "students", "growth_cells", plan)
    con.register("breaks", breaks_relation(assessments))
    _achievement(con, plan)
    con.execute(
        "CREATE TABLE group_breaks AS SELECT 'map' AS assessment, 'school' AS org_level, "
        f"'D1/S1' AS org_id, {group_break or 'NULL'}::INTEGER AS school_year"
    )
    given = ("growth_cells", "vendor_cells", "breaks", "group_breaks")
    exact = GrowthInputs("exact_rows", *given)
    build_growth(con, plan, MARTS, exact, "growth")
    growth = _rows(con, exact_growth_sql(plan, "growth"), growth_key(plan))
    moves = _rows(con, exact_transition_sql(plan, "growth"), transition_key(plan))
    if not shown:
        return Built(growth, [], moves, [])
    public = GrowthInputs("shown_rows", *given, published=True)
    build_growth(con, plan, MARTS, public, "growth_shown")
    return Built(
        growth,
        _rows(con, published_growth_sql(plan, MARTS, "growth_shown"), growth_key(plan)),
        moves,
        _rows(con, published_transition_sql(plan, MARTS, "growth_shown"), transition_key(plan)),
    )


def _results(con: duckdb.DuckDBPyConnection, students: Sequence[Student]) -> None:
    con.execute(
        "CREATE TABLE results (student_id VARCHAR, school_year INTEGER, grade VARCHAR, "
        "performance_level INTEGER, scale_score DOUBLE, ethnicity VARCHAR, school_id VARCHAR, "
        "test_window VARCHAR, growth_index DOUBLE, growth_percentile INTEGER, "
        "growth_met BOOLEAN, growth_norm VARCHAR)"
    )
    con.executemany(
        "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [list(vars(student).values()) for student in students],
    )
    for column, value in (
        ("assessment", "map"),
        ("subject", "math"),
        ("district_id", "D1"),
    ):
        con.execute(f"ALTER TABLE results ADD COLUMN {column} VARCHAR DEFAULT '{value}'")
    con.execute("ALTER TABLE results ADD COLUMN is_scored BOOLEAN DEFAULT true")


def _achievement(con: duckdb.DuckDBPyConnection, plan: CellPlan) -> None:
    """Make both twins of the mart of achievement: groups of ten and fewer are hidden."""
    levelled = " + ".join(["0", *(f"n_level_{k}" for k in plan.levels)])
    con.execute(
        f"""
        CREATE TABLE exact_rows AS
        SELECT * EXCLUDE (n_proficient), if(is_levelled, n_proficient, NULL) AS n_proficient,
            n_tested < 11 AS suppressed, 'exact' AS rate_coding,
            if(n_scores = n_tested, score_sum / n_tested, NULL) AS mean_scale_score,
            if(n_distances = n_tested, distance_sum / n_tested, NULL) AS distance_from_standard
        FROM (SELECT *, {levelled} = n_tested AS is_levelled FROM cells)
        """
    )
    hidden = ", ".join(
        f"if(suppressed, NULL, {column}) AS {column}"
        for column in ("n_tested", "n_proficient", "mean_scale_score", "distance_from_standard")
    )
    con.execute(f"CREATE TABLE shown_rows AS SELECT * REPLACE ({hidden}) FROM exact_rows")


def _rows(con: duckdb.DuckDBPyConnection, sql: str, key: Sequence[str]) -> list[dict[str, Any]]:
    found = con.execute(sql)
    names = [column[0] for column in found.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    keys = [tuple(row[column] for column in key) for row in rows]
    assert len(set(keys)) == len(keys), "a key that stands twice"
    return sorted(rows, key=lambda row: [str(row[column]) for column in key])


def _cohort(
    levels: Sequence[tuple[int | None, int | None]], first: str = "s", **more: Any
) -> Iterator[Student]:
    """Yield students of grade 3 in 2024 and 4 in 2025: a level each, null where not tested."""
    for place, (before, now) in enumerate(levels):
        name = f"{first}{place}"
        if before is not None:
            yield Student(name, 2024, "03", before, 100.0 * before, **more)
        if now is not None:
            yield Student(name, 2025, "04", now, 100.0 * now, **more)


def test_all_students_of_the_two_lowest_bands_moved_up() -> None:
    levels = [(1, 2), (1, 3), (2, 3), (2, 4), (3, 3), (4, 3)]
    row = _build(list(_cohort(levels))).one("matched")
    assert (row["n_low_prior"], row["pct_low_up"]) == (4, 100)
    moved = [row[column] for column in ("pct_up", "pct_same", "pct_down")]
    assert moved == pytest.approx([400 / 6, 100 / 6, 100 / 6])


def test_matched_students_are_measured_against_themselves() -> None:
    levels = [(1, 3), (2, 2), (3, 4), (3, 2), (4, 4), (2, None), (None, 4)]
    row = _build(list(_cohort(levels))).one("matched")
    assert (row["n_tested"], row["n_prior"], row["n_matched"]) == (6, 5, 5)
    assert row["match_rate"] == pytest.approx(500 / 6)
    assert (row["pct_proficient"], row["pct_prior"], row["change_points"]) == (60, 60, 0)
    low, high = newcombe_paired(2, 1, 1, 1, 0.95)
    assert (row["change_low"], row["change_high"]) == pytest.approx((100 * low, 100 * high))
    gains = [200, 0, 100, -100, 0]
    assert row["mean_change"] == pytest.approx(40)
    spread = sum((gain - 40) ** 2 for gain in gains) / 4
    assert row["mean_change_se"] == pytest.approx((spread / 5) ** 0.5)
    # Each score is held against the cut of its own grade: 200 in grade 3, 250 in grade 4.
    assert row["distance_change"] == pytest.approx(40 - 50)
    assert row["missing_reason"] is None


def test_the_same_grade_a_year_before_is_not_the_same_students() -> None:
    before = [Student(f"a{k}", 2024, "04", level, 300.0) for k, level in enumerate((1, 2, 3, 3))]
    now = [Student(f"b{k}", 2025, "04", level, 330.0) for k, level in enumerate((3, 3, 4, 2))]
    row = _build([*before, *now]).one("cross_section", grade="04")
    assert (row["n_tested"], row["n_prior"], row["change_points"]) == (4, 4, 25)
    low, high = newcombe_difference(3, 4, 2, 4, 0.95)
    assert (row["change_low"], row["change_high"]) == pytest.approx((100 * low, 100 * high))
    assert (row["mean_change"], row["n_matched"], row["prior_year"]) == (30, None, 2024)


def test_a_cohort_is_held_against_the_grade_below_a_year_before() -> None:
    built = _build(list(_cohort([(1, 3), (2, 3), (3, 3), (4, None)])))
    row = built.one("cohort", grade="04")
    assert (row["n_prior"], row["pct_prior"], row["pct_proficient"]) == (4, 50, 100)
    assert row["mean_change"] == pytest.approx(300 - 250)
    # There was no grade below that one, so nothing is said of it, and all grades are no cohort.
    assert {r["grade"] for r in built.growth if r["growth_type"] == "cohort"} == {"04"}


def test_a_missing_side_makes_a_missing_comparison() -> None:
    old = list(_cohort([(1, 2), (2, 3)]))
    new_group = [Student("n1", 2025, "04", 3, 300.0, ethnicity="WHITE")]
    new_school = [Student("n2", 2025, "04", 3, 300.0, school_id="S2")]
    built = _build([*old, *new_group, *new_school])
    group = built.one("cross_section", org_id="D1/S1", ethnicity="WHITE")
    school = built.one("cross_section", org_id="D1/S2")
    assert (group["missing_reason"], school["missing_reason"]) == ("no_group", "no_prior")
    for row in (group, school):
        measures = ("n_prior", "change_points", "change_low", "change_high", "mean_change")
        assert [row[column] for column in measures] == [None] * 5
    nobody = built.one("matched", org_id="D1/S2")
    assert (nobody["match_rate"], nobody["missing_reason"]) == (0, "nobody_matched")
    assert nobody["change_points"] is None


def test_a_student_without_a_level_leaves_no_rate_but_a_gain() -> None:
    students = [*_cohort([(1, 2), (2, 3)]), Student("x", 2024, "03", None, 150.0)]
    row = _build([*students, Student("x", 2025, "04", 3, 350.0)]).one("matched")
    assert (row["missing_reason"], row["pct_up"], row["change_points"]) == ("no_levels", None, None)
    assert row["mean_change"] == pytest.approx((100 + 100 + 200) / 3)


@pytest.mark.parametrize(
    ("kind", "cross_section", "matched", "mean_stays", "gain_stays"),
    [
        ("scale", "scale_break", "scale_break", False, False),
        ("standard", "standard_break", "standard_break", True, True),
        ("population", "population_break", None, False, True),
    ],
)
def test_a_comparison_across_a_break_is_missing_with_its_reason(
    kind: str, cross_section: str, matched: str | None, *, mean_stays: bool, gain_stays: bool
) -> None:
    breaks = [{"from_year": 2025, "kind": kind, "reason": "new", "citation": "invented"}]
    built = _build(list(_cohort([(1, 2), (2, 3)])), _assessment(breaks=breaks))
    apart, same = built.one("cohort", grade="04"), built.one("matched")
    assert (apart["missing_reason"], apart["change_points"]) == (cross_section, None)
    assert same["missing_reason"] == matched
    assert (same["pct_up"] is None) == (matched is not None)
    assert (apart["mean_change"] is not None, same["mean_change"] is not None) == (
        mean_stays,
        gain_stays,
    )
    assert bool(built.moves) == (matched is None)


@pytest.mark.parametrize(("first_year", "is_broken"), [(2025, True), (2024, False), (2026, False)])
@pytest.mark.parametrize(("growth_type", "grade"), [("cohort", "04"), ("cross_section", "all")])
def test_ethnicities_that_are_other_groups_than_before_have_no_change(
    growth_type: str, grade: str, first_year: int, *, is_broken: bool
) -> None:
    built = _build(list(_cohort([(1, 2), (2, 3)])), group_break=first_year)
    row = built.one(growth_type, grade=grade, ethnicity="ASIAN")
    assert row["missing_reason"] == ("group_break" if is_broken else None)
    for measure in ("change_points", "mean_change"):
        assert (row[measure] is None) == is_broken
    everyone = built.one(growth_type, grade=grade)
    assert everyone["missing_reason"] is None and everyone["change_points"] is not None


def test_students_who_are_matched_are_of_today_s_group_then_and_now() -> None:
    built = _build(list(_cohort([(1, 2), (2, 3)])), group_break=2025)
    row = built.one("matched", ethnicity="ASIAN")
    assert row["missing_reason"] is None and row["change_points"] is not None


def test_gains_are_measured_on_a_scale_that_runs_over_the_grades_only() -> None:
    built = _build(list(_cohort([(1, 2), (2, 3)])), _assessment(scale="by_grade"))
    assert built.one("matched")["mean_change"] is None
    assert built.one("cohort", grade="04")["mean_change"] is None
    assert built.one("matched")["pct_up"] == 100


def test_an_assessment_without_levels_has_gains_and_no_transitions() -> None:
    students = [
        Student(f"s{k}", year, grade, None, score)
        for k in range(12)
        for year, grade, score in ((2024, "03", 150.0), (2025, "04", 190.0))
    ]
    without = _assessment(levels=[], proficient_from=None, score_ranges=[])
    built = _build(students, without, shown=True)
    row = built.one("matched")
    assert (row["missing_reason"], row["change_points"], row["mean_change"]) == (
        "no_levels",
        None,
        40,
    )
    assert built.moves == built.shown_moves == []


def test_transitions_are_shares_of_the_level_before() -> None:
    built = _build(list(_cohort([(1, 1), (1, 2), (1, 2), (1, 4), (3, 3)])))
    matrix = {
        (row["prior_level"], row["performance_level"]): (row["n"], row["pct"])
        for row in built.moves
        if row["org_level"] == "school" and row["grade"] == row["ethnicity"] == "all"
    }
    assert matrix == {(1, 1): (1, 25), (1, 2): (2, 50), (1, 4): (1, 25), (3, 3): (1, 100)}


def _tested(index: float | None, percentile: int | None, *, met: bool | None, norm: str) -> Any:
    return {
        "growth_index": index,
        "growth_percentile": percentile,
        "growth_met": met,
        "growth_norm": norm,
    }


def test_growth_of_vendors_is_taken_in_and_never_mixed_across_norms() -> None:
    said = [
        _tested(0.5, 10, met=True, norm="2020"),
        _tested(-0.1, 60, met=False, norm="2020"),
        _tested(None, 90, met=None, norm="2020"),
        _tested(2.0, 99, met=True, norm="2025"),
        _tested(None, 20, met=None, norm="2020"),
    ]
    students = [Student(f"s{k}", 2025, "04", 3, 300.0, **more) for k, more in enumerate(said)]
    built = _build([*students, Student("none", 2025, "04", 3, 300.0)])

    def told(norm: str, measure: str, column: str) -> tuple[Any, ...]:
        row = built.one("vendor", growth_norm=norm, growth_measure=measure)
        return row["n_tested"], row["n_growth"], row[column]

    assert told("2020", "growth_index", "mean_growth_index") == (6, 2, pytest.approx(0.2))
    assert told("2020", "growth_percentile", "median_growth_percentile") == (6, 4, 40)
    assert told("2020", "growth_met", "pct_met_growth") == (6, 2, 50)
    assert told("2025", "growth_index", "mean_growth_index") == (6, 1, 2)
    asian = built.one("vendor", growth_norm="2025", growth_measure="growth_met", ethnicity="ASIAN")
    assert (asian["grade"], asian["pct_met_growth"]) == ("all", 100)


@pytest.mark.parametrize(
    ("values", "median"), [((7,), 7), ((1, 99), 50), ((5, 5, 80), 5), ((1, 2, 2, 3), 2)]
)
def test_the_median_of_percentiles(values: tuple[int, ...], median: float) -> None:
    students = [
        Student(f"s{k}", 2025, "04", 3, 300.0, growth_percentile=value)
        for k, value in enumerate(values)
    ]
    row = _build(students).one("vendor", growth_measure="growth_percentile")
    assert (row["median_growth_percentile"], row["growth_norm"]) == (median, "UNKNOWN")


# Forty of level 1 and forty of level 3, whom nobody can be found in: 20 up, 40 stay, 20 down.
MIXED = [*[(1, 2)] * 20, *[(1, 1)] * 20, *[(3, 3)] * 20, *[(3, 2)] * 20]


def test_a_group_that_nobody_can_be_found_in_is_published_rounded() -> None:
    built = _build(list(_cohort([*MIXED, (3, 4), *[(None, 1)] * 15])), shown=True)
    row = _only(built.shown, growth_type="matched")
    assert (row["suppressed"], row["n_tested"], row["n_matched"]) == (False, 96, 81)
    assert (row["match_rate"], row["pct_up"], row["pct_down"]) == (84.4, 25.9, 24.7)
    assert (row["n_low_prior"], row["pct_low_up"]) == (40, 50)
    assert "mean_change_se" not in row
    assert "missing_reason" not in row
    matrix = [r for r in built.shown_moves if r["org_level"] == "school" and r["grade"] == "all"]
    assert {r["suppressed"] for r in matrix} == {False}
    assert sum(r["n"] for r in matrix if r["ethnicity"] == "all") == 81


def test_movement_of_nearly_all_is_not_published_while_the_rest_of_the_row_is() -> None:
    levels = [*[(1, 2)] * 22, *[(2, 3)] * 18, (3, 3), *[(None, 1)] * 15]
    built = _build(list(_cohort(levels)), shown=True)
    row = _only(built.shown, growth_type="matched")
    assert (row["suppressed"], row["n_matched"]) == (False, 41)
    assert [row[c] for c in ("pct_up", "pct_same", "pct_down", "pct_low_up")] == [None] * 4
    assert (row["pct_proficient"], row["match_rate"]) == (46.3, 73.2)
    assert {r["suppressed"] for r in built.shown_moves} == {True}
    assert {r["n"] for r in built.shown_moves} == {None}


def test_a_matrix_with_a_small_row_is_hidden_whole_and_so_is_one_that_gives_it_away() -> None:
    small = [*MIXED, *[(4, 4)] * 4, *[(4, 3)] * 2]
    students = [
        *_cohort([*MIXED, *[(4, 4)] * 20, *[(4, 3)] * 20], first="a", ethnicity="ASIAN"),
        *_cohort(small, first="w", ethnicity="WHITE"),
    ]
    built = _build(students, shown=True)
    hidden = {
        row["ethnicity"]: row["suppressed"]
        for row in built.shown_moves
        if row["org_level"] == "school" and row["grade"] == "all"
    }
    # All less ASIAN would be WHITE.
    assert hidden["WHITE"]
    assert hidden["ASIAN"] or hidden["all"]


def test_what_matched_students_were_is_hidden_where_it_tells_of_the_few_who_left() -> None:
    def _shown(leavers: int) -> dict[str, Any]:
        left = [Student(f"l{k}", 2024, "03", 1 + k % 4, 100.0) for k in range(leavers)]
        return _only(_build([*_cohort(MIXED), *left], shown=True).shown, growth_type="matched")

    few, many = _shown(5), _shown(20)
    rates = ("pct_prior", "change_points", "change_low", "n_low_prior", "pct_low_up")
    columns = (*rates, "mean_change", "distance_change")
    assert [few[c] for c in columns] == [None] * 7
    assert (few["suppressed"], few["pct_up"], few["n_matched"]) == (False, 25, 80)
    assert (many["pct_prior"], many["n_low_prior"]) == (50, 40)
    assert None not in [many[c] for c in columns]


def test_mean_gains_of_an_assessment_without_levels_tell_nothing_of_the_few_who_left() -> None:
    students: list[Student] = []
    for name, years in (("s", (2024, 2025)), ("l", (2024,))):
        students += [
            Student(f"{name}{k}", year, f"0{year - 2021}", None, 100.0 + k)
            for k in range(40 if name == "s" else 5)
            for year in years
        ]
    bare = _assessment(levels=[], proficient_from=None, score_ranges=[])
    row = _only(_build(students, bare, shown=True).shown, growth_type="matched")
    assert (row["suppressed"], row["n_matched"], row["mean_change"]) == (False, 40, None)


def test_the_interval_of_a_change_is_hidden_where_the_matrix_is() -> None:
    # All of level 2 went to one level: with the bounds one could tell who reached the standard.
    levels = [*[(1, 3)] * 12, *[(1, 1)] * 18, *[(2, 2)] * 20, *[(3, 3)] * 20, *[(3, 2)] * 20]
    built = _build(list(_cohort(levels)), shown=True)
    row = _only(built.shown, growth_type="matched")
    assert {r["suppressed"] for r in built.shown_moves} == {True}
    assert (row["pct_prior"], row["change_points"]) == (44.4, -8.9)
    assert (row["change_low"], row["change_high"]) == (None, None)
    assert _only(_build(list(_cohort(MIXED)), shown=True).shown, growth_type="matched")[
        "change_low"
    ]


WHOLE = {
    "proficient_from": 3,
    "scale_break": False,
    "standard_break": False,
    "is_suppressed": False,
}


def _hidden_numbers(*cells: dict[str, Any]) -> pd.DataFrame:
    """Return what each cell of one organisation hides; nobody has left, all are of levels 1 to 4.

    `moves`: (level before, level now) -> students.
    """
    plan = CellPlan(("ethnicity",), ("prior_status",), {"map": _assessment()}, ("ethnicity",))
    rows = []
    for number, cell in enumerate(cells):
        moves = {
            move: cell["moves"].get(move, 0) for move in itertools.product(range(1, 5), repeat=2)
        }
        n = sum(moves.values())
        sums = {
            "n_up": sum(k for (j, to), k in moves.items() if to > j),
            "n_same": sum(k for (j, to), k in moves.items() if to == j),
            "n_down": sum(k for (j, to), k in moves.items() if to < j),
            "n_low_prior": sum(k for (j, _), k in moves.items() if j <= 2),
            "n_low_up": sum(k for (j, to), k in moves.items() if j <= 2 and to > j),
            "prior_proficient": sum(k for (j, _), k in moves.items() if j >= 3),
        }
        place = {"cell_id": number, "org_level": "school", "org_id": "D1/S1", "grade": "all"}
        rows.append(
            {
                **place,
                "ethnicity": cell["ethnicity"],
                "n_tested": n,
                "n_proficient": 0,
                "n_matched": n,
                "n_cohort": n + cell.get("left", 0),
                "is_levelled": True,
                **WHOLE,
                "n_of_cell": n,
                "is_matched_suppressed": n < MARTS.suppression.minimum_n,
                "is_matched_hidden": n < MARTS.suppression.minimum_n,
                **{transition(*move): k for move, k in moves.items()},
                **sums,
            }
        )
    no_splits = pd.DataFrame(
        columns=["parent_level", "parent_id", "split", "child_level", "child_id"], dtype=str
    )
    return hidden_numbers(pd.DataFrame(rows), no_splits, plan, MARTS.suppression)


def _added(*moves: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
    return dict(sum((Counter(one) for one in moves), Counter()))


# Nobody can be found in it, whatever is told.
FULL = {
    (1, 2): 30,
    (1, 1): 30,
    (2, 2): 20,
    (2, 1): 20,
    (3, 3): 40,
    (3, 2): 40,
    (4, 4): 15,
    (4, 3): 15,
}


def test_the_rate_before_is_hidden_where_it_would_tell_how_few_did_not_begin_low() -> None:
    # Eight of 88 had reached the standard, which begins at the third of four levels.
    few = {(1, 2): 20, (1, 1): 20, (2, 2): 20, (2, 1): 20, (3, 3): 4, (3, 2): 4}
    moves = {"ASIAN": FULL, "BLACK": FULL, "MENA": few}
    rows = [{"ethnicity": "all", "moves": _added(*moves.values())}]
    rows += [{"ethnicity": name, "moves": of} for name, of in moves.items()]
    hidden = _hidden_numbers(*rows)
    assert hidden["hides_prior"].tolist()[3]
    assert hidden["hides_prior"].sum() > 1


def test_how_many_did_not_begin_low_is_not_told_of_few_between_two_groups() -> None:
    # All but nine of those who had reached the standard are WHITE; many others began low.
    few = {(1, 2): 20, (1, 1): 20, (2, 2): 20, (2, 1): 20, (3, 3): 2, (3, 2): 2}
    moves = {"ASIAN": few, "BLACK": _added(few, {(4, 4): 1}), "WHITE": FULL}
    rows = [{"ethnicity": "all", "moves": _added(*moves.values())}]
    rows += [{"ethnicity": name, "moves": of} for name, of in moves.items()]
    assert _hidden_numbers(*rows)["hides_prior"].tolist() == [False, True, True, True]


def test_a_matrix_is_hidden_with_each_number_that_it_tells() -> None:
    # The rate before of WHITE is hidden, of whom few left, and that of one more with it; the matrix
    # of BLACK, which has a small row, would do for that of WHITE.
    small_row = {move: 2 * n for move, n in FULL.items() if move[0] < 4} | {(4, 4): 5}
    moves = {"ASIAN": FULL, "BLACK": small_row, "WHITE": FULL}
    rows: list[dict[str, Any]] = [{"ethnicity": "all", "moves": _added(*moves.values())}]
    rows += [{"ethnicity": name, "moves": of} for name, of in moves.items()]
    rows[3]["left"] = 5
    hidden = _hidden_numbers(*rows)
    assert hidden["hides_prior"].tolist() == [False, True, False, True]
    assert hidden["hides_matrix"].tolist() == [False, True, True, True]


def test_a_matrix_is_hidden_that_leaves_hidden_groups_next_to_nothing_at_a_level() -> None:
    # Of the 11 of the two hidden groups two began at the lowest level; then six.
    few = [{(1, 2): 1, (2, 2): 2, (3, 3): 1, (4, 4): 1}]
    few += [{(1, 2): 1, (2, 2): 2, (3, 3): 1, (4, 3): 1, (4, 4): 1}]
    more = [_added(one, {(1, 2): 2, (2, 2): 1, (3, 3): 1}) for one in few]
    for hidden, is_told in ((few, False), (more, True)):
        moves = {"ASIAN": FULL, "BLACK": FULL, "MENA": hidden[0], "WHITE": hidden[1]}
        rows = [{"ethnicity": "all", "moves": _added(*moves.values())}]
        rows += [{"ethnicity": name, "moves": of} for name, of in moves.items()]
        found = _hidden_numbers(*rows)
        assert (not found["hides_matrix"][:3].any()) == is_told
        assert not found["hides_matrix"][0]
        assert not found["hides_prior"].any()


def test_a_matrix_that_says_that_nobody_began_at_a_level_is_hidden() -> None:
    moves = {"ASIAN": FULL, "BLACK": {move: n for move, n in FULL.items() if move[0] < 4}}
    rows = [{"ethnicity": "all", "moves": _added(*moves.values())}]
    rows += [{"ethnicity": name, "moves": of} for name, of in moves.items()]
    assert _hidden_numbers(*rows)["hides_matrix"].tolist() == [False, True, True]


def test_a_matrix_in_which_all_of_a_level_went_to_one_is_hidden_whole() -> None:
    levels = [*[(1, 2)] * 20, *[(2, 1)] * 15, *[(2, 2)] * 15, *[(3, 3)] * 20, *[(3, 2)] * 20]
    built = _build(list(_cohort(levels)), shown=True)
    assert {row["suppressed"] for row in built.shown_moves} == {True}
    assert _only(built.shown, growth_type="matched")["pct_up"] == 22.2


def test_matched_students_are_published_only_where_the_cell_of_the_matched_is() -> None:
    few = [*[(1, 2)] * 4, *[(3, 2)] * 4, *[(2, 2)] * 2, *[(None, 3)] * 30]
    built = _build(list(_cohort(few)), shown=True)
    row = _only(built.shown, growth_type="matched")
    assert row["suppressed"]
    assert (row["n_tested"], row["n_matched"], row["mean_change"]) == (None, None, None)
    assert built.shown_moves == []
    assert built.one("matched")["n_matched"] == 10


def test_of_a_suppressed_cell_nothing_is_published_and_all_is_in_the_restricted_twin() -> None:
    few = {"ethnicity": "WHITE", "growth_index": 0.5}
    students = [*_cohort(MIXED), *_cohort([(1, 2)] * 5, first="w", **few)]
    built = _build(students, shown=True)
    types = {row["growth_type"] for row in built.growth if row["ethnicity"] == "WHITE"}
    assert types == {"cross_section", "cohort", "matched", "vendor"}
    assert not [row for row in built.shown if row["ethnicity"] == "WHITE"]
    assert {row["growth_type"] for row in built.shown} == types
    assert not [row for row in built.shown_moves if row["ethnicity"] == "WHITE"]


def test_a_change_is_published_only_if_both_years_are() -> None:
    before = [Student(f"a{k}", 2024, "04", 1 + k % 4, 300.0) for k in range(40)]
    few = [Student(f"c{k}", 2024, "04", 2, 300.0, ethnicity="WHITE") for k in range(5)]
    now = [
        Student(f"b{k}", 2025, "04", 1 + k % 4, 330.0, ethnicity=("ASIAN", "WHITE")[k % 2])
        for k in range(60)
    ]
    built = _build([*before, *few, *now], shown=True)
    whole = _only(built.shown, growth_type="cross_section", grade="04")
    white = _only(built.shown, growth_type="cross_section", grade="04", ethnicity="WHITE")
    assert (whole["suppressed"], whole["mean_change"], whole["n_prior"]) == (False, 30, 45)
    assert white["suppressed"]
    measures = set(white) - {*white.keys() & _key_columns(), "suppressed"}
    assert {white[column] for column in measures} == {None}


def _key_columns() -> set[str]:
    plan = CellPlan(("ethnicity",), ("prior_status",), {}, ("ethnicity",))
    return {*growth_key(plan), "prior_year", "prior_window"}


def test_growth_of_vendors_is_hidden_where_it_tells_of_the_few_who_have_none() -> None:
    def _some(count: int, of: int) -> list[Student]:
        return [
            Student(f"s{k}", 2025, "04", 3, 300.0, growth_index=0.1 if k < count else None)
            for k in range(of)
        ]

    hidden = [
        _only(_build(_some(count, 40), shown=True).shown, growth_type="vendor")["suppressed"]
        for count in (5, 20, 35, 40)
    ]
    assert hidden == [True, False, True, False]


def test_measures_of_the_same_students_share_one_decision() -> None:
    """Nearly all of one grade met their growth: what hides that hides the index as well."""

    def _of(grade: str, count: int, met: int, index: int) -> list[Student]:
        return [
            Student(
                f"{grade}-{k}",
                2025,
                grade,
                3,
                300.0,
                growth_index=0.1 if k < index else None,
                growth_met=k < met if k < index else None,
            )
            for k in range(count)
        ]

    students = [*_of("03", 60, 20, 40), *_of("04", 60, 40, 40), *_of("05", 60, 25, 45)]
    rows = [r for r in _build(students, shown=True).shown if r["growth_type"] == "vendor"]
    told: dict[Any, set[bool]] = {}
    for row in rows:
        place = (row["org_level"], row["grade"], row["ethnicity"])
        told.setdefault(place, set()).add(row["suppressed"])
    assert {len(flags) for flags in told.values()} == {1}
    assert told["school", "04", "all"] == {True}
    assert {True, False} == set().union(*told.values())


def test_students_of_no_norm_at_all_are_not_had_from_those_of_each() -> None:
    norms = {**dict.fromkeys(range(30), "2015"), **dict.fromkeys(range(30, 55), "2020")}
    students = [
        Student(
            f"s{k}",
            2025,
            "04",
            3,
            300.0,
            growth_index=0.1 if k in norms else None,
            growth_norm=norms.get(k),
        )
        for k in range(60)
    ]
    rows = [r for r in _build(students, shown=True).shown if r["growth_type"] == "vendor"]
    assert {row["suppressed"] for row in rows} == {True}


def test_what_a_vendor_says_of_a_part_that_two_groups_do_not_share_is_guarded() -> None:
    # Five were reclassified lately: EL_OR_RFEP4 less EL.
    groups = [("all", "all", 100), ("EL", "all", 30), ("RFEP", "all", 20), ("EO", "all", 50)]
    groups += [("all", "EL_OR_RFEP4", 35), ("all", "OTHER", 65)]
    cells = pd.DataFrame(groups, columns=["el_status", "el_recent_status", "n_tested"])
    cells = cells.assign(org_level="all", org_id="all", grade="all", n_proficient=0)
    met = pd.DataFrame(
        [
            ("el_status", status, "el_recent_status", recent)
            for status, recent in (
                ("EL", "EL_OR_RFEP4"),
                ("RFEP", "EL_OR_RFEP4"),
                ("RFEP", "OTHER"),
                ("EO", "OTHER"),
            )
        ],
        columns=["one", "code", "other", "other_code"],
    )
    splits = pd.DataFrame(
        columns=["parent_level", "parent_id", "split", "child_level", "child_id"], dtype=str
    )
    measures = pd.DataFrame(
        {"cell": cells.index, "n_growth": cells["n_tested"], "n_met": None}
    ).assign(growth_measure="growth_index", growth_norm="2020")
    dimensions = Dimensions((), ("el_status", "el_recent_status"))

    def _hidden(met: pd.DataFrame | None) -> list[bool]:
        lines = Lines.of(cells, splits, dimensions, met)
        return hidden_vendors(cells, measures, lines, MARTS.suppression).tolist()

    assert _hidden(None) == [False] * 6
    hidden = _hidden(met)
    assert not hidden[0]
    assert hidden[1] or hidden[4]


def test_the_order_of_rows_changes_nothing() -> None:
    students = [*_cohort(MIXED, ethnicity="ASIAN"), *_cohort([(1, 3), (2, 1)], "w")]
    students = [
        Student(**{**vars(s), "growth_percentile": 1 + k % 99, "growth_index": k / 7})
        for k, s in enumerate(students)
    ]
    shuffled = random.Random(5).sample(students, len(students))
    assert _build(students, shown=True) == _build(shuffled, shown=True)


def test_winter_and_spring_are_measured_from_fall_and_compared_with_the_same_season() -> None:
    students = [
        Student("s1", 2025, "04", 1, 100.0, test_window="fall"),
        Student("s1", 2025, "04", 3, 150.0, test_window="spring"),
        Student("s2", 2024, "04", 2, 120.0, test_window="spring"),
    ]
    built = _build(students)
    matched = built.one("matched", test_window="spring")
    apart = built.one("cross_section", test_window="spring")
    assert (matched["prior_year"], matched["prior_window"]) == (2025, "fall")
    assert (matched["mean_change"], apart["mean_change"]) == (50, 30)
    assert (apart["prior_year"], apart["prior_window"]) == (2024, "spring")
