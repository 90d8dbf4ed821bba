"""A real SFTP server on loopback, whose transfers can be made to break off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DELAY = 0.5
USER, PASSWORD = "fetcher", "only-of-this-test"


@dataclass
class SftpServer:
    """A server of one folder. `cut_after`: bytes after which the next transfer breaks off."""

    folder: Path
    port: int = 0
    host_key: str = ""
    cut_after: int | None = None
    reads: list[tuple[int, int]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"sftp://127.0.0.1:{self.port}/out"

    @property
    def bytes_read(self) -> int:
        return sum(size for _, size in self.reads)


def serving(server: SftpServer) -> Any:
    import asyncssh

    class Served(asyncssh.SFTPServer):  # type: ignore[misc]
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(server.folder).encode())

        def read(self, file_obj: Any, offset: int, size: int) -> Any:
            if server.cut_after is not None and offset >= server.cut_after:
                # Later, so that what was asked for before is on its way; nothing after it is.
                asyncio.get_running_loop().call_later(DELAY, cut, self.connection)
                return asyncio.sleep(10 * DELAY, b"")
            content = super().read(file_obj, offset, size)
            server.reads.append((offset, len(content)))
            return content

    def cut(connection: Any) -> None:
        server.cut_after = None
        connection.abort()

    class Account(asyncssh.SSHServer):  # type: ignore[misc]
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    async def listen() -> Any:
        key = asyncssh.generate_private_key("ssh-ed25519")
        server.host_key = key.export_public_key().decode().strip()
        return await asyncssh.create_server(
            Account, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=Served
        )

    return listen()


async def ended() -> None:
    """Let what still runs in the loop end before the loop does."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture
def sftp_server(tmp_path: Path) -> Iterator[SftpServer]:
    """Serve an empty folder `out` over SFTP; the test puts files into it."""
    server = SftpServer(tmp_path / "served")
    (server.folder / "out").mkdir(parents=True)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listener = asyncio.run_coroutine_threadsafe(serving(server), loop).result(30)
    server.port = listener.get_port()
    yield server
    loop.call_soon_threadsafe(listener.close)
    asyncio.run_coroutine_threadsafe(ended(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
