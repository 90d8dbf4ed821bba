from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import RociError, UsageError
from tests.roles import PostgresHouse, postgres_house
from warehouse.database import Database
from warehouse.ledger import Ledger
from warehouse.roles import RolesMade, make_roles
from warehouse.sql_marts import replace_tables
from warehouse.workspace import Workspace

pytestmark = pytest.mark.postgres

DBA, OWNER, READER = "dba", "owner_of_all", "reader"
MEMBERS = """
    SELECT count(*) FROM pg_auth_members WHERE pg_get_userbyid(roleid) = 'roci_loader'
"""


@pytest.fixture
def house(postgres_server: str) -> Iterator[PostgresHouse]:
    with postgres_house(postgres_server, "roles", (DBA, OWNER, READER)) as made:
        with made.admin() as connection:
            connection.execute(f"ALTER ROLE {DBA} CREATEROLE")
            connection.execute(f"GRANT CREATE ON DATABASE roles TO {OWNER}")
        yield made


def database_of(workspace: Workspace, house: PostgresHouse, login: str = "postgres:") -> Database:
    return Database.for_workspace(workspace, house.url(login))


def made_by(workspace: Workspace, house: PostgresHouse, login: str, *districts: str) -> RolesMade:
    database = database_of(workspace, house, login)
    try:
        return make_roles(database, districts)
    finally:
        database.close()


def publish(database: Database, path: Path, area: str, table: pa.Table, name: str = "mart") -> None:
    pq.write_table(table, path)
    replace_tables(database, area, {name: (path, table.column_names[:1])})


def test_roles_are_made_once_and_the_second_time_nothing_is_done(workspace, house):
    first = made_by(workspace, house, "postgres:")
    assert "role roci_loader is there" in first.done
    assert "schema restricted is there" in first.done
    assert made_by(workspace, house, "postgres:") == RolesMade()


def test_no_role_has_a_login_or_a_password(workspace, house):
    made_by(workspace, house, "postgres:", "0100001")
    query = "SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname LIKE 'roci\\_%'"
    with house.admin() as connection:
        assert connection.execute(query).fetchall() == [(False, None)] * 4


def test_who_may_not_make_roles_is_told_the_sql_and_nothing_is_half_done(workspace, house):
    database = database_of(workspace, house, OWNER)
    Ledger(database).create()
    made = make_roles(database)
    database.close()
    assert made.done == ()
    assert "role roci_reporting is there" in [step.told for step in made.missing]
    assert "GRANT roci_loader TO owner_of_all" in made.script
    with house.admin() as connection:
        query = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'roci\\_%'"
        assert connection.execute(query).fetchone() == (0,)
        connection.execute(made.script)
    assert made_by(workspace, house, OWNER) == RolesMade()


def test_what_postgresql_only_warns_of_is_told_as_missing_too(workspace, house):
    made_by(workspace, house, "postgres:")
    house.grant("roci_loader", OWNER)
    with house.admin() as connection:
        connection.execute("GRANT TEMPORARY ON DATABASE roles TO PUBLIC")
    made = made_by(workspace, house, OWNER)
    assert (made.done, len(made.missing)) == ((), 1)
    assert "REVOKE TEMPORARY, CREATE ON DATABASE roles FROM PUBLIC" in made.script


def test_what_was_published_before_there_were_roles_can_be_replaced_after(
    workspace, house, tmp_path
):
    database, path = database_of(workspace, house, OWNER), tmp_path / "mart.parquet"
    Ledger(database).create()
    publish(database, path, "reporting", pa.table({"k": [1]}))
    publish(database, path, "restricted", pa.table({"k": [1]}))
    database.close()
    assert made_by(workspace, house, "postgres:").missing == ()
    for login in (OWNER, READER):
        house.grant("roci_loader", login)
        again = database_of(workspace, house, login)
        Ledger(again).register_file("a", 1, "a.csv")
        publish(again, path, "reporting", pa.table({"k": ["1"], "new": [2]}))
        again.close()
    house.grant("roci_reporting", READER)
    assert house.rows(READER, "SELECT k, new FROM reporting.mart") == [("1", 2)]


