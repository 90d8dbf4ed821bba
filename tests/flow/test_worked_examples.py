"""The field's own sentences, from two files of results to the published marts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from flows.context import Context, open_context
from flows.running import run_ingest
from flows.stages.marts import KEYS
from tests.flow.risen_schools import (
    BEFORE,
    DISTRICT,
    NETWORK,
    NOW,
    OTHERS,
    PARTNERS,
    STAYED,
    level_of,
    write_year,
)
from transforms.all_cards import cards_of
from warehouse.publish import MartArea

PAGE = Path("docs/groups.md").read_text(encoding="utf-8")
# What a mart says of its rows besides their keys and measures.
TOLD = {
    "org_name",
    "rate_coding",
    "suppressed",
    "level_label",
    "prior_level_label",
    "prior_year",
    "prior_window",
}


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Iterator[Context]:
    """The workspace of two years of `risen_schools`, built once: nothing here changes it."""
    home = tmp_path_factory.mktemp("risen")
    (home / "site").mkdir()
    (home / "site" / "network.yml").write_text(NETWORK, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROCI_HOME", str(home / "data"))
        patch.setenv("ROCI_CONFIG", str(home / "site"))
        patch.delenv("ROCI_DATABASE_URL", raising=False)
        opened = open_context()
        files = [write_year(home / f"results_{year}.csv", year) for year in (BEFORE, NOW)]
        run = run_ingest(opened, "results_csv", files, district=None, engine="direct")
        assert [load.state for load in run.loads] == ["loaded", "loaded"]
        assert run.build is not None and run.build.state == "published"
        yield opened
        opened.database.close()


def rows(context: Context, mart: str, what: str, **key: object) -> list[tuple]:
    """Return columns of the rows of a mart of which all that is not named is 'all'."""
    area: MartArea = "restricted" if mart.endswith("_unsuppressed") else "reporting"
    whole = {"grade": "all", **dict.fromkeys(context.catalogue.marts.dimensions, "all"), **key}
    where = " AND ".join(f"{column} = ?" for column in whole)
    path = context.publisher.path(mart, area)
    with duckdb.connect() as con:
        sql = f"SELECT {what} FROM read_parquet('{path}') WHERE {where} ORDER BY ALL"
        return con.execute(sql, list(whole.values())).fetchall()


def math(context: Context, mart: str, what: str, **key: object) -> list[tuple]:
    return rows(context, mart, what, **{"subject": "math", "school_year": NOW, **key})


def english(context: Context, mart: str, what: str, **key: object) -> list[tuple]:
    key = {"org_level": "school", "org_id": f"{DISTRICT}/{PARTNERS[0]}", **key}
    return rows(context, mart, what, **{"subject": "ela", "school_year": NOW, **key})


def test_the_partner_schools_rose_7_points_while_the_rest_of_their_district_rose_3_4(context):
    what = "pct_prior, pct_proficient, change_points, n_prior, n_tested, suppressed"
    same_grade = {"growth_type": "cross_section", "org_id": DISTRICT}
    assert math(context, "mart_growth", what, org_level="partner", **same_grade) == [
        (40.0, 47.0, 7.0, 400, 400, False)
    ]
    assert math(context, "mart_growth", what, org_level="rest", **same_grade) == [
        (40.0, 43.4, 3.4, 1000, 1000, False)
    ]


def test_what_they_rose_more_is_more_than_chance_among_schools(context):
    what = "gain, gain_compared, did, did_schools, did_permutation_low, did_permutation_high"
    key = {"org_level": "partner", "compared_to": "rest", "from_year": BEFORE}
    found = math(context, "mart_comparison", what, **key, contrast="all")
    assert found == [(7.0, 3.4, 3.6, 3.6, 2.7, 5.0)]
    what = "n_tested, n_compared, n_schools, n_schools_compared, did_p_value"
    found = math(context, "mart_comparison", what, **key, contrast="all")
    assert found == [(400, 1000, 2, 5, round(1 / 21, 4))]


def test_english_learners_of_the_partner_schools_are_up_9_5_against_6_6(context):
    key = {"org_level": "partner", "compared_to": "rest", "from_year": BEFORE}
    what = "n_tested, n_compared, gain, gain_compared, did"
    found = math(context, "mart_comparison", what, **key, contrast="all", el_status="EL")
    assert found == [(200, 500, 9.5, 6.6, 2.9)]
    # Those who speak only English are up 5.0 against 0.4.
    found = math(context, "mart_comparison", "gain, gain_compared, did", **key, contrast="EL_EO")
    assert found == [(4.5, 6.2, -1.7)]


def test_the_gap_of_english_learners_has_closed_by_more_than_the_goal_of_20_percent(context):
    what = "n_tested, n_reference, pct_proficient, pct_reference, gap_points, gap_change"
    key = {"dimension": "el_status", "el_status": "EL", "reference": "EO", "org_level": "partner"}
    found = math(context, "mart_gap", f"{what}, gap_closure_pct, meets_goal", **key)
    assert found == [(200, 100, 39.5, 55.0, 15.5, -4.5, 22.5, True)]
    before = math(context, "mart_gap", what, **key, school_year=BEFORE)
    assert before == [(200, 100, 30.0, 50.0, 20.0, None)]


def test_who_ever_learned_english_is_held_against_who_never_did(context):
    key = {"dimension": "ever_el_status", "ever_el_status": "EVER_EL", "reference": "NEVER_EL"}
    what = "n_tested, n_reference, pct_proficient, pct_reference, gap_points"
    found = math(context, "mart_gap", what, **key, org_level="partner")
    assert found == [(300, 100, 44.3, 55.0, 10.7)]


def test_growth_of_the_same_students_stands_beside_its_match_rate(context):
    schools = (*PARTNERS, *OTHERS)
    moves = [
        level_of(school, number, NOW) - level_of(school, number, BEFORE)
        for school in schools
        for number in range(STAYED)
    ]
    up, down = (round(100 * sum(m * way > 0 for m in moves) / len(moves), 1) for way in (1, -1))
    assert min(up, down) > 10
    what = "n_tested, n_matched, match_rate, pct_up, pct_down"
    found = math(context, "mart_growth", what, org_level="district", growth_type="matched")
    assert found == [(1400, len(moves), 78.0, up, down)]


def test_all_students_of_the_two_lowest_bands_moved_up(context):
    what = "n_low_prior, pct_low_up"
    told = english(context, "mart_growth_unsuppressed", what, growth_type="matched")
    assert told == [(40, 100.0)]
    what = "prior_level, performance_level, n, pct"
    moved = english(context, "mart_transition_unsuppressed", f"{what}")
    assert [move for move in moved if move[2]] == [
        (1, 2, 20, 100.0),
        (2, 3, 20, 100.0),
        (3, 2, 10, 50.0),
        (3, 3, 10, 50.0),
    ]


def test_what_holds_of_every_single_student_is_not_published(context):
    what = "n_low_prior, pct_low_up, match_rate, suppressed"
    # How many began low is what the rate before tells of them; that all of them rose is not told.
    assert english(context, "mart_growth", what, growth_type="matched") == [
        (40, None, 100.0, False)
    ]
    moves = english(context, "mart_transition", "n, n_prior_level, pct, suppressed")
    assert len(moves) == 16
    assert set(moves) == {(None, None, None, True)}


def test_the_groups_of_every_dimension_and_of_every_roll_up_sum_to_all(context):
    marts = context.catalogue.marts
    split = set()
    for dimension in marts.dimensions:
        others = {d: "all" for d in marts.dimensions if d != dimension}
        alone = " AND ".join(f"{column} = 'all'" for column in others)
        path = context.publisher.path("mart_achievement_unsuppressed", "restricted")
        sums = ", ".join(
            f"sum({c}) FILTER ({dimension} {sign} 'all')"
            for c in ("n_tested", "n_proficient", "score_sum")
            for sign in ("<>", "=")
        )
        key = "subject, school_year, grade, org_level, org_id"
        with duckdb.connect() as con:
            found = con.execute(
                f"SELECT {sums} FROM '{path}' WHERE {alone} GROUP BY {key}"
            ).fetchall()
        if any(row[0] is not None for row in found):
            split.add(dimension)
            known = [row for row in found if row[0] is not None]
            assert all(row[::2] == row[1::2] for row in known), dimension
            assert len(known) == len(found) or dimension == "prior_status"
    # Since when a learner is one nobody knows here, so nothing is split by years.
    assert split == {
        *marts.crossed, "econ_status", "disability_status", "prior_status", "el_recent_status",
        *marts.rollups,
    }  # fmt: skip


@pytest.mark.parametrize("mart", [m for m in KEYS if f"{m}_unsuppressed" in KEYS])
def test_every_measure_that_is_published_has_a_card(context, mart):
    path = context.publisher.path(mart, "reporting")
    with duckdb.connect() as con:
        columns = con.execute(f"SELECT * FROM '{path}' LIMIT 0").fetchdf().columns
    key = KEYS[mart](context.catalogue.marts.dimensions)
    measures = [column for column in columns if column not in {*key, *TOLD}]
    assert sorted(measures) == sorted(card.name for card in cards_of(mart))


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL))
def test_what_the_page_of_groups_asks_the_marts_can_answer(context, query):
    [mart] = re.findall(r"FROM (\w+)", query)
    path = context.publisher.path(mart, "reporting")
    query = query.replace("= 2024", f"= {NOW}").replace("caaspp_sb", "results_csv")
    with duckdb.connect() as con:
        con.execute(f"CREATE VIEW {mart} AS FROM read_parquet('{path}')")
        found = con.execute(query).fetchall()
    assert found
    assert len({row[:2] for row in found}) == len(found), "a group stands there twice"
