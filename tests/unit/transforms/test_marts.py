"""What the marts show of each cell, exactly and in public."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from configs.assessment_models import Assessment
from configs.mart_models import Marts, Suppression
from transforms.cell_plan import CellPlan
from transforms.marts import (
    exact_achievement_sql,
    exact_level_sql,
    published_achievement_sql,
    published_level_sql,
)

CONTRACT = (
    *("school_year", "assessment", "subject", "test_window", "grade"),
    *("org_level", "org_id", "org_name"),
    *("ethnicity", "el_status", "gender", "econ_status", "disability_status"),
    *("n_tested", "n_proficient", "pct_proficient", "pct_proficient_low", "pct_proficient_high"),
    *("mean_scale_score", "distance_from_standard", "performance_index"),
    *("n_enrolled", "pct_participation", "rate_coding", "suppressed"),
)
MEASURES = CONTRACT[13:19]
STATISTICS = (
    *("n_scores", "score_sum", "score_squares", "n_distances", "distance_sum"),
    *("n_level_1", "n_level_2", "sd_scale_score"),
)
MARTS = Marts(
    crossed=["ethnicity", "el_status", "gender"],
    one_way=["econ_status", "disability_status"],
    suppression=Suppression(minimum_n=11, extreme_bands=[(11, 20), (20, 10), (40, 5)]),
)


def assessment(name, scale="vertical"):
    levels = [{"order": 1, "label": "Below"}, {"order": 2, "label": "Reader's level"}]
    return Assessment(
        name=name,
        title=name,
        citation="none",
        subjects=["ela"],
        levels=levels,
        proficient_from=2,
        scale=scale,
    )


PLAN = CellPlan(
    tuple(MARTS.crossed),
    tuple(MARTS.one_way),
    {"upright": assessment("upright"), "stepped": assessment("stepped", "by_grade")},
)


def connection(cells, decisions=()):
    """Cells as (n_level_1, n_level_2, further columns), numbered from 1."""
    con = duckdb.connect()
    rows = []
    for cell_id, (below, above, *changes) in enumerate(cells, start=1):
        row = {
            "cell_id": cell_id,
            "school_year": 2024,
            "assessment": "upright",
            "subject": "ela",
            "test_window": "annual",
            "grade": "all",
            "org_level": "all",
            "org_id": "all",
            "org_name": "All schools",
            **dict.fromkeys([*PLAN.crossed, *PLAN.one_way], "all"),
            "n_tested": below + above,
            "n_proficient": above,
            "score_sum": 100.0 * (below + above) + 1,
            "n_scores": below + above,
            "score_squares": 10_000.0 * (below + above) + 201,
            "n_distances": 0,
            "distance_sum": 0.0,
            "n_level_1": below,
            "n_level_2": above,
        }
        rows.append(row | (changes[0] if changes else {}))
    names = ", ".join(rows[0])
    marks = ", ".join("?" for _ in rows[0])
    values = ", ".join(f"({marks})" for _ in rows)
    con.execute(
        f"CREATE TABLE cells AS SELECT * FROM (VALUES {values}) AS t({names})",
        [value for row in rows for value in row.values()],
    )
    con.execute(
        "CREATE TABLE decisions(cell_id BIGINT, suppressed BOOLEAN, suppression_reason VARCHAR, "
        "rate_coding VARCHAR, rate_limit DOUBLE, shows_levels BOOLEAN)"
    )
    for cell_id, suppressed, reason, coding, *more in decisions:
        limit, shows_levels = more or (None, coding == "exact" and not suppressed)
        row = [cell_id, suppressed, reason, coding, limit, shows_levels]
        con.execute("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?)", row)
    # Every cell that is not shown is listed, and those that a test adds.
    con.execute(
        "CREATE TABLE listed AS SELECT school_year, assessment, subject, test_window, grade, "
        f"org_level, org_id, {', '.join((*PLAN.crossed, *PLAN.one_way))} "
        "FROM cells LEFT JOIN decisions USING (cell_id) WHERE coalesce(suppressed, true)"
    )
    return con


def records(con, sql):
    result = con.execute(sql)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.mark.parametrize("decisions", [None, "decisions"])
def test_where_no_assessment_has_levels_there_are_means_and_no_rates(decisions):
    without = assessment("upright").model_copy(update={"levels": [], "proficient_from": None})
    plan = replace(PLAN, assessments={"upright": without})
    con = connection([(8, 12)], [(1, False, None, "exact")])
    con.execute("ALTER TABLE cells DROP n_level_1")
    con.execute("ALTER TABLE cells DROP n_level_2")
    rows = records(con, exact_achievement_sql(plan, MARTS, decisions))
    if decisions:
        rows += records(con, published_achievement_sql(plan, MARTS, decisions, "listed"))
    for row in rows:
        assert (row["n_tested"], row["n_proficient"], row["pct_proficient"]) == (20, None, None)
        assert row["mean_scale_score"] == pytest.approx(100, abs=0.1)
    assert records(con, exact_level_sql(plan, MARTS, decisions)) == []
    assert records(con, published_level_sql(plan, MARTS, "decisions")) == []


def test_columns_stand_in_the_order_of_the_contract():
    con = connection([(8, 12)], [(1, False, None, "exact")])
    assert (
        tuple(records(con, published_achievement_sql(PLAN, MARTS, "decisions", "listed"))[0])
        == CONTRACT
    )
    exact = (*CONTRACT, "suppression_reason", *STATISTICS)
    assert tuple(records(con, exact_achievement_sql(PLAN, MARTS))[0]) == exact
    assert tuple(records(con, exact_achievement_sql(PLAN, MARTS, "decisions"))[0]) == exact


def test_exact_measures_are_not_rounded_and_need_no_decisions():
    con = connection([(8, 4)])
    (row,) = records(con, exact_achievement_sql(PLAN, MARTS))
    assert (row["n_tested"], row["n_proficient"]) == (12, 4)
    assert row["pct_proficient"] == 400 / 12
    assert row["mean_scale_score"] == 1201 / 12
    # 4 of 12 by hand: centre 5.9207 / 15.8415, half width 1.96 sqrt(8/3 + 0.9604) / 15.8415
    assert row["pct_proficient_low"] == pytest.approx(13.812, abs=0.001)
    assert row["pct_proficient_high"] == pytest.approx(60.938, abs=0.001)
    assert (row["rate_coding"], row["suppressed"], row["suppression_reason"]) == (None, None, None)


def test_published_measures_are_rounded():
    con = connection([(8, 4)], [(1, False, None, "exact")])
    (row,) = records(con, published_achievement_sql(PLAN, MARTS, "decisions", "listed"))
    assert [row[name] for name in MEASURES] == [12, 4, 33.3, 13.8, 60.9, 100.0]
    assert (row["rate_coding"], row["suppressed"]) == ("exact", False)


def test_a_suppressed_cell_shows_nothing_and_no_reason_but_stays_in_the_mart():
    cells = [(28, 21), (8, 1, {"gender": "F"}), (20, 20, {"gender": "M"})]
    hidden = [(2, True, "small", "bottom"), (3, True, "other", "exact")]
    con = connection(cells, [(1, False, None, "exact"), *hidden])
    con.execute("INSERT INTO listed SELECT * REPLACE ('X' AS gender) FROM listed LIMIT 1")
    rows = records(con, published_achievement_sql(PLAN, MARTS, "decisions", "listed"))
    # Nobody is of X: it stands there like the two that are hidden.
    assert [row.pop("gender") for row in rows] == ["F", "M", "X", "all"]
    for row in rows[:3]:
        assert row["suppressed"] is True
        assert [row[name] for name in (*MEASURES, "rate_coding")] == [None] * 7
    assert rows[0] == rows[1] == rows[2]
    levels = records(con, published_level_sql(PLAN, MARTS, "decisions"))
    assert {row["gender"] for row in levels} == {"all"}


def test_a_hidden_cell_that_is_not_listed_is_not_there():
    con = connection([(28, 21), (8, 1, {"gender": "F"})], [(1, False, None, "exact")])
    con.execute("DELETE FROM listed")
    (row,) = records(con, published_achievement_sql(PLAN, MARTS, "decisions", "listed"))
    assert row["gender"] == "all"


def test_the_exact_mart_says_what_is_done_to_the_published_one_and_why():
    con = connection([(8, 1), (39, 1)], [(1, True, "small", "exact"), (2, False, None, "bottom")])
    rows = records(con, exact_achievement_sql(PLAN, MARTS, "decisions"))
    said = [(r["suppressed"], r["suppression_reason"], r["rate_coding"]) for r in rows]
    assert said == [(True, "small", None), (False, None, "bottom")]
    assert [row["n_proficient"] for row in rows] == [1, 1]


def test_a_cell_without_decision_is_not_published():
    con = connection([(8, 12)])
    (row,) = records(con, published_achievement_sql(PLAN, MARTS, "decisions", "listed"))
    assert [row[name] for name in MEASURES] == [None] * 6
    assert row["suppressed"] is True
    (row,) = records(con, exact_achievement_sql(PLAN, MARTS, "decisions"))
    assert row["suppression_reason"] == "undecided"


@pytest.mark.parametrize(
    ("below", "above", "coding", "limit"),
    [
        (12, 0, "bottom", 20),
        (0, 12, "top", 80),
        (0, 20, "top", 90),
        (39, 0, "bottom", 10),
        (0, 40, "top", 95),
        (999, 1, "bottom", 5),
        (30, 10, "bottom", 50),
    ],
)
def test_a_coded_rate_shows_its_count_and_the_limit_that_was_decided(below, above, coding, limit):
    decided = limit if coding == "bottom" else 100 - limit
    con = connection([(below, above)], [(1, False, None, coding, decided, False)])
    (row,) = records(con, published_achievement_sql(PLAN, MARTS, "decisions", "listed"))
    assert [row[name] for name in MEASURES] == [below + above, None, limit, None, None, None]
    assert (row["rate_coding"], row["suppressed"]) == (coding, False)
    assert records(con, published_level_sql(PLAN, MARTS, "decisions")) == []


def test_levels_that_are_not_shown_are_suppressed_beside_a_rate_that_is():
    con = connection([(8, 12)], [(1, False, None, "exact", None, False)])
    levels = records(con, published_level_sql(PLAN, MARTS, "decisions"))
    assert [(r["n"], r["pct"], r["suppressed"]) for r in levels] == [(None, None, True)] * 2
    (row,) = records(con, published_achievement_sql(PLAN, MARTS, "decisions", "listed"))
    assert row["n_proficient"] == 12


@pytest.mark.parametrize(("coding", "mean"), [("exact", 95.0), ("bottom", None)])
def test_a_student_without_a_level_leaves_the_cell_without_a_rate(coding, mean):
    con = connection([(8, 12, {"n_tested": 21, "n_scores": 21})], [(1, False, None, coding)])
    (row,) = records(con, published_achievement_sql(PLAN, MARTS, "decisions", "listed"))
    assert [row[name] for name in MEASURES] == [21, None, None, None, None, mean]
    assert records(con, published_level_sql(PLAN, MARTS, "decisions")) == []


def test_a_student_without_a_score_leaves_the_cell_without_a_mean():
    con = connection([(8, 12, {"n_scores": 19})])
    (row,) = records(con, exact_achievement_sql(PLAN, MARTS))
    assert (row["mean_scale_score"], row["pct_proficient"]) == (None, 60.0)


def test_scores_of_grade_specific_scales_are_not_averaged_over_grades():
    stepped = {"assessment": "stepped"}
    con = connection([(8, 12, stepped), (8, 12, {**stepped, "grade": "03"}), (8, 12)])
    rows = records(con, exact_achievement_sql(PLAN, MARTS))
    assert [row["mean_scale_score"] is None for row in rows] == [True, False, False]


def test_levels_have_a_row_each_also_where_nobody_is_and_sum_to_the_cell():
    con = connection([(0, 12), (3, 9)], [(1, False, None, "exact"), (2, False, None, "exact")])
    rows = records(con, published_level_sql(PLAN, MARTS, "decisions"))
    found = [(r["performance_level"], r["level_label"], r["n"], r["pct"]) for r in rows]
    assert found == [
        (1, "Below", 0, 0.0),
        (2, "Reader's level", 12, 100.0),
        (1, "Below", 3, 25.0),
        (2, "Reader's level", 9, 75.0),
    ]
    assert tuple(rows[0])[:13] == CONTRACT[:13]


def test_exact_levels_show_hidden_cells_and_say_that_they_are_hidden():
    con = connection([(8, 1)], [(1, True, "small", "exact")])
    rows = records(con, exact_level_sql(PLAN, MARTS, "decisions"))
    assert [(row["n"], row["suppressed"]) for row in rows] == [(8, True), (1, True)]
    rows = records(con, exact_level_sql(PLAN, MARTS))
    assert [(row["n"], row["suppressed"]) for row in rows] == [(8, None), (1, None)]


def one_row(changes, plan=PLAN, decision=(False, None, "exact")):
    con = connection([(8, 12, changes)], [(1, *decision)])
    (exact,) = records(con, exact_achievement_sql(plan, MARTS, "decisions"))
    (published,) = records(con, published_achievement_sql(plan, MARTS, "decisions", "listed"))
    return exact, published


def test_distance_from_standard_is_of_all_tested_students_or_null():
    exact, published = one_row({"n_distances": 20, "distance_sum": -53.0})
    assert (exact["distance_from_standard"], published["distance_from_standard"]) == (-2.65, -3.0)
    exact, published = one_row({"n_distances": 19, "distance_sum": -53.0})
    assert (exact["distance_from_standard"], published["distance_from_standard"]) == (None, None)


def test_distance_from_standard_spans_grades_whose_scales_do_not():
    changes = {"assessment": "stepped", "n_distances": 20, "distance_sum": 40.0}
    exact, _ = one_row(changes)
    assert (exact["mean_scale_score"], exact["sd_scale_score"]) == (None, None)
    assert exact["distance_from_standard"] == 2.0


def test_the_performance_index_weighs_levels_only_where_the_assessment_says_how():
    weighed = PLAN.assessments["upright"].model_copy(update={"index_weights": [200.0, 1000.0]})
    plan = CellPlan(PLAN.crossed, PLAN.one_way, {**PLAN.assessments, "upright": weighed})
    assert [row["performance_index"] for row in one_row({}, plan)] == [680.0, 680.0]
    assert [row["performance_index"] for row in one_row({}, PLAN)] == [None, None]
    unlevelled = one_row({"n_level_1": 7}, plan)
    assert [row["performance_index"] for row in unlevelled] == [None, None]


@pytest.mark.parametrize("decision", [(True, "small", "exact"), (False, None, "top")])
def test_distance_and_index_are_published_only_where_the_rate_is(decision):
    _, published = one_row({"n_distances": 20, "distance_sum": 40.0}, PLAN, decision)
    assert (published["distance_from_standard"], published["performance_index"]) == (None, None)


def test_the_standard_deviation_is_that_of_the_sample():
    exact, published = one_row({"score_sum": 2001.0, "score_squares": 200_961.0})
    # (200961 - 2001^2 / 20) / 19
    assert exact["sd_scale_score"] == pytest.approx(6.3285069, abs=1e-7)
    assert "sd_scale_score" not in published
