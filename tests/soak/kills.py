"""A run that is cut off at any of its writes, and what the next run makes of it."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.soak.forge import Ended, Forge
from tests.soak.story import NIGHTS, Content, Place, publication_ids

_numbers = count(1)
UNFINISHED = ("received", "loading")


@dataclass(frozen=True)
class Point:
    """A write of a night: its site, at which of the meetings with it."""

    night: int
    site: str
    nth: int

    @property
    def line(self) -> str:
        """Return the event and the innermost line of ours."""
        return self.site.split(" < ")[0]


@dataclass
class Rehearsal:
    """The undisturbed story, kept before every night, and all writes that it met.

    Attributes:
        points: of every site the first meeting and, where there are more, the last.
        expected: the content of all marts after each night.
    """

    folder: Path
    forge: Forge
    server: str | None = None
    points: list[Point] = field(default_factory=list)
    expected: list[Content] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def play(self) -> None:
        """Play every night undisturbed, keeping what there was before."""
        place = Place(self.folder / "undisturbed", self._database("undisturbed"), self.forge)
        for number, night in enumerate(NIGHTS):
            night(place.landing)
            shutil.copytree(place.home, self._kept(number))
            self._copy_database("undisturbed", f"kept_{number}")
            sites = self.folder / f"sites_{number}.json"
            ended = place.nightly(mode="record", sites=str(sites))
            assert ended.code in (0, 1), ended.said
            self.codes.append(ended.code)
            self.expected.append(place.content())
            self.points += points_of(number, json.loads(sites.read_text("utf-8")))

    @contextmanager
    def before(self, night: int) -> Iterator[Place]:
        """Yield a copy of what there was before a night; it is gone afterwards."""
        name = f"again_{next(_numbers)}"
        home = self.folder / name
        shutil.copytree(self._kept(night), home)
        url = self._copy_database(f"kept_{night}", name)
        try:
            yield Place(home, url, self.forge)
        finally:
            for path in self.folder.glob(f"{name}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            self._drop_database(name)

    def in_turn(self, seed: int) -> list[Point]:
        """Return all points by chance, one of each line of the code before further ones."""
        shuffled = list(self.points)
        random.Random(seed).shuffle(shuffled)
        met: Counter[tuple[int, str]] = Counter()
        ranks = []
        for point in shuffled:
            met[point.night, point.line] += 1
            ranks.append(met[point.night, point.line])
        order = sorted(range(len(shuffled)), key=lambda at: ranks[at])
        return [shuffled[at] for at in order]

    def _kept(self, night: int) -> Path:
        return self.folder / f"kept_{night}"

    def _database(self, name: str) -> str | None:
        if self.server is None:
            return None
        self._execute(f"CREATE DATABASE soak_{name}")
        return self.server.replace("/postgres?", f"/soak_{name}?")

    def _copy_database(self, old: str, new: str) -> str | None:
        if self.server is None:
            return None
        # The backend of a run that has just ended may still hold its database for a moment.
        self._execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = 'soak_{old}' AND pid <> pg_backend_pid()"
        )
        for attempt in range(20):
            try:
                self._execute(f"CREATE DATABASE soak_{new} TEMPLATE soak_{old}")
                break
            except Exception:
                if attempt == 19:
                    raise
                time.sleep(0.1)
        return self.server.replace("/postgres?", f"/soak_{new}?")

    def _drop_database(self, name: str) -> None:
        if self.server is not None:
            self._execute(f"DROP DATABASE IF EXISTS soak_{name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        import psycopg

        assert self.server is not None
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(statement)


def points_of(night: int, met: dict[str, int]) -> list[Point]:
    """Return the first meeting with every site and, where there are more, the last."""
    first = [Point(night, site, 1) for site in met]
    return first + [Point(night, site, times) for site, times in met.items() if times > 1]


@dataclass
class Tally:
    """What became of the points that were tried."""

    tried: int = 0
    lines: set[str] = field(default_factory=set)
    differences: list[str] = field(default_factory=list)
    not_met: int = 0
    codes: Counter[int] = field(default_factory=Counter)

    def told(self, what: str, seed: int) -> str:
        """Return one line of figures."""
        equal = self.tried - len(self.differences)
        return (
            f"soak={what} seed={seed} points={self.tried} lines={len(self.lines)} "
            f"equal={equal} not_met={self.not_met} codes={dict(self.codes)}"
        )


def try_points(
    rehearsal: Rehearsal, points: Sequence[Point], seconds: float, disturb: Callable[..., Tried]
) -> Tally:
    """Try points one after the other until the seconds are over; the first is always tried."""
    tally, began = Tally(), time.monotonic()
    for point in points:
        if tally.tried and time.monotonic() - began > seconds:
            break
        with rehearsal.before(point.night) as place:
            tried = disturb(rehearsal, place, point)
        if tried.ended is None:
            tally.not_met += 1
            continue
        tally.tried += 1
        tally.lines.add(point.line)
        tally.codes[tried.ended.code] += 1
        if tried.fault is not None:
            told = f"night {point.night} {point.site} #{point.nth}: {tried.fault}"
            print(told, flush=True)  # noqa: T201 - a soak may run for hours
            tally.differences.append(told)
    return tally


@dataclass(frozen=True)
class Tried:
    """How a disturbed run ended (null: it never came to the point), and what is wrong after it."""

    ended: Ended | None
    fault: str | None = None


def killed_at(rehearsal: Rehearsal, place: Place, point: Point) -> Tried:
    """Kill a nightly at a point, run the next one, and hold the marts against the undisturbed."""
    ended = place.nightly(mode="kill", site=point.site, nth=point.nth)
    if not ended.was_killed:
        return Tried(None)
    return Tried(ended, after_next_run(rehearsal, place, point.night))


def after_next_run(rehearsal: Rehearsal, place: Place, night: int) -> str | None:
    """Run the nightly undisturbed and return what is not as it would have been; null if nothing."""
    ended = place.nightly()
    if ended.code not in (0, 1):
        return f"the next run ended with {ended.code}: {ended.said[-1500:]}"
    expected, found = rehearsal.expected[night], place.content()
    other = sorted(n for n in {*expected, *found} if expected.get(n) != found.get(n))
    if other:
        return f"other content of {other}; {ended.said[-1500:]}"
    return not_whole(place)


def not_whole(place: Place) -> str | None:
    """Return what a run has left undone although the marts are right; null if nothing."""
    ids = publication_ids(place.home, place.url)
    if len(ids) != 1:
        return f"mixed publications {sorted(ids)}"
    waiting = [str(p) for p in place.landing.rglob("*") if p.is_file() and "refused" not in str(p)]
    if waiting:
        return f"left in landing/: {waiting}"
    states = load_states(place)
    if any(state in UNFINISHED for state in states):
        return f"loads that never ended: {states}"
    if (place.home / "work" / "publish.json").exists():
        return "a publication that waits to be finished"
    return None


def load_states(place: Place) -> dict[str, int]:
    """Return how many loads are in which state."""
    query = "SELECT state, count(*) FROM {}load GROUP BY state"
    if place.url is None:
        with closing(sqlite3.connect(place.home / "warehouse" / "ledger.sqlite")) as connection:
            return dict(connection.execute(query.format("")).fetchall())
    import psycopg

    with psycopg.connect(place.url) as connection:
        return dict(connection.execute(query.format("ledger.")).fetchall())
