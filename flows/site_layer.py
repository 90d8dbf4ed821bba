"""`roci init`: a site's own layer of configuration, checked before it is put in place."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from configs.catalogue import Catalogue, load_catalogue
from configs.errors import ConfigurationError, UsageError, listed

NETWORK, PROFILE = "network.yml", "profiles/default.yml"
PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Group:
    """A named network of schools, `district/school`."""

    title: str
    schools: tuple[str, ...]


@dataclass(frozen=True)
class Answers:
    """What a site says of itself.

    windows: by source, the test windows whose days are other than shipped: name -> first and last
        day as MM-DD.
    """

    district_id: str
    district_name: str | None = None
    partners: tuple[str, ...] = ()
    networks: Mapping[str, Group] = field(default_factory=dict)
    windows: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    hour: int = 2
    minute: int = 0
    timezone: str = "UTC"


@dataclass(frozen=True)
class Written:
    """Which files were written, and which were there already and stay."""

    site: Path
    new: list[str]
    kept: list[str]


def write_layer(site: Path, answers: Answers, *, merge: bool) -> Written:
    """Write the site's layer; a file that is there is never changed.

    Raises:
        UsageError: a file is there and `merge` does not say to keep it (SITE_FILE_EXISTS).
        ConfigurationError: the configuration would not be good with it; nothing is written.
    """
    texts = layer(answers)
    there = [name for name in texts if (site / name).exists()]
    if there and not merge:
        raise UsageError(
            "SITE_FILE_EXISTS",
            where=str(site),
            found=listed(there),
            expected="none of the files that are to be written: yours are never changed",
            remedy="edit them by hand, or add --merge to write only those that are missing",
        )
    new = {name: text for name, text in texts.items() if name not in there}
    _require_good(site, new)
    for name, text in new.items():
        _write_new(site / name, text)
    return Written(site, sorted(new), sorted(there))


def layer(answers: Answers) -> dict[str, str]:
    """Return the text of every file of the layer, by its path."""
    texts = {NETWORK: _network(answers), PROFILE: _profile(answers)}
    for source, windows in answers.windows.items():
        texts[f"sources/{source}.yml"] = _windows(windows)
    return texts


def _network(answers: Answers) -> str:
    lines = [
        "# Partner schools: results are shown of them together, and of the rest of each district.",
        "# A school is written district_id/school_id, as dim_school has it.",
        f"partner_schools: {'' if answers.partners else '[]'}".rstrip(),
        *(f"  - {quoted(school)}" for school in answers.partners),
        "# Named groups of schools that are compared.",
        f"networks: {'' if answers.networks else '{}'}".rstrip(),
    ]
    for name, group in answers.networks.items():
        schools = ", ".join(map(quoted, group.schools))
        lines += [f"  {name}:", f"    title: {quoted(group.title)}", f"    schools: [{schools}]"]
    return "\n".join(lines) + "\n"


def _profile(answers: Answers) -> str:
    name = f"  # {_one_line(answers.district_name)}" if answers.district_name else ""
    return (
        "# What this installation has otherwise than configs/profiles/default.yml; all its keys\n"
        "# may stand here.\n"
        "# The district of files that do not say whose they are.\n"
        f"home_district: {quoted(answers.district_id)}{name}\n"
        "# When the nightly runs under `roci serve`: minute, hour, day, month, weekday.\n"
        f'nightly_cron: "{answers.minute} {answers.hour} * * *"\n'
        f"timezone: {quoted(answers.timezone)}\n"
    )


def _windows(windows: Mapping[str, tuple[str, str]]) -> str:
    lines = [
        "# Test windows of this site, laid over the shipped source: first and last day as MM-DD.",
        "# A change makes earlier loads stale: `roci status` says so, `roci backfill` mends it.",
        "windows:",
    ]
    lines += [
        f"  {name}: {{from_day: {quoted(first)}, to_day: {quoted(last)}}}"
        for name, (first, last) in windows.items()
    ]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """Return a text as YAML reads it back: an id keeps its zeros.

    >>> print(quoted("0100001"), quoted("St. Ann's"))
    '0100001' 'St. Ann''s'
    """
    return "'" + _one_line(text).replace("'", "''") + "'"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _require_good(site: Path, new: Mapping[str, str]) -> None:
    """Refuse texts with which the whole configuration would not be good."""
    with tempfile.TemporaryDirectory(prefix="roci-init-") as folder:
        tried = Path(folder) / "site"
        if site.is_dir():
            shutil.copytree(site, tried, ignore=shutil.ignore_patterns(".git"))
        tried.mkdir(exist_ok=True)
        for name, text in new.items():
            (tried / name).parent.mkdir(parents=True, exist_ok=True)
            (tried / name).write_text(text, encoding="utf-8")
        try:
            load_catalogue(tried)
        except ConfigurationError as error:
            raise ConfigurationError(
                "BAD_CONFIGURATION",
                where=str(site),
                found=error.found.replace(str(tried), str(site)),
                expected="a configuration that is good with these answers; nothing was written",
                remedy="give the answers named above anew",
            ) from None


def _write_new(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.link(part, path)  # unlike a rename it never replaces what came in between
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def windowed(catalogue: Catalogue) -> list[str]:
    """Return the sources that tell a test's window by its day."""
    return sorted(name for name, source in catalogue.sources.items() if source.windows)


