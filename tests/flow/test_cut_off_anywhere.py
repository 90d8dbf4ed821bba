"""Short twins of `make soak`: a few of the points, files, rounds and steps that it goes through."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.soak.fuzzing import Fates, fuzz
from tests.soak.kills import Point, Rehearsal, killed_at, not_whole, try_points
from tests.soak.model import Published, without_suites
from tests.soak.storage import failed_at
from tests.soak.story import NIGHTLY

# A word of each kind of write whose loss would be worst, and the night it is looked for in.
WORST = ((1, "after lake commit"), (0, "after lake create"), (1, "os.rename @ warehouse/sqlite"))
FULL = ((1, "os.rename @ warehouse/files.py"), (0, "os.link @ warehouse/lake.py"))
FILES, ROUNDS, STEPS = 30, 1, 12


def points(rehearsal: Rehearsal, wanted: tuple[tuple[int, str], ...]) -> list[Point]:
    """Return a point of each wanted kind."""
    return [
        next(p for p in rehearsal.points if p.night == night and p.site.startswith(words))
        for night, words in wanted
    ]


def test_the_writes_of_a_night_are_found_by_watching_it(rehearsals):
    lines = {point.line for point in rehearsals("sqlite").points}
    assert len(lines) >= 40
    assert {line.split(" @ ")[0] for line in lines} >= {
        "open", "os.rename", "os.link", "fsync", "sqlite COMMIT", "after lake commit",
    }  # fmt: skip


def test_after_a_kill_the_next_run_publishes_the_same(rehearsals):
    rehearsal = rehearsals("sqlite")
    tally = try_points(rehearsal, points(rehearsal, WORST), 60, killed_at)
    assert not tally.differences and tally.tried and not tally.not_met


@pytest.mark.postgres
def test_after_a_kill_within_a_transaction_of_postgresql_too(rehearsals):
    rehearsal = rehearsals("postgresql")
    wanted = ((1, "postgres COPY @ warehouse/postgres_marts.py"), (1, "postgres COMMIT"))
    tally = try_points(rehearsal, points(rehearsal, wanted), 60, killed_at)
    assert not tally.differences and tally.tried and not tally.not_met


def test_a_disk_that_is_full_from_a_write_on_is_told_plainly_and_loses_nothing(rehearsals):
    rehearsal = rehearsals("sqlite")

    def full(*words):
        return failed_at("ENOSPC", *words)

    tally = try_points(rehearsal, points(rehearsal, FULL), 60, full)
    assert not tally.differences and tally.codes[3]


def test_two_nightlies_at_once_publish_the_same_as_one(rehearsals):
    rehearsal = rehearsals("sqlite")
    with rehearsal.before(1) as place:
        ended = place.forge.together([place.job(*NIGHTLY), place.job(*NIGHTLY)])
        assert sorted(one.code for one in ended) == [0, rehearsal.codes[1]], ended
        assert place.content() == rehearsal.expected[1]
        assert not_whole(place) is None


def test_no_spoilt_file_of_a_few_escapes(tmp_path):
    fates = Fates()
    fuzz(tmp_path / "home", range(FILES), 4, fates)
    assert not fates.faults, "\n".join(fates.faults)
    assert len(fates.sources) >= 10


def test_what_is_published_is_what_the_model_says(forge, monkeypatch):
    without_suites(monkeypatch)
    Published.forge = forge
    machine = seed(4)(type("Short", (Published,), {}))
    few = settings(
        max_examples=ROUNDS, stateful_step_count=STEPS, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=few)
