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
