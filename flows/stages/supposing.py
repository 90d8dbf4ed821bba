"""A workspace in which other rows are live than those of the lake: of a held load, or of a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from configs.models import EmbargoRule
from flows.context import Context
from flows.stages.looking_back import slices_before
from flows.stages.planning import (
    RESULTS,
    WHOLE,
    BuildPlan,
    fingerprints,
    partitions_of_slices,
)
from warehouse.lake_moments import SupposedLake
from warehouse.ledger import Ledger
from warehouse.ledger_records import LivePartition

Live = Mapping[str, Sequence[LivePartition]]


@dataclass(frozen=True)
class SupposedLedger(Ledger):
    """The ledger, but with these partitions live, by table."""

    live: Live = field(default_factory=dict)

    def live_partitions(self, table: str | None = None) -> list[LivePartition]:
        """Return each partition of a table, or of all, with the load whose rows it would hold."""
        tables = self.live if table is None else (table,)
        return [part for name in tables for part in self.live.get(name, ())]


@dataclass(frozen=True)
class SupposedContext(Context):
    """An opened workspace whose marts would be built from these partitions and files, by table.

    Nothing of it is committed or published. `rules`: what would be under embargo.
    """

    live: Live
    files: Mapping[str, Sequence[Path]]
    rules: tuple[EmbargoRule, ...]

    @cached_property
    def ledger(self) -> Ledger:
        """Return the ledger with the supposed partitions live."""
        return SupposedLedger(self.database, live=self.live)

    @cached_property
    def lake(self) -> SupposedLake:
        """Return the lake of the supposed files."""
        return SupposedLake(self.workspace, supposed=self.files)

    @property
    def embargo(self) -> tuple[EmbargoRule, ...]:
        """Return what would be under embargo."""
        return self.rules


def suppose(
    context: Context,
    live: Live,
    files: Mapping[str, Sequence[Path]],
    rules: tuple[EmbargoRule, ...] | None = None,
) -> SupposedContext:
    """Return the workspace with other live partitions and files, today's embargo by default."""
    rules = context.embargo if rules is None else rules
    return SupposedContext(
        context.workspace, context.database, context.site, live=live, files=files, rules=rules
    )


def plan_slices(supposed: SupposedContext, besides: Mapping[str, str] | None = None) -> BuildPlan:
    """Return the plan that builds every slice; with `besides` only those of other fingerprints."""
    live = supposed.ledger.live_partitions(RESULTS)
    now = fingerprints(supposed, live, supposed.embargo)
    before = besides or {}
    changed = tuple(n for n in now if n not in WHOLE and before.get(n) != now[n])
    earlier = slices_before(changed, now)
    return BuildPlan(
        fingerprints=now,
        changed=changed,
        kept=(),
        gone=tuple(name for name in before if name not in now and name not in WHOLE),
        partitions=partitions_of_slices(live, set(changed)),
        whole_changed=True,
        embargo=supposed.embargo,
        earlier=earlier,
        earlier_partitions=partitions_of_slices(live, set(earlier)),
    )
