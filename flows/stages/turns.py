"""Whose turn it is: what arrived is taken in its order, and changes wait for what they change."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from flows.stages.intake import Taken

One = TypeVar("One")


class ChangesWait(Exception):
    """Changes of a roster that no whole one has come before; `place` is source and district."""

    def __init__(self, place: tuple[str, str | None]) -> None:
        """Keep whose whole roster they wait for."""
        super().__init__(place)
        self.place = place


def in_turn(
    arrivals: Iterable[One], taken: Taken, take: Callable[[One, Taken], Taken]
) -> tuple[Taken, list[One]]:
    """Take what arrived, one after the other; what waits comes right after what it waits for.

    Args:
        arrivals: in the order in which they came.
        taken: what was taken in before.
        take: returns what is taken in with one more; ChangesWait where it must wait.

    Returns:
        what is taken in, and those that still wait, in their order.
    """
    coming = deque(arrivals)
    waiting: list[tuple[One, tuple[str, str | None]]] = []
    while coming:
        arrival, before = coming.popleft(), len(taken.incoming)
        try:
            taken = take(arrival, taken)
        except ChangesWait as wait:
            waiting.append((arrival, wait.place))
            continue
        come = {(one.source, one.district_id) for one in taken.incoming[before:]}
        coming.extendleft([one for one, place in reversed(waiting) if place in come])
        waiting = [(one, place) for one, place in waiting if place not in come]
    return taken, [one for one, _ in waiting]
