"""What the public configuration says of the marts: dimensions, codes, roll-ups, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from configs.catalogue import Catalogue

ALL = "all"
GRADE = "grade"
SYSTEM = ("school_year", "assessment", "subject", "test_window")
# A group's size, and any count in it, is to lie in an interval at least so wide.
WIDTH = 3


@dataclass(frozen=True)
class Scheme:
    """The public part of the configuration.

    dimensions: the group columns, grade first.
    codes: the codes of each dimension but grade, whose codes are those that a system has.
    rollups: of each roll-up the dimension that it is of, and the members of each code.
    partners: keys of partner schools, district_id/school_id; networks: the schools of each.
    minimum: students that a group needs to be shown.
    bands: from so many students on, a rate so near to 0 or 100 is extreme.
    proficient_from: of each assessment, the level from which a student is proficient.
    width: how wide an interval has to be left of a hidden group's counts.
    """

    dimensions: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]]
    rollups: Mapping[str, tuple[str, Mapping[str, tuple[str, ...]]]] = field(default_factory=dict)
    partners: frozenset[str] = frozenset()
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    minimum: int = 11
    bands: tuple[tuple[int, float], ...] = ()
    proficient_from: Mapping[str, int] = field(default_factory=dict)
    width: int = WIDTH

    @classmethod
    def configured(cls, catalogue: Catalogue) -> Scheme:
        """Return what an installation's configuration makes public."""
        marts, network = catalogue.marts, catalogue.network
        words = {name: catalogue.vocabularies[name] for name in marts.dimensions}
        return cls(
            dimensions=(GRADE, *marts.dimensions),
            codes={name: tuple(words[name].codes) for name in marts.dimensions},
            rollups={
                name: (
                    words[name].rolls_up or "",
                    {code: tuple(one.members) for code, one in words[name].codes.items()},
                )
                for name in marts.rollups
            },
            partners=frozenset(network.partner_schools),
            networks={name: tuple(one.schools) for name, one in network.networks.items()},
            minimum=marts.suppression.minimum_n,
            width=marts.suppression.interval,
            bands=tuple((n, width) for n, width in sorted(marts.suppression.extreme_bands)),
            proficient_from={
                name: one.proficient_from
                for name, one in catalogue.assessments.items()
                if one.proficient_from is not None
            },
        )
