"""What waits is taken right after what it waits for, and is not tried in between."""

from __future__ import annotations

from flows.stages.intake import Incoming, Taken
from flows.stages.turns import ChangesWait, in_turn


class Intake:
    """Takes `B1` as the whole roster of district 1, `D1...` as changes to it, `x` as another."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def take(self, name: str, taken: Taken) -> Taken:
        self.tried.append(name)
        place = ("other" if name == "x" else "roster", name[1:2])
        there = {(one.source, one.district_id) for one in taken.incoming}
        if name.startswith("D") and place not in there:
            raise ChangesWait(place)
        source, district = place
        return taken.with_incoming([Incoming(source, name, "0" * 64, district)])


def order(*names: str) -> tuple[list[str], list[str], list[str]]:
    """Return what was taken, what waits still and what was tried."""
    intake = Intake()
    taken, waiting = in_turn(names, Taken(), intake.take)
    return [one.file_name for one in taken.incoming], waiting, intake.tried


def test_changes_before_and_after_their_roster_follow_it_in_their_order():
    taken, waiting, _ = order("D1 mon", "D1 tue", "B1", "D1 wed")
    assert (taken, waiting) == (["B1", "D1 mon", "D1 tue", "D1 wed"], [])


def test_what_waits_is_tried_again_only_after_what_could_help_it():
    taken, waiting, tried = order("D1", "x", "B2", "D2", "x", "B1", "x")
    assert (taken, waiting) == (["x", "B2", "D2", "x", "B1", "D1", "x"], [])
    assert tried == ["D1", "x", "B2", "D2", "x", "B1", "D1", "x"]


def test_changes_without_their_roster_still_wait_at_the_end_and_stop_no_other():
    taken, waiting, tried = order("D1 mon", "B2", "D1 tue", "D2")
    assert (taken, waiting) == (["B2", "D2"], ["D1 mon", "D1 tue"])
    assert tried == ["D1 mon", "B2", "D1 tue", "D2"]
