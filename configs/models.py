"""The shape of every configuration file but the sources', checked whole when it is read."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

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
    """One code of a closed list, its label, and what other systems call the same group."""

    label: str
    order: int | None = None
    external: dict[str, str] = {}


class Vocabulary(Model):
    """A closed list of codes."""

    name: str
    citation: str
    codes: dict[str, VocabularyCode]
    spellings: dict[str, str] = {}


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


class Assessment(Model):
    """What an assessment's scores and levels mean.

    An assessment without performance levels has none here and no `proficient_from`: it has mean
    scores and no rates.
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


class Suppression(Model):
    """The privacy rule of everything that is published.

    `extreme_bands`: from so many students, a rate so near to 0 or 100 is shown only as the limit.
    """

    minimum_n: int = Field(default=11, ge=10)
    extreme_bands: list[tuple[int, float]]


class Marts(Model):
    """What is built: crossed dimensions, one-way dimensions, privacy, rounding for publication."""

    crossed: list[str]
    one_way: list[str]
    suppression: Suppression
    pct_decimals: int = 1
    score_decimals: int = 0
    confidence: float = 0.95
    sql_student_rows: bool = False


class NetworkGroup(Model):
    """A named group of schools, `district_id/school_id`."""

    title: str
    schools: list[str]


class Network(Model):
    """Which schools are partners, and which named networks are compared."""

    partner_schools: list[str] = []
    networks: dict[str, NetworkGroup] = {}


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


class RemoteLanding(Model):
    """A folder of another machine whose files are fetched into landing/ before each nightly.

    name: names its credentials, ROCI_REMOTE_<NAME>_USER and _PASSWORD, or _KEY (a private key's
        file) and _PASSPHRASE.
    url: sftp://host:port/folder, or another URL that fsspec opens.
    host_key: the server's public key, `ssh-ed25519 AAAA...`; a server with another is not used.
    district_id: the district that its files are of, where nothing in them says so.
    block: a Prefect Secret block with JSON of user, password, key_file and passphrase, where the
        environment holds none.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    url: str
    host_key: str | None = None
    district_id: str | None = None
    block: str | None = None

    @field_validator("url")
    @classmethod
    def _no_secret_in_the_url(cls, url: str) -> str:
        if urlsplit(url).username or urlsplit(url).password:
            raise ValueError("no user and no password in a URL: they go into the environment")
        return url


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Expected(Model):
    """When files of a source should have arrived; `roci status` says what is late.

    district_id: whose files; null is anybody's.
    by: a day of each school year ('10-15'), of each month ('day 5'), or of each week ('monday').
    grace_days: how many days after that day nobody asks yet.
    """

    source: str
    district_id: str | None = None
    by: str
    grace_days: int = Field(default=0, ge=0, le=90)

    @field_validator("by")
    @classmethod
    def _is_a_day(cls, by: str) -> str:
        by = by.strip().lower()
        if by in WEEKDAYS or re.fullmatch(r"day ([1-9]|1\d|2[0-8])", by):
            return by
        try:
            dt.date.fromisoformat(f"2023-{by}")
        except ValueError:
            raise ValueError("no day: write '10-15', 'day 5' (1 to 28) or 'monday'") from None
        return by


Notice = Literal["failed", "held", "late", "build_held"]


class Notify(Model):
    """Who is told after a nightly of what needs a person: counts, codes and ids of loads only.

    urls_env: the environment variable with the addresses, as Apprise writes them, a space between
        two. An address may hold a password, so it stands in no file.
    about: of what (`on` would be a yes in YAML).
    """

    urls_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = "ROCI_NOTIFY_URLS"
    about: list[Notice] = ["failed", "held", "late", "build_held"]


class Retention(Model):
    """After how many days `roci prune` removes what nothing needs any more.

    raw_days: original files, and rejected rows, of loads that others have taken the place of, that
        were discarded, or that no source took.
    lake_versions_days: what the lake held before; marts can be built as of no earlier day.
    prefect_runs_days: runs in Prefect's own database.
    logs_days: run logs.
    refused_days: files in landing/refused, and parts of transfers that broke off.
    """

    raw_days: int = Field(default=1095, ge=1)
    lake_versions_days: int = Field(default=90, ge=1)
    prefect_runs_days: int = Field(default=60, ge=1)
    logs_days: int = Field(default=365, ge=1)
    refused_days: int = Field(default=365, ge=1)


class Profile(Model):
    """How this installation runs.

    review_restatements: a corrected file that would move published numbers waits for a person.
    """

    name: str
    home_district: str | None = None
    nightly_cron: str = "0 2 * * *"
    timezone: str = "UTC"
    workers: int = Field(default=2, ge=1)
    row_count_floor_pct: float = 50.0
    row_count_ceiling_pct: float = 200.0
    remote_landings: list[RemoteLanding] = []
    review_restatements: bool = False
    expected: list[Expected] = []
    notify: Notify = Notify()
    retention: Retention = Retention()


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