def test_one_who_may_make_roles_in_a_database_of_his_own_needs_nobody(workspace, house):
    with house.admin() as connection:
        connection.execute(f"ALTER DATABASE roles OWNER TO {DBA}")
    assert made_by(workspace, house, DBA).missing == ()
    database = database_of(workspace, house, DBA)
    Ledger(database).create()
    database.close()
    query = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'ledger'"
    assert house.rows("postgres:", query) == [("roci_loader",)]
    assert made_by(workspace, house, DBA) == RolesMade()


@pytest.mark.parametrize(
    "grant",
    [
        "GRANT USAGE ON SCHEMA restricted TO roci_reporting",
        "GRANT SELECT ON restricted.mart TO roci_reporting",
        "GRANT SELECT ON restricted.mart TO PUBLIC",
        "GRANT INSERT ON reporting.mart TO roci_restricted",
        "GRANT CREATE ON SCHEMA reporting TO PUBLIC",
        "REVOKE SELECT ON reporting.mart FROM roci_reporting",
        "GRANT SELECT (k) ON restricted.mart TO roci_reporting",
        "ALTER DEFAULT PRIVILEGES FOR ROLE roci_loader IN SCHEMA restricted "
        "GRANT SELECT ON TABLES TO roci_reporting",
    ],
)
def test_rights_that_were_changed_by_hand_are_set_right(grant, workspace, house, tmp_path):
    made_by(workspace, house, "postgres:")
    database, path = database_of(workspace, house), tmp_path / "mart.parquet"
    publish(database, path, "reporting", pa.table({"k": [1]}))
    publish(database, path, "restricted", pa.table({"k": [1]}))
    database.close()
    house.grant("roci_reporting", READER)
    with house.admin() as connection:
        connection.execute(grant)
    assert made_by(workspace, house, "postgres:").done == (
        "each role has its rights and no others",
    )
    assert made_by(workspace, house, "postgres:") == RolesMade()
    assert house.refuses(READER, "SELECT k FROM restricted.mart")
    assert house.rows(READER, "SELECT k FROM reporting.mart") == [(1,)]


def test_a_role_that_is_more_than_it_should_be_is_told(workspace, house):
    made_by(workspace, house, "postgres:")
    with house.admin() as connection:
        connection.execute("ALTER ROLE roci_restricted BYPASSRLS")
        connection.execute("GRANT pg_read_all_data TO roci_reporting")
    assert made_by(workspace, house, "postgres:").unsafe == (
        "roci_restricted may more than read and write tables (ALTER ROLE takes it away)",
        "roci_reporting is a member of pg_read_all_data and has its rights too",
    )


def test_a_mart_that_one_reader_was_refused_stays_refused_when_it_is_swapped(
    workspace, house, tmp_path
):
    made_by(workspace, house, "postgres:")
    house.grant("roci_restricted", READER)
    database, path = database_of(workspace, house), tmp_path / "mart.parquet"
    publish(database, path, "restricted", pa.table({"k": [1]}))
    with house.admin() as connection:
        connection.execute("REVOKE SELECT ON restricted.mart FROM roci_restricted")
    publish(database, path, "restricted", pa.table({"k": ["1"], "new": [2]}))
    database.close()
    assert house.refuses(READER, "SELECT * FROM restricted.mart")


def test_a_district_of_an_impossible_name_is_refused(workspace, house):
    for district in ("", "1/2", "x" * 41, "1'; DROP ROLE", "a b"):
        with pytest.raises(UsageError, match="BAD_DISTRICT"):
            made_by(workspace, house, "postgres:", district)


