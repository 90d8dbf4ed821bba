"""Whether a server is the one that it should be: its key is compared with the one configured."""

from __future__ import annotations

import paramiko


class OtherHostKey(paramiko.SSHException):
    """The server shows another key than the one expected."""

    def __init__(self, shown: str) -> None:
        """Keep the key that was shown, as `type base64`."""
        super().__init__(shown)
        self.shown = shown


class OnlyTheHostKey(paramiko.MissingHostKeyPolicy):
    """Accepts one key only, written `ssh-ed25519 AAAA...` as in a known_hosts file."""

    def __init__(self, host_key: str) -> None:
        """Keep the key; a comment after it is dropped."""
        self._expected = host_key.split()[:2]

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """Refuse every other key.

        Raises:
            OtherHostKey: the server shows another one.
        """
        shown = [key.get_name(), key.get_base64()]
        if shown != self._expected:
            raise OtherHostKey(" ".join(shown))
