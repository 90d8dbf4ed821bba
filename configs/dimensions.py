"""What is wrong with the dimensions of marts.yml: what is built must be known, and be enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from configs.catalogue import Catalogue

RESULTS = "student_result"
# Columns that readers of the marts count on, whatever else a site leaves out.
PROMISED = ("ethnicity", "el_status", "gender", "econ_status", "disability_status")
# Groups that are computed for one-way dimensions, from results of other years too.
COMPUTED = (
    "el_years_status",
    "el_recent_status",
    "ltel_dashboard_status",
    "ltel_status",
    "prior_status",
)


def dimension_faults(catalogue: Catalogue) -> Iterator[str]:
    """Yield every fault of the dimensions of marts.yml and of what they are compared with.

    A reference of a dimension that is not built is none: a site cannot take out what is shipped.
    """
    for fault in (*_dimension_faults(catalogue), *_reference_faults(catalogue)):
        yield f"marts.yml: {fault}"


def _dimension_faults(catalogue: Catalogue) -> Iterator[str]:
    marts = catalogue.marts
    missing = [name for name in PROMISED if name not in (*marts.crossed, *marts.one_way)]
    if missing:
        named = ", ".join(missing)
        yield f"crossed, one_way: neither has {named}: readers of the marts count on them"
    fields = catalogue.tables[RESULTS].fields if RESULTS in catalogue.tables else {}
    for key, names in (("crossed", marts.crossed), ("one_way", marts.one_way)):
        for name in names:
            if name in COMPUTED:
                if key == "crossed":
                    yield f"{key}: {name} is computed from other results and can be one_way only"
            elif name not in fields or name not in catalogue.vocabularies:
                yield f"{key}: {name} is no field of {RESULTS} with a vocabulary of that name"


def _reference_faults(catalogue: Catalogue) -> Iterator[str]:
    for name, code in catalogue.marts.gaps.references.items():
        vocabulary = catalogue.vocabularies.get(name)
        if vocabulary is None:
            yield f"gaps.references: no dimension {name}"
        elif code not in vocabulary.codes:
            yield f"gaps.references.{name}: {code} not in vocabulary {name}"