def test_two_districts_readers_see_each_their_own(workspace, house, tmp_path):
    database, path = database_of(workspace, house), tmp_path / "mart.parquet"
    make_roles(database, ["01"])
    rows = pa.table({"id": [1, 2, 3, 4], "district_id": ["01", "02", "03", None]})
    publish(database, path, "restricted", rows)
    make_roles(database, ["02"])
    database.close()
    house.grant("roci_district_01", READER)
    house.grant("roci_district_02", OWNER)
    assert house.rows(READER, "SELECT id FROM restricted.mart") == [(1,)]
    assert house.rows(OWNER, "SELECT id FROM restricted.mart") == [(2,)]


def test_of_organisations_and_comparisons_a_district_sees_what_is_its_own(
    workspace, house, tmp_path
):
    database, path = database_of(workspace, house), tmp_path / "mart.parquet"
    make_roles(database, ["01"])
    levels = ["all", "district", "school", "partner", "network", "county", "district", "school"]
    orgs = ["all", "01", "01/7", "01", "01", "01", "02", "010/7"]
    table = pa.table({"id": range(8), "org_level": levels, "org_id": orgs})
    publish(database, path, "restricted", table)
    house.grant("roci_district_01", READER)
    assert house.rows(READER, "SELECT id FROM restricted.mart ORDER BY 1") == [(1,), (2,), (3,)]
    compared = pa.array([*["state"] * 2, "rest", "district", *["rest"] * 3, "all"])
    publish(database, path, "restricted", table.append_column("compared_to", compared))
    database.close()
    assert house.rows(READER, "SELECT id FROM restricted.mart ORDER BY 1") == [(2,), (3,)]


def test_a_mart_that_no_longer_tells_the_district_is_closed_to_its_reader(
    workspace, house, tmp_path
):
    database, path = database_of(workspace, house), tmp_path / "mart.parquet"
    make_roles(database, ["01"])
    house.grant("roci_district_01", READER)
    publish(database, path, "restricted", pa.table({"id": [1], "district_id": ["01"]}))
    assert house.rows(READER, "SELECT id FROM restricted.mart") == [(1,)]
    publish(database, path, "restricted", pa.table({"id": [1], "other": ["01"]}))
    database.close()
    assert house.refuses(READER, "SELECT * FROM restricted.mart")


def test_a_mart_filled_again_waits_for_no_reader_of_its_rows(workspace, house, tmp_path):
    database, path = database_of(workspace, house), tmp_path / "mart.parquet"
    make_roles(database, ["01"])
    house.grant("roci_district_01", READER)
    publish(database, path, "restricted", pa.table({"id": [1], "district_id": ["01"]}))
    with psycopg.connect(house.url(READER)) as reader:
        reader.execute("SELECT * FROM restricted.mart")
        publish(database, path, "restricted", pa.table({"id": [2], "district_id": ["01"]}))
        assert reader.execute("SELECT id FROM restricted.mart").fetchall() == [(2,)]
    database.close()


def test_a_right_that_a_reader_of_a_district_was_given_by_hand_goes(workspace, house, tmp_path):
    database, path = database_of(workspace, house), tmp_path / "mart.parquet"
    make_roles(database, ["01"])
    publish(database, path, "restricted", pa.table({"id": [1]}))
    house.grant("roci_district_01", READER)
    with house.admin() as connection:
        connection.execute('GRANT SELECT ON restricted.mart TO "roci_district_01"')
    assert house.rows(READER, "SELECT * FROM restricted.mart") == []  # no policy is its own
    publish(database, path, "restricted", pa.table({"id": [1]}))
    database.close()
    assert house.refuses(READER, "SELECT * FROM restricted.mart")


def test_a_repeated_key_is_told_without_its_values(workspace, house, tmp_path):
    database, path = database_of(workspace, house), tmp_path / "mart.parquet"
    pq.write_table(pa.table({"student_id": ["9000000001", "9000000001"]}), path)
    with pytest.raises(RociError, match="MART_KEY_REPEATED") as caught:
        replace_tables(database, "restricted", {"mart": (path, ["student_id"])})
    database.close()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
