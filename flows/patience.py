"""Infrastructure is tried again, a little later each time; data never is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from configs.errors import InfrastructureError

log = logging.getLogger("roci.retry")

RETRY_DELAYS = [2.0, 10.0, 30.0]
# What may pass by itself within a minute: a lock has been waited for, a type never changes, a host
# key or a login that is refused stays so.
PASSING = ("DATABASE_AWAY", "LAKE_BUSY", "REMOTE_UNREACHABLE", "STORAGE_FAILED")
Result = TypeVar("Result")


def may_pass(error: BaseException) -> bool:
    """Return whether a stage that failed for this may simply be done again."""
    if isinstance(error, InfrastructureError):
        return error.code in PASSING
    return isinstance(error, OSError)


def patiently(stage: str, attempt: Callable[[], Result]) -> Result:
    """Return what a whole stage gives, done again up to three times while infrastructure fails.

    Every stage may be repeated: what it has done already is found done.
    """
    for delay in RETRY_DELAYS:
        try:
            return attempt()
        except Exception as error:
            if not may_pass(error):
                raise
            code = getattr(error, "code", type(error).__name__)
        log.warning("stage=%s state=waiting code=%s seconds=%g", stage, code, delay)
        time.sleep(delay)
    return attempt()
