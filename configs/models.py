"""The shape of tables, vocabularies, suites, codes and embargoes, checked whole when it is read."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

Kind = Literal["text", "code", "integer", "decimal", "date", "boolean"]

Severity = Literal["reject", "flag"]


class Model(BaseModel):
    """A frozen model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TableField(Model):
    """One column of a student-level table: its kind, vocabulary and whether it names a person."""

    kind: Kind
    vocabulary: str | None = None
    required: bool = False
    personal: bool = False
    minimum: float | None = None
    maximum: float | None = None
    description: str


class Table(Model):
    """One student-level table of the lake, by column name in order."""

    description: str
    grain: list[str]
    fields: dict[str, TableField]


class VocabularyCode(Model):
    """One code of a closed list, its label, and what other systems call the same group.

    members: in a roll-up, the codes of the vocabulary below that this code is the union of.
    """

    label: str
    order: int | None = None
    external: dict[str, str] = {}
    members: list[str] = []


class Vocabulary(Model):
    """A closed list of codes.

    rolls_up: the vocabulary whose codes these are named unions of; each of its codes belongs to
        exactly one code here. Null: a list of its own.
    """

    name: str
    citation: str
    codes: dict[str, VocabularyCode]
    spellings: dict[str, str] = {}
    rolls_up: str | None = None


class ExpectationSpec(Model):
    """One expectation of a suite: its Great Expectations type, arguments, and what a miss does.

    In `kwargs`, `{vocabulary: x, plus: [...]}` stands for the codes of a vocabulary, `{profile: x}`
    and `{marts: x}` for a setting of the profile or of marts.yml, `{threshold: x}` for what the
    source of a load allows, `{minus: x}` for the same below zero.
    tables: the student-level tables that it is asked of; none named means all.
    """

    type: str
    kwargs: dict[str, object] = {}
    code: str
    severity: Literal["hold", "warn"] = "warn"
    meaning: str
    tables: list[str] = []


class Suite(Model):
    """A suite over one kind of data: `batch` (one load) or `marts` (what is to be published)."""

    name: str
    over: Literal["batch", "marts"]
    expectations: dict[str, list[ExpectationSpec]]


NextStep = Literal["compare", "restate", "correct", "mend", "rerun", "release", "discard"]


class CodeWords(Model):
    """What a code of a row, a load or a publication means, and what a person does about it.

    retry: the cause lies outside the file, so each nightly does the load again by itself.
    waits_for: the lake tables that may let it end otherwise. A load is done again once one of them
        or its configuration is newer than the failure; after an accident, at once.
    next: what a person would type next about a load that it stopped, in place of what is offered
        for every load that failed or is held.
    """

    kind: Literal["reject", "flag", "set_aside", "file", "hold", "warn", "infrastructure"]
    meaning: str
    remedy: str
    retry: Literal["nightly"] | None = None
    waits_for: list[str] = []
    next: list[NextStep] = []


class EmbargoRule(Model):
    """Whether results of an assessment and school year may be in the reporting marts.

    district_id: only this district's; a rule for a district goes before one for all of them.
    state: `loading` and `reviewing` keep the results back, `released` shows them.
    until: from this day on they are released whatever the state.
    """

    assessment: str
    school_year: int
    district_id: str | None = None
    state: Literal["loading", "reviewing", "released"]
    until: dt.date | None = None

    @property
    def place(self) -> tuple[str, int, str | None]:
        """Return what the rule is for."""
        return self.assessment, self.school_year, self.district_id

    def on(self, day: dt.date) -> EmbargoRule:
        """Return the rule as it stands on a day."""
        over = self.until is not None and self.until <= day
        return self.model_copy(update={"state": "released"}) if over else self


class Embargo(Model):
    """Which results are kept back from the reporting marts; what no rule names is released."""

    rules: list[EmbargoRule] = []

    @model_validator(mode="after")
    def _one_rule_for_a_place(self) -> Embargo:
        places = [rule.place for rule in self.rules]
        twice = sorted({str(place) for place in places if places.count(place) > 1})
        if twice:
            raise ValueError(f"two rules for one assessment, year and district: {twice[0]}")
        return self

    def on(self, day: dt.date) -> tuple[EmbargoRule, ...]:
        """Return the rules as they stand on a day."""
        return tuple(rule.on(day) for rule in self.rules)


class Drafting(Model):
    """What a first YAML for an unknown file is guessed by, beside the shipped sources.

    columns: field -> names of columns. values: vocabulary -> value -> code. same: words that say
    the same. levels: words in the names of levels, the lowest first. proficient: words of levels
    that count as proficient. identifying: words in the names of columns that are of persons.
    """

    columns: dict[str, list[str]] = {}
    values: dict[str, dict[str, str]] = {}
    same: list[list[str]] = []
    missing: list[str] = []
    date_formats: list[str] = []
    levels: list[str] = []
    proficient: list[str] = []
    identifying: list[str] = []
