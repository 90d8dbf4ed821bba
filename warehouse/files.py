"""Files that appear whole or not at all, and are read or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from configs.errors import InfrastructureError

if TYPE_CHECKING:
    from typing_extensions import Buffer


@contextmanager
def whole_file(target: Path, work: Path, mode: int | None = None) -> Iterator[Path]:
    """Yield a path in `work` to write; on success it takes the place of `target` at once.

    When the body raises, the temporary file goes and `target` is as it was. `work` must be on the
    same file system as `target`.
    """
    work.mkdir(parents=True, exist_ok=True)
    temporary = work / f"{target.name}.{uuid4().hex}"
    try:
        yield temporary
        put_in_place(temporary, target, mode)
    finally:
        temporary.unlink(missing_ok=True)


def put_in_place(temporary: Path, target: Path, mode: int | None = None) -> None:
    """Flush `temporary` to the disk and let it take the place of `target`."""
    if mode is not None:
        temporary.chmod(mode)
    flush(temporary)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(target)
    flush(target.parent)


def readable(name: str) -> str:
    r"""Return a file's name, or words that quote it, as text that can be written anywhere.

    A name whose bytes are no UTF-8 reaches Python with stand-ins for them; they are spelt out.

    >>> print(readable("caf\udce9.csv"))
    caf\xe9.csv
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def original(path: Path) -> BinaryIO:
    """Return the file, open for reading; a disk that gives out is never taken for its content.

    Readers of zips, workbooks and Parquet take an OSError for bytes that are spoilt. What the
    machine cannot read is an InfrastructureError (STORAGE_FAILED) here, which they let pass.
    """
    return io.BufferedReader(_OfTheMachine(path))


class _OfTheMachine(io.FileIO):
    def readinto(self, buffer: Buffer, /) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise self._unread(error) from None

    def readall(self) -> bytes:
        try:
            return super().readall()
        except OSError as error:
            raise self._unread(error) from None

    def _unread(self, error: OSError) -> InfrastructureError:
        return storage_failed(
            readable(str(self.name)),
            error,
            expected="a file that the machine can read to its end",
            remedy="see to the disk or the network folder, then run the same command again",
        )


def storage_failed(
    where: str, error: OSError, *, expected: str, remedy: str
) -> InfrastructureError:
    """Return the error of a file that the machine would not read or write, in its own words."""
    return InfrastructureError(
        "STORAGE_FAILED",
        where=where,
        found=error.strerror or type(error).__name__,
        expected=expected,
        remedy=remedy,
    )


def flush(path: Path) -> None:
    """Wait until the file, or the folder's list of names, has reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
