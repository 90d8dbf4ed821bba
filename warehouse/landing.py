"""Files that have arrived, and those that were refused."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from configs.errors import RociError
from warehouse.files import readable, storage_failed
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER, Workspace

# File systems take 255; a number and the ending of a note may be added.
NAME_BYTES = 200
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")


@dataclass(frozen=True)
class LandedFile:
    """A file in landing/ as it stood there when it was listed.

    `district_id` is the first folder under landing/, null at the top. It and `name` are readable
    text; `path` alone has the very bytes of the name. `inode`, `size` and `mtime_ns` tell the file
    from another that comes under the same name.
    """

    path: Path
    name: str
    district_id: str | None
    modified_at: datetime
    size: int
    inode: int
    mtime_ns: int


@dataclass(frozen=True)
class Landing:
    """The folder `landing/`."""

    workspace: Workspace

    def files(self) -> list[LandedFile]:
        """Return every file that has arrived, in the order of their paths.

        Hidden files, files that are still being copied (`.part`, `.tmp` ...) and refused files
        are passed over.
        """
        root = self.workspace.landing
        found = []
        for folder, folders, names in os.walk(root):
            inside = Path(folder)
            folders[:] = [
                name for name in folders
                if not name.startswith(".") and inside / name != self.workspace.refused
            ]  # fmt: skip
            found += [inside / name for name in names if is_whole(name)]
        return [file for path in sorted(found) if (file := _landed(path, root))]

    def put(self, part: Path, name: str, district_id: str | None) -> Path:
        """Move a whole file into landing/ under a name that no other has, and return its place.

        Raises:
            InfrastructureError: that may not be written (STORAGE_FAILED).
        """
        folder = self.workspace.landing / (district_id or "")
        with written_here(folder):
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            return _move(part, folder, name)

    def is_still(self, file: LandedFile) -> bool:
        """Return whether the file stands there as it was listed: not grown, replaced or gone."""
        found = _landed(file.path, self.workspace.landing)
        return found is not None and _identity(found) == _identity(file)

    def remove(self, file: LandedFile) -> bool:
        """Take a file that is safe in the raw store out of landing/; return whether it was there.

        Another file that came under its name stays.
        """
        if not self.is_still(file):
            return False
        file.path.unlink(missing_ok=True)
        return True

    def refuse(self, file: LandedFile, error: RociError) -> bool:
        """Move a file to landing/refused beside a note that says why; return whether it was there.

        Another file that came under its name stays where it is. An earlier refused file of the
        same name stays too: the newcomer gets a number.
        """
        if not self.is_still(file):
            return False
        self.workspace.refused.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        target = _move(file.path, self.workspace.refused, file.path.name)
        self._note(target, file.district_id, error)
        return True

    def refuse_copy(
        self, content: Path, name: str, district_id: str | None, error: RociError
    ) -> None:
        """Put a file that came in an archive into landing/refused beside a note that says why."""
        self.workspace.refused.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        part = self.workspace.refused / f".{content.name}.part"
        shutil.copyfile(content, part)
        self._note(_move(part, self.workspace.refused, name), district_id, error)

    def leave_note(self, name: str, district_id: str | None, error: RociError) -> None:
        """Leave a note that says why a file was refused of which nothing is kept."""
        self.workspace.refused.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        self._note(self.workspace.refused / _fitting(name), district_id, error)

    def _note(self, target: Path, district_id: str | None, error: RociError) -> None:
        with suppress(
            PermissionError, FileNotFoundError
        ):  # of another owner, who put it in: the folder guards it
            target.chmod(PRIVATE_FILE)
        district = f"district folder: {district_id}\n" if district_id else ""
        note = target.with_name(f"{target.name}.why.txt")
        refused_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        note.touch(mode=PRIVATE_FILE)
        words = readable(f"{error}\n\nrefused at: {refused_at}\n{district}")
        note.write_text(words, encoding="utf-8")


def _move(path: Path, folder: Path, name: str) -> Path:
    """Move a file into a folder; where its name is taken it gets a number.

    A long name is cut in its middle, so that the number and the name of a note have room.
    """
    stem, dot, endings = _fitting(name).partition(".")
    for number in count(1):
        target = folder / (stem + (f"-{number}" if number > 1 else "") + dot + endings)
        if _moved(path, target):
            return target
    raise AssertionError("numbers never end")


def _fitting(name: str) -> str:
    content = os.fsencode(name)
    if len(content) <= NAME_BYTES:
        return name
    half = NAME_BYTES // 2
    return content[:half].decode(errors="ignore") + content[-half:].decode(errors="ignore")


def _moved(path: Path, target: Path) -> bool:
    """Move a file unless the target exists; return whether it was moved."""
    try:
        # A link, since a rename would silently replace a file that came in between.
        os.link(path, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if target.exists():
            return False
        path.rename(target)
        return True
    path.unlink()
    return True


@contextmanager
def written_here(folder: Path) -> Iterator[None]:
    """Tell a folder of landing/ that may not be written as a fault of this machine.

    A server may refuse in the same words: who fetches must tell the two apart.

    Raises:
        InfrastructureError: it may not be written (STORAGE_FAILED).
    """
    try:
        yield
    except PermissionError as error:
        raise storage_failed(
            str(folder),
            error,
            expected="a folder of landing/ that can be written",
            remedy="mend the permissions of the workspace; the next run fetches what is new",
        ) from None


def is_whole(name: str) -> bool:
    """Return whether a name is of a file that has arrived: not hidden, not still being copied."""
    return not name.startswith(".") and not name.lower().endswith(UNFINISHED)


def _landed(path: Path, root: Path) -> LandedFile | None:
    try:
        facts = path.stat()
    except FileNotFoundError:  # taken away since the folder was listed
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link that leads to itself
            return None
        raise
    if not stat.S_ISREG(facts.st_mode):  # a pipe would be read for ever
        return None
    folders = path.relative_to(root).parts[:-1]
    return LandedFile(
        path=path,
        name=readable(path.name),
        district_id=readable(folders[0]) if folders else None,
        modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
        size=facts.st_size,
        inode=facts.st_ino,
        mtime_ns=facts.st_mtime_ns,
    )


def _identity(file: LandedFile) -> tuple[int, int, int]:
    return file.inode, file.size, file.mtime_ns
