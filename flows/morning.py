"""`roci status`: the morning in ten lines, what is most urgent first, each with what to type."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from flows.context import Context
from flows.embargo import embargo_lines
from flows.expecting import late_arrivals
from flows.source_reporting import unfinished_line, unfinished_sources
from flows.standing import stale_loads, still_open
from flows.unfinished_forgetting import is_forgetting_unfinished
from flows.unmatched import unmatched_line, unmatched_students
from flows.waiting import waiting_lines, waiting_records
from warehouse.ledger_records import Fault, Load, Publication

LAST_NIGHT = dt.timedelta(hours=24)
NAMED = 4


def status_of(context: Context) -> dict[str, Any]:
    """Return everything that a morning asks for; counts, ids, codes and names of files."""
    loads = context.ledger.loads()
    waiting = still_open(loads)
    loaded = [load for load in loads if load.state == "loaded"]
    rows = [load.rows_quarantined for load in loaded if load.rows_quarantined]
    return {
        "home": str(context.workspace.home),
        "loads": dict(Counter(load.state for load in loads)),
        "failed": [_named(load) for load in waiting if load.state == "failed"],
        "held": [_named(load) for load in waiting if load.state == "held"],
        "attention": [_named(load) for load in waiting],
        "late": [asdict(late) for late in late_arrivals(context)],
        "waiting": len(context.landing.files()),
        "quarantined": {"rows": sum(rows), "loads": len(rows)},
        "unmatched": unmatched_students(context),
        "stale": stale_loads(context, loaded),
        "unfinished": unfinished_sources(context),
        "embargo": embargo_lines(context),
        "small_moves": waiting_records(context),
        "forgetting_unfinished": is_forgetting_unfinished(context),
        "last_night": _last_night(loaded),
        "publication": _publication(context.ledger.last_publication()),
        "held_publication": _publication(context.ledger.held_publication()),
        "timezone": context.catalogue.profile.timezone,
    }


def _named(load: Load) -> dict[str, Any]:
    return {
        "load_id": load.load_id,
        "source": load.source,
        "file_name": load.file_name,
        "state": load.state,
        "code": load.fault.code if load.fault else None,
    }


def _last_night(loaded: Sequence[Load]) -> dict[str, int]:
    """Return how many loads of each source ended well in the last 24 hours."""
    since = dt.datetime.now(dt.UTC) - LAST_NIGHT
    recent = (one.source for one in loaded if one.finished_at and one.finished_at >= since)
    return dict(Counter(recent).most_common())


def _publication(publication: Publication | None) -> dict[str, Any] | None:
    if publication is None:
        return None
    return {
        "publication_id": publication.publication_id,
        "published_at": publication.published_at,
        "code": publication.fault.code if publication.fault else None,
        "next": _next_command(publication.fault),
    }


def _next_command(fault: Fault | None) -> str:
    """Return the command that a fault's remedy names, else the one that tries it again."""
    named = re.search(r"`(roci [^`]+)`", fault.remedy) if fault else None
    return named[1] if named else "roci marts build"


def status_lines(status: dict[str, Any]) -> Iterator[str]:
    """Yield at most ten lines of `status_of`."""
    yield from _stopped_line("failed", status["failed"])
    yield from _stopped_line("held", status["held"])
    yield from _late_line(status["late"])
    yield from _rows_lines(status)
    yield from _unmatched_line(status["unmatched"])
    yield from _stale_line(status["stale"])
    yield from _unfinished_line(status["unfinished"])
    yield from status["embargo"]
    yield from waiting_lines(status["small_moves"])
    if status["forgetting_unfinished"]:
        yield "what had to be forgotten is not destroyed to its end  -> roci forget --go-on"
    yield _published_line(status)


