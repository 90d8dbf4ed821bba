"""Which rows may be published."""

from __future__ import annotations

import duckdb
import pytest

from configs.models import EmbargoRule
from transforms.embargo import released_sql, rules_table, slice_rules, stricter


def rule(state: str, district: str | None = None, assessment: str = "a") -> EmbargoRule:
    return EmbargoRule(assessment=assessment, school_year=2024, district_id=district, state=state)


def released(*rules: EmbargoRule) -> list[tuple[str, int, str]]:
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE results AS SELECT * FROM (VALUES ('a', 2024, '1'), ('a', 2024, '2'), "
            "('a', 2023, '1'), ('b', 2024, '1')) AS r(assessment, school_year, district_id)"
        )
        con.register("rules", rules_table(rules))
        return sorted(con.execute(released_sql("results", "rules")).fetchall())


ALL = [("a", 2023, "1"), ("a", 2024, "1"), ("a", 2024, "2"), ("b", 2024, "1")]


@pytest.mark.parametrize(
    ("rules", "kept_back"),
    [
        ([], []),
        ([rule("released")], []),
        ([rule("loading")], [ALL[1], ALL[2]]),
        ([rule("reviewing", "2")], [ALL[2]]),
        ([rule("reviewing"), rule("released", "2")], [ALL[1]]),
        ([rule("released"), rule("loading", "1")], [ALL[1]]),
    ],
)
def test_a_rule_for_a_district_goes_before_one_for_all(rules, kept_back):
    assert released(*rules) == [row for row in ALL if row not in kept_back]


def test_rules_that_keep_nothing_back_are_none_of_a_slice():
    assert slice_rules([rule("released", "1"), rule("loading", assessment="b")], "a", 2024) == []
    both = [rule("released", "1"), rule("loading")]
    assert slice_rules(both, "a", 2024) == [both[1], both[0]]


def test_of_two_days_the_stricter_counts():
    then, now = [rule("loading", "1")], [rule("reviewing", "2")]
    assert released(*stricter(then, now)) == [ALL[0], ALL[3]]
    assert released(*stricter([rule("loading")], [rule("released", "2")])) == [ALL[0], ALL[3]]
