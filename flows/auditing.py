"""`roci audit`: the reporting marts as an attacker sees them, and what of them falls."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from configs.errors import UsageError
from flows.console import as_table
from flows.context import Context
from warehouse.files import whole_file
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER

if TYPE_CHECKING:
    from validation.audit.result import Audit, Fall

SHOWN_AT_MOST = 20
COLUMNS = ("kind", "mart", "system", "cell", "statistic")


@dataclass(frozen=True)
class Asked:
    """What is asked of an audit.

    folder: the reporting marts to attack; the workspace's own if null.
    against: those of the publication before.
    systems: patterns of the systems to look at; all where there is none.
    exact_seconds: how long to solve for true ranges; 0: not at all.
    absent_is_empty: whether the attacker holds that a code without any row has no students.
    """

    folder: Path | None
    against: Path | None
    systems: tuple[str, ...]
    exact_seconds: float
    absent_is_empty: bool = False


def show_audit(context: Context, asked: Asked, *, as_json: bool) -> int:
    """Audit a folder of reporting marts and print what falls; return 1 where anything does."""
    from validation.audit.folder import audit_folder

    marts = asked.folder or context.workspace.marts_reporting
    for one in (marts, asked.against):
        if one is not None:
            require_marts(one)
    audit = audit_folder(
        marts,
        context.catalogue,
        before=asked.against,
        chosen=lambda name: is_asked(name, asked.systems),
        exact_seconds=asked.exact_seconds,
        absent_is_empty=asked.absent_is_empty,
    )
    path = None
    if audit.falls:
        path = write_falls(context, audit)
    else:
        remove_falls(context)
    if as_json:
        typer.echo(json.dumps(as_record(audit, path), indent=2))
    else:
        typer.echo("\n".join(audit_lines(audit, path)))
    return 1 if audit.falls else 0


def is_asked(system: str, patterns: Sequence[str]) -> bool:
    """Return whether a system is asked for; every one is where none is named.

    >>> is_asked("2025/state_long/math/annual", ["2025/*", "*/reading/*"])
    True
    """
    return not patterns or any(fnmatch(system, pattern) for pattern in patterns)


def require_marts(folder: Path) -> None:
    """Refuse a folder in which no cells are published.

    Raises:
        UsageError: NOT_PUBLISHED.
    """
    if not (folder / "mart_achievement.parquet").is_file():
        raise UsageError(
            "NOT_PUBLISHED",
            where=str(folder),
            found="no mart_achievement.parquet",
            expected="a folder of reporting marts",
            remedy="build them first: roci marts build --all",
        )


def falls_path(context: Context) -> Path:
    """Return where the falls of the last attack are named; no file where it found none."""
    return context.workspace.marts_restricted / "audit" / "falls.csv"


def write_falls(context: Context, audit: Audit) -> Path:
    """Leave every fall in a file that its owner alone reads; it names cells and holds no number."""
    path = falls_path(context)
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    with whole_file(path, context.workspace.work) as part:
        part.touch(PRIVATE_FILE)
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_row(fall) for fall in audit.falls)
        part.chmod(PRIVATE_FILE)
    return path


def remove_falls(context: Context) -> None:
    """Let no file name cells that an attack before found: now nothing falls."""
    falls_path(context).unlink(missing_ok=True)


def as_record(audit: Audit, path: Path | None) -> dict[str, object]:
    """Return what was found as a record."""
    return {
        "falls": len(audit.falls),
        "kinds": audit.counts,
        "figures": audit.figures,
        "systems": {one.system: len(one.falls) for one in audit.systems},
        "cells": audit.cells,
        "protected": audit.protected,
        "seconds": round(audit.seconds, 1),
        "first": [dict(zip(COLUMNS, _row(one), strict=True)) for one in first_falls(audit)],
        "path": None if path is None else str(path),
    }


def audit_lines(audit: Audit, path: Path | None) -> Iterator[str]:
    """Yield what was found as lines for a terminal."""
    from validation.audit.result import KINDS

    yield (
        f"{len(audit.systems)} systems, {audit.cells:,} cells, of which {audit.protected:,} are "
        f"hidden and may be small; {audit.seconds:.1f} s"
    )
    for name, figure in audit.figures.items():
        yield f"  {figure:>9,} {name}"
    if not audit.falls:
        yield "nothing falls"
        return
    told = [
        {"falls": count, "kind": kind, "what it means": KINDS[kind]}
        for kind, count in audit.counts.items()
    ]
    yield as_table(told)
    yield "The first of them:"
    yield as_table([dict(zip(COLUMNS, _row(one), strict=True)) for one in first_falls(audit)])
    yield f"All {len(audit.falls):,} (restricted: what is named here can be computed): {path}"


def first_falls(audit: Audit) -> list[Fall]:
    """Return a few falls, of as many kinds as there are."""
    of_kind: dict[str, list[Fall]] = {}
    for fall in audit.falls:
        of_kind.setdefault(fall.kind, []).append(fall)
    share = max(1, SHOWN_AT_MOST // max(len(of_kind), 1))
    return [fall for falls in of_kind.values() for fall in falls[:share]][:SHOWN_AT_MOST]


def _row(fall: Fall) -> tuple[str, ...]:
    return (fall.kind, fall.mart, fall.system, fall.cell, fall.statistic)
