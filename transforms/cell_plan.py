"""What is counted, and how the key of a cell lies in one integer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from configs.errors import PublicationHeld
from configs.models import Assessment, Marts
from transforms.organisations import SYSTEM

ALL = "all"
KEY_BITS = 62


@dataclass(frozen=True)
class CellPlan:
    """What is counted.

    crossed: dimensions of which every combination is counted.
    one_way: dimensions that are counted alone, all others being 'all'.
    assessments: what each assessment's levels mean, by name.
    """

    crossed: tuple[str, ...]
    one_way: tuple[str, ...]
    assessments: Mapping[str, Assessment]

    @classmethod
    def configured(cls, marts: Marts, assessments: Mapping[str, Assessment]) -> CellPlan:
        """Return the plan that marts.yml asks for."""
        return cls(tuple(marts.crossed), tuple(marts.one_way), assessments)

    @property
    def group_columns(self) -> tuple[str, ...]:
        """Return every column that splits an organisation's students, grade first."""
        return ("grade", *self.crossed, *self.one_way)

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Return the columns of a cell's key in the order of the marts, `org_name` included."""
        return (*SYSTEM, "grade", "org_level", "org_id", "org_name", *self.crossed, *self.one_way)

    @property
    def levels(self) -> range:
        """Return 1 to the greatest number of levels that any assessment has."""
        return range(1, 1 + max((len(a.levels) for a in self.assessments.values()), default=0))


@dataclass(frozen=True)
class KeyLayout:
    """Which bits of `cell_id` hold which column: the first named column has the highest bits."""

    widths: Mapping[str, int]

    @classmethod
    def of_sizes(cls, sizes: Mapping[str, int]) -> KeyLayout:
        """Return the layout for columns of which each has codes from 0 to its size.

        Raises:
            PublicationHeld: the codes do not fit into one BIGINT.
        """
        layout = cls({column: max(size, 1).bit_length() for column, size in sizes.items()})
        if sum(layout.widths.values()) > KEY_BITS:
            raise PublicationHeld(
                "TOO_MANY_CODES",
                where="the key of the cells",
                found=f"{sum(layout.widths.values())} bits: {dict(sizes)}",
                expected=f"at most {KEY_BITS} bits for all columns together",
                remedy="build fewer assessments and years at a time, or fewer dimensions",
            )
        return layout

    def shift(self, column: str) -> int:
        """Return how many bits lie below the column's."""
        columns = list(self.widths)
        return sum(self.widths[below] for below in columns[columns.index(column) + 1 :])

    def mask(self, *columns: str) -> int:
        """Return the bits of these columns."""
        return sum(((1 << self.widths[c]) - 1) << self.shift(c) for c in columns)


def quoted(value: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
