"""What has to be built: the slices of the marts whose inputs have changed since the last build."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from configs.catalogue import digest
from configs.models import EmbargoRule
from flows.context import Context
from flows.load_key import code_hash
from flows.slices import slice_parts
from flows.stages.looking_back import slices_before, slices_told_by
from flows.stages.reach import rosters_of_slices
from transforms.embargo import slice_rules
from warehouse.ledger_records import LivePartition, Publication
from warehouse.publish import MartArea

RESULTS, ROSTER, DIRECTORY = "student_result", "student_roster", "school"
PUBLISHED = "published_result"
DIMENSIONS = "dimensions"
IDENTITY = "identity"
STATE = "state"
WHOLE = (DIMENSIONS, IDENTITY, STATE)


@dataclass(frozen=True)
class BuildPlan:
    """The slices to build and to keep, and the fingerprint of each slice's inputs.

    `partitions` are the live partitions of the results, by source, that hold a slice to build.
    `earlier` are the slices that those look back on, `earlier_partitions` what holds a row of them.
    `whole_changed`: a mart that is always built whole has other inputs than before.
    `embargo`: which results are kept back. `planned_at`: when the inputs were looked at.
    `waiting`: slices that are kept although their inputs changed (`without`).
    `published`: the fingerprints of what readers are shown; none where the ledger cannot tell.
    `stands`: every mart of the last publication is in its place, so that SQL may keep its rows.
    `live`: every live partition of the results.
    """

    fingerprints: dict[str, str]
    changed: tuple[str, ...]
    kept: tuple[str, ...]
    gone: tuple[str, ...]
    partitions: dict[str, tuple[str, ...]]
    whole_changed: bool
    embargo: tuple[EmbargoRule, ...] = ()
    planned_at: datetime | None = None
    earlier: tuple[str, ...] = ()
    earlier_partitions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    published: dict[str, str] = field(default_factory=dict)
    stands: bool = True
    live: tuple[LivePartition, ...] = ()

    @property
    def keeps_back(self) -> bool:
        """Return whether some results that the slices are built from are under embargo."""
        return any(self.keeps_back_of(name) for name in (*self.changed, *self.earlier))

    def keeps_back_of(self, name: str) -> bool:
        """Return whether some results of a slice are under embargo."""
        return bool(slice_rules(self.embargo, *slice_parts(name)))

    @property
    def nothing_to_do(self) -> bool:
        """Return whether what is published is what would be built."""
        return not (self.changed or self.gone or self.whole_changed)

    def without(self, waiting: Collection[str]) -> BuildPlan:
        """Return the plan in which these slices are kept as published, to be looked at again.

        Their fingerprints stay those of what is published, so that every later plan has them
        among the changed, unless their inputs are again what they were.
        """
        changed = tuple(name for name in self.changed if name not in waiting)
        slices = [name for name in self.fingerprints if name not in WHOLE]
        earlier = slices_before(changed, slices)
        return replace(
            self,
            fingerprints=self.fingerprints | {name: self._as_published(name) for name in waiting},
            changed=changed,
            kept=tuple(name for name in slices if name not in changed),
            partitions=partitions_of_slices(self.live, set(changed)),
            earlier=earlier,
            earlier_partitions=partitions_of_slices(self.live, set(earlier)),
            waiting=(*self.waiting, *sorted(waiting)),
        )

    def _as_published(self, name: str) -> str:
        """Return the fingerprint of what is shown of a slice; one of nothing where none is known.

        Nor is it known where it would be today's: what waits must not pass for what is shown.
        """
        known = self.published.get(name, "")
        return known if known != self.fingerprints[name] else ""


def plan_build(context: Context, *, everything: bool) -> BuildPlan:
    """Compare the inputs of every slice with those of the last publication."""
    planned_at, embargo = datetime.now(UTC), context.embargo
    live = context.ledger.live_partitions(RESULTS)
    now = fingerprints(context, live, embargo)
    last = context.ledger.last_publication()
    is_shown = last is not None and context.publisher.shown() == last.publication_id
    stands = last is not None and not everything and _stands(context, last)
    before = dict(last.slices) if last is not None and stands else {}
    slices = [name for name in now if name not in WHOLE]
    changed = tuple(name for name in slices if before.get(name) != now[name])
    earlier = slices_before(changed, slices)
    return BuildPlan(
        fingerprints=now,
        changed=changed,
        kept=tuple(name for name in slices if name not in changed),
        gone=tuple(name for name in before if name not in now and name not in WHOLE),
        partitions=partitions_of_slices(live, set(changed)),
        whole_changed=any(before.get(name) != now.get(name) for name in WHOLE),
        embargo=embargo,
        planned_at=planned_at,
        earlier=earlier,
        earlier_partitions=partitions_of_slices(live, set(earlier)),
        published=dict(last.slices) if last is not None and is_shown else {},
        stands=stands,
        live=tuple(live),
    )


def _stands(context: Context, last: Publication) -> bool:
    """Return whether every mart of the last publication is still where readers look for it.

    It is not where a later one was published and a crash kept the ledger from noting it.
    """
    if context.publisher.shown() != last.publication_id:
        return False
    placed: set[str] = set()
    areas: tuple[MartArea, ...] = ("reporting", "restricted")
    for area in areas:
        here = {m.name for m in last.marts if context.publisher.path(m.name, area).exists()}
        database = context.database.path(area)
        if here and database is not None and not database.exists():
            return False
        placed |= here
    return placed == {mart.name for mart in last.marts}


def fingerprints(
    context: Context, live: list[LivePartition], embargo: tuple[EmbargoRule, ...] = ()
) -> dict[str, str]:
    """Return a digest of everything that each slice is made of, and of each mart built whole.

    A slice is made of its results, of the rosters that reach it (`rosters_of_slices`) and the
    directories of its school year, of marts.yml, network.yml and the assessments, of what of it is
    under embargo, of the code, and of all this of the slices that it looks back on.
    Empty where nothing is loaded.
    """
    directories = _loads_by_year(context, DIRECTORY)
    rosters = rosters_of_slices(context, RESULTS, ROSTER)
    basis = [context.catalogue.marts_hash, code_hash()]
    results: dict[str, list[list[str]]] = defaultdict(list)
    for part in live:
        for name in part.slices:
            results[name].append(_told(part))
    own = {}
    for name, parts in sorted(results.items()):
        year = slice_parts(name)[1]
        others = [rosters.get(name, []), directories.get(year, [])]
        if year not in directories:
            # Schools are then called what any result of the year calls them.
            others.append(
                sorted(part for n in results for part in results[n] if slice_parts(n)[1] == year)
            )
        kept_back = [[r.district_id, r.state] for r in slice_rules(embargo, *slice_parts(name))]
        own[name] = digest([basis, sorted(parts), others, *kept_back])
    made = {
        name: digest([alone, *(own[before] for before in slices_told_by(name, own))])
        for name, alone in own.items()
    }
    return made | _fingerprints_of_whole(context, live, basis, directories)


def _fingerprints_of_whole(
    context: Context,
    live: list[LivePartition],
    basis: list[str],
    directories: dict[int, list[list[str]]],
) -> dict[str, str]:
    """Return the digests of dimensions, of flags of identity and of what the state publishes.

    Each where there is any; the last where comparisons are made, of the years of the results.
    """
    results = sorted(map(_told, live))
    rosters = sorted(map(_told, context.ledger.live_partitions(ROSTER)))
    made = {}
    if results or directories:
        made[DIMENSIONS] = digest([basis, results, sorted(directories.items())])
    if results or rosters:
        made[IDENTITY] = digest([basis, results, rosters])
    if context.catalogue.network.is_compared:
        years = {slice_parts(name)[1] for part in live for name in part.slices}
        published = _loads_by_year(context, PUBLISHED)
        if told := [published[year] for year in sorted(years & published.keys())]:
            made[STATE] = digest([basis, told, context.catalogue.vocabularies["student_group"]])
    return made


def _told(part: LivePartition) -> list[str]:
    return [part.load_id, part.source, part.partition]


def _loads_by_year(context: Context, table: str) -> dict[int, list[list[str]]]:
    loads: dict[int, list[list[str]]] = defaultdict(list)
    for part in context.ledger.live_partitions(table):
        for name in part.slices:
            loads[slice_parts(name)[1]].append(_told(part))
    return {year: sorted(parts) for year, parts in loads.items()}


def partitions_of_slices(
    live: Sequence[LivePartition], changed: set[str]
) -> dict[str, tuple[str, ...]]:
    """Return the partitions that hold a row of these slices, by source."""
    holding: dict[str, list[str]] = defaultdict(list)
    for part in live:
        if changed & set(part.slices):
            holding[part.source].append(part.partition)
    return {source: tuple(sorted(parts)) for source, parts in sorted(holding.items())}
