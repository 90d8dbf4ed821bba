"""Collects the groups of one system that fall."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from validation.audit.keys import Flags, Floats, Ints
from validation.audit.published import ACHIEVEMENT, System
from validation.audit.result import Fall
from validation.audit.scheme import Scheme
from validation.audit.view import View


@dataclass
class Finder:
    """What is known of one system, and the falls that have been found in it."""

    view: View
    scheme: Scheme
    system: System
    falls: set[Fall] = field(default_factory=set)
    figures: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the system's name."""
        return "/".join(map(str, self.system))

    def note(self, kind: str, cells: Ints, statistic: str, mart: str = ACHIEVEMENT) -> None:
        """Note that these cells fall."""
        for cell in np.unique(cells).tolist():
            self.falls.add(Fall(kind, mart, self.name, self.view.cells.name(cell), statistic))

    def small(self, n: Floats) -> Flags:
        """Return where there are fewer than the minimum, but somebody."""
        return (n > 0.5) & (n < self.scheme.minimum - 0.5)

    def few_or_all(self, part: Floats, n: Floats) -> Flags:
        """Return where all, none or nearly so are such; nan is not."""
        return (part < self.scheme.width) | (n - part < self.scheme.width)

    def count(self, name: str, figure: int) -> None:
        """Add to a figure that is told beside the falls."""
        self.figures[name] = self.figures.get(name, 0) + int(figure)
