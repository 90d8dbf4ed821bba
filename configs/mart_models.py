"""The shape of marts.yml and network.yml: what is counted, compared and published."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, model_validator

from configs.models import Model


class Suppression(Model):
    """The privacy rule of everything that is published.

    extreme_bands: from so many students, a rate so near to 0 or 100 is shown only as the limit.
    interval: whatever can be said of how many students of a hidden group are of a kind (proficient,
        or not; at a level or above) leaves so many open at least.
    small_moves: what becomes of a published assessment and year of which a cell would move by 1 to
        minimum_n - 1 students, or which would give something small away together with what is
        published: `wait` until a person lets it through or the move is large enough, or `publish`.
    """

    minimum_n: int = Field(default=11, ge=10)
    extreme_bands: list[tuple[int, float]]
    interval: int = Field(default=3, ge=1)
    small_moves: Literal["publish", "wait"] = "wait"


class Gaps(Model):
    """Which groups are compared in mart_gap, and how.

    references: per dimension the code that its other codes are compared with; a dimension that is
        not here is compared with the rest of the students only.
    within: within how many further dimensions two groups may be compared (1: girls who are English
        learners with boys who are, but not that within one ethnicity).
    minimum_n: students that each side needs for any number, and `effect_minimum_n` for an effect
        size in the reporting marts and for a V statistic anywhere.
    closure_goal_pct: by how many percent a gap should close in a year.
    """

    references: dict[str, str] = {}
    within: int = Field(default=1, ge=0)
    minimum_n: int = Field(default=11, ge=2)
    effect_minimum_n: int = Field(default=30, ge=2)
    closure_goal_pct: float = 20


class Comparison(Model):
    """How mart_comparison holds partner schools and networks against others.

    minimum_n: students that each cell of each side needs for them to be compared, and the remainder
        of a whole for a bound or a p-value.
    longest_span: over how many years a gain is looked for at most.
    fewest_schools: schools that are needed on the other side for a permutation over schools.
    permutations: so many ways of choosing schools are tried one and all; of more ways, so many are
        drawn.
    """

    minimum_n: int = Field(default=11, ge=2)
    longest_span: int = Field(default=5, ge=1)
    fewest_schools: int = Field(default=5, ge=2)
    permutations: int = Field(default=9_999, ge=99)


class WindowDay(Model):
    """The day on which the roster says who is to be tested in a window, of one or all districts."""

    assessment: str
    school_year: int
    test_window: str
    district_id: str | None = None
    day: dt.date


class Participation(Model):
    """Of which rosters it is believed who has not been tested.

    minimum_match_pct: the roster has this share of a district's tested students enrolled on the
        window's day, or nothing is said of who was not tested: it could be of another time, list
        some schools only, or know its students by other ids.
    days: a window's day, where the median of the district's test dates is not to be it.
    """

    minimum_match_pct: float = Field(default=90, ge=0, le=100)
    days: list[WindowDay] = []


class Focus(Model):
    """Whom a teacher may want to look at first.

    near_points_pct: a score is near the proficient level where it lies below its cut by at most so
        many percent of the distance between that cut and the next one below.
    per_grade_school: how many of each school, grade and subject are suggested.
    """

    near_points_pct: float = Field(default=25, gt=0, le=100)
    per_grade_school: int = Field(default=5, ge=1)


class Marts(Model):
    """What is built: dimensions, privacy, rounding for publication.

    crossed: dimensions of which every combination is counted.
    one_way: dimensions that are counted alone, and crossed with each one of `crossed_with`.
    crossed_with_by_grade: whether those crossings are counted in each grade too.
    rollups: named unions of the codes of one crossed dimension, each a vocabulary with `rolls_up`.
    """

    crossed: list[str]
    one_way: list[str]
    crossed_with: list[str] = []
    crossed_with_by_grade: bool = False
    rollups: list[str] = []
    suppression: Suppression
    gaps: Gaps = Gaps()
    participation: Participation = Participation()
    focus: Focus = Focus()
    comparison: Comparison = Comparison()
    pct_decimals: int = 1
    score_decimals: int = 0
    confidence: float = 0.95
    sql_student_rows: bool = False

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Return every dimension that is a column of the marts, in their order."""
        return (*self.crossed, *self.one_way, *self.rollups)

    @model_validator(mode="after")
    def _dimensions_are_of_one_kind(self) -> Marts:
        twice = sorted({d for d in self.dimensions if self.dimensions.count(d) > 1})
        if twice:
            raise ValueError(f"of two kinds or named twice: {', '.join(twice)}")
        unknown = sorted(set(self.crossed_with) - set(self.crossed))
        if unknown:
            raise ValueError(f"crossed_with: {', '.join(unknown)} not among crossed")
        return self


class NetworkGroup(Model):
    """A named group of schools, `district_id/school_id`."""

    title: str
    schools: list[str]


class Network(Model):
    """Which schools are partners, and which named networks are compared."""

    partner_schools: list[str] = []
    networks: dict[str, NetworkGroup] = {}

    @property
    def is_compared(self) -> bool:
        """Return whether there is a partner school or a network to compare with others."""
        return bool(self.partner_schools or self.networks)
