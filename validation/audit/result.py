"""What an audit finds: which groups fall, and how. Never a number that was computed of anybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# What each kind of fall means, in the order in which they are told.
KINDS: Mapping[str, str] = {
    "contradiction": "what is published does not add up, so nothing can be said of its bounds",
    "below_minimum": "a count below the minimum is shown",
    "extreme_rate": "a rate is shown exactly though it lies in the extreme band of its count",
    "derived": "a derived mart shows the count of a cell that mart_achievement hides",
    "rate_of_hidden": "a rate or a mean is shown of a group whose size is hidden",
    "span_n": "the size of a hidden small group follows exactly by linear algebra",
    "span_coded": "the count behind a coded rate follows exactly by linear algebra",
    "span_matched": "a small number of matched students follows exactly by linear algebra",
    "span_not_tested": "a small number of students without a score follows exactly",
    "nested": "two published cells, one within the other, are a small group apart",
    "nested_all_or_none": "all or none of those between two nested cells are proficient",
    "nested_level": "all those between two nested cells are at one level",
    "residual": "what shown parts leave of their whole is one or two students",
    "residual_all_or_none": "all or none of what shown parts leave of their whole are proficient",
    "bounds_n": "the size of a hidden group lies in an interval that is too narrow",
    "bounds_proficient": "a count of proficient students lies in an interval too narrow",
    "bounds_level": "a count at a level lies in an interval that is too narrow",
    "range": "the range of a hidden group's count, solved for exactly, is too narrow",
    "none": "nobody of a hidden group can be proficient, or at a level",
    "all": "everybody of a hidden group must be proficient, or not at one level",
    "bounds_coded": "the count behind a coded rate follows from bounds",
    "bounds_other": "a hidden count of matched or not tested lies in an interval too narrow",
    "moved": "a cell that was published before has moved by fewer students than the minimum",
    "changed_records": "a cell of the same size as before shows another result",
    "two_releases": "a small group follows from two publications together",
}


@dataclass(frozen=True, order=True)
class Fall:
    """A group that what is published gives away.

    kind: one of KINDS.
    mart: which mart gives it away, or the mart of the cells that do together.
    system: school_year/assessment/subject/test_window.
    cell: its organisation and groups, `all` left out.
    statistic: what of it is given away, such as n_tested.
    """

    kind: str
    mart: str
    system: str
    cell: str
    statistic: str


@dataclass(frozen=True)
class SystemAudit:
    """What was found in one system.

    figures: what is counted beside the falls, by name; none of it is a child's.
    """

    system: str
    falls: tuple[Fall, ...]
    cells: int
    hidden: int
    figures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """What an audit of a folder found."""

    systems: tuple[SystemAudit, ...]
    seconds: float

    @property
    def falls(self) -> tuple[Fall, ...]:
        """Return every fall, of all systems."""
        return tuple(fall for one in self.systems for fall in one.falls)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many falls there are of each kind that was found, in the order of KINDS."""
        found = Counter(fall.kind for fall in self.falls)
        return {kind: found[kind] for kind in KINDS if kind in found}

    @property
    def cells(self) -> int:
        """Return how many cells were looked at."""
        return sum(one.cells for one in self.systems)

    @property
    def protected(self) -> int:
        """Return how many cells are hidden and may hold a small group."""
        return sum(one.hidden for one in self.systems)

    @property
    def figures(self) -> dict[str, int]:
        """Return the figures of all systems, summed."""
        return added(one.figures for one in self.systems)


def added(figures: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return figures summed by name."""
    total: Counter[str] = Counter()
    for one in figures:
        total.update(one)
    return dict(sorted(total.items()))
