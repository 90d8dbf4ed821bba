"""Every file ever seen, kept once, under the digest of its content."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from configs.errors import InfrastructureError
from warehouse.files import flush, original, put_in_place
from warehouse.workspace import Workspace

BLOCK = 1 << 20
READ_ONLY = 0o400


@dataclass(frozen=True)
class RawFile:
    """One kept file."""

    sha256: str
    size: int
    path: Path


@dataclass(frozen=True)
class RawStore:
    """The folder `raw/<first two digits>/<sha256>`: read-only files, restricted."""

    workspace: Workspace

    def keep(self, path: Path) -> RawFile:
        """Leave the content of `path` in the store, once, and return where.

        The file is read once, hashed while it is copied, and appears under its digest only when
        it is whole and on the disk.
        """
        with original(path) as reader:
            return self.keep_stream(reader)

    def keep_stream(self, reader: BinaryIO) -> RawFile:
        """Leave what a stream gives in the store, as `keep` does."""
        self.workspace.work.mkdir(parents=True, exist_ok=True)
        temporary = self.workspace.work / f"raw.{uuid4().hex}"
        try:
            sha256, size = _copy(reader, temporary)
            target = self.path(sha256)
            if target.exists():
                os.utime(target)  # it is of use again: the retention counts from here
            else:
                put_in_place(temporary, target, READ_ONLY)
                flush(target.parent.parent)
            return RawFile(sha256, size, target)
        finally:
            temporary.unlink(missing_ok=True)

    def path(self, sha256: str) -> Path:
        """Return where the content of that digest is, or would be."""
        return self.workspace.raw / sha256[:2] / sha256

    def open(self, sha256: str) -> BinaryIO:
        """Return the content, open for reading.

        Raises:
            InfrastructureError: the store does not have it.
        """
        try:
            return original(self.path(sha256))
        except FileNotFoundError as error:
            raise InfrastructureError(
                "RAW_FILE_GONE",
                where=str(self.path(sha256)),
                found="no such file",
                expected="every file that the ledger names, kept for good",
                remedy="restore it from a backup, or land the original file again",
            ) from error


def _copy(reader: BinaryIO, target: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as writer:
        while block := reader.read(BLOCK):
            digest.update(block)
            writer.write(block)
            size += len(block)
    return digest.hexdigest(), size
