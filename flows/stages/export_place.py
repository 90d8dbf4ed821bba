"""Where a file with rows of single students may be written for a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from configs.errors import UsageError
from flows.context import Context


def exports(context: Context) -> Path:
    """Return the folder of such files, which only its owner reads."""
    return context.workspace.quarantine / "exports"


def require_export_place(
    context: Context, path: Path, endings: Sequence[str], *, outside: bool
) -> None:
    """Refuse a place that is none for such a file.

    Args:
        context: the opened workspace.
        path: the file that is to be written.
        endings: those that it may have.
        outside: whether the person said that it may lie where others read it.

    Raises:
        UsageError: UNKNOWN_ENDING, FILE_EXISTS or UNPROTECTED_EXPORT.
    """
    if path.suffix.lower() not in endings:
        raise UsageError(
            "UNKNOWN_ENDING",
            where=str(path),
            found=f"ending {path.suffix or '(none)'}",
            expected=" or ".join(endings),
            remedy="name the file with one of these endings",
        )
    if path.exists():
        raise UsageError(
            "FILE_EXISTS",
            where=str(path),
            found="a file of that name, in which somebody may have corrected rows",
            expected="a new file",
            remedy="name another file, or remove or rename that one first",
        )
    if not (outside or path.resolve().is_relative_to(exports(context).resolve())):
        raise UsageError(
            "UNPROTECTED_EXPORT",
            where=str(path),
            found=f"a place outside of {exports(context)}, for rows of single students",
            expected="a file in that folder, which only its owner reads",
            remedy="write it there, or add --i-understand and keep the file safe",
        )
