from __future__ import annotations

import duckdb
import pytest

from validation.profile import PROFILE_COLUMNS, batch_profile, profile_values


@pytest.fixture
def profiled(typed, catalogue):
    def profile(rows, last=None, directory=None):
        con = duckdb.connect()
        con.register("load", typed(rows))
        if directory is not None:
            con.execute(
                "CREATE TABLE directory (school_year INT, district_id TEXT, school_id TEXT)"
            )
            con.executemany("INSERT INTO directory VALUES (?, ?, ?)", directory)
        table = catalogue.tables["student_result"]
        name = None if directory is None else "directory"
        return batch_profile(con, "load", table, last, name).set_index("metric")

    return profile


def test_a_profile_counts_rows_schools_shares_and_blanks(profiled):
    rows = [{"el_status": "EL"}, {"el_status": "EO"}, {"school_id": "B"}, {"el_status": "EL"}]
    value = profiled(rows)["value"]
    assert value["row_count"] == 4
    assert value["school_count"] == 2
    assert value["group_share:el_status:EL"] == 50.0
    assert value["group_null_share:el_status"] == 25.0
    assert value["null_share:scale_score"] == 0.0


def test_the_first_load_has_nothing_to_compare_with(profiled):
    profile = profiled([{}])
    assert list(profile.reset_index().columns) == list(PROFILE_COLUMNS)
    assert profile[["last", "change_points", "pct_of_last"]].isna().all(axis=None)


def test_figures_of_the_last_load_can_be_kept_and_compared(profiled):
    last = profile_values(profiled([{"el_status": "EL"}] * 200).reset_index())
    assert all(isinstance(value, float) for value in last.values())
    now = profiled([{"el_status": "EL"}] * 50 + [{"el_status": "EO"}] * 50, last)
    assert now.loc["row_count", "pct_of_last"] == 50.0
    assert now.loc["group_share:el_status:EL", "change_points"] == -50.0
    assert now.loc["group_share:el_status:EO", "change_points"] == 50.0


def test_a_group_that_has_vanished_is_compared_as_none(profiled):
    last = profile_values(profiled([{"gender": "F"}] * 100 + [{"gender": "M"}] * 100).reset_index())
    now = profiled([{"gender": "F"}] * 100, last)
    assert now.loc["group_share:gender:M", "change_points"] == -50.0


def test_shares_of_few_rows_are_not_compared(profiled):
    last = profile_values(profiled([{"gender": "F"}] * 99).reset_index())
    now = profiled([{"gender": "M"}] * 200, last)
    assert now["change_points"].isna().all()
    assert now.loc["row_count", "pct_of_last"] == pytest.approx(202.02, abs=0.01)


def test_a_school_is_known_by_its_district_and_its_year(profiled):
    rows = [{}, {"district_id": "D2"}, {"school_id": "B"}, {}]
    directory = [(2022, "D1", "A"), (2021, "D1", "B")]
    assert profiled(rows, directory=directory)["value"]["known_schools"] == 50.0


def test_a_year_without_directory_is_looked_up_in_all_years(profiled):
    assert profiled([{}], directory=[(2015, "D1", "A")])["value"]["known_schools"] == 100.0


def test_without_a_directory_no_school_is_called_unknown(profiled):
    assert "known_schools" not in profiled([{}]).index
    assert "known_schools" not in profiled([{}], directory=[(2022, None, None)][:0] or None).index
