"""Which files should have arrived by now and have not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from configs.profile_models import WEEKDAYS, Expected
from flows.context import Context
from warehouse.ledger_records import Arrival

# A school year is named by its spring, and begins in July.
FIRST_MONTH = 7


@dataclass(frozen=True)
class Late:
    """Files of a source (and district) that were due on `since`; `last` is when any came at all."""

    source: str
    district_id: str | None
    since: dt.date
    last: dt.date | None


def late_arrivals(context: Context) -> list[Late]:
    """Return what the profile expects and has not seen, what is late the longest first."""
    profile = context.catalogue.profile
    if not profile.expected:
        return []
    zone = ZoneInfo(profile.timezone)
    today = dt.datetime.now(zone).date()
    return late_on(today, profile.expected, context.ledger.arrivals(), zone)


def late_on(
    today: dt.date, expected: Iterable[Expected], arrivals: Iterable[Arrival], zone: dt.tzinfo
) -> list[Late]:
    """Return what is late on a day.

    A file counts for a due day if it came after the one before and its days of grace; one of each
    school year, if it came since July.
    """
    seen = list(arrivals)
    late = []
    for one in expected:
        days = [a.at.astimezone(zone).date() for a in seen if _is_of(a, one)]
        due, after = _last_due(one, today - dt.timedelta(days=one.grace_days))
        if not any(day > after for day in days):
            late.append(Late(one.source, one.district_id, due, max(days, default=None)))
    return sorted(late, key=lambda item: (item.since, item.source, item.district_id or ""))


def _is_of(arrival: Arrival, expected: Expected) -> bool:
    return arrival.source == expected.source and expected.district_id in (
        None,
        arrival.district_id,
    )


def _last_due(expected: Expected, day: dt.date) -> tuple[dt.date, dt.date]:
    """Return the last due day up to `day`, and the day after which a file counts for it."""
    grace = dt.timedelta(days=expected.grace_days)
    if expected.by in WEEKDAYS:
        due = day - dt.timedelta(days=(day.weekday() - WEEKDAYS.index(expected.by)) % 7)
        return due, due - dt.timedelta(days=7) + grace
    if expected.by.startswith("day "):
        due = _of_month(day, int(expected.by.removeprefix("day ")))
        return due, _of_month(due - dt.timedelta(days=1), due.day) + grace
    month, number = map(int, expected.by.split("-"))
    due = dt.date(day.year, month, number)
    if due > day:
        due = dt.date(day.year - 1, month, number)
    began = due.year if due.month >= FIRST_MONTH else due.year - 1
    return due, dt.date(began, FIRST_MONTH, 1) - dt.timedelta(days=1)


def _of_month(day: dt.date, number: int) -> dt.date:
    """Return that day of the month, of the month before where it is still to come."""
    due = day.replace(day=number)
    return due if due <= day else (day.replace(day=1) - dt.timedelta(days=1)).replace(day=number)
