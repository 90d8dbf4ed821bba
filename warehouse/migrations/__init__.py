"""How a ledger of an earlier version becomes one of today's: a step for each version.

A step says with Alembic's operations what its version changed; a new version adds a module and a
line in `STEPS`. Steps are frozen: none of them looks at today's tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from warehouse.migrations import to_2, to_3, to_4

Step = Callable[[Operations], None]

STEPS: Mapping[int, Step] = {2: to_2.upgrade, 3: to_3.upgrade, 4: to_4.upgrade}


def upgrade(connection: sa.Connection, version: int) -> int:
    """Do every step above `version` in the connection's transaction; return the version reached.

    On PostgreSQL the search path must name the ledger's schema alone.
    """
    operations = Operations(MigrationContext.configure(connection))
    for reached in sorted(number for number in STEPS if number > version):
        STEPS[reached](operations)
        version = reached
    return version
