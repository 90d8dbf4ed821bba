"""The shape of every configuration file but the sources', checked whole when it is read."""

from __future__ import annotations

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


class CodeWords(Model):
    """What a code of a row, a load or a publication means, and what a person does about it."""

    kind: Literal["reject", "flag", "set_aside", "file", "hold", "warn", "infrastructure"]
    meaning: str
    remedy: str


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


class Profile(Model):
    """How this installation runs."""

    name: str
    home_district: str | None = None
    nightly_cron: str = "0 2 * * *"
    timezone: str = "UTC"
    workers: int = Field(default=2, ge=1)
    row_count_floor_pct: float = 50.0
    row_count_ceiling_pct: float = 200.0
    remote_landings: list[RemoteLanding] = []


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
