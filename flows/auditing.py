"""`roci audit`: the reporting marts as an attacker sees them, and what of them falls."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from configs.errors import UsageError
from flows.console import as_table
from flows.context import Context
from flows.protected_groups import NO, UNKNOWN, YES, Twins, standing
from warehouse.files import whole_file
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER

if TYPE_CHECKING:
    from validation.audit.result import Audit, Fall

SHOWN_AT_MOST = 20
RANK = (YES, UNKNOWN, NO)
COLUMNS = ("kind", "mart", "system", "cell", "statistic", "protected")


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


@dataclass(frozen=True)
class Judged:
    """An attack, and of each of its falls whether it is of a protected group: yes, no, unknown."""

    audit: Audit
    protected: Mapping[Fall, str]

    @classmethod
    def of(cls, audit: Audit, twins: Twins | None) -> Judged:
        """Return an attack whose falls are held against what was counted, where that is known."""
        return cls(audit, standing(audit.falls, twins))

    @property
    def grave(self) -> tuple[Fall, ...]:
        """Return the falls of protected groups, and those of which nobody knows."""
        return tuple(fall for fall in self.audit.falls if self.protected[fall] != NO)

    @property
    def counts(self) -> Counter[str]:
        """Return how many falls are of protected groups, are not, and are unknown."""
        return Counter(self.protected.values())


def show_audit(context: Context, asked: Asked, *, as_json: bool) -> int:
    """Audit a folder of reporting marts and print what falls.

    Returns:
        1 where a protected group falls, or one of which it is not known whether it is one.
    """
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
    judged = Judged.of(audit, published_twins(context, marts))
    path = None
    if audit.falls:
        path = write_falls(context, judged)
    else:
        remove_falls(context)
    if as_json:
        typer.echo(json.dumps(as_record(judged, path), indent=2))
    else:
        typer.echo("\n".join(audit_lines(judged, path)))
    return 1 if judged.grave else 0


def published_twins(context: Context, marts: Path) -> Twins | None:
    """Return the restricted marts beside the workspace's own; null for another folder."""
    workspace = context.workspace
    if marts.resolve() != workspace.marts_reporting.resolve():
        return None
    return Twins.beside(marts, workspace.marts_restricted, context.catalogue)


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


def write_falls(context: Context, judged: Judged) -> Path:
    """Leave every fall in a file that its owner alone reads; it names cells and holds no number."""
    path = falls_path(context)
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    with whole_file(path, context.workspace.work) as part:
        part.touch(PRIVATE_FILE)
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_row(judged, fall) for fall in judged.audit.falls)
        part.chmod(PRIVATE_FILE)
    return path


def remove_falls(context: Context) -> None:
    """Let no file name cells that an attack before found: now nothing falls."""
    falls_path(context).unlink(missing_ok=True)


def as_record(judged: Judged, path: Path | None) -> dict[str, object]:
    """Return what was found as a record."""
    audit, counts = judged.audit, judged.counts
    return {
        "falls": len(audit.falls),
        "of_protected": counts[YES],
        "of_unknown": counts[UNKNOWN],
        "of_others": counts[NO],
        "kinds": audit.counts,
        "figures": audit.figures,
        "systems": {one.system: len(one.falls) for one in audit.systems},
        "cells": audit.cells,
        "protected": audit.protected,
        "seconds": round(audit.seconds, 1),
        "first": _first(judged),
        "path": None if path is None else str(path),
    }


def audit_lines(judged: Judged, path: Path | None) -> Iterator[str]:
    """Yield what was found as lines for a terminal."""
    from validation.audit.result import KINDS

    audit = judged.audit
    yield (
        f"{len(audit.systems)} systems, {audit.cells:,} cells, of which {audit.protected:,} are "
        f"hidden and may be small; {audit.seconds:.1f} s"
    )
    for name, figure in audit.figures.items():
        yield f"  {figure:>9,} {name}"
    if not audit.falls:
        yield "nothing falls"
        return
    yield from _standing_lines(judged)
    told = [
        {"falls": count, "kind": kind, "what it means": KINDS[kind]}
        for kind, count in audit.counts.items()
    ]
    yield as_table(told)
    yield "The first of them:"
    yield as_table(_first(judged))
    yield f"All {len(audit.falls):,} (restricted: what is named here can be computed): {path}"


def _standing_lines(judged: Judged) -> Iterator[str]:
    """Yield how many falls are of protected groups, and how many are not."""
    counts = judged.counts
    yield f"{counts[YES]:,} of protected groups"
    if counts[UNKNOWN]:
        yield f"{counts[UNKNOWN]:,} of groups of which it is not known here whether they are"
    if counts[NO]:
        yield f"{counts[NO]:,} of nobody, or of the minimum and more: a reader cannot tell"


def first_falls(judged: Judged) -> list[Fall]:
    """Return a few falls, of as many kinds as there are, those of protected groups first."""
    of_kind: dict[str, list[Fall]] = {}
    for fall in sorted(judged.audit.falls, key=lambda one: RANK.index(judged.protected[one])):
        of_kind.setdefault(fall.kind, []).append(fall)
    share = max(1, SHOWN_AT_MOST // max(len(of_kind), 1))
    return [fall for falls in of_kind.values() for fall in falls[:share]][:SHOWN_AT_MOST]


def _first(judged: Judged) -> list[dict[str, str]]:
    return [dict(zip(COLUMNS, _row(judged, one), strict=True)) for one in first_falls(judged)]


def _row(judged: Judged, fall: Fall) -> tuple[str, ...]:
    named = (fall.kind, fall.mart, fall.system, fall.cell, fall.statistic)
    return (*named, judged.protected[fall])
