"""Who fetches from a remote folder: from the environment, or else from a Prefect block."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from configs.errors import InfrastructureError
from configs.profile_models import RemoteLanding
from warehouse.remote import Credentials, environment_name

PARTS = {"USER": "user", "PASSWORD": "password", "KEY": "key_file", "PASSPHRASE": "passphrase"}


def credentials_of(landing: RemoteLanding, environment: Mapping[str, str]) -> Credentials | None:
    """Return the credentials of a remote folder, null where nobody has given any.

    Raises:
        InfrastructureError: BAD_BLOCK where the Prefect block cannot be read.
    """
    found = {
        field: environment[name]
        for part, field in PARTS.items()
        if environment.get(name := environment_name(landing, part))
    }
    if not found and landing.block is not None:
        found = _of_block(landing.block)
    return Credentials(**found) if "user" in found else None


def _of_block(name: str) -> dict[str, Any]:
    from prefect.blocks.system import Secret

    try:
        block: Any = Secret
        value = block.load(name, _sync=True).get()
        content = json.loads(value) if isinstance(value, str) else dict(value)
    except Exception as error:  # what it holds must not reach a message
        raise _bad_block(name, f"a block that cannot be read ({type(error).__name__})") from None
    unknown = sorted(set(content) - set(PARTS.values()))
    if unknown:
        raise _bad_block(name, f"unknown keys {', '.join(unknown)}")
    return {key: str(value) for key, value in content.items()}


def _bad_block(name: str, found: str) -> InfrastructureError:
    return InfrastructureError(
        "BAD_BLOCK",
        where=f"Prefect block secret/{name}",
        found=found,
        expected=f"JSON with some of {', '.join(PARTS.values())}",
        remedy="save the block again in the Prefect UI, or set the variables of the environment",
    )
