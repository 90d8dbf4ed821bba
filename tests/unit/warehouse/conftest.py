from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.database import Database
from warehouse.ledger import Ledger
from warehouse.workspace import Workspace

KINDS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgres),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data").ensure()


@pytest.fixture(params=KINDS)
def database(workspace: Workspace, request: pytest.FixtureRequest) -> Iterator[Database]:
    is_postgres = request.param == "postgresql"
    url = request.getfixturevalue("postgres_url") if is_postgres else None
    database = Database.for_workspace(workspace, url)
    yield database
    database.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)
