"""Keys that stand for students where their ids must not: no one can tell the id without the secret.

A key is the HMAC-SHA256 of a student's id within its district, under a secret of the installation.
So the same student has the same key in every file that is handed out until the secret is rotated,
and another key in every other installation. Ids have so few digits that an unkeyed digest would be
undone by trying them all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from configs.errors import ConfigurationError, UsageError
from warehouse.secret_keys import SECRET_BYTES, make_secret, replace_secret, student_digest
from warehouse.workspace import PRIVATE_FOLDER, Workspace

VARIABLE = "ROCI_PSEUDONYM_KEY"
KEY_FILE = "pseudonym.key"
# Of the digest: enough that no two of a state's students ever meet.
KEY_LENGTH = 32


@dataclass(frozen=True)
class Pseudonyms:
    """The secret of an installation, and the keys made with it. The secret is never shown."""

    workspace: Workspace
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def path(self) -> Path:
        """Return where the secret is kept, unless the environment gives it."""
        return self.workspace.secrets / KEY_FILE

    def key_of(self, district_id: str | None, student_id: str) -> str:
        """Return the key of a student of a district.

        Raises:
            ConfigurationError: the secret is too short to be one (BAD_PSEUDONYM_KEY).
        """
        return student_digest(self._secret, district_id or "", student_id)[:KEY_LENGTH]

    def rotate(self) -> None:
        """Let every student have another key from now on; the old secret is gone for good.

        Raises:
            UsageError: the environment gives the secret (PSEUDONYM_KEY_GIVEN).
        """
        if self.environment.get(VARIABLE):
            raise UsageError(
                "PSEUDONYM_KEY_GIVEN",
                where=VARIABLE,
                found="a secret that the environment gives",
                expected=f"a secret in {self.path}, which is roci's to change",
                remedy=f"change {VARIABLE} where it is set, or unset it and rotate again",
            )
        self._make_folder()
        replace_secret(self.path, self.workspace.work)
        self.__dict__.pop("_secret", None)

    @cached_property
    def _secret(self) -> bytes:
        given = self.environment.get(VARIABLE)
        if given:
            return _long_enough(given.encode(), VARIABLE)
        if not self.path.exists():
            self._make_folder()
            make_secret(self.path, self.workspace.work)
        return _long_enough(self.path.read_bytes(), str(self.path))

    def _make_folder(self) -> None:
        self.workspace.secrets.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        self.workspace.secrets.chmod(PRIVATE_FOLDER)


def _long_enough(secret: bytes, where: str) -> bytes:
    if len(secret.strip()) < SECRET_BYTES:
        raise ConfigurationError(
            "BAD_PSEUDONYM_KEY",
            where=where,
            found=f"a secret of {len(secret.strip())} characters",
            expected=f"at least {SECRET_BYTES}, of chance alone",
            remedy="give a longer one (`openssl rand -hex 32`), or unset the variable; a file that "
            "was cut off is replaced by `roci pseudonyms rotate`",
        )
    return secret.strip()