def _stopped_line(state: str, loads: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the line of failed or held loads.

    >>> stopped = [{"load_id": "L1", "code": "EMPTY_FILE"}, {"load_id": "L2", "code": "NO_SOURCE"}]
    >>> list(_stopped_line("failed", stopped))
    ['failed: 2 (1 EMPTY_FILE, 1 NO_SOURCE): L1, L2  -> roci explain L1']
    """
    if loads:
        codes = _counted(Counter(str(load["code"]) for load in loads))
        ids = _few([load["load_id"] for load in loads])
        yield f"{state}: {len(loads):,} ({codes}): {ids}  -> roci explain {loads[0]['load_id']}"


def _late_line(late: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the line of what is late.

    >>> late = {"source": "star", "district_id": "0100001", "since": "2026-11-16", "last": None}
    >>> list(_late_line([late]))
    ['late: star of 0100001 since 2026-11-16  -> ask the sender']
    """
    if late:
        of = [
            one["source"]
            + (f" of {one['district_id']}" if one["district_id"] else "")
            + f" since {one['since']}"
            for one in late
        ]
        yield f"late: {_few(of)}  -> ask the sender"


def _rows_lines(status: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of files that wait to be loaded, and of rows that wait to be corrected."""
    if status["waiting"]:
        yield f"waiting in landing/: {status['waiting']:,}  -> roci run"
    kept = status["quarantined"]
    if kept["rows"]:
        rows, loads = _many(kept["rows"], "row"), _many(kept["loads"], "load")
        yield f"quarantined: {rows} of {loads}  -> roci quarantine list"


def _unmatched_line(unmatched: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the line of students who are in no roster.

    >>> of = [{"assessment": a, "school_year": 2024, "students": 5, "where": "l"} for a in "ab"]
    >>> list(_unmatched_line(of))
    ['unmatched: 10 students of 2 assessments and years are in no roster: l']
    """
    if len(unmatched) == 1:
        yield f"unmatched: {unmatched_line(unmatched[0])}"
    elif unmatched:
        students = sum(one["students"] for one in unmatched)
        yield (
            f"unmatched: {students:,} students of {len(unmatched)} assessments and years are in no "
            f"roster: {unmatched[0]['where']}"
        )


def _stale_line(stale: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the line of loads that were made by other rules than today's.

    >>> one = {"source": "star", "loads": 3, "changed": "code", "years": "2023..2024"}
    >>> list(_stale_line([one]))
    ['stale: 3 loads of star, code changed since  -> roci backfill star --years 2023..2024']
    """
    if not stale:
        return
    loads, first = sum(one["loads"] for one in stale), stale[0]
    changed = ", ".join(sorted({part for one in stale for part in one["changed"].split(", ")}))
    sources = first["source"] if len(stale) == 1 else f"{len(stale)} sources"
    command = f"roci backfill {first['source']} --years {first['years']}"
    more = "" if len(stale) == 1 else "; the others: roci status --json"
    yield f"stale: {_many(loads, 'load')} of {sources}, {changed} changed since  -> {command}{more}"


def _unfinished_line(unfinished: Sequence[dict[str, Any]]) -> Iterator[str]:
    if len(unfinished) == 1:
        yield unfinished_line(unfinished[0])
    elif unfinished:
        names = _few([one["source"] for one in unfinished])
        yield f"unfinished: {len(unfinished)} sources ({names})  -> roci check"


def _published_line(status: dict[str, Any]) -> str:
    published, held = status["publication"], status["held_publication"]
    recent, total = status["last_night"], status["loads"].get("loaded", 0)
    line = "published: nothing yet"
    if published:
        at = published["published_at"].astimezone(ZoneInfo(status["timezone"]))
        line = f"published: {published['publication_id']} at {at:%Y-%m-%d %H:%M %Z}"
    if held:
        return f"{line}; {held['publication_id']} is held ({held['code']})  -> {held['next']}"
    if not total:
        return f"{line}, nothing loaded  -> put files into landing/, then roci run"
    words = f" ({_counted(recent)})" if recent else ""
    return f"{line}; {_many(total, 'load')}, {sum(recent.values()):,} in the last 24 hours{words}"


def _many(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> _many(1, "load"), _many(1200, "load")
    ('1 load', '1,200 loads')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _counted(counts: dict[str, int]) -> str:
    return _few([f"{number:,} {name}" for name, number in counts.items()])


def _few(words: Sequence[str]) -> str:
    """Return the first of the words.

    >>> _few(["a", "b", "c", "d", "e"])
    'a, b, c, d and 1 more'
    """
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return ", ".join(words[:NAMED]) + more
