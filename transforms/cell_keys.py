"""How the key of a cell lies in one integer, and how to find its parents and siblings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from configs.errors import PublicationHeld
from transforms.cell_plan import ALL

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KEY_BITS = 62


@dataclass(frozen=True)
class KeyLayout:
    """Which bits of `cell_id` hold which part: the first named part has the highest bits."""

    widths: Mapping[str, int]

    @classmethod
    def of_sizes(cls, sizes: Mapping[str, int]) -> KeyLayout:
        """Return the layout for parts of which each has codes from 0 to its size.

        Raises:
            PublicationHeld: the codes do not fit into one BIGINT.
        """
        layout = cls({part: max(size, 1).bit_length() for part, size in sizes.items()})
        if sum(layout.widths.values()) > KEY_BITS:
            raise PublicationHeld(
                "TOO_MANY_CODES",
                where="the key of the cells",
                found=f"{sum(layout.widths.values())} bits: {dict(sizes)}",
                expected=f"at most {KEY_BITS} bits for all columns together",
                remedy="build fewer assessments and years at a time, or fewer dimensions",
            )
        return layout

    def shift(self, part: str) -> int:
        """Return how many bits lie below the part's."""
        parts = list(self.widths)
        return sum(self.widths[below] for below in parts[parts.index(part) + 1 :])

    def mask(self, *parts: str) -> int:
        """Return the bits of these parts."""
        return sum(((1 << self.widths[c]) - 1) << self.shift(c) for c in parts)


@dataclass(frozen=True)
class CellKeys:
    """The packed `cell_id` of a built set of cells.

    The key has the parts `system`, `org`, `grade`, one per crossed dimension, and one range of bits
    that all one-way dimensions and roll-ups share, as at most one of them is split in a cell. In
    the columns of groups no bits stand for 'all'. So, in SQL or on a NumPy array of BIGINT:

        cell_id & ~keys.mask("gender")                    the parent: the same cell of all genders
        (cell_id & ~keys.mask("gender")) | keys.bits("gender", "F")       the sibling: its girls
        cell_id & keys.mask("gender") == keys.bits("gender", "F")         whether it is of girls

    Of a one-way dimension or a roll-up the mask is the shared one: clearing it clears whichever is
    split. Bits are valid within this set of cells only.

    Attributes:
        masks: the bits of each part or column.
        codes: column -> code -> its bits, for the codes that occur.
    """

    masks: Mapping[str, int]
    codes: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, con: DuckDBPyConnection, name: str = "cells") -> CellKeys:
        """Return the keys of the cells that `build_cells` has left in `con` under a name."""
        masks = con.execute(f"SELECT dimension, mask FROM {name}_masks").fetchall()
        codes: dict[str, dict[str, int]] = {column: {ALL: 0} for column, _ in masks}
        for column, value, bits in con.execute(
            f"SELECT dimension, value, bits FROM {name}_codes"
        ).fetchall():
            codes[column][value] = bits
        return cls(dict(masks), codes)

    def mask(self, *columns: str) -> int:
        """Return the bits that hold these columns: 'system', 'org', or columns of groups."""
        found = 0
        for column in columns:
            found |= self.masks[column]
        return found

    def bits(self, column: str, code: str) -> int | None:
        """Return the bits of one code of a column of groups, null where it does not occur."""
        return self.codes[column].get(code)
