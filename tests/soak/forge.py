"""A process that has imported everything and forks a child for each command that it is told.

Started as `python -m tests.soak.forge`; it reads jobs as JSON lines and answers with one line each.
A child is a whole run of `roci`: its own environment, its own output, killed or hindered at a site.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.command_line import ROOT, environment

NEVER_FAIL = ("os.remove", "os.rmdir", "os.rename", "os.chmod", "after ")
SECONDS = 300


@dataclass(frozen=True)
class Job:
    """One command and what is to happen to it.

    mode: `plain`, `record` (sites go to `sites`), `kill` (SIGKILL at a site), `fail` (from the
        site on every write that needs room or rights ends with `error`), `run` (`command` is run
        at the site, then it goes on).
    nth: at which meeting with the site.
    """

    words: Sequence[str]
    home: str
    out: str
    url: str | None = None
    config: str | None = None
    mode: str = "plain"
    site: str = ""
    nth: int = 1
    error: str = "ENOSPC"
    command: Sequence[str] = ()
    sites: str | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, or the signal that killed it, and what it said."""

    code: int
    said: str = field(repr=False)

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Forge:
    """The process, from the side of a test."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.forge"], text=True, cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=environment({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}),
        )  # fmt: skip

    def together(self, jobs: Sequence[Job]) -> list[Ended]:
        """Run commands at the same time and return how each ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([asdict(job) for job in jobs]) + "\n")
        self._process.stdin.flush()
        codes = json.loads(self._process.stdout.readline())
        return [
            Ended(code, Path(job.out).read_text("utf-8", "replace"))
            for job, code in zip(jobs, codes, strict=True)
        ]

    def one(self, job: Job) -> Ended:
        """Run one command."""
        return self.together([job])[0]

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def main() -> None:
    """Import everything, then fork for whatever stands on the standard input."""
    _import_all()
    for line in sys.stdin:
        children = [_forked(Job(**job)) for job in json.loads(line)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        sys.stdout.write(json.dumps(codes) + "\n")
        sys.stdout.flush()


def _import_all() -> None:
    """Import what a run imports on its way: told by a first one in a child of its own."""
    import psycopg  # noqa: F401

    from flows.load_key import code_hash
    from flows.stages import protecting

    code_hash()
    # The processes of the suppression write nothing; starting them is most of a small run's time.
    protecting.ProcessPoolExecutor = AtOnce  # type: ignore[misc, assignment]
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder) / "modules"
        job = Job(("run", "--engine", "direct"), f"{folder}/home", f"{folder}/out")
        from tests.soak.story import first_night

        first_night(Path(job.home) / "landing")
        os.waitpid(_forked(job, names), 0)
        for name in json.loads(names.read_text("utf-8")):
            with suppress(Exception):
                importlib.import_module(name)


class AtOnce:
    """Stands in for a pool of processes: what is given to it is done there and then."""

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take the words that a pool takes."""

    def __enter__(self) -> AtOnce:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def submit(self, work: Any, *words: Any) -> Future[Any]:
        """Return what is done already."""
        done: Future[Any] = Future()
        try:
            done.set_result(work(*words))
        except Exception as error:
            done.set_exception(error)
        return done


def _forked(job: Job, modules: Path | None = None) -> int:
    """Return the process id of a child that does a job; `modules`: where it lists its imports."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        signal.alarm(SECONDS)
        code = _run(job)
        if modules is not None:
            modules.write_text(json.dumps(sorted(sys.modules)), "utf-8")
    finally:
        os._exit(code)


def _run(job: Job) -> int:
    out = os.open(job.out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    _become(job)
    met: Counter[str] = Counter()
    if job.mode != "plain":
        _watch(job, met)
    code = _finished(job.words)
    if job.sites is not None:
        Path(job.sites).write_text(json.dumps(met), "utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _become(job: Job) -> None:
    for name, value in (
        ("ROCI_HOME", job.home), ("ROCI_DATABASE_URL", job.url), ("ROCI_CONFIG", job.config),
    ):  # fmt: skip
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    if job.memory_bytes is not None:
        resource.setrlimit(resource.RLIMIT_AS, (job.memory_bytes, job.memory_bytes))


def _finished(words: Sequence[str]) -> int:
    from flows.cli import app

    sys.argv = ["roci", *words]
    try:
        app()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _watch(job: Job, met: Counter[str]) -> None:
    from tests.soak.writes import Watch

    hindered: list[bool] = []

    def meet(site: str) -> None:
        met[site] += 1
        # Without a site every write counts.
        here = (met[site] if job.site else met.total()) == job.nth and job.site in ("", site)
        if here and job.mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif here and job.mode == "run":
            subprocess.run(job.command, check=True, stdout=subprocess.DEVNULL)
        elif job.mode == "fail" and (here or hindered):
            hindered.append(True)
            _fail(site, job.error)

    Watch(Path(job.home), meet).begin()


def _fail(site: str, error: str) -> None:
    """Raise what a full or read-only disk raises; what needs no room on it goes on."""
    if error == "ENOSPC" and site.startswith(NEVER_FAIL):
        return
    if site.startswith(("sqlite", "postgres")):
        return  # a statement's hook cannot raise; a small disk hinders these for real
    number = getattr(errno, error)
    raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main()
