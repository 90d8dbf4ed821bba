"""A process that has imported what `roci` imports, and forks for every command that a test types.

A start of Python with Great Expectations, pandas and SQLAlchemy takes longer than most commands of
a test need for their work. What has only been imported is imported alike for every command, so
one process does it (`main`), computes nothing, opens nothing, has no thread, and forks. The child
takes over the command's folder, umask, environment and streams, runs the module as `python -m`
does, waits for its threads and runs its exit hooks as Python does; only that every imported module
is taken apart at the end is spared. An error that nobody catches, and a signal, end it as usual.

Two things of a new process it does not have: another seed for the hashes of texts, and libraries
that read the environment while they are imported. The second is why a command whose environment
differs in more than `FREE` is started truly, and why Prefect is never imported here.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("configs", "transforms", "validation", "warehouse", "flows")
# They import Prefect, or are what is started.
LEFT = {"flows.artifacts", "flows.orchestration", "flows.cli"}
# What the verbs import when they come to it.
LIBRARIES = (
    "adbc_driver_sqlite.dbapi", "alembic.command", "deltalake", "duckdb", "fsspec",
    "great_expectations", "great_expectations.render.renderer.site_builder", "openpyxl",
    "pandera.backends.pandas.register", "pandera.pandas", "pandera.strategies.pandas_strategies",
    "psycopg", "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet", "rich.progress",
    "ruamel.yaml", "scipy.optimize", "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite", "typer.main",
)  # fmt: skip
# Libraries that begin threads while they are imported begin none: a fork would lose them.
WITHOUT_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "_RJEM_MALLOC_CONF": "background_thread:false",
}
# Names, or beginnings of names, that nothing reads while it is imported; runs set the last three.
FREE = ("ROCI_", "PYTEST_", "DO_NOT_TRACK", "GX_ANALYTICS_ENABLED", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Start:
    """A command: its module and words, what it begins with, the files that its streams go to."""

    module: str
    words: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    umask: int
    out: str
    err: str
    seconds: int


class WarmStarter:
    """The process, from the side of the tests."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._began = dict(environment)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_start"], text=True, cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**environment, **WITHOUT_THREADS},
        )  # fmt: skip

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Return whether what was imported under another environment is good for this one."""
        differing = dict(set(environment.items()) ^ set(self._began.items()))
        return all(name.startswith(FREE) for name in differing)

    def run(self, start: Start) -> int:
        """Return the exit code of a command, negative for the signal that killed it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(start)) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()


def main() -> None:
    """Import everything, then fork for whatever stands on the standard input."""
    code: list[int] = []
    atexit.register(_leave, code)  # the first that is registered is the last that runs
    _import_all()
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            _run(Start(**json.loads(line)), code)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _import_all() -> None:
    for room in ROOMS:
        package = importlib.import_module(room)
        names = {module.name for module in pkgutil.walk_packages(package.__path__, f"{room}.")}
        for name in sorted(names - LEFT):
            importlib.import_module(name)
    for name in LIBRARIES:
        importlib.import_module(name)
    threads = list(Path("/proc/self/task").iterdir())
    if "prefect" in sys.modules or len(threads) > 1:
        raise RuntimeError("an import brought Prefect or began a thread: see LEFT, WITHOUT_THREADS")
    gc.freeze()  # else every child would look through, and so copy, all that was imported


def _become(start: Start) -> None:
    signal.alarm(start.seconds)
    os.chdir(start.folder)
    os.umask(start.umask)
    os.environ.clear()
    os.environ.update(start.environment)
    sys.argv[1:] = start.words
    sys.path[0] = start.folder
    new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for stream, (path, how) in enumerate(
        [(os.devnull, os.O_RDONLY), (start.out, new), (start.err, new)]
    ):
        opened = os.open(path, how, 0o600)
        os.dup2(opened, stream)
        os.close(opened)
    import numpy as np

    np.random.seed()  # that of `random` is new after a fork by itself


def _run(start: Start, code: list[int]) -> None:
    _become(start)
    try:
        runpy.run_module(start.module, run_name="__main__", alter_sys=True)
        sys.exit()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            code.append(int(ended.code or 0) & 0xFF)
        raise


def _leave(code: list[int]) -> None:
    """End the process with the code that it was to end with, once all other exit hooks have run."""
    if code:
        gc.collect()  # closes what only a cycle still holds
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code[0])
    gc.unfreeze()


if __name__ == "__main__":
    main()
