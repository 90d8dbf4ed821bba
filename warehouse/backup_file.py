"""A backup: one compressed tar of files, its manifest last, written and read as a stream."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from configs.errors import InfrastructureError, UsageError, listed
from warehouse.files import flush
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER

FORMAT = 1
MANIFEST = "manifest.json"
ENDINGS: dict[str, Literal["zstd", "gzip"]] = {".tar.zst": "zstd", ".tar.gz": "gzip"}
BLOCK = 1 << 20
SPOILT = (
    tarfile.TarError, EOFError, zlib.error, ValueError, LookupError, TypeError, AttributeError,
    ArithmeticError,
)  # fmt: skip
# What a name in the backup comes to that stands twice, is too long, or is file and folder at once.
SPOILT_NAMES = (errno.EEXIST, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR)


@dataclass(frozen=True)
class Member:
    """One file of a backup."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds, and the versions of what made it."""

    format: int
    created_at: str
    versions: dict[str, str]
    members: tuple[Member, ...]

    @classmethod
    def of(cls, text: str) -> Manifest:
        """Return the manifest that a text tells of.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        told = json.loads(text)
        members = tuple(Member(**member) for member in told.pop("members"))
        return cls(**told, members=members)


@dataclass
class BackupWriter:
    """Adds files to a backup that is being written."""

    archive: tarfile.TarFile
    members: list[Member] = field(default_factory=list)

    def add(self, path: Path, name: str) -> None:
        """Add a file, as long as it is now: a log that grows meanwhile is cut there."""
        with path.open("rb") as content:
            facts = os.fstat(content.fileno())
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = facts.st_size, facts.st_mtime, facts.st_mode & 0o777
            hashed = _Hashed(content)
            self.archive.addfile(info, hashed)
        self.members.append(Member(name, facts.st_size, hashed.digest.hexdigest()))

    def end(self, created_at: str, versions: dict[str, str]) -> Manifest:
        """Add the manifest, which is the last of a whole backup."""
        manifest = Manifest(FORMAT, created_at, versions, tuple(self.members))
        text = json.dumps(asdict(manifest), indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(text), PRIVATE_FILE
        self.archive.addfile(info, io.BytesIO(text))
        return manifest


class _Hashed:
    """Reads a file and keeps the digest of what was read."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content, self.digest = content, hashlib.sha256()

    def read(self, size: int = BLOCK) -> bytes:
        block = self._content.read(size)
        self.digest.update(block)
        return block


@contextmanager
def new_backup(target: Path) -> Iterator[BackupWriter]:
    """Write a backup, readable by its owner only; it appears under its name once it is whole.

    Raises:
        UsageError: the name has another ending (BACKUP_NAME), or is taken (BACKUP_EXISTS).
    """
    kind = compression(target)
    if target.exists():
        raise _exists(target)
    part = part_of(target)
    part.unlink(missing_ok=True)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with (
            os.fdopen(descriptor, "wb") as stream,
            _packed(stream, kind) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            yield BackupWriter(archive)
        flush(part)
        _in_place(part, target)
    finally:
        part.unlink(missing_ok=True)


def part_of(target: Path) -> Path:
    """Return where a backup is until it is whole."""
    return target.with_name(f".{target.name}.part")


def compression(path: Path) -> Literal["zstd", "gzip"]:
    """Return how a backup of that name is compressed.

    Raises:
        UsageError: by no way that is known (BACKUP_NAME).
    """
    for ending, kind in ENDINGS.items():
        if path.name.endswith(ending):
            return kind
    raise UsageError(
        "BACKUP_NAME",
        where=str(path),
        found="another ending",
        expected=" or ".join(ENDINGS),
        remedy="give the file such a name",
    )


def unpack(path: Path, folder: Path) -> Manifest:
    """Leave the files of a backup in a new folder, each as its manifest says.

    Raises:
        UsageError: there is no such file (NO_SUCH_FILE), or it has another ending (BACKUP_NAME).
        InfrastructureError: the backup is not whole, or not what its manifest says (BAD_BACKUP).
    """
    kind = compression(path)
    if not path.is_file():
        raise UsageError(
            "NO_SUCH_FILE",
            where=str(path),
            found="no such file",
            expected="a backup",
            remedy="check the path",
        )
    folder.mkdir(mode=PRIVATE_FOLDER, parents=True)
    try:
        found, manifest = _unpacked(path, kind, folder)
    except SPOILT as error:
        raise _bad(path, f"it does not unpack ({type(error).__name__})") from None
    except OSError as error:
        # Any other number is of the disk; what is wrong with the content has none.
        if error.errno is not None and error.errno not in SPOILT_NAMES:
            raise
        raise _bad(path, "it does not unpack") from None
    _require_equal(path, found, manifest)
    return manifest


def _unpacked(
    path: Path, kind: Literal["zstd", "gzip"], folder: Path
) -> tuple[dict[str, Member], Manifest]:
    import pyarrow as pa

    found: dict[str, Member] = {}
    text = None
    with (
        pa.CompressedInputStream(pa.OSFile(str(path)), kind) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        for info in archive:
            content = archive.extractfile(info)
            if content is None or text is not None:
                raise ValueError("no plain file, or one after the manifest")
            if info.name == MANIFEST:
                text = content.read().decode()
            else:
                found[info.name] = _written(info, content, folder)
    if text is None:
        raise EOFError("no manifest")
    return found, Manifest.of(text)


def _written(info: tarfile.TarInfo, content: IO[bytes], folder: Path) -> Member:
    """Write a member under the folder, never outside it, and return what it was."""
    parts = PurePosixPath(info.name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise ValueError("a name that leads out of the folder")
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)  # the folder above is its owner's only
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as writer:
        while block := content.read(BLOCK):
            digest.update(block)
            writer.write(block)
            size += len(block)
        writer.flush()
        os.fsync(writer.fileno())
    os.utime(target, (info.mtime, info.mtime))
    target.chmod(info.mode & 0o777)
    return Member(info.name, size, digest.hexdigest())


def _require_equal(path: Path, found: dict[str, Member], manifest: Manifest) -> None:
    told = {member.name: member for member in manifest.members}
    if manifest.format != FORMAT:
        raise _bad(path, f"format {manifest.format}, which this roci does not know")
    wrong = {name for name in {*told, *found} if told.get(name) != found.get(name)}
    if wrong:
        raise _bad(path, f"not what its manifest says: {listed(wrong, at_most=5)}")


@contextmanager
def _packed(stream: IO[bytes], kind: str) -> Iterator[Any]:
    import pyarrow as pa

    with pa.CompressedOutputStream(pa.PythonFile(stream, mode="w"), kind) as packed:
        yield packed


def _in_place(part: Path, target: Path) -> None:
    """Give a whole backup its name, unless something else has taken it."""
    try:
        os.link(part, target)  # a rename would silently replace what came in between
    except FileExistsError:
        raise _exists(target) from None
    except OSError:  # a file system without links
        part.rename(target)
    flush(target.parent)


def _exists(target: Path) -> UsageError:
    return UsageError(
        "BACKUP_EXISTS",
        where=str(target),
        found="a file of that name",
        expected="a new name: a backup never takes the place of another",
        remedy="choose another name, or move the old one away",
    )


def _bad(path: Path, found: str) -> InfrastructureError:
    return InfrastructureError(
        "BAD_BACKUP",
        where=str(path),
        found=found,
        expected="a whole backup, every file as its manifest says; nothing was put in place",
        remedy="fetch the backup again and compare its digest, or take an earlier one",
    )
