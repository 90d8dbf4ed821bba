"""What must stand in the environment before Prefect is imported."""

from __future__ import annotations

import os

from warehouse.workspace import Workspace


def prepare(workspace: Workspace) -> None:
    """Keep Prefect's database in the workspace, its telemetry off and its start patient.

    A new server fills its database in about eight seconds and several starting at once pass its
    default limit of twenty; what the environment already says is left alone.
    """
    defaults = {
        "PREFECT_HOME": str(workspace.prefect),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "roci",
        "PREFECT_CLI_PROMPT": "false",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
