"""Every kind of leak is found where it is planted, and a table without one has no fall."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.unit.validation.audit.small_marts import (
    NAME,
    SCHEME,
    add_rows,
    alter,
    cells_of,
    publish,
    students,
)
from validation.audit.published import Publication
from validation.audit.system import audit_system, audit_two

# 5 students of B are at the first school, so that nothing is told of ethnicity at either.
COUNTS = {
    ("D/1", "03", "A", "F"): (14, 12, 11, 13),
    ("D/1", "03", "A", "M"): (11, 13, 12, 14),
    ("D/1", "03", "B", "F"): (1, 0, 1, 0),
    ("D/1", "03", "B", "M"): (1, 1, 0, 1),
    ("D/2", "03", "A", "F"): (13, 11, 12, 14),
    ("D/2", "03", "A", "M"): (12, 14, 13, 11),
    ("D/2", "03", "B", "F"): (11, 12, 14, 13),
    ("D/2", "03", "B", "M"): (14, 11, 13, 12),
}


def found(*folders, scheme=SCHEME, name=NAME):
    """The falls, as (kind, cell, statistic)."""
    audit = audit_system([Publication(folder) for folder in folders], name, scheme)
    return {(fall.kind, fall.cell, fall.statistic) for fall in audit.falls}


def cells(counts=None, **how):
    made = cells_of(students(counts or COUNTS), **how)
    return made[made["grade"] == "all"].reset_index(drop=True)


def protected(made):
    """What a sound suppression shows of COUNTS: nothing of ethnicity at a school."""
    return ~((made["org_level"] == "school") & (made["ethnicity"] != "all")).to_numpy()


@pytest.fixture
def safe(tmp_path):
    made = cells()
    return publish(tmp_path / "safe", made, protected(made))


def test_a_safe_table_has_no_fall(safe):
    assert found(safe) == set()


def test_a_table_in_which_all_is_shown_and_large_has_no_fall(tmp_path):
    counts = dict.fromkeys(COUNTS, (12, 13, 14, 11))
    made = cells(counts)
    assert found(publish(tmp_path, made, np.ones(len(made), dtype=bool))) == set()


def test_hiding_only_small_cells_gives_them_away(tmp_path):
    made = cells()
    falls = found(publish(tmp_path, made, made["n"] >= 11))
    small = "school/D/1, ethnicity B"
    assert {("span_n", small, "n_tested"), ("bounds_n", small, "n_tested")} <= falls
    assert ("span_n", f"{small}, gender F", "n_tested") in falls


def test_a_count_below_the_minimum_falls(tmp_path):
    made = cells()
    falls = found(publish(tmp_path, made, np.ones(len(made), dtype=bool)))
    assert ("below_minimum", "school/D/1, ethnicity B", "n_tested") in falls


def test_a_gap_that_tells_a_hidden_count_falls_with_what_follows_from_it(safe):
    at = {"org_level": "school", "org_id": "D/2", "ethnicity": "B"}
    told = {"n_tested": 100, "n_reference": np.nan, "pct_proficient": 52.0, "pct_reference": np.nan}
    add_rows(safe, "mart_gap", [{**at, "dimension": "ethnicity", "reference": "A", **told}])
    falls = found(safe)
    assert ("derived", "school/D/2, ethnicity B", "n_tested") in falls
    assert ("span_n", "school/D/1, ethnicity B", "n_tested") in falls


def test_a_gap_against_the_rest_tells_the_count_of_the_rest(safe):
    at = {"org_level": "school", "org_id": "D/1", "ethnicity": "A"}
    told = {"n_tested": 100, "n_reference": 5, "pct_proficient": 50.0, "pct_reference": 40.0}
    add_rows(safe, "mart_gap", [{**at, "dimension": "ethnicity", "reference": "rest", **told}])
    assert ("span_n", "school/D/1, ethnicity B", "n_tested") in found(safe)


def test_a_mean_or_a_rate_of_a_hidden_group_falls(safe):
    at = {"org_level": "school", "org_id": "D/2", "ethnicity": "A", "dimension": "ethnicity"}
    nothing = {"n_tested": np.nan, "n_reference": np.nan, "pct_proficient": np.nan}
    row = {**at, **nothing, "reference": "B", "pct_reference": np.nan, "mean_scale_score": np.nan}
    add_rows(safe, "mart_gap", [{**row, "mean_reference": np.nan}])
    assert found(safe) == set()
    add_rows(safe, "mart_gap", [{**row, "mean_reference": 2471.0}])
    assert found(safe) == {("rate_of_hidden", "school/D/2, ethnicity B", "mean_scale_score")}
    add_rows(safe, "mart_gap", [{**row, "mean_reference": np.nan, "pct_proficient": 52.0}])
    assert found(safe) == {("rate_of_hidden", "school/D/2, ethnicity A", "n_proficient")}


def test_a_mean_in_a_suppressed_row_falls(safe):
    at = {"org_level": "school", "org_id": "D/2", "ethnicity": "B", "gender": "all"}
    alter(safe, "mart_achievement", at, mean_scale_score=2471.0)
    assert found(safe) == {("rate_of_hidden", "school/D/2, ethnicity B", "mean_scale_score")}


def test_the_prior_count_of_a_growth_row_tells_of_the_year_before(safe):
    at = {"org_level": "school", "org_id": "D/2", "ethnicity": "B", "school_year": 2031}
    told = {"growth_type": "cross_section", "prior_year": 2030, "prior_window": "annual"}
    add_rows(safe, "mart_growth", [{**at, **told, "n_prior": 100, "pct_prior": 52.0}])
    assert ("span_n", "school/D/1, ethnicity B", "n_tested") in found(safe)


def test_a_comparison_tells_the_count_of_the_other_side(tmp_path):
    made = cells(partners=("D/1",))
    hidden = made["org_level"].isin(("school", "partner", "rest")) & (made["ethnicity"] != "all")
    folder = publish(tmp_path, made, ~hidden, partners=("D/1",))
    assert found(folder) == set()
    told = {"compared_to": "rest", "contrast": "all", "from_year": 2030, "n_compared": 100}
    at = {"org_level": "school", "org_id": "D/1", "ethnicity": "B", "n_tested": np.nan}
    add_rows(folder, "mart_comparison", [{**at, **told}])
    assert ("span_n", "partner/D, ethnicity B", "n_tested") in found(folder)


def test_partner_schools_follow_from_the_district_and_the_rest(tmp_path):
    made = cells(partners=("D/1",))
    hidden = (made["ethnicity"] != "all") & made["org_level"].isin(("school", "partner"))
    falls = found(publish(tmp_path, made, ~hidden, partners=("D/1",)))
    assert ("span_n", "partner/D, ethnicity B", "n_tested") in falls


def test_a_network_gives_its_small_school_away(tmp_path):
    made = cells(networks={"N": ("D/1", "D/2")})
    scheme = replace(SCHEME, networks={"N": ("D/1", "D/2")})
    shown = protected(made)
    assert found(publish(tmp_path / "safe", made, shown), scheme=scheme) == set()
    one = (made["org_id"] == "D/2") & (made["ethnicity"] == "B") & (made["gender"] == "all")
    wide = (made["org_level"] == "district") & (made["ethnicity"] != "all")
    folder = publish(tmp_path / "leak", made, (shown | one) & ~wide)
    alone = replace(SCHEME, networks={"N": ("D/1", "D/2")})
    assert ("span_n", "school/D/1, ethnicity B", "n_tested") in found(folder, scheme=alone)


def test_a_grade_follows_from_all_grades_and_the_other(tmp_path):
    counts = {**COUNTS, ("D/2", "04", "A", "F"): (2, 1, 2, 2)}
    made = cells_of(students(counts))
    shown = (made["ethnicity"] == "all") & (made["gender"] == "all") & (made["grade"] != "04")
    falls = found(publish(tmp_path, made, shown))
    assert ("span_n", "school/D/2, grade 04", "n_tested") in falls


def test_a_roll_up_gives_its_small_member_away(tmp_path):
    scheme = replace(
        SCHEME,
        dimensions=("grade", "ethnicity", "gender", "wide_status"),
        codes={**SCHEME.codes, "ethnicity": ("A", "B", "C"), "wide_status": ("A", "BC")},
        rollups={"wide_status": ("ethnicity", {"A": ("A",), "BC": ("B", "C")})},
    )
    counts = {**COUNTS, ("D/1", "03", "C", "F"): (12, 13, 11, 14)}
    made = cells_of(students(counts), scheme=scheme)
    made = made[made["grade"] == "all"].reset_index(drop=True)
    school = (made["org_id"] == "D/1").to_numpy()
    one_way = (made[["ethnicity", "gender", "wide_status"]] != "all").sum(axis=1) < 2
    member = school & (made["ethnicity"] == "C") & one_way
    roll = school & (made["wide_status"] == "BC")
    shown = (school & (made["ethnicity"] == "all") & (made["wide_status"] == "all")) | member
    falls = found(publish(tmp_path, made, shown | roll, scheme=scheme), scheme=scheme)
    assert ("span_n", "school/D/1, ethnicity B", "n_tested") in falls


def test_nested_cells_a_small_group_apart_fall_at_any_depth(tmp_path):
    made = cells()
    shown = (made["gender"] == "all") & (made["ethnicity"] == "all") & (made["org_id"] != "D/2")
    deep = (made["org_id"] == "D/1") & (made["ethnicity"] == "A") & (made["gender"] == "all")
    assert ("nested", "school/D/1, ethnicity A", "n_tested") in found(
        publish(tmp_path, made, shown | deep)
    )


def test_all_between_two_nested_cells_being_proficient_falls(tmp_path):
    counts = dict.fromkeys(COUNTS, (12, 13, 14, 11))
    counts["D/1", "03", "B", "F"] = counts["D/1", "03", "B", "M"] = (0, 0, 9, 8)
    made = cells(counts)
    shown = protected(made) | ((made["org_id"] == "D/1") & (made["ethnicity"] == "A")).to_numpy()
    shown &= ~((made["org_level"] != "school") & (made["ethnicity"] != "all")).to_numpy()
    falls = found(publish(tmp_path, made, shown, levels=np.zeros(len(made), dtype=bool)))
    assert ("nested_all_or_none", "school/D/1, ethnicity A", "n_proficient") in falls


def test_what_several_parts_leave_of_their_whole_being_alike_falls(tmp_path):
    scheme = replace(SCHEME, codes={**SCHEME.codes, "ethnicity": ("A", "B", "C", "E")})
    large = (12, 13, 14, 11)
    counts = {("D/1", "03", e, g): large for e in ("A", "B") for g in ("F", "M")}
    counts |= {("D/1", "03", e, g): (0, 0, 6, 5) for e in ("C", "E") for g in ("F", "M")}
    made = cells_of(students(counts), scheme=scheme)
    made = made[made["grade"] == "all"].reset_index(drop=True)
    shown = (made["gender"] == "all") & made["ethnicity"].isin(("all", "A", "B"))
    falls = found(
        publish(tmp_path, made, shown, levels=np.zeros(len(made), dtype=bool)), scheme=scheme
    )
    assert ("residual_all_or_none", "school/D/1", "n_proficient") in falls


def test_two_students_left_of_a_whole_fall_although_nobody_says_of_which_group(tmp_path):
    scheme = replace(SCHEME, codes={**SCHEME.codes, "ethnicity": ("A", "B", "C", "E")})
    large = (12, 13, 14, 11)
    counts = {("D/1", "03", e, g): large for e in ("A", "B") for g in ("F", "M")}
    counts |= {("D/1", "03", e, "F"): (0, 1, 0, 0) for e in ("C", "E")}
    made = cells_of(students(counts), scheme=scheme)
    made = made[made["grade"] == "all"].reset_index(drop=True)
    shown = (made["gender"] == "all") & made["ethnicity"].isin(("all", "A", "B"))
    falls = found(publish(tmp_path, made, shown), scheme=scheme)
    assert ("residual", "school/D/1", "n_tested") in falls
    assert ("bounds_n", "school/D/1, ethnicity C", "n_tested") in falls


def test_a_level_that_nobody_of_a_school_reached_tells_of_its_hidden_groups(tmp_path):
    counts = {
        atom: (13, 14, 12, 0) if atom[0] == "D/1" and atom[2] == "A" else levels
        for atom, levels in COUNTS.items()
    }
    counts["D/1", "03", "B", "F"], counts["D/1", "03", "B", "M"] = (1, 0, 1, 0), (1, 1, 1, 0)
    made = cells(counts)
    wide = (made["org_level"] != "school").to_numpy()
    withheld = publish(tmp_path / "withheld", made, protected(made), levels=wide)
    assert not [fall for fall in found(withheld) if fall[2] == "level 4"]
    falls = found(publish(tmp_path / "told", made, protected(made)))
    assert ("none", "school/D/1, ethnicity B", "level 4") in falls


def test_an_extreme_rate_that_is_shown_exactly_falls(tmp_path):
    counts = dict.fromkeys(COUNTS, (12, 13, 14, 11))
    counts["D/1", "03", "A", "F"] = (30, 19, 1, 0)
    made = cells(counts)
    falls = found(publish(tmp_path, made, np.ones(len(made), dtype=bool)))
    assert ("extreme_rate", "school/D/1, ethnicity A, gender F", "n_proficient") in falls


def test_a_coded_rate_that_follows_from_its_siblings_falls(tmp_path):
    counts = dict.fromkeys(COUNTS, (12, 13, 14, 11))
    counts["D/1", "03", "A", "F"] = (30, 19, 1, 0)
    made = cells(counts)
    at = (made["org_id"] == "D/1") & (made["ethnicity"] == "A") & (made["gender"] == "F")
    coded = {int(np.flatnonzero(at)[0]): ("bottom", 5.0)}
    falls = found(publish(tmp_path, made, np.ones(len(made), dtype=bool), coded))
    cell = "school/D/1, ethnicity A, gender F"
    assert ("span_coded", cell, "n_proficient") in falls
    assert ("extreme_rate", cell, "n_proficient") not in falls


def test_a_few_unmatched_students_fall(safe):
    growth = {"growth_type": "matched", "prior_year": 2029, "prior_window": "annual"}
    growth |= {"org_level": "school", "org_id": "D/2", "n_tested": 200}
    add_rows(safe, "mart_growth", [{**growth, "n_matched": 180}])
    assert found(safe) == set()
    add_rows(safe, "mart_growth", [{**growth, "n_matched": 196}])
    assert found(safe) == {("below_minimum", "school/D/2", "not matched")}


def test_a_few_matched_students_that_follow_fall(safe):
    growth = {"growth_type": "matched", "prior_year": 2029, "prior_window": "annual"}
    rows = [
        {"org_level": "district", "org_id": "D", "n_tested": 305, "n_matched": 107},
        {"org_level": "school", "org_id": "D/2", "n_tested": 200, "n_matched": 102},
    ]
    add_rows(safe, "mart_growth", [{**growth, **row} for row in rows])
    assert ("span_matched", "school/D/1", "n_matched") in found(safe)


def test_the_sum_of_transitions_tells_how_many_are_matched(safe):
    at = {"prior_year": 2029, "prior_window": "annual", "org_level": "school", "org_id": "D/2"}
    levels = [(before, now) for before in (1, 2, 3, 4) for now in (1, 2, 3, 4)]
    rows = [{**at, "prior_level": a, "performance_level": b, "n": 6} for a, b in levels]
    whole = [{**row, "org_level": "district", "org_id": "D"} for row in rows]
    whole[0]["n"] += 5
    add_rows(safe, "mart_transition", rows + whole)
    falls = found(safe)
    assert ("span_matched", "school/D/1", "n_matched") in falls
    assert ("span_matched", "school/D/1", "level 1 before") in falls


@pytest.mark.parametrize(("left", "falls"), [(0, True), (2, True), (12, False)])
def test_the_few_of_a_level_who_are_left_to_hidden_groups_fall(tmp_path, left, falls):
    scheme = replace(SCHEME, codes={**SCHEME.codes, "ethnicity": ("A", "B", "C")})
    counts = {("D/1", "03", "A", g): (12, 13, 14, 11) for g in ("F", "M")}
    counts |= {("D/1", "03", e, g): (3, 1, 2, 1) for e in ("B", "C") for g in ("F", "M")}
    made = cells_of(students(counts), scheme=scheme)
    made = made[made["grade"] == "all"].reset_index(drop=True)
    shown = (made["gender"] == "all") & made["ethnicity"].isin(("all", "A"))
    folder = publish(tmp_path, made, shown, levels=np.zeros(len(made), dtype=bool), scheme=scheme)
    at = {"prior_year": 2029, "prior_window": "annual", "org_level": "school", "org_id": "D/1"}
    of_a = [
        {**at, "ethnicity": "A", "prior_level": before, "performance_level": now, "n": 6}
        for before in (1, 2, 3, 4)
        for now in (1, 2, 3, 4)
    ]
    whole = [{**row, "ethnicity": "all"} for row in of_a]
    # Of the hidden 12 began at the second level, and so many at the first.
    whole[0]["n"] += left
    whole[4]["n"] += 12
    add_rows(folder, "mart_transition", of_a + whole)
    hidden = {("bounds_other", f"school/D/1, ethnicity {e}", "level 1 before") for e in ("B", "C")}
    assert (hidden <= found(folder, scheme=scheme)) == falls


def test_a_few_students_without_a_score_fall(safe):
    at = {"org_id": "D/2", "ethnicity": "all", "gender": "all"}
    alter(safe, "mart_achievement", at, n_enrolled=220.0, pct_participation=95.5)
    assert ("below_minimum", "school/D/2", "did not take part") in found(safe)
    alter(safe, "mart_achievement", at, n_enrolled=204.0, pct_participation=np.nan)
    assert found(safe) == {("below_minimum", "school/D/2", "without a score")}


def night(tmp_path, name, counts):
    made = cells(counts)
    return publish(tmp_path / name, made, protected(made))


def test_a_cell_that_moves_by_a_student_overnight_falls(safe, tmp_path):
    counts = {**COUNTS, ("D/2", "03", "A", "F"): (14, 11, 12, 14)}
    falls = found(night(tmp_path, "next", counts), safe)
    assert ("moved", "school/D/2", "n_tested") in falls
    assert found(night(tmp_path, "same", COUNTS), safe) == set()


def test_a_cell_that_moves_by_the_minimum_does_not_fall(safe, tmp_path):
    counts = {**COUNTS, ("D/2", "03", "A", "F"): (16, 14, 15, 17)}
    assert found(night(tmp_path, "next", counts), safe) == set()


def test_a_mean_that_changes_while_nobody_came_falls(safe, tmp_path):
    at = {"org_id": "D/2", "ethnicity": "all", "gender": "F"}
    later = night(tmp_path, "next", COUNTS)
    alter(safe, "mart_achievement", at, mean_scale_score=2400.0)
    alter(later, "mart_achievement", at, mean_scale_score=2401.0)
    falls = found(later, safe)
    assert falls == {("changed_records", "school/D/2, gender F", "mean_scale_score")}


def test_a_level_that_changes_while_nobody_came_falls(safe, tmp_path):
    counts = {**COUNTS, ("D/2", "03", "A", "F"): (13, 11, 11, 15)}
    falls = found(night(tmp_path, "next", counts), safe)
    assert ("changed_records", "school/D/2", "level 3") in falls


def test_what_each_of_two_nights_hides_follows_from_both(tmp_path):
    made = cells()
    shown = protected(made)
    shown &= ~((made["org_id"] == "D/2") & (made["gender"] != "all")).to_numpy()
    large = (made["org_id"] == "D/2") & (made["ethnicity"] == "B") & (made["gender"] == "all")
    wide = (made["org_level"] != "school") & (made["ethnicity"] != "all")
    first = publish(tmp_path / "first", made, (shown & ~wide) | large)
    second = publish(tmp_path / "second", made, shown & ~large)
    both = found(second, first)
    assert ("two_releases", "school/D/1, ethnicity B", "n_tested") in both
    assert not [fall for fall in found(first) if fall[1] == "school/D/1, ethnicity B"]
    assert not [fall for fall in found(second) if fall[1] == "school/D/1, ethnicity B"]


def test_what_two_nights_tell_is_found_without_attacking_each_again(safe, tmp_path):
    counts = {**COUNTS, ("D/2", "03", "A", "F"): (14, 11, 12, 14)}
    later = night(tmp_path, "next", counts)
    of_each = {fall for fall in found(later, safe) if fall not in found(later)}
    audit = audit_two([Publication(later), Publication(safe)], NAME, SCHEME)
    assert {(fall.kind, fall.cell, fall.statistic) for fall in audit.falls} == of_each != set()


def test_of_a_system_that_is_new_two_nights_tell_nothing(safe):
    new = (2031, *NAME[1:])
    assert audit_two([Publication(safe), Publication(safe)], new, SCHEME) is None


def test_numbers_that_do_not_add_up_are_told_and_nothing_is_certified(safe):
    alter(safe, "mart_achievement", {"org_id": "D/2", "gender": "F"}, n_tested=5000.0)
    assert "contradiction" in {kind for kind, _, _ in found(safe)}


def test_who_knows_that_no_row_means_nobody_computes_more(tmp_path):
    scheme = replace(SCHEME, codes={**SCHEME.codes, "gender": ("F", "M", "X")})
    counts = {("D/1", "03", "A", "F"): (12, 13, 14, 11), ("D/1", "03", "A", "M"): (1, 2, 1, 1)}
    made = cells_of(students(counts), scheme=scheme)
    made = made[(made["grade"] == "all") & (made["ethnicity"] == "all")].reset_index(drop=True)
    folder = publish(tmp_path, made, made["n"] >= 11, scheme=scheme)
    listed = pd.read_parquet(folder / "mart_achievement.parquet")
    listed[listed["gender"] != "X"].to_parquet(folder / "mart_achievement.parquet")
    fall = ("span_n", "school/D/1, gender M", "n_tested")
    assert fall not in found(folder, scheme=scheme)
    audit = audit_system([Publication(folder)], NAME, scheme, absent_is_empty=True)
    assert fall in {(one.kind, one.cell, one.statistic) for one in audit.falls}


def test_a_fall_names_groups_and_holds_no_number_of_students(tmp_path):
    made = cells()
    folder = publish(tmp_path, made, made["n"] >= 11)
    audit = audit_system([Publication(folder)], NAME, SCHEME)
    words = {"school", "district", "all", "D", "D/1", "D/2", "ethnicity", "gender", "A", "B"}
    words |= {"F", "M"}
    for fall in audit.falls:
        assert fall.system == "2030/made_up/math/annual"
        parts = fall.cell.replace("school/", "school ").replace("district/", "district ")
        assert set(parts.replace(",", "").split()) <= words
