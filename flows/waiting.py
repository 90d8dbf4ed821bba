"""Slices that wait since they would tell of few students: what people are told, their release."""

from __future__ import annotations

from collections.abc import Sequence
from getpass import getuser
from typing import Any

import typer

from configs.errors import UsageError
from flows.context import Context
from flows.outcome import RunOutcome
from flows.slices import slice_name, slice_parts
from warehouse.waits import SMALL_MOVES, Wait, slices_waiting

NAMED = 3
VERB = "roci marts release"


def waiting_records(context: Context) -> list[dict[str, Any]]:
    """Return a record of each slice that waits: why, how many cells or groups, since when."""
    minimum = context.catalogue.marts.suppression.minimum_n
    return [_record(wait, minimum) for wait in slices_waiting(context.ledger)]


def _record(wait: Wait, minimum: int) -> dict[str, Any]:
    assessment, year = slice_parts(wait.slice_name)
    return {
        "assessment": assessment,
        "school_year": year,
        "since": wait.since,
        "code": wait.code,
        "cells": wait.cells,
        "moved_by_less_than": minimum,
        "behind": [_words(name) for name in wait.behind],
    }


def _words(name: str) -> str:
    return " ".join(map(str, slice_parts(name)))


def waiting_line(record: dict[str, Any]) -> str:
    """Return what is said of one slice that waits, with what to type.

    >>> one = {"assessment": "star", "school_year": 2024, "since": None, "cells": 12, "behind": []}
    >>> one |= {"moved_by_less_than": 11, "code": "SMALL_MOVES"}
    >>> waiting_line(one)
    'star 2024 as published: 12 cells would move by under 11 students (SMALL_MOVES)  \
-> roci marts release star --year 2024'
    >>> waiting_line(one | {"behind": ["star 2023"]})
    'star 2024 as published, until star 2023 is released (SMALL_MOVES)  -> roci marts waiting'
    >>> waiting_line(one | {"code": "TWO_PUBLICATIONS", "cells": 1})
    'star 2024 as published: 1 hidden count would follow from old and new numbers together \
(TWO_PUBLICATIONS)  -> roci marts release star --year 2024'
    """
    named = f"{record['assessment']} {record['school_year']}"
    since = f" since {record['since']:%Y-%m-%d}" if record["since"] else ""
    if record["behind"]:
        until = ", ".join(record["behind"])
        told = f", until {until} is released"
        return f"{named} as published{since}{told} ({record['code']})  -> roci marts waiting"
    command = f"{VERB} {record['assessment']} --year {record['school_year']}"
    return f"{named} as published{since}: {_why(record)} ({record['code']})  -> {command}"


def _why(record: dict[str, Any]) -> str:
    plural = "" if record["cells"] == 1 else "s"
    if record["code"] == SMALL_MOVES:
        moved = f"would move by under {record['moved_by_less_than']} students"
        return f"{record['cells']:,} cell{plural} {moved}"
    return (
        f"{record['cells']:,} hidden count{plural} would follow from old and new numbers together"
    )


def waiting_lines(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return one line of all slices that wait; none where none does."""
    if len(records) < 2:
        return [f"waiting: {waiting_line(one)}" for one in records]
    names = [f"{one['assessment']} {one['school_year']}" for one in records[:NAMED]]
    more = f" and {len(records) - NAMED} more" if len(records) > NAMED else ""
    since = min(one["since"] for one in records)
    codes = ", ".join(sorted({one["code"] for one in records}))
    return [
        f"waiting: {', '.join(names)}{more} as published since {since:%Y-%m-%d}: they would tell "
        f"of few students ({codes})  -> roci marts waiting"
    ]


def show_waiting(context: Context, *, as_json: bool) -> int:
    """Print every slice that waits, and what to type."""
    from flows.console import show_records

    records = waiting_records(context)
    if not as_json:  # a year is no count
        told = ("assessment", "school_year", "since", "code", "cells", "behind")
        records = [{name: one[name] for name in told} for one in records]
        for one in records:
            one |= {"school_year": str(one["school_year"]), "behind": ", ".join(one["behind"])}
            one["since"] = f"{one['since']:%Y-%m-%d}"
    show_records(records, as_json, "nothing waits")
    if records and not as_json:
        typer.echo(f"\nTo show the new numbers: {VERB} ASSESSMENT --year YEAR, or --all")
    return 0


def release_moves(
    context: Context, assessment: str | None, year: int | None, *, everything: bool
) -> RunOutcome:
    """Build with these slices shown although they tell of few; who said so is on record.

    Raises:
        UsageError: neither one slice nor all are named, it does not wait, or another must go first.
    """
    from flows.running import run_build
    from flows.stages.small_moves import Release

    if everything == (assessment is not None) or (assessment is None) != (year is None):
        raise UsageError(
            "NOTHING_CHOSEN",
            where=VERB,
            found="neither one assessment and year nor --all, or both",
            expected="an assessment with --year, or --all",
            remedy="`roci marts waiting` lists what waits",
        )
    slices = None
    if assessment is not None and year is not None:
        slices = frozenset({_require_waiting(context, slice_name(assessment, year))})
    release = Release(getuser(), slices)
    return run_build(context, everything=False, engine="direct", release=release)


def _require_waiting(context: Context, name: str) -> str:
    waits = {wait.slice_name: wait for wait in slices_waiting(context.ledger)}
    if name not in waits:
        raise UsageError(
            "NOT_WAITING",
            where=f"{VERB} {_words(name)}",
            found="it does not wait",
            expected="one of " + (", ".join(map(_words, waits)) or "those that wait: none does"),
            remedy="`roci marts waiting` lists what waits",
        )
    if waits[name].behind:
        others = ", ".join(map(_words, waits[name].behind))
        raise UsageError(
            "WAITS_BEHIND",
            where=f"{VERB} {_words(name)}",
            found=f"it looks back on {others}, of which it would tell what is not shown yet",
            expected="that to be released first",
            remedy=f"release {others} first, or all with `{VERB} --all`",
        )
    return name
