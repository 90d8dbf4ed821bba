"""The shape of an assessment: its levels, its scores, and who is to take it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from configs.models import Model


class Level(Model):
    """One performance level; `order` counts from 1, the lowest."""

    order: int = Field(ge=1)
    label: str


class ScoreRange(Model):
    """Score range and cut scores of one subject and grade over a span of school years.

    `cuts[i]` is the lowest score of level i + 2. `from_year` and `to_year` are spring years; null
    is open.
    """

    subject: str
    grade: str
    from_year: int | None = None
    to_year: int | None = None
    lowest: float
    highest: float
    cuts: list[float] = []


class Break(Model):
    """Years of an assessment whose results are not comparable with those of other years.

    It holds from `from_year` to `to_year` (spring years; null: from then on). Two years that it
    holds for, and two that it does not, are comparable as far as it goes; one of each are not.
    subjects: those that it is of; empty is all of them.
    kind: `scale` makes scores and levels incomparable, `standard` levels and rates only (the scores
        stay on their scale), `population` whoever was tested, so two groups of different years but
        not one student's two results.
    """

    from_year: int
    to_year: int | None = None
    subjects: list[str] = []
    kind: Literal["scale", "standard", "population"]
    reason: str
    citation: str

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Break:
        if self.to_year is not None and self.to_year < self.from_year:
            raise ValueError(f"to_year {self.to_year} lies before from_year {self.from_year}")
        return self


class Testers(Model):
    """Who is meant to take an assessment; whoever of them has no result counts as not tested.

    who: `everyone` in the grades, the `english_learners` of the grades, or `chosen`, by course,
        disability or choice, which no roster tells: of those participation is not known.
    grades: per subject the grades that take it; of a subject that is not here those in which
        anybody of the district has a score.
    chosen_grades: per subject the grades in which only some students take it: in another year, or
        as others take another course. An empty list is all of them.
    alternates: assessments that are taken instead, subject by subject.
    citation: the public document that says so.
    """

    who: Literal["everyone", "english_learners", "chosen"] = "everyone"
    grades: dict[str, list[str]] = {}
    chosen_grades: dict[str, list[str]] = {}
    alternates: list[str] = []
    citation: str


class Assessment(Model):
    """What an assessment's scores and levels mean.

    An assessment without performance levels has none here and no `proficient_from`: it has mean
    scores and no rates. `index_weights`: what a student at each level counts in the performance
    index, lowest level first; empty where there is no such index. `breaks`: which years are not
    comparable with which. `testers`: who is meant to take it; null is everyone in the grades in
    which anybody of the district has a score.
    """

    name: str
    title: str
    citation: str
    subjects: list[str]
    levels: list[Level]
    proficient_from: int | None = None
    proficient_label: str = "proficient"
    scale: Literal["vertical", "by_grade"]
    score_ranges: list[ScoreRange] = []
    index_weights: list[float] = []
    breaks: list[Break] = []
    testers: Testers | None = None

    @model_validator(mode="after")
    def _tested_subjects_are_its_own(self) -> Assessment:
        named = {*self.testers.grades, *self.testers.chosen_grades} if self.testers else set()
        if unknown := sorted(named - {*self.subjects}):
            raise ValueError(f"testers: {', '.join(unknown)} not among subjects")
        return self

    @model_validator(mode="after")
    def _breaks_are_of_its_subjects(self) -> Assessment:
        named = {subject for one in self.breaks for subject in one.subjects}
        if unknown := sorted(named - {*self.subjects}):
            raise ValueError(f"breaks: {', '.join(unknown)} not among subjects")
        return self

    @model_validator(mode="after")
    def _index_weighs_every_level(self) -> Assessment:
        if self.index_weights and len(self.index_weights) != len(self.levels):
            raise ValueError(
                f"{len(self.levels)} levels need as many index_weights, "
                f"found {len(self.index_weights)}"
            )
        return self

    @model_validator(mode="after")
    def _levels_are_complete(self) -> Assessment:
        orders = [level.order for level in self.levels]
        if orders != list(range(1, len(orders) + 1)):
            raise ValueError(f"levels must be numbered 1, 2, ... in order, found {orders}")
        if (self.proficient_from or 0) not in (orders or [0]):
            raise ValueError(f"proficient_from {self.proficient_from} is no level of {orders}")
        wrong = [r for r in self.score_ranges if r.cuts and len(r.cuts) != len(orders) - 1]
        if wrong:
            raise ValueError(f"{len(orders)} levels need {len(orders) - 1} cuts: {wrong[0]}")
        return self
