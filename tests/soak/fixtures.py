"""What every long run is given: a seed, a budget in seconds, a forge, a rehearsal of each kind.

The short ones in tests/flow are given the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.soak.forge import Forge
from tests.soak.kills import Rehearsal


@pytest.fixture(scope="session")
def soak_seed() -> int:
    """What decides everything that is left to chance."""
    return int(os.environ.get("SOAK_SEED") or 1)


@pytest.fixture(scope="session")
def soak_budget() -> float:
    """How many seconds each long run may take."""
    return float(os.environ.get("SOAK_BUDGET") or 60)


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    """The process that forks runs of `roci`."""
    forge = Forge()
    yield forge
    forge.close()


@pytest.fixture(scope="session")
def rehearsals(
    forge: Forge, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], Rehearsal]:
    """Return the rehearsal of a kind of database; each is played once."""
    played: dict[str, Rehearsal] = {}

    def of(kind: str) -> Rehearsal:
        if kind not in played:
            server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
            folder: Path = tmp_path_factory.mktemp(kind)
            played[kind] = Rehearsal(folder, forge, server)
            played[kind].play()
        return played[kind]

    return of
