"""`roci db init` where the login may not make roles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.command_line import Finished, run_roci
from tests.flow.small_files import results
from tests.roles import PostgresHouse, postgres_house

pytestmark = pytest.mark.postgres

PASSWORD = "correct-horse"


@pytest.fixture
def house(postgres_server: str) -> Iterator[PostgresHouse]:
    with postgres_house(postgres_server, "prepared", ("plain", "analyst")) as made:
        with made.admin() as connection:
            connection.execute("GRANT CREATE ON DATABASE prepared TO plain")
        yield made


def test_the_sql_that_is_printed_does_the_rest_and_no_password_is_told(house, tmp_path):
    def roci(*words: str | Path) -> Finished:
        address = house.url(f"plain:{PASSWORD}")
        return run_roci(words, {"ROCI_HOME": str(tmp_path), "ROCI_DATABASE_URL": address})

    first = roci("db", "init", "--district-reader", "0199017")
    assert (first.code, "database ready (postgresql)" in first.out) == (0, True), first.said
    assert "this login may not do the following, so nothing of it was done" in first.err
    file = results(tmp_path / "results.csv")
    ingest = roci("ingest", "results_csv", file, "--district", "0199017")
    assert ingest.code == 0, ingest.said
    second = roci("db", "init", "--district-reader", "0199017")
    with house.admin() as connection:
        connection.execute(second.out[second.out.index("BEGIN;") :])
    house.grant("roci_reporting", "analyst")
    assert house.rows("analyst", "SELECT count(*) FROM reporting.mart_achievement")[0][0] > 0
    last = roci("db", "init", "--district-reader", "0199017")
    assert "done:" not in last.out
    assert "roles: roci_reporting reads the schema reporting" in last.out
    assert PASSWORD not in first.said + second.said + last.said
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        house.rows("analyst", "SELECT 1 FROM restricted.mart_achievement_unsuppressed")
