"""Audits a folder of reporting marts, each system in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from configs.workers import end_with_parent
from validation.audit.published import Publication, System
from validation.audit.result import Audit, SystemAudit
from validation.audit.scheme import Scheme
from validation.audit.system import audit_system

if TYPE_CHECKING:
    from configs.catalogue import Catalogue

# Fewer cells than this are audited sooner than a process starts.
WORTH_A_PROCESS = 20_000


@dataclass(frozen=True)
class Task:
    """One system to audit."""

    folders: tuple[Path, ...]
    system: System
    scheme: Scheme
    exact_seconds: float = 0
    absent_is_empty: bool = False
    tested_only: bool = False


def audit_folder(  # noqa: PLR0913  all but two have defaults that most callers want
    folder: Path,
    catalogue: Catalogue,
    before: Path | None = None,
    chosen: Callable[[str], bool] | None = None,
    exact_seconds: float = 0,
    absent_is_empty: bool = False,
    tested_only: bool = False,
    workers: int = 2,
) -> Audit:
    """Return what falls of the marts of a folder.

    Args:
        folder: reporting marts as Parquet files.
        catalogue: the installation's configuration, of which only what is public is used.
        before: those of the publication before; without it nothing is said of two publications.
        chosen: which systems to look at, by name; all unless told.
        exact_seconds: how long to solve for true ranges, all systems together; 0: not at all.
        absent_is_empty: whether the reader holds that a code without any row has no students.
        tested_only: leave out the counts of other students, of which most of the time is.
        workers: how many processes at the same time.
    """
    begun = time.monotonic()
    scheme = Scheme.configured(catalogue)
    systems = [
        (system, size)
        for system, size in Publication(folder).systems()
        if chosen is None or chosen("/".join(map(str, system)))
    ]
    folders = (folder, before) if before else (folder,)
    cells = sum(size for _, size in systems)
    busy = min(workers if cells > WORTH_A_PROCESS else 1, max(len(systems), 1))
    tasks = [
        Task(
            folders,
            system,
            scheme,
            exact_seconds * busy * size / cells,
            absent_is_empty,
            tested_only,
        )
        for system, size in systems
    ]
    done = _all_done(tasks, busy)
    return Audit(tuple(sorted(done, key=lambda one: one.system)), time.monotonic() - begun)


def _all_done(tasks: list[Task], workers: int) -> list[SystemAudit]:
    if workers < 2:
        return [carry_out(task) for task in tasks]
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawned, initializer=end_with_parent) as pool:
        return list(pool.map(carry_out, tasks))


def carry_out(task: Task) -> SystemAudit:
    """Audit one system."""
    publications = [Publication(folder) for folder in task.folders]
    return audit_system(
        publications,
        task.system,
        task.scheme,
        task.exact_seconds,
        task.absent_is_empty,
        task.tested_only,
    )
