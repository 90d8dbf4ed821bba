"""What a load, a build and a whole run came to: counts and codes, never a student's value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from configs.errors import InfrastructureError

ATTENTION = ("failed", "held")
# The source of a load that no source claimed.
UNCLAIMED = "(none)"


class Outcome:
    """What a stage came to, by its `state`."""

    state: str

    @property
    def needs_attention(self) -> bool:
        """Return whether a person has to look at it."""
        return self.state in ATTENTION

    def as_record(self) -> dict[str, Any]:
        """Return a plain dict, for JSON and for Prefect."""
        return asdict(self)  # type: ignore[call-overload]


@dataclass(frozen=True)
class LoadOutcome(Outcome):
    """One file's way into the lake, or why it stopped.

    `state` is `loaded`, `unchanged`, `held` or `failed`; received = loaded + quarantined +
    set_aside wherever the file could be read to its end.
    """

    load_id: str
    source: str
    file_name: str
    state: str
    code: str | None = None
    message: str | None = None
    received: int = 0
    loaded: int = 0
    quarantined: int = 0
    set_aside: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class BuildOutcome(Outcome):
    """One publication, or the reason why the last one stays.

    `state` is `published`, `unchanged`, `held`, or `waiting`: all that changed are the slices in
    `waiting`, which stay as published since they would tell of few students. That is no failure.
    """

    publication_id: str | None
    state: str
    slices_built: int = 0
    slices_kept: int = 0
    marts: dict[str, int] = field(default_factory=dict)
    code: str | None = None
    message: str | None = None
    seconds: float = 0.0
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True)
class FetchOutcome(Outcome):
    """What a remote folder brought: `fetched`, or `failed` where it could not be reached."""

    remote: str
    state: str
    files: int = 0
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Again:
    """A load that was done again, and what had changed since it ended."""

    load_id: str
    source: str
    changed: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Return the changes in words.

        >>> Again("L1", "star", ("vocabulary", "code")).words
        'L1 star: code and vocabulary changed since'
        >>> Again("L1", "star").words
        'L1 star: nothing that it depends on has changed since'
        """
        *first, last = sorted(self.changed) or ["nothing that it depends on has"]
        named = f"{', '.join(first)} and {last}" if first else last
        return f"{self.load_id} {self.source}: {named} changed since"


@dataclass(frozen=True)
class RunOutcome:
    """All loads of one run, what was fetched before them, and the build that followed.

    `again`: what a rerun was asked to do once more.
    """

    loads: tuple[LoadOutcome, ...] = ()
    build: BuildOutcome | None = None
    fetches: tuple[FetchOutcome, ...] = ()
    again: tuple[Again, ...] = ()

    @property
    def exit_code(self) -> int:
        """Return 0 where all is done or unchanged, 1 where a load or the build needs a person.

        A remote folder that could not be reached is 3: what had arrived was loaded all the same.
        """
        if any(fetch.needs_attention for fetch in self.fetches):
            return InfrastructureError.exit_code
        build_waits = self.build is not None and self.build.needs_attention
        return int(build_waits or any(load.needs_attention for load in self.loads))

    def with_loads(self, more: list[LoadOutcome]) -> RunOutcome:
        """Return this run with further loads."""
        return replace(self, loads=(*self.loads, *more))

    def summary(self) -> str:
        """Return one line of counts by state."""
        states: dict[str, int] = {}
        for load in self.loads:
            states[load.state] = states.get(load.state, 0) + 1
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        return counted or "nothing new"
