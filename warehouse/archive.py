"""Zip archives of several files: each member's bytes, and never a path that the archive names."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from configs.errors import FileRefused, listed
from warehouse.files import original, readable
from warehouse.landing import is_whole

MAGIC = b"PK\x03\x04"
# An archive of extracts unpacks to some twenty times its size; one that is made to fill a disk, to
# thousands of times.
MEMBERS_AT_MOST = 2_000
BYTES_AT_MOST = 50 << 30
RATIO_AT_MOST = 200
FREE_OF_RATIO = 10 << 20
ENCRYPTED = 0x1
BLOCK = 1 << 20
# What the senders add for people to read.
DOCUMENTS = (".pdf", ".doc", ".docx", ".htm", ".html", ".md", ".rtf")


@dataclass(frozen=True)
class Member:
    """A file in an archive: its place in the table of contents, and the last part of its name."""

    place: int
    name: str
    size: int


def has_contents(path: Path) -> zipfile.ZipFile | None:
    """Return the opened archive; null where the file is no zip.

    Raises:
        FileRefused: TRUNCATED_FILE where it begins as a zip and has no table of contents.
        InfrastructureError, OSError: the machine cannot read it.
    """
    with ExitStack() as closing:
        stream = closing.enter_context(original(path))
        if stream.read(len(MAGIC)) != MAGIC:
            return None
        archive = _opened(stream, readable(path.name))
        closing.pop_all()
    return archive


class _Archive(zipfile.ZipFile):
    """A zip that closes the stream on which it was opened."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        super().__init__(stream)

    def close(self) -> None:
        super().close()
        self._stream.close()


def _opened(stream: BinaryIO, name: str) -> zipfile.ZipFile:
    try:
        return _Archive(stream)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        raise FileRefused(
            "TRUNCATED_FILE",
            where=name,
            found="a zip without a table of contents, which stands at its end",
            expected="a file that was copied to its end",
            remedy="fetch the file again and compare its size with the sender's",
        ) from None


def members(archive: zipfile.ZipFile) -> list[Member]:
    """Return the files of an archive in order of their times, as files in landing/ are taken.

    Folders, links, hidden files and documents are passed over.

    Raises:
        FileRefused: BAD_ARCHIVE where it has too many, or they would unpack to too much.
    """
    infos = archive.infolist()
    files = [
        Member(
            place, readable(PurePosixPath(info.filename.replace("\\", "/")).name), info.file_size
        )
        for place, info in enumerate(infos)
        if not info.filename.endswith("/") and not stat.S_ISLNK(info.external_attr >> 16)
    ]
    wanted = [one for one in files if _is_data(infos[one.place].filename)]
    if len(infos) > MEMBERS_AT_MOST or sum(info.file_size for info in infos) > BYTES_AT_MOST:
        raise bad_archive(
            f"{len(infos):,} files of {sum(info.file_size for info in infos):,} bytes",
            f"at most {MEMBERS_AT_MOST:,} files of {BYTES_AT_MOST:,} bytes",
        )
    for member in wanted:
        info = infos[member.place]
        if info.file_size > max(FREE_OF_RATIO, RATIO_AT_MOST * info.compress_size):
            raise bad_archive(
                f"{member.name}: {info.compress_size:,} bytes that unpack to {info.file_size:,}",
                f"at most {RATIO_AT_MOST} times the packed size",
            )
    encrypted = [one.name for one in wanted if infos[one.place].flag_bits & ENCRYPTED]
    if encrypted:
        raise bad_archive(f"files under a password: {listed(encrypted)}", "no password")
    return sorted(wanted, key=lambda one: infos[one.place].date_time)


@contextmanager
def opened(archive: zipfile.ZipFile, member: Member) -> Iterator[BinaryIO]:
    """Open a member; it never gives more bytes than the table of contents says.

    Raises:
        FileRefused: BAD_ARCHIVE where it does not unpack.
    """
    info = archive.infolist()[member.place]
    try:
        if info.header_offset < 0:
            raise zipfile.BadZipFile("a member that begins before the archive does")
        with archive.open(info) as stream:
            yield _Bounded(stream, member)  # type: ignore[misc]
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        UnicodeDecodeError,
    ) as error:
        raise bad_archive(
            f"{member.name}: does not unpack ({type(error).__name__})", "a whole archive"
        ) from None


class _Bounded:
    """Reads a member and stops where its stated size is passed."""

    def __init__(self, stream: IO[bytes], member: Member) -> None:
        self._stream, self._member, self._left = stream, member, member.size

    def read(self, size: int = BLOCK) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise bad_archive(f"{self._member.name}: more bytes than stated", "a whole archive")
        return content


def _is_data(path: str) -> bool:
    parts = PurePosixPath(path.replace("\\", "/")).parts
    hidden = any(part == "__MACOSX" or not is_whole(part) for part in parts if part != "..")
    return not hidden and not path.lower().endswith(DOCUMENTS)


def bad_archive(found: str, expected: str) -> FileRefused:
    """Return the refusal of an archive that is not safe or not able to be unpacked."""
    return FileRefused(
        "BAD_ARCHIVE",
        where="the archive",
        found=found,
        expected=expected,
        remedy="unpack it yourself where you trust its sender, and put its files into landing/",
    )
