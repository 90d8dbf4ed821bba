"""Archives of several files, each of which is to be claimed by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from flows.context import Context
from transforms.oneroster import is_oneroster
from transforms.oneroster_delta import is_delta
from transforms.workbook import is_workbook
from warehouse.archive import has_contents, members, opened
from warehouse.files import original
from warehouse.raw import RawFile


@dataclass(frozen=True)
class Unpacked:
    """A file that came in an archive; its bytes are in the raw store."""

    raw: RawFile
    name: str


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


def unpacked(context: Context, archive: ZipFile) -> list[Unpacked]:
    """Keep every file of an archive in the raw store, and return them in order of their times.

    Raises:
        FileRefused: BAD_ARCHIVE.
    """
    found = []
    with archive:
        for member in members(archive):
            with opened(archive, member) as stream:
                found.append(Unpacked(context.raw.keep_stream(stream), member.name))
    return found
