"""What is counted: dimensions, roll-ups and what each assessment's scores mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from configs.assessment_models import Assessment
from configs.mart_models import Marts
from configs.models import Vocabulary
from transforms.organisations import SYSTEM

ALL = "all"
UNKNOWN = "UNKNOWN"
# The contract has these columns: they are split in every system, whether anybody is known or not.
ALWAYS_SPLIT = frozenset({"econ_status", "disability_status"})
# Who is of none of a dimension's own groups: where nobody is of another, it is not split.
PLAIN_CODES = (UNKNOWN, "NOT_EL", "OTHER")


@dataclass(frozen=True)
class Rollup:
    """A dimension whose codes are named unions of the codes of one crossed dimension.

    members: code -> codes of the dimension `of`, each of which is in exactly one union, so that the
        roll-up too sums to all.
    """

    dimension: str
    of: str
    members: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class CellPlan:
    """What is counted.

    crossed: dimensions of which every combination is counted.
    one_way: dimensions that are counted alone, and crossed with each one of `crossed_with`.
    assessments: what each assessment's levels and scores mean, by name.
    crossed_with: some of `crossed`.
    by_grade: whether those crossings of one-way dimensions are counted in each grade too, or over
        all grades only.
    rollups: counted alone, from the cells of their base.
    codes: of each dimension every code that there is, where that is known.
    """

    crossed: tuple[str, ...]
    one_way: tuple[str, ...]
    assessments: Mapping[str, Assessment]
    crossed_with: tuple[str, ...] = ()
    rollups: tuple[Rollup, ...] = ()
    by_grade: bool = True
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def configured(
        cls,
        marts: Marts,
        assessments: Mapping[str, Assessment],
        vocabularies: Mapping[str, Vocabulary] | None = None,
    ) -> CellPlan:
        """Return the plan that marts.yml asks for; the vocabularies say what roll-ups are of."""
        known = vocabularies or {}
        return cls(
            tuple(marts.crossed),
            tuple(marts.one_way),
            assessments,
            tuple(marts.crossed_with),
            tuple(_rollup(known[name]) for name in marts.rollups),
            marts.crossed_with_by_grade,
            {name: tuple(known[name].codes) for name in marts.dimensions if name in known},
        )

    @property
    def given_columns(self) -> tuple[str, ...]:
        """Return the columns of groups that the student rows must have, grade first."""
        return ("grade", *self.crossed, *self.one_way)

    @property
    def side_columns(self) -> tuple[str, ...]:
        """Return the dimensions of which at most one is split in a cell."""
        return (*self.one_way, *(rollup.dimension for rollup in self.rollups))

    @property
    def group_columns(self) -> tuple[str, ...]:
        """Return every column that splits an organisation's students, grade first."""
        return ("grade", *self.crossed, *self.side_columns)

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Return the columns of a cell's key in the order of the marts, `org_name` included."""
        dimensions = (*self.crossed, *self.side_columns)
        return (*SYSTEM, "grade", "org_level", "org_id", "org_name", *dimensions)

    @property
    def levels(self) -> range:
        """Return 1 to the greatest number of levels that any assessment has."""
        return range(1, 1 + max((len(a.levels) for a in self.assessments.values()), default=0))


def same_sql(one: str, other: str, columns: Iterable[str]) -> str:
    """Return SQL that is true where rows of two relations have the same in these columns.

    >>> same_sql("now", "before", ["subject", "grade"])
    'now.subject = before.subject AND now.grade = before.grade'
    """
    return " AND ".join(f"{one}.{column} = {other}.{column}" for column in columns)


def levels_sql(plan: CellPlan) -> str:
    """Return SQL of the relation `assessment`, `level` (1 the lowest), `label`: all levels."""
    rows = ", ".join(
        f"({quoted(name)}, {level.order}, {quoted(level.label)})"
        for name, assessment in sorted(plan.assessments.items())
        for level in assessment.levels
    )
    nothing = "(NULL, NULL::INTEGER, NULL)"
    return f"(SELECT * FROM (VALUES {rows or nothing}) AS given(assessment, level, label))"


def _rollup(vocabulary: Vocabulary) -> Rollup:
    assert vocabulary.rolls_up is not None, "the catalogue has refused it"
    members = {code: tuple(entry.members) for code, entry in vocabulary.codes.items()}
    return Rollup(vocabulary.name, vocabulary.rolls_up, members)


def quoted(value: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
