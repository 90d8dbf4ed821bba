"""A fault of our own, told without the values that its message might quote."""

from __future__ import annotations

import logging
import sys
import traceback
from concurrent.futures import BrokenExecutor
from pathlib import Path

from configs.errors import FileRefused, InfrastructureError, RociError

log = logging.getLogger("roci")

PLACES_KEPT = 8


def is_panic(error: BaseException) -> bool:
    """Return whether a library written in Rust broke down: Python does not call that an error."""
    return type(error).__name__ == "PanicException"


def places(error: BaseException) -> list[str]:
    """Return the places that an error came through, the innermost first."""
    frames = traceback.extract_tb(error.__traceback__)[-PLACES_KEPT:]
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames)]


def _is_storage(error: BaseException) -> bool:
    """Return whether DuckDB could not read, write or hold what it had to."""
    duckdb = sys.modules.get("duckdb")
    if duckdb is None:
        return isinstance(error, OSError)
    return isinstance(error, OSError | duckdb.IOException | duckdb.OutOfMemoryException)


def storage_failed(error: BaseException) -> InfrastructureError:
    """Return what a person is told where storage or memory gave out."""
    told = isinstance(error, OSError)
    return InfrastructureError(
        "STORAGE_FAILED",
        where=str(getattr(error, "filename", None) or "the workspace"),
        found=(error.strerror if told else None) or type(error).__name__,  # type: ignore[attr-defined]
        expected="a workspace that can be read and written, with room on its disk",
        remedy="free space or mend the permissions, then run the same command again",
    )


def no_memory(error: BaseException) -> InfrastructureError:
    """Return what a person is told where memory ran out, or something ended a process of ours."""
    return InfrastructureError(
        "NO_MEMORY",
        where="this machine",
        found=type(error).__name__,
        expected="memory for every process until it has ended",
        remedy="nothing half done is shown; end what else needs memory, then run the same command "
        "again",
    )


def _is_of_prefect(error: BaseException) -> bool:
    """Return whether Prefect's server did not answer: nothing else is spoken to through httpx."""
    httpx = sys.modules.get("httpx")
    return httpx is not None and isinstance(error, httpx.TransportError)


def no_answer(error: BaseException) -> InfrastructureError:
    """Return what a person is told where Prefect's server went away in the middle of a run."""
    return InfrastructureError(
        "NO_PREFECT_SERVER",
        where="Prefect's server",
        found=f"{type(error).__name__}: it does not answer any more",
        expected="a server that answers until the run has ended",
        remedy="nothing half done is shown; run the same command again, with --engine direct where "
        "no server is to be had",
    )


def unexpected(error: BaseException, where: str = "") -> RociError:
    """Log the places that an unexpected error came through, and return what a person is told.

    Its message is neither logged nor told: libraries quote the values that they stumble over, and
    these may be a student's.
    """
    if isinstance(error, RociError):
        return error
    if _is_storage(error):
        return storage_failed(error)
    if isinstance(error, MemoryError | BrokenExecutor):
        return no_memory(error)
    if _is_of_prefect(error):
        return no_answer(error)
    met = places(error)
    log.error("unexpected=%s at=%s", type(error).__name__, " < ".join(met))
    return FileRefused(
        "UNEXPECTED",
        where=where or (met[0] if met else "roci"),
        found=type(error).__name__ + (f" at {met[0]}" if met else ""),
        expected="no such thing: this is a fault of roci",
        remedy="nothing half done is shown; try once more, then report the line that the log in "
        "logs/ has about it",
    )
