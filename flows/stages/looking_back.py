"""Which slices a slice looks back on: the year before, and what makes a long-term learner."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flows.slices import slice_name, slice_parts
from transforms.el_groups import CAASPP, ELPAC

LEARNER_YEARS = 2


def slices_before(names: Iterable[str], there: Collection[str]) -> tuple[str, ...]:
    """Return the slices of earlier years that the marts of some slices are computed with.

    They are the assessment's own year before, for growth and changes, and the two years of the
    tests by which long-term English learners are told.

    >>> slices_before(["iready|2024"], ["iready|2023", "iready|2022", "elpac_summative|2022"])
    ('elpac_summative|2022', 'iready|2023')
    """
    wanted = set()
    for name in names:
        assessment, year = slice_parts(name)
        wanted.add(slice_name(assessment, year - 1))
        wanted |= {
            slice_name(other, year - back)
            for other in (*ELPAC, *CAASPP)
            for back in range(1, LEARNER_YEARS + 1)
        }
    return tuple(sorted(wanted & set(there)))


def slices_told_by(name: str, there: Collection[str]) -> tuple[str, ...]:
    """Return the slices that decide over a slice: those of `slices_before`, and all years earlier.

    Since when a district counts its students by other ethnicities is known from its first years
    (`transforms.race_standard`), whichever of them was loaded last.

    >>> slices_told_by("iready|2024", ["iready|2020", "iready|2024", "iready|2025"])
    ('iready|2020',)
    """
    assessment, year = slice_parts(name)
    parts = {other: slice_parts(other) for other in there}
    years = {
        other for other, (of, its_year) in parts.items() if of == assessment and its_year < year
    }
    return tuple(sorted(years | set(slices_before([name], there))))
