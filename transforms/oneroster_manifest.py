"""What the manifest of a OneRoster zip says of its tables.

Source: 1EdTech, OneRoster 1.1 CSV tables: manifest.csv has propertyName and value; `file.users` is
`bulk`, `delta` or `absent`.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from typing import Literal

MANIFEST = "manifest.csv"
READ_AT_MOST = 1 << 16
Mode = Literal["bulk", "delta", "absent"]
MODES: tuple[Mode, ...] = ("bulk", "delta", "absent")


def table_modes(archive: zipfile.ZipFile) -> dict[str, Mode]:
    """Return what the manifest says of each table; empty without a manifest that can be read."""
    return modes_said(_manifest(archive))


def modes_said(manifest: str) -> dict[str, Mode]:
    """Return what the text of a manifest says of each table."""
    said: dict[str, Mode] = {}
    for row in filter(None, csv.reader(io.StringIO(manifest))):
        mode = next((mode for mode in MODES if mode == row[-1].strip().lower()), None)
        if mode is not None:
            said[row[0].strip().removeprefix("file.")] = mode
    return said


def _manifest(archive: zipfile.ZipFile) -> str:
    for info in archive.infolist():
        if info.filename.replace("\\", "/").rpartition("/")[2].lower() == MANIFEST:
            try:
                with archive.open(info) as member:
                    return member.read(READ_AT_MOST).decode("utf-8-sig", errors="replace")
            except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, RuntimeError):
                return ""
    return ""
