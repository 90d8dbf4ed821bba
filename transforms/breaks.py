"""Which years of an assessment are not comparable, as relations that comparisons read.

What a break is stands in `configs.assessment_models.Break`. Two years are comparable as far as a
break goes if it holds for both or for neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from configs.assessment_models import Assessment, Break

if TYPE_CHECKING:
    import pyarrow as pa

OPEN_END = 9999
# The kinds, the gravest first: what a comparison misses for is named by the gravest.
KINDS = ("scale", "standard", "population")


def breaks_relation(assessments: Mapping[str, Assessment]) -> pa.Table:
    """Return the breaks of all assessments.

    Grain: `assessment`, `subject`, `from_year`, `kind`. Further columns: `to_year` (9999: still
    holds), `reason`.
    """
    import pyarrow as pa

    rows = sorted(
        (name, subject, one.from_year, _last_year(one), one.kind, one.reason)
        for name, assessment in assessments.items()
        for one in assessment.breaks
        for subject in one.subjects or assessment.subjects
    )
    kinds = {
        "assessment": pa.string(),
        "subject": pa.string(),
        "from_year": pa.int32(),
        "to_year": pa.int32(),
        "kind": pa.string(),
        "reason": pa.string(),
    }
    return pa.table(
        {
            column: pa.array([row[place] for row in rows], kind)
            for place, (column, kind) in enumerate(kinds.items())
        }
    )


def break_between(
    breaks: Iterable[Break], subject: str, school_year: int, other_year: int
) -> str | None:
    """Return the gravest kind of break that lies between two years, null where there is none.

    >>> new_scale = Break(from_year=2018, kind="scale", reason="a new test", citation="invented")
    >>> break_between([new_scale], "ela", 2018, 2017), break_between([new_scale], "ela", 2019, 2018)
    ('scale', None)
    """
    found = {
        one.kind
        for one in breaks
        if (not one.subjects or subject in one.subjects)
        and _holds(one, school_year) != _holds(one, other_year)
    }
    return next((kind for kind in KINDS if kind in found), None)


def broken_sql(pairs: str, breaks: str) -> str:
    """Return SQL of `pairs` with `scale_break`, `standard_break`, `population_break` (booleans).

    Args:
        pairs: a relation with `assessment`, `subject`, `school_year`, `prior_year`.
        breaks: a relation as of `breaks_relation`.
    """
    now = "p.school_year BETWEEN b.from_year AND b.to_year"
    before = "p.prior_year BETWEEN b.from_year AND b.to_year"
    flags = ", ".join(
        f"""EXISTS (
            SELECT 1 FROM {breaks} AS b
            WHERE b.kind = '{kind}' AND (b.assessment, b.subject) = (p.assessment, p.subject)
                AND ({now}) <> ({before})
        ) AS {kind}_break"""
        for kind in KINDS
    )
    return f"SELECT p.*, {flags} FROM {pairs} AS p"


def _last_year(one: Break) -> int:
    return one.to_year if one.to_year is not None else OPEN_END


def _holds(one: Break, year: int) -> bool:
    return one.from_year <= year <= _last_year(one)
