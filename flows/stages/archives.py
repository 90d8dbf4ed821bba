"""Whether a file is an archive of several files, each of which is to be claimed by itself."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from transforms.oneroster import is_oneroster
from transforms.oneroster_delta import is_delta
from transforms.workbook import is_workbook
from warehouse.archive import has_contents
from warehouse.files import original


def several_files(path: Path) -> ZipFile | None:
    """Return the opened archive of a zip of files; null for any other file.

    A workbook and a OneRoster export are zips too, and each is one file of its source.

    Raises:
        FileRefused: TRUNCATED_FILE.
        InfrastructureError: the machine cannot read it.
    """
    with original(path) as stream:
        magic = stream.read(8)
        if is_workbook(stream, magic) or is_oneroster(stream) or is_delta(stream):
            return None
    return has_contents(path)
