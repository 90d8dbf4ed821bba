"""The shape of an installation's profile: when it runs, whom it tells, what it keeps."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from configs.models import Model


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


Notice = Literal["failed", "held", "late", "build_held", "small_moves"]


class Notify(Model):
    """Who is told after a nightly of what needs a person: counts, codes and ids of loads only.

    urls_env: the environment variable with the addresses, as Apprise writes them, a space between
        two. An address may hold a password, so it stands in no file.
    about: of what (`on` would be a yes in YAML).
    """

    urls_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] = "ROCI_NOTIFY_URLS"
    about: list[Notice] = ["failed", "held", "late", "build_held", "small_moves"]


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
