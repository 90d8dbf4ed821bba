"""A folder on another machine: files are fetched from it, each once, resumed where it broke off."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urlsplit

from configs.errors import InfrastructureError
from configs.profile_models import RemoteLanding
from warehouse.files import readable
from warehouse.landing import is_whole, written_here
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30
SFTP_PORT = 22
# No server answers with these: they are of the disk that a file is brought to.
OUR_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


@dataclass(frozen=True)
class Credentials:
    """Who fetches; of password and key one is given."""

    user: str
    password: str | None = None
    key_file: str | None = None
    passphrase: str | None = None


@dataclass(frozen=True)
class RemoteFile:
    """A file as the other machine lists it: its path there, its size and when it was changed."""

    path: str
    size: int
    modified: int

    @property
    def name(self) -> str:
        """Return the last part of its path, as readable text."""
        return readable(PurePosixPath(self.path).name)

    @property
    def mark(self) -> str:
        """Return what tells this file from another one of its name; it names the part fetched."""
        return hashlib.sha256(f"{self.path}|{self.size}|{self.modified}".encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Remote:
    """An opened remote folder."""

    filesystem: AbstractFileSystem
    root: str

    def files(self) -> list[RemoteFile]:
        """Return the whole files under the root, oldest first; hidden and partial ones are not.

        A link counts as the file that it leads to; one that leads to a folder or nowhere is none.
        A folder within that may not be read is passed over; the root must be there.
        """
        self.filesystem.ls(self.root)
        found = self.filesystem.find(self.root, detail=True, on_error=_pass_over)
        followed = ((path, self._followed(path, facts)) for path, facts in found.items())
        files = [_file(path, facts) for path, facts in followed if facts is not None]
        return sorted(
            (file for file in files if _is_ours(file, self.root)),
            key=lambda file: (file.modified, file.path),
        )

    def _followed(self, path: str, facts: dict[str, Any]) -> dict[str, Any] | None:
        """Return the facts of what a link leads to, null where that is no file."""
        if facts["type"] != "link":
            return facts
        try:
            target: dict[str, Any] = self.filesystem.info(path)
        except (FileNotFoundError, PermissionError):
            return None
        return target if target["type"] == "file" else None

    def fetch(self, file: RemoteFile, part: Path) -> bool:
        """Bring a file into `part`, going on where an earlier attempt broke off.

        Returns:
            Whether the file stood still meanwhile; if not, `part` is gone and nothing was fetched.

        Raises:
            InfrastructureError: the folder of `part` may not be written (STORAGE_FAILED).
        """
        with _begun(part) as target:
            if target.tell() > file.size:
                target.truncate(0)
            self._append(file, target)
        facts = self.filesystem.info(file.path)
        if part.stat().st_size == file.size and _file(file.path, facts) == file:
            return True
        with written_here(part.parent):
            part.unlink()
        return False

    def _append(self, file: RemoteFile, target: Any) -> None:
        offset = target.tell()
        with closing(self.filesystem.open(file.path, "rb")) as source:
            source.seek(offset)
            if hasattr(source, "prefetch"):  # SFTP asks ahead, else each block waits for the last
                source.prefetch(file.size)
            while content := source.read(CHUNK_BYTES):
                target.write(content)
        target.flush()
        os.fsync(target.fileno())


def _begun(part: Path) -> BinaryIO:
    """Open the file that is fetched into, made where it is new."""
    with written_here(part.parent):
        part.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        part.touch(mode=PRIVATE_FILE)
        return part.open("ab")


@contextmanager
def open_remote(landing: RemoteLanding, credentials: Credentials | None) -> Iterator[Remote]:
    """Open a remote folder; its connection is closed afterwards.

    Raises:
        InfrastructureError: NO_CREDENTIALS, REMOTE_HOST_KEY, REMOTE_LOGIN, REMOTE_UNREACHABLE.
    """
    place = urlsplit(landing.url)
    if place.scheme != "sftp":
        import fsspec

        filesystem, root = fsspec.core.url_to_fs(landing.url)
        with _told(landing):
            yield Remote(filesystem, root)
        return
    if credentials is None:
        raise no_credentials(landing)
    filesystem = _sftp(landing, credentials)
    try:
        with _told(landing):
            yield Remote(filesystem, place.path or "/")
    finally:
        filesystem.client.close()


def _sftp(landing: RemoteLanding, credentials: Credentials) -> Any:
    from fsspec.implementations.sftp import SFTPFileSystem

    from warehouse.host_keys import OnlyTheHostKey

    place = urlsplit(landing.url)
    with _told(landing):
        return SFTPFileSystem(
            place.hostname,
            port=place.port or SFTP_PORT,
            username=credentials.user,
            password=credentials.password,
            key_filename=credentials.key_file,
            passphrase=credentials.passphrase,
            host_key_policy=OnlyTheHostKey(landing.host_key or ""),
            allow_agent=False,
            look_for_keys=False,
            timeout=TIMEOUT_SECONDS,
            banner_timeout=TIMEOUT_SECONDS,
            auth_timeout=TIMEOUT_SECONDS,
            channel_timeout=TIMEOUT_SECONDS,
            skip_instance_cache=True,
        )


@contextmanager
def _told(landing: RemoteLanding) -> Iterator[None]:
    """Say in four parts what went wrong between here and there; no password is ever in it."""
    import paramiko

    from warehouse.host_keys import OtherHostKey

    try:
        yield
    except OtherHostKey as other:
        raise InfrastructureError(
            "REMOTE_HOST_KEY",
            where=f"remote {landing.name}",
            found=f"a server that shows the key {other.shown}",
            expected=f"host_key of the profile: {landing.host_key or 'none is given'}",
            remedy="ask the sender for the server's key by another way than this one; if it is the "
            "one shown, write it into remote_landings, host_key",
        ) from None
    except paramiko.AuthenticationException:
        raise InfrastructureError(
            "REMOTE_LOGIN",
            where=f"remote {landing.name}",
            found="a user, password or key that the server does not take",
            expected="credentials of an account that may read the folder",
            remedy=f"check {environment_name(landing, 'USER')} and its PASSWORD or KEY",
        ) from None
    except (paramiko.SSHException, EOFError, OSError, UnicodeDecodeError) as error:
        if getattr(error, "errno", None) in OUR_DISK:
            raise
        raise InfrastructureError(
            "REMOTE_UNREACHABLE",
            where=f"remote {landing.name}",
            found=f"{type(error).__name__} while talking to {urlsplit(landing.url).hostname}",
            expected="a server that answers and a folder that can be read",
            remedy="nothing if it is a passing fault: the next run goes on where this one broke "
            "off; else check url in remote_landings and the network",
        ) from None


def no_credentials(landing: RemoteLanding) -> InfrastructureError:
    """Return the error of a remote whose account nobody named."""
    return InfrastructureError(
        "NO_CREDENTIALS",
        where=f"remote {landing.name}",
        found="no user",
        expected=f"{environment_name(landing, 'USER')} with PASSWORD or KEY, or a Prefect block",
        remedy="set the variables where roci runs, or name a block in remote_landings, block",
    )


def environment_name(landing: RemoteLanding, part: str) -> str:
    """Return the variable that holds a part of a remote's credentials.

    >>> environment_name(RemoteLanding(name="my-vendor", url="sftp://h/out"), "USER")
    'ROCI_REMOTE_MY_VENDOR_USER'
    """
    return f"ROCI_REMOTE_{landing.name.upper().replace('-', '_')}_{part}"


def _file(path: str, facts: dict[str, Any]) -> RemoteFile:
    modified = facts.get("mtime") or facts.get("created") or 0
    seconds = modified.timestamp() if hasattr(modified, "timestamp") else float(modified)
    return RemoteFile(path, int(facts["size"]), int(seconds))


def _pass_over(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | PermissionError):
        raise error


def _is_ours(file: RemoteFile, root: str) -> bool:
    inside = PurePosixPath(file.path).relative_to(PurePosixPath(root))
    return all(is_whole(part) for part in inside.parts)
