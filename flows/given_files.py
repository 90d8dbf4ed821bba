"""Files that a person names on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from configs.errors import UsageError


def require_files(paths: Iterable[Path], where: str) -> None:
    """Refuse paths that are no files; `where` is the verb or the option that names them.

    Raises:
        UsageError: NO_SUCH_FILE.
    """
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise UsageError(
            "NO_SUCH_FILE",
            where=where,
            found=", ".join(missing),
            expected="files that exist",
            remedy="check the path",
        )
