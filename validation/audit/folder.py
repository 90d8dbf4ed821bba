"""Audits a folder of reporting marts, each system in a process of its own."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from configs.workers import end_with_parent
from validation.audit.published import Publication, System
from validation.audit.result import Audit, SystemAudit
from validation.audit.scheme import Scheme
from validation.audit.system import audit_system, audit_two

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


@dataclass(frozen=True)
class Two:
    """One system of two publications to hold together: the one to audit, the one before."""

    folders: tuple[Path, Path]
    system: System
    scheme: Scheme


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
    systems = _systems(folder, chosen)
    folders = (folder, before) if before else (folder,)
    cells = sum(size for _, size in systems)
    busy = _busy(systems, workers)
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
    return _audit(_all_done(tasks, busy), begun)


def audit_two_folders(
    folder: Path,
    before: Path,
    catalogue: Catalogue,
    chosen: Callable[[str], bool],
    workers: int = 2,
) -> Audit:
    """Return what falls by holding two publications together, and by neither of them alone.

    Args:
        folder: the later reporting marts as Parquet files.
        before: the earlier ones; systems that they do not have are not looked at.
        catalogue: the installation's configuration, of which only what is public is used.
        chosen: which systems to look at, by name.
        workers: how many processes at the same time.
    """
    begun, scheme = time.monotonic(), Scheme.configured(catalogue)
    systems = _systems(folder, chosen)
    tasks = [Two((folder, before), system, scheme) for system, _ in systems]
    return _audit(_all_done(tasks, _busy(systems, workers)), begun)


def _systems(folder: Path, chosen: Callable[[str], bool] | None) -> list[tuple[System, int]]:
    return [
        (system, size)
        for system, size in Publication(folder).systems()
        if chosen is None or chosen("/".join(map(str, system)))
    ]


def _busy(systems: Sequence[tuple[System, int]], workers: int) -> int:
    """Return how many processes are worth while."""
    cells = sum(size for _, size in systems)
    return min(workers if cells > WORTH_A_PROCESS else 1, max(len(systems), 1))


def _audit(done: Iterable[SystemAudit | None], begun: float) -> Audit:
    there = [one for one in done if one is not None]
    return Audit(tuple(sorted(there, key=lambda one: one.system)), time.monotonic() - begun)


def _all_done(tasks: Sequence[Task | Two], workers: int) -> list[SystemAudit | None]:
    if workers < 2:
        return [carry_out(task) for task in tasks]
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawned, initializer=end_with_parent) as pool:
        return list(pool.map(carry_out, tasks))


def carry_out(task: Task | Two) -> SystemAudit | None:
    """Audit one system; null where of two publications the one before does not have it."""
    publications = [Publication(folder) for folder in task.folders]
    if isinstance(task, Two):
        return audit_two(publications, task.system, task.scheme)
    return audit_system(
        publications,
        task.system,
        task.scheme,
        task.exact_seconds,
        task.absent_is_empty,
        task.tested_only,
    )
