"""Everything that a stage needs from outside: configuration, workspace, stores and ledger."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from configs.catalogue import Catalogue, load_catalogue
from warehouse.accesses import Accesses
from warehouse.database import Database
from warehouse.forgotten import Forgotten
from warehouse.lake import Lake
from warehouse.landing import Landing
from warehouse.ledger import Ledger
from warehouse.quarantine import Quarantine
from warehouse.raw import RawStore
from warehouse.repairs import Repairs
from warehouse.workspace import Workspace

if TYPE_CHECKING:
    from configs.models import EmbargoRule
    from warehouse.publish import Publisher


# There while a restore is certain and not done: whoever comes next finishes it.
RESTORE_PLAN = "restore.json"


@dataclass(frozen=True)
class Context:
    """An opened workspace; cheap to make, everything heavy is opened when first used."""

    workspace: Workspace
    database: Database
    site: Path | None

    @cached_property
    def catalogue(self) -> Catalogue:
        """Return the whole configuration, read and checked once."""
        return load_catalogue(self.site)

    @property
    def today(self) -> dt.date:
        """Return the day it is where the site is."""
        return today_in(self.catalogue.profile.timezone)

    @property
    def embargo(self) -> tuple[EmbargoRule, ...]:
        """Return which results wait before the reporting marts show them, as it stands today."""
        return self.catalogue.embargo.on(self.today)

    @cached_property
    def ledger(self) -> Ledger:
        """Return the ledger, its tables made where they are missing, or brought up to date."""
        ledger = Ledger(self.database)
        migrated = ledger.create()
        if migrated is not None:
            typer.echo(str(migrated), err=True)
        return ledger

    @cached_property
    def landing(self) -> Landing:
        """Return the folder where files arrive."""
        return Landing(self.workspace)

    @cached_property
    def raw(self) -> RawStore:
        """Return the store of every file ever seen."""
        return RawStore(self.workspace)

    @cached_property
    def lake(self) -> Lake:
        """Return the student-level tables."""
        return Lake(self.workspace)

    @cached_property
    def quarantine(self) -> Quarantine:
        """Return the store of rejected rows."""
        return Quarantine(self.workspace)

    @cached_property
    def repairs(self) -> Repairs:
        """Return the store of corrected rows."""
        return Repairs(self.ledger.database, self.workspace)

    @cached_property
    def accesses(self) -> Accesses:
        """Return the record of who had restricted rows written out."""
        return Accesses(self.ledger.database)

    @cached_property
    def forgotten(self) -> Forgotten:
        """Return what was destroyed on request and must not come back."""
        return Forgotten(self.ledger.database, self.workspace)

    @cached_property
    def publisher(self) -> Publisher:
        """Return what replaces the published marts."""
        from warehouse.publish import Publisher

        return Publisher(self.workspace, self.database)


def today_in(timezone: str) -> dt.date:
    """Return the day it is there."""
    return dt.datetime.now(ZoneInfo(timezone)).date()


def open_context(environment: Mapping[str, str] | None = None) -> Context:
    """Open the workspace that the environment names (ROCI_HOME, ROCI_CONFIG, ROCI_DATABASE_URL)."""
    environment = os.environ if environment is None else environment
    workspace = Workspace.from_environment(environment)
    workspace.ensure()
    site = environment.get("ROCI_CONFIG")
    context = Context(
        workspace=workspace,
        database=Database.for_workspace(workspace, environment.get("ROCI_DATABASE_URL")),
        site=Path(site).expanduser() if site else None,
    )
    finish_restore(context)
    return context


def finish_restore(context: Context) -> None:
    """Finish the restore that a crash broke off after it was certain, if there is one."""
    if (context.workspace.work / RESTORE_PLAN).exists():
        from flows.restoring import finish

        finish(context)
