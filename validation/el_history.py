"""Which English-learner statuses can follow one another over the years."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# Status before -> statuses that CALPADS lists after it without a correction reason. TBD is a
# waiting room (EO -> TBD -> EL), and who leaves it as EL can be RFEP at the next test.
# What it lists only as the correction of an error (IFEP -> EL, EL -> EO, EL -> IFEP) is not here:
# one of the two extracts is wrong then, and a person should look.
# Source: California Department of Education, CALPADS valid code combinations, version 12,
# CurrentELAS to SubmtdELAS, and the same with correction reason.
MAY_FOLLOW: Mapping[str, frozenset[str]] = {
    "EO": frozenset({"EO", "TBD", "EL", "IFEP"}),
    "TBD": frozenset({"TBD", "EO", "EL", "IFEP", "RFEP"}),
    "IFEP": frozenset({"IFEP", "EO"}),
    "EL": frozenset({"EL", "RFEP", "ADEL"}),
    "RFEP": frozenset({"RFEP"}),
    "ADEL": frozenset({"ADEL"}),
}


def impossible_pairs(before: Iterable[str], after: Iterable[str]) -> list[tuple[str, str]]:
    """Return which statuses of `after` cannot follow which of `before`.

    NOT_EL and UNKNOWN say too little to contradict anything.

    >>> impossible_pairs(["RFEP", "NOT_EL"], ["EL", "RFEP"])
    [('RFEP', 'EL')]
    """
    later = sorted(set(after) & set(MAY_FOLLOW))
    return [
        (status, following)
        for status in sorted(set(before) & set(MAY_FOLLOW))
        for following in later
        if following not in MAY_FOLLOW[status]
    ]


# Status before -> those that CALPADS takes next to it without a correction reason, in the records
# of one student (same source). Unlike over the years, nothing can have happened between two.
# TBD repeats where a record of it is mended.
NEXT_RECORD: Mapping[str, frozenset[str]] = {
    "EO": frozenset({"EO", "TBD"}),
    "TBD": frozenset({"TBD", "EO", "EL", "IFEP"}),
    "IFEP": frozenset({"IFEP"}),
    "EL": frozenset({"EL", "RFEP", "ADEL"}),
    "RFEP": frozenset({"RFEP"}),
    "ADEL": frozenset({"ADEL"}),
}
# Those that it took until 2017-18; since then they need a correction reason.
NEXT_RECORD_BEFORE_2018: Mapping[str, frozenset[str]] = {
    "EO": frozenset({"EL", "IFEP"}),
    "IFEP": frozenset({"EO"}),
}
_OLD_RULES_UNTIL = "2018-06-30"

_RECORDS = """
WITH legal(before, after, until) AS (VALUES {legal}),
told AS (
    SELECT *, lag(el_status) OVER (
        PARTITION BY district_id, student_id ORDER BY begin_date, {row}
    ) AS before
    FROM {relation}
    WHERE record_kind = 'EL_STATUS' AND el_status IN ({known}) AND begin_date IS NOT NULL
)
SELECT {row} FROM told
WHERE before IS NOT NULL AND NOT EXISTS (
    FROM legal WHERE legal.before = told.before AND legal.after = told.el_status
        AND told.begin_date <= coalesce(until, told.begin_date)
)
"""


def impossible_records_sql(relation: str, row: str) -> str:
    """Return the SQL of the status records that cannot follow the student's record before them.

    Records are those of one student and district in order of their first day; one without a day
    says nothing of the order. A first record is never judged: a download may begin anywhere.
    """
    always = [(before, after, "NULL") for before, to in NEXT_RECORD.items() for after in sorted(to)]
    once = [
        (before, after, f"DATE '{_OLD_RULES_UNTIL}'")
        for before, to in NEXT_RECORD_BEFORE_2018.items()
        for after in sorted(to)
    ]
    legal = ", ".join(f"('{before}', '{after}', {until})" for before, after, until in always + once)
    known = ", ".join(f"'{status}'" for status in NEXT_RECORD)
    return _RECORDS.format(relation=relation, row=row, legal=legal, known=known)
