"""Packs files into one zip, whose bytes depend on nothing but their names and content."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

PACKED_AT = (1980, 1, 1, 0, 0, 0)


def pack(files: Sequence[Path], target: Path) -> None:
    """Write the files, by name, into a new zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files, key=lambda file: file.name):
            info = zipfile.ZipInfo(path.name, PACKED_AT)
            info.compress_type = zipfile.ZIP_DEFLATED
            with path.open("rb") as content, archive.open(info, "w", force_zip64=True) as member:
                shutil.copyfileobj(content, member)
