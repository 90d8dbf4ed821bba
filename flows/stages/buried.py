"""Files that were destroyed on request do not come back: they are refused, and nothing is kept."""

from __future__ import annotations

from configs.errors import FileRefused, RociError
from flows.context import Context
from warehouse.raw import RawFile

RAW_FORGOTTEN = "RAW_FORGOTTEN"
ONLY_FORGOTTEN = "ONLY_FORGOTTEN"


def require_unforgotten(context: Context, raw: RawFile, name: str) -> None:
    """Refuse a file that was destroyed on request; nothing of it stays in the raw store.

    Raises:
        FileRefused: RAW_FORGOTTEN.
    """
    buried = context.forgotten.tombstone(raw.sha256)
    if buried is None:
        return
    raw.path.unlink(missing_ok=True)
    forgetting, moment = buried
    raise FileRefused(
        RAW_FORGOTTEN,
        where=name,
        found=f"a file that `roci forget` destroyed on {moment:%Y-%m-%d} ({forgetting})",
        expected="a file without the rows that had to be forgotten",
        remedy="nothing of it is kept; export it again without them, and land that",
    )


def bury_again(context: Context, sha256: str) -> None:
    """Destroy a raw file that holds nothing but what was forgotten; it is refused from now on."""
    newest = context.forgotten.certificates()[0]
    context.forgotten.bury(newest.forgetting_id, [sha256])
    context.raw.path(sha256).unlink(missing_ok=True)


def keeps_nothing(error: RociError | None) -> bool:
    """Return whether nothing of a file that is refused for this may be kept."""
    return error is not None and error.code in (RAW_FORGOTTEN, ONLY_FORGOTTEN)