def parsed_windows(
    told: Iterable[str], sources: Iterable[str]
) -> dict[str, dict[str, tuple[str, str]]]:
    """Return windows by source, of texts such as `iready_diagnostic:fall=08-01..11-15`.

    Args:
        told: the texts.
        sources: those that may be named.

    Raises:
        UsageError: BAD_WINDOW.
    """
    known = list(sources)
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for one in told:
        match = re.fullmatch(r"(\w+):(\w+)=(\d\d-\d\d)\.\.(\d\d-\d\d)", one.strip())
        if match is None or match[1] not in known or not all(map(_is_day, match.group(3, 4))):
            raise UsageError(
                "BAD_WINDOW",
                where="--window",
                found=one,
                expected=f"SOURCE:WINDOW=MM-DD..MM-DD with a source of {listed(known)}",
                remedy="write it as iready_diagnostic:fall=08-01..11-15",
            )
        found.setdefault(match[1], {})[match[2]] = (match[3], match[4])
    return found


def _is_day(text: str) -> bool:
    month, day = int(text[:2]), int(text[3:])
    longest = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}.get(month, 31)
    return 1 <= month <= 12 and 1 <= day <= longest


def parsed_networks(told: Iterable[str], district: str) -> dict[str, Group]:
    """Return named groups, of texts such as `north=Northern schools: 0010, 0100001/0020`.

    Raises:
        UsageError: BAD_NETWORK.
    """
    found = {}
    for one in told:
        name, _, words = one.partition("=")
        title, _, schools = words.rpartition(":")
        named = tuple(school_ids(schools, district))
        if not (PLAIN.fullmatch(name.strip()) and title.strip() and named):
            raise UsageError(
                "BAD_NETWORK",
                where="--network",
                found=one,
                expected="NAME=TITLE: SCHOOL, SCHOOL, the name of letters, digits, _ and -",
                remedy="write it as north=Northern schools: 0100001/0010, 0100001/0020",
            )
        found[name.strip()] = Group(title.strip(), named)
    return found


def school_ids(text: str, district: str) -> list[str]:
    """Return schools of a text as `district/school`; one without a district is of the home one.

    >>> school_ids("0010, 0200002/0020", "0100001")
    ['0100001/0010', '0200002/0020']
    """
    found = [one.strip() for one in text.split(",") if one.strip()]
    return [one if "/" in one else f"{district}/{one}" for one in found]


def parsed_time(text: str) -> tuple[int, int]:
    """Return hour and minute.

    >>> parsed_time("02:30")
    (2, 30)

    Raises:
        UsageError: it is no time of day (BAD_TIME).
    """
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text.strip())
    if match is None:
        raise UsageError(
            "BAD_TIME",
            where="--nightly",
            found=text,
            expected="a time of day as HH:MM",
            remedy="write it as 02:30",
        )
    return int(match[1]), int(match[2])


def require_zone(name: str) -> str:
    """Return the name of a time zone.

    Raises:
        UsageError: there is none of that name (BAD_ZONE).
    """
    from zoneinfo import available_timezones

    if name in available_timezones():
        return name
    raise UsageError(
        "BAD_ZONE",
        where="--timezone",
        found=name,
        expected="a name of the time zone database, such as America/Los_Angeles",
        remedy="look it up at the machine with `timedatectl list-timezones`",
    )
