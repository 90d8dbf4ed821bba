"""Files that have arrived, and those that were refused."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from configs.errors import RociError
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER, Workspace

UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")


@dataclass(frozen=True)
class LandedFile:
    """A file in landing/; `district_id` is the first folder under landing/, null at the top."""

    path: Path
    name: str
    district_id: str | None
    modified_at: datetime
    size: int


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
            found += [inside / name for name in names if _is_whole(name)]
        return [file for path in sorted(found) if (file := _landed(path, root))]

    def remove(self, file: LandedFile) -> None:
        """Take a file that is safe in the raw store out of landing/."""
        file.path.unlink(missing_ok=True)

    def refuse(self, file: LandedFile, error: RociError) -> Path:
        """Move a file to landing/refused beside a note that says why; return its new path.

        An earlier refused file of the same name stays: the newcomer gets a number.
        """
        self.workspace.refused.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        target = self._move_aside(file)
        target.chmod(PRIVATE_FILE)
        district = f"district folder: {file.district_id}\n" if file.district_id else ""
        note = target.with_name(f"{target.name}.why.txt")
        refused_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        note.write_text(f"{error}\n\nrefused at: {refused_at}\n{district}", encoding="utf-8")
        return target

    def _move_aside(self, file: LandedFile) -> Path:
        stem, dot, endings = file.name.partition(".")
        for number in count(1):
            name = file.name if number == 1 else f"{stem}-{number}{dot}{endings}"
            target = self.workspace.refused / name
            if _moved(file.path, target):
                return target
        raise AssertionError("numbers never end")


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


def _is_whole(name: str) -> bool:
    return not name.startswith(".") and not name.lower().endswith(UNFINISHED)


def _landed(path: Path, root: Path) -> LandedFile | None:
    try:
        facts = path.stat()
    except FileNotFoundError:  # taken away since the folder was listed
        return None
    folders = path.relative_to(root).parts[:-1]
    modified_at = datetime.fromtimestamp(facts.st_mtime, UTC)
    return LandedFile(path, path.name, folders[0] if folders else None, modified_at, facts.st_size)
