"""The process is killed at every write it was seen to do; the next run ends as if nothing was."""

from __future__ import annotations

import pytest

from tests.soak.kills import killed_at, try_points

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_after_a_kill_at_any_write_the_next_run_publishes_the_same(
    rehearsals, kind, soak_seed, soak_budget
):
    rehearsal = rehearsals(kind)
    tally = try_points(rehearsal, rehearsal.in_turn(soak_seed), soak_budget, killed_at)
    print(tally.told(f"kill database={kind} of={len(rehearsal.points)}", soak_seed))  # noqa: T201
    assert not tally.differences, "\n".join(tally.differences)
