"""The disk is full or read-only, the database goes away: plain words, exit 3, nothing lost."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.soak.kills import Rehearsal, Tally, after_next_run, try_points
from tests.soak.storage import Server, failed_at, fill, read_only, said_wrongly, small_disk
from tests.soak.story import Place

pytestmark = pytest.mark.soak

DISK_KIB = 65_536
OF_PUBLICATION = ("warehouse/publish.py", "warehouse/postgres_marts.py")


@pytest.mark.parametrize("error", ["ENOSPC", "EROFS", "EIO"])
def test_every_write_may_fail_from_any_point_on(rehearsals, error, soak_seed, soak_budget):
    rehearsal = rehearsals("sqlite")
    points = [p for p in rehearsal.in_turn(soak_seed) if not p.site.startswith("sqlite")]
    tally = try_points(rehearsal, points, soak_budget, partial(failed_at, error))
    print(tally.told(f"fail error={error} of={len(points)}", soak_seed))  # noqa: T201
    assert not tally.differences, "\n".join(tally.differences)


def moved(place: Place, home: Path) -> Place:
    """Return a copy of a place in another folder."""
    shutil.copytree(place.home, home)
    return Place(home, None, place.forge)


def test_a_disk_that_fills_at_any_moment(rehearsals, soak_seed, soak_budget, tmp_path):
    rehearsal: Rehearsal = rehearsals("sqlite")
    chance, tally, began = random.Random(soak_seed), Tally(), time.monotonic()
    while not tally.tried or time.monotonic() - began < soak_budget:
        night, leaving = chance.randrange(2), int(10 ** chance.uniform(3.5, 6.6))
        with small_disk(tmp_path / f"disk{tally.tried}", DISK_KIB) as disk:
            with rehearsal.before(night) as kept:
                place = moved(kept, disk / "home")
            place = Place(place.home, None, place.forge)
            filler = fill(disk, leaving)
            ended = place.forge.one(_outside(place, tmp_path))
            wrong = None if ended.code != 3 else said_wrongly(ended, rehearsal, place, night)
            filler.unlink()
            # The night may have got by: then the next run has nothing left to do.
            wrong = wrong or after_next_run(rehearsal, place, night)
        tally.tried += 1
        tally.codes[ended.code] += 1
        if wrong:
            tally.differences.append(f"night {night}, {leaving} bytes left: {wrong}")
            print(tally.differences[-1])  # noqa: T201
    print(tally.told("full disk", soak_seed))  # noqa: T201
    assert not tally.differences, "\n".join(tally.differences)


def _outside(place: Place, folder: Path):
    """Return a nightly whose own words go to another disk than the full one."""
    from dataclasses import replace

    return replace(place.job("run", "--engine", "direct"), out=str(folder / "said"))


@pytest.mark.parametrize("part", ["lake", "warehouse", "marts", "raw", "work", "quarantine"])
def test_a_folder_of_the_workspace_turns_read_only(rehearsals, part):
    rehearsal: Rehearsal = rehearsals("sqlite")
    for night in (0, 1):
        with rehearsal.before(night) as place:
            (place.home / part).mkdir(exist_ok=True)
            with read_only(place.home / part):
                ended = place.nightly()
            assert ended.code == 3, ended.said
            assert said_wrongly(ended, rehearsal, place, night) is None
            assert after_next_run(rehearsal, place, night) is None


@pytest.fixture
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="roci-pg-"))
    server = Server(folder)
    yield server
    server.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.postgres
def test_postgresql_stops_in_the_middle_and_starts_again(
    server, forge, tmp_path, soak_seed, soak_budget
):
    rehearsal = Rehearsal(tmp_path, forge, server.url)
    rehearsal.play()
    points = sorted(
        rehearsal.in_turn(soak_seed),
        key=lambda p: not any(name in p.site for name in OF_PUBLICATION),
    )

    def stopped_at(rehearsal, place, point):
        from tests.soak.kills import Tried

        ended = place.nightly(
            mode="run", site=point.site, nth=point.nth, command=server.stop_command
        )
        server.start()
        wrong = said_wrongly(ended, rehearsal, place, point.night)
        return Tried(ended, wrong or after_next_run(rehearsal, place, point.night))

    tally = try_points(rehearsal, points, soak_budget, stopped_at)
    print(tally.told(f"stop database=postgresql of={len(points)}", soak_seed))  # noqa: T201
    assert not tally.differences, "\n".join(tally.differences)
