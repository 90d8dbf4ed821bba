"""The folder that everything lives in, and the names of its parts."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from configs.errors import InfrastructureError

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
# What a process makes where it says nothing else: for its owner only.
PRIVATE_UMASK = 0o077
WRITTEN_BY_OTHERS = 0o022
# A group may put files in; it never sees what became of them.
DROP_FOLDER = 0o770
OTHERS = 0o007
# What is certain and not done yet, in `work`.
PUBLISH_PLAN, FORGET_PLAN = "publish.json", "forget.json"
PLANS = (PUBLISH_PLAN, FORGET_PLAN)


@dataclass(frozen=True)
class Workspace:
    """The parts of one installation's data folder (`ROCI_HOME`)."""

    home: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Workspace:
        """Return the workspace that `ROCI_HOME` names, else `data` under the current folder."""
        return cls(Path(environ.get("ROCI_HOME") or "data").expanduser().absolute())

    @property
    def landing(self) -> Path:
        """Where files arrive; they hold students until they are taken in."""
        return self.home / "landing"

    @property
    def refused(self) -> Path:
        """Files that could not be taken in, each beside a note that says why. Restricted."""
        return self.landing / "refused"

    @property
    def raw(self) -> Path:
        """Every file ever seen, by content. Restricted."""
        return self.home / "raw"

    @property
    def lake(self) -> Path:
        """Delta tables of student rows. Restricted."""
        return self.home / "lake"

    @property
    def work(self) -> Path:
        """What is not finished yet: readers never look here, `tidy` clears it. Restricted."""
        return self.home / "work"

    @property
    def staging(self) -> Path:
        """Rows of loads that are under way."""
        return self.work / "staging"

    @property
    def quarantine(self) -> Path:
        """Rejected rows, a file a load. Restricted."""
        return self.home / "quarantine"

    @property
    def marts_reporting(self) -> Path:
        """Published marts, suppressed."""
        return self.home / "marts" / "reporting"

    @property
    def marts_restricted(self) -> Path:
        """Published marts at student level or before suppression. Restricted."""
        return self.home / "marts" / "restricted"

    @property
    def warehouse_dir(self) -> Path:
        """Where the SQLite files are."""
        return self.home / "warehouse"

    @property
    def ledger_path(self) -> Path:
        """The ledger as SQLite."""
        return self.warehouse_dir / "ledger.sqlite"

    @property
    def reporting_path(self) -> Path:
        """The reporting marts as SQLite."""
        return self.warehouse_dir / "reporting.sqlite"

    @property
    def restricted_path(self) -> Path:
        """The restricted marts as SQLite."""
        return self.warehouse_dir / "restricted.sqlite"

    @property
    def secrets(self) -> Path:
        """Secrets of this installation, made when first used. In no backup."""
        return self.home / "secrets"

    @property
    def docs(self) -> Path:
        """Great Expectations Data Docs."""
        return self.home / "docs"

    @property
    def site(self) -> Path:
        """Report pages."""
        return self.home / "site"

    @property
    def logs(self) -> Path:
        """Run logs."""
        return self.home / "logs"

    @property
    def locks(self) -> Path:
        """Leases."""
        return self.home / "locks"

    @property
    def prefect(self) -> Path:
        """The orchestrator's own database."""
        return self.home / "prefect"

    def ensure(self) -> Workspace:
        """Create every folder; those that hold students are open to their owner only.

        `landing` is open to its group too, so that others may put files in; whatever an
        installation makes of the group's rights (or of the group) stays. Into the other folders
        others may look as far as the umask lets them, and write nothing.

        Raises:
            InfrastructureError: a folder cannot be created.
        """
        private = (
            self.refused, self.raw, self.lake, self.quarantine, self.marts_restricted, self.work,
            self.staging, self.logs, self.locks, self.prefect,
        )  # fmt: skip
        shared = (
            self.home, self.marts_reporting.parent, self.marts_reporting, self.warehouse_dir,
            self.docs, self.site,
        )  # fmt: skip
        try:
            for folder in shared:
                _make_shared_folder(folder)
            _make_drop_folder(self.landing)
            for folder in private:
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(PRIVATE_FOLDER)
        except OSError as error:
            raise _unusable(self.home, error) from error
        return self

    def tidy(self, older_than_seconds: float = 86_400) -> int:
        """Remove what killed runs left in `work` that long ago; return how many were removed.

        A publication that a crash broke off (`publish.json`) is not a leftover: it is finished by
        `Publisher.recover`, and until then nothing is removed; nor while a forgetting is unfinished
        (`forget.json`).
        """
        if any((self.work / plan).exists() for plan in PLANS):
            return 0
        before = time.time() - older_than_seconds
        folders = (self.staging, self.work / "publish")
        leftovers = [*self.work.glob("*"), *(path for f in folders for path in f.glob("*"))]
        removed = 0
        for path in leftovers:
            with suppress(FileNotFoundError):  # whoever was at work there has ended meanwhile
                if path not in folders and path.lstat().st_mtime < before:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                    removed += 1
        return removed


def _make_shared_folder(folder: Path) -> None:
    """Leave a folder whose rights are those that the installation gave it."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(folder.stat().st_mode & 0o7777 & ~WRITTEN_BY_OTHERS)


def _make_drop_folder(folder: Path) -> None:
    """Leave a folder that everybody but its owner and group is kept out of."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(DROP_FOLDER)
    mode = folder.stat().st_mode
    if mode & OTHERS:
        folder.chmod(mode & 0o7777 & ~OTHERS)


def _unusable(home: Path, error: OSError) -> InfrastructureError:
    return InfrastructureError(
        "WORKSPACE_UNUSABLE",
        where=f"workspace {home}",
        found=f"{error.strerror or error} ({error.filename})",
        expected="a folder that this user may create and write in",
        remedy="set ROCI_HOME to such a folder, or mend its owner and permissions",
    )
