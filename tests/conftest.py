"""What every test may ask for: an isolated workspace, the command line, real files, PostgreSQL."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.command_line import Finished, run_roci

pytest_plugins = ["tests.postgres", "tests.sftp", "tests.soak.fixtures"]

SHARED = "ROCI_TESTS_SHARED"
KEPT = ("ROCI_REALDATA", SHARED)
OURS = pytest.StashKey[str]()
# Folders whose files take long come first, so that both workers end with short ones.
LONG_FIRST = ("flow", "realdata", "contract", "unit")

# A busy machine must not make a property fail for slowness.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Forget the installation that the tests are started from; make the folder workers share."""
    for name in list(os.environ):
        if name.startswith(("ROCI_", "PREFECT_")) and name not in KEPT:
            del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if SHARED not in os.environ:  # a person who names one keeps the demonstration between runs
        os.environ[SHARED] = config.stash[OURS] = tempfile.mkdtemp(prefix="roci-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the workers shared; only the process that made it does."""
    gc.unfreeze()  # else libraries complain at the end of what is never freed
    if OURS in config.stash:
        shutil.rmtree(config.stash[OURS], ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage among 8,000 tests: all of it stays as long as the process does."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first, and before all the demonstration, which other files wait for."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[bool, int]:
    folder = next((part for part in item.path.parts[::-1] if part in LONG_FIRST), LONG_FIRST[-1])
    return item.path.name != "test_demo.py", LONG_FIRST.index(folder)


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """The umask that most systems set; a command that runs in the test's process changes it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """A folder that all workers of this test run see; it is gone afterwards."""
    return Path(os.environ[SHARED])


@pytest.fixture
def workspace_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace of the test's own, which ROCI_HOME names."""
    home = tmp_path / "home"
    monkeypatch.setenv("ROCI_HOME", str(home))
    for name in ("ROCI_CONFIG", "ROCI_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def roci(workspace_home: Path) -> Callable[..., Finished]:
    """Run the command line in a process of its own, on the test's workspace."""

    def run(*words: str | Path, fresh: bool = False, **environment: str) -> Finished:
        return run_roci(words, {"ROCI_HOME": str(workspace_home), **environment}, fresh=fresh)

    return run


@pytest.fixture(scope="session")
def realdata() -> Iterator[Path]:
    """The published sample files."""
    place = os.environ.get("ROCI_REALDATA")
    if not place:
        pytest.skip("ROCI_REALDATA is not set: it names the folder of the published sample files")
    if not Path(place).is_dir():
        pytest.skip(f"ROCI_REALDATA names {place}, which is no folder")
    yield Path(place)
