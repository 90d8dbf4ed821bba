"""Rows whose student cannot be told apart from another, or stands in two schools at once.

They are flagged, never merged: which of two rows is right is known where they were written. Each
rule is SQL over a relation, a load's rows or the whole lake. All SQL here names columns, never
values. Ids are compared within a district only, as those of two districts may meet by chance.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IdentityRule:
    """One rule: its code, the lake table it looks at, the field it names, and its SQL.

    `sql` has two places to fill: {relation}, and {shown}, the columns to return of each row found.
    """

    code: str
    table: str
    field: str
    sql: str

    def query(self, relation: str, shown: str) -> str:
        """Return the SQL of the rows of a relation that the rule flags."""
        return self.sql.format(relation=relation, shown=shown)


# Ids are compared by their 64-bit hash first; only the few rows that it points at are looked at.
_RESULT_BIRTHS = """
WITH suspect AS (
    SELECT hash(assessment, district_id, student_id) AS student FROM {relation}
    WHERE birth_date IS NOT NULL
    GROUP BY student HAVING min(birth_date) <> max(birth_date)
)
SELECT {shown} FROM {relation}
WHERE hash(assessment, district_id, student_id) IN (SELECT student FROM suspect)
WINDOW student AS (PARTITION BY assessment, district_id, student_id)
QUALIFY min(birth_date) OVER student <> max(birth_date) OVER student
"""

_RESULT_SCHOOLS = """
WITH suspect AS (
    SELECT hash(student_id, assessment, school_year, test_window) AS sitting FROM {relation}
    GROUP BY sitting HAVING min(hash(district_id, school_id)) <> max(hash(district_id, school_id))
)
SELECT {shown} FROM {relation}
WHERE hash(student_id, assessment, school_year, test_window) IN (SELECT sitting FROM suspect)
WINDOW sitting AS (PARTITION BY student_id, assessment, school_year, test_window)
QUALIFY min((district_id, school_id)) OVER sitting <> max((district_id, school_id)) OVER sitting
"""

# Birth date and name must both differ: a mended date, or a name after a marriage, is one person.
_ROSTER_PERSONS = """
WITH two AS (
    SELECT district_id, student_id
    FROM {relation} WHERE birth_date IS NOT NULL AND family_name IS NOT NULL
    GROUP BY ALL HAVING min(birth_date) <> max(birth_date)
        AND min(lower(trim(family_name))) <> max(lower(trim(family_name)))
)
SELECT {shown} FROM {relation} SEMI JOIN two USING (district_id, student_id)
"""

_ROSTER_IDS = """
WITH named AS (
    SELECT *, lower(trim(given_name)) AS given, lower(trim(family_name)) AS family FROM {relation}
),
two AS (
    SELECT district_id, school_year, given, family, birth_date FROM named
    WHERE given IS NOT NULL AND family IS NOT NULL AND birth_date IS NOT NULL
    GROUP BY ALL HAVING min(student_id) <> max(student_id)
)
SELECT {shown} FROM named SEMI JOIN two USING (district_id, school_year, given, family, birth_date)
"""

# A blank first or last day is open: a roster that names no days lists both schools for the year.
_ROSTER_SCHOOLS = """
WITH enrolled AS (
    SELECT *, coalesce(begin_date, DATE '0001-01-01') AS begins,
        coalesce(end_date, DATE '9999-12-31') AS ends
    FROM {relation} WHERE record_kind IS NULL OR record_kind = 'ENROLMENT'
),
overlapping AS (
    SELECT one.district_id, one.school_year, one.student_id, one.school_id, one.begins
    FROM enrolled AS one JOIN enrolled AS other USING (district_id, school_year, student_id)
    WHERE one.school_id <> other.school_id AND one.begins < other.ends AND other.begins < one.ends
)
SELECT {shown} FROM enrolled
SEMI JOIN overlapping USING (district_id, school_year, student_id, school_id, begins)
"""

RULES = (
    IdentityRule("TWO_STUDENTS_ONE_ID", "student_result", "student_id", _RESULT_BIRTHS),
    IdentityRule("STUDENT_IN_TWO_SCHOOLS", "student_result", "school_id", _RESULT_SCHOOLS),
    IdentityRule("TWO_STUDENTS_ONE_ID", "student_roster", "student_id", _ROSTER_PERSONS),
    IdentityRule("ONE_STUDENT_TWO_IDS", "student_roster", "student_id", _ROSTER_IDS),
    IdentityRule("STUDENT_IN_TWO_SCHOOLS", "student_roster", "school_id", _ROSTER_SCHOOLS),
)


def rules_of(table: str) -> list[IdentityRule]:
    """Return the rules that look at a lake table."""
    return [rule for rule in RULES if rule.table == table]


def identity_flags_sql(relations: dict[str, str]) -> str:
    """Return SQL of `identity_flags`: who is flagged over everything that is loaded.

    Grain: `table`, `district_id`, `school_year`, `student_id`, `code`. `n_rows`: how many rows of
    that table carry it.

    Args:
        relations: the relation of each lake table that there are rules for.
    """
    columns = "district_id, school_year, student_id"
    found = " UNION ALL ".join(
        f"SELECT '{rule.table}' AS \"table\", {columns}, '{rule.code}' AS code "
        f"FROM ({rule.query(relations[rule.table], columns)})"
        for rule in RULES
    )
    return f"SELECT *, count(*) AS n_rows FROM ({found}) GROUP BY ALL ORDER BY ALL"
