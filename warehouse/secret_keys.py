"""Secrets that an installation makes for itself, and the digests of students made with them.

A secret is a file that its owner alone reads; its content is chance, written in hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from uuid import uuid4

from warehouse.files import flush, whole_file
from warehouse.workspace import PRIVATE_FILE

SECRET_BYTES = 32


def make_secret(path: Path, work: Path) -> None:
    """Leave a new secret on the disk, whole, unless another process has just made one.

    It is written in `work`, which is on the same file system.
    """
    work.mkdir(parents=True, exist_ok=True)
    new = work / f"{path.name}.{uuid4().hex}"
    try:
        _write(new)
        _put(new, path)
        flush(path.parent)
    finally:
        new.unlink(missing_ok=True)


def replace_secret(path: Path, work: Path) -> None:
    """Leave a new secret in place of the one there was, which is gone for good."""
    with whole_file(path, work, PRIVATE_FILE) as new:
        _write(new)


def student_digest(key: bytes, district_id: str, student_id: str) -> str:
    """Return the HMAC-SHA256 of a student's id within its district, in hexadecimal digits.

    >>> student_digest(b"key", "01", "1") == student_digest(b"key", "0", "11")
    False
    """
    told = f"{district_id}\0{student_id}".encode("utf-8", "surrogatepass")
    return hmac.new(key, told, hashlib.sha256).hexdigest()


def _put(new: Path, path: Path) -> None:
    try:
        os.link(new, path)  # unlike a rename it never replaces what came in between
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        if not path.exists():
            new.replace(path)


def _write(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(SECRET_BYTES))
    flush(path)
