"""`roci prune`: what the stated retention lets go, and never what the ledger still needs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.errors import UsageError
from configs.profile_models import Retention
from flows.context import Context
from flows.locking import nightly_lock
from flows.outcome import UNCLAIMED
from flows.prefect_runs import prune_runs
from flows.stages.agreement import lake_lock
from flows.standing import still_open
from warehouse.ledger_records import Load
from warehouse.locks import lock
from warehouse.raw_uses import Uses, uses

log = logging.getLogger("roci.prune")

LAKE_WAIT_SECONDS = 3600
DAY = 86_400
NEEDED_STATES = ("loaded", "loading", "received")
NOTE = ".why.txt"


@dataclass(frozen=True)
class Pruned:
    """What of one kind was removed, or would be. `bytes`: null where that cannot be told."""

    what: str
    older_than_days: int
    removed: int
    bytes: int | None


def prune(
    context: Context, retention: Retention, *, dry_run: bool, now: float | None = None
) -> list[Pruned]:
    """Remove what is older than the retention and of no use any more; the nightly waits meanwhile.

    Args:
        context: the opened workspace.
        retention: after how many days each kind goes.
        dry_run: only count.
        now: the moment that ages are counted from, in seconds; by default this one.
    """
    work = _Work(context, retention, dry_run, time.time() if now is None else now)
    with nightly_lock(context):
        done = [
            work.raw_files(),
            work.quarantine(),
            work.lake(),
            work.files("refused files", retention.refused_days, work.refused()),
            work.files("parts of transfers", retention.refused_days, work.parts()),
            work.files("logs", retention.logs_days, _files(context.workspace.logs.glob("*.log"))),
            work.prefect_runs(),
        ]
    for one in done:
        log.info(
            "pruned=%s removed=%d bytes=%s dry_run=%s",
            one.what.replace(" ", "_"),
            one.removed,
            one.bytes,
            dry_run,
        )
    return done


def with_days(retention: Retention, told: Iterable[str]) -> Retention:
    """Return the retention with other days: `N` for every kind, `KIND=N` for one.

    >>> with_days(Retention(), ["30", "raw=400"]).model_dump()["raw_days"]
    400

    Raises:
        UsageError: another form, an unknown kind, or fewer than one day (BAD_DAYS).
    """
    kinds = {name.removesuffix("_days"): name for name in Retention.model_fields}
    days = retention.model_dump()
    for one in sorted(told, key=lambda text: "=" in text):
        kind, _, number = one.rpartition("=")
        good = number.isascii() and number.isdigit() and int(number) > 0
        if not good or (kind and kind not in kinds):
            raise _bad_days(one, kinds)
        days |= dict.fromkeys([kinds[kind]] if kind else kinds.values(), int(number))
    return Retention(**days)


def _bad_days(found: str, kinds: Iterable[str]) -> UsageError:
    return UsageError(
        "BAD_DAYS",
        where="--keep-days",
        found=found,
        expected=f"a number of days, or KIND=DAYS with one of {', '.join(kinds)}",
        remedy="write it so, from one day on",
    )


@dataclass(frozen=True)
class _Work:
    """One prune: what is kept, from when, and whether anything is done at all."""

    context: Context
    retention: Retention
    dry_run: bool
    now: float

    def raw_files(self) -> Pruned:
        """Remove files that no live, held or retryable load needs; the ledger notes it first."""
        used, loads = self._used()
        needed = {load.sha256 for load in _needed(loads)} | used.named

        def free(path: Path) -> bool:
            moment = used.files.get(path.name)
            return path.name not in needed and (
                moment is None or self._is_over(moment.timestamp(), self.retention.raw_days)
            )

        def note(path: Path) -> None:
            if path.name in used.files:
                self.context.ledger.record_pruned(path.name)

        found = _files(self.context.workspace.raw.glob("??/*"))
        return self.files("raw files", self.retention.raw_days, filter(free, found), note)

    def quarantine(self) -> Pruned:
        """Remove rejected rows of loads that nobody can mend any more."""
        used, loads = self._used()
        needed = {load.load_id for load in _needed(loads)} | used.named_loads
        free = (load.load_id for load in loads if self._is_free(load, needed, used))
        paths = _files(self.context.quarantine.path(load_id) for load_id in free)
        return self.files("rejected rows", self.retention.raw_days, paths)

    def lake(self) -> Pruned:
        """Remove what the lake's tables have not held for so long."""
        days = self.retention.lake_versions_days
        removed = size = 0
        for table in self.context.catalogue.tables:
            with lock(self.context.workspace, lake_lock(table), LAKE_WAIT_SECONDS, what="prune"):
                count, of_them = self.context.lake.vacuum(table, days, dry_run=self.dry_run)
            removed, size = removed + count, size + of_them
        return Pruned("lake versions", days, removed, size)

    def refused(self) -> Iterator[Path]:
        """Yield refused files whose note is old enough, each before its note."""
        folder = self.context.workspace.refused
        for note in sorted(folder.glob(f"*{NOTE}")):
            if self._is_over(note.stat().st_mtime, self.retention.refused_days):
                yield from _files([folder / note.name.removesuffix(NOTE)])
                yield note

    def parts(self) -> Iterator[Path]:
        """Yield what was fetched of files whose transfer broke off."""
        return _files((self.context.workspace.landing / ".fetching").glob("*/*.part"))

    def prefect_runs(self) -> Pruned:
        """Remove ended runs from Prefect's own database."""
        days = self.retention.prefect_runs_days
        before = self.now - days * DAY
        removed = prune_runs(self.context.workspace, before, dry_run=self.dry_run)
        return Pruned("Prefect runs", days, removed, None)

    def files(
        self,
        what: str,
        days: int,
        paths: Iterable[Path],
        note: Callable[[Path], None] | None = None,
    ) -> Pruned:
        """Remove files that are old enough; `note` is called before each."""
        removed = size = 0
        for path in list(paths):
            facts = path.stat()
            if not self._is_over(facts.st_mtime, days):
                continue
            if not self.dry_run:
                if note is not None:
                    note(path)
                path.unlink()
            removed, size = removed + 1, size + facts.st_size
        return Pruned(what, days, removed, size)

    def _used(self) -> tuple[Uses, list[Load]]:
        """Return who uses what, and all loads: those that begin meanwhile are among them."""
        ledger = self.context.ledger
        return uses(self.context.database), ledger.loads()

    def _is_over(self, moment: float, days: int) -> bool:
        return moment < self.now - days * DAY

    def _is_free(self, load: Load, needed: set[str], used: Uses) -> bool:
        moment = used.loads[load.load_id].timestamp()
        return load.load_id not in needed and self._is_over(moment, self.retention.raw_days)


def _needed(loads: Iterable[Load]) -> list[Load]:
    """Return the loads that are live, under way, or stopped and not taken up again since."""
    loads = list(loads)
    retryable = [load for load in still_open(loads) if load.source != UNCLAIMED]
    return [load for load in loads if load.state in NEEDED_STATES] + retryable


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file())
