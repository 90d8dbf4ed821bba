"""What `roci init` asks, where it is not told by options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import typer

from configs.errors import UsageError
from flows.context import Context
from flows.site_layer import (
    Answers,
    Group,
    parsed_networks,
    parsed_time,
    parsed_windows,
    require_zone,
    school_ids,
    windowed,
)
from flows.stages.lake_relations import relate_lake

SHOWN_AT_MOST = 60
NO_SCHOOLS = ["STATE", "COUNTY", "DISTRICT"]
WINDOWS = ("fall", "winter", "spring")


@dataclass(frozen=True)
class Told:
    """What was told by options; null or empty where it was not."""

    district_id: str | None = None
    district_name: str | None = None
    partners: Sequence[str] | None = None
    networks: Sequence[str] | None = None
    windows: Sequence[str] | None = None
    nightly: str | None = None
    timezone: str | None = None


def answers(context: Context, told: Told) -> Answers:
    """Return what the site says of itself: by options, else asked on a terminal, else as shipped.

    Raises:
        UsageError: no district is told and nobody can be asked (INIT_NEEDS_ANSWERS), or an answer
            has another form than it must.
    """
    ask = _asks()
    if not ask and told.district_id is None:
        raise UsageError(
            "INIT_NEEDS_ANSWERS",
            where="roci init",
            found="no terminal to ask on, and no --home-district",
            expected="the id of your district; all else has a default",
            remedy="add --home-district ID, or type the command on a terminal",
        )
    district = told.district_id or typer.prompt("Home district's id").strip()
    name = told.district_name
    if name is None and ask:
        name = typer.prompt("Its name", default="", show_default=False).strip() or None
    hour, minute = parsed_time(_one(told.nightly, ask, "Nightly at (HH:MM)", "02:00"))
    return Answers(
        district_id=district,
        district_name=name,
        partners=_partners(context, told, district, ask),
        networks=_networks(told, district, ask),
        windows=_windows(context, told, ask),
        hour=hour,
        minute=minute,
        timezone=require_zone(_one(told.timezone, ask, "Time zone", _zone_here())),
    )


def _asks() -> bool:
    return sys.stdin.isatty()


def _one(told: str | None, ask: bool, words: str, default: str) -> str:
    if told is not None:
        return told
    return str(typer.prompt(words, default=default)) if ask else default


def _zone_here() -> str:
    """Return the machine's own zone where it says one."""
    linked = Path("/etc/localtime").resolve().as_posix().partition("/zoneinfo/")[2]
    return linked or "UTC"


def _partners(context: Context, told: Told, district: str, ask: bool) -> tuple[str, ...]:
    if told.partners is not None or not ask:
        return tuple(one for words in told.partners or () for one in school_ids(words, district))
    known = directory(context, district)
    if known:
        typer.echo("Schools of the directory:")
        for school_id, name in list(known.items())[:SHOWN_AT_MOST]:
            typer.echo(f"  {school_id}  {name}")
    words = typer.prompt("Partner schools (ids with commas)", default="", show_default=False)
    return tuple(school_ids(words, district))


def _networks(told: Told, district: str, ask: bool) -> dict[str, Group]:
    words = list(told.networks or ())
    if told.networks is None and ask:
        _until_blank("A network as NAME=TITLE: SCHOOL, SCHOOL (Enter: no more)", words.append)
    return parsed_networks(words, district)


def _windows(context: Context, told: Told, ask: bool) -> dict[str, dict[str, tuple[str, str]]]:
    known = windowed(context.catalogue)
    words = list(told.windows or ())
    if told.windows is None and ask:
        typer.echo("Sources that tell the window by the day: " + ", ".join(known))
        chosen = typer.prompt(
            "Those with other days than shipped (names with commas)", default="", show_default=False
        )
        for source in filter(None, map(str.strip, chosen.split(","))):
            words += _days(context, source)
    return parsed_windows(words, known)


def _days(context: Context, source: str) -> list[str]:
    """Ask for each window of a source; its shipped days are the default."""
    shipped = context.catalogue.source(source).windows
    asked = []
    for name in shipped or WINDOWS:
        now = shipped.get(name)
        default = f"{now.from_day}..{now.to_day}" if now else None
        days = typer.prompt(f"{source} {name} (MM-DD..MM-DD)", default=default)
        if days != default:
            asked.append(f"{source}:{name}={days}")
    return asked


def _until_blank(words: str, take: Callable[[str], None]) -> None:
    while one := typer.prompt(words, default="", show_default=False).strip():
        take(one)


def directory(context: Context, district: str) -> dict[str, str]:
    """Return the schools of a district by id, of the newest directory that is loaded."""
    if not context.lake.exists("school"):
        return {}
    with duckdb.connect() as con:
        relate_lake(context, con, "schools", "school")
        rows = con.execute(
            "SELECT school_id, arg_max(school_name, school_year) FROM schools "
            "WHERE district_id = ? AND entity_type NOT IN (SELECT unnest(?)) "
            "GROUP BY ALL ORDER BY ALL",
            [district, NO_SCHOOLS],
        ).fetchall()
    return dict(rows)
