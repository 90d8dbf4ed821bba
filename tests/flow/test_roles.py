"""Logged in as each PostgreSQL role: what it reads, what it is refused, what the nightly needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.context import Context, open_context
from flows.preparing_database import prepare_database
from flows.running import run_nightly
from tests.flow.small_files import SCHOOLS, roster_of_schools
from tests.flow.two_districts import FAR, NEAR, two_districts
from tests.roles import PostgresHouse, postgres_house
from warehouse.sql_marts import replace_tables

pytestmark = pytest.mark.postgres

ANALYST, REGISTRAR, NIGHTLY, CLERK = "analyst", "registrar", "nightly", "clerk"
LOGINS = (ANALYST, REGISTRAR, NIGHTLY, CLERK)
CLOSED = ("restricted", "ledger")
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = '{}' ORDER BY 1"
# Each is a way to a student's row, or to what would open one; {0} is a table of a closed schema.
ATTACKS = {
    "a table": "SELECT * FROM {0} LIMIT 1",
    "its number of rows": "SELECT count(*) FROM {0}",
    "a copy of it": "COPY {0} TO STDOUT",
    "a query's copy": "COPY (SELECT * FROM {0}) TO STDOUT",
    "a view of it": "CREATE VIEW reporting.mine AS SELECT * FROM {0}",
    "a table made of it": "CREATE TABLE reporting.mine AS SELECT * FROM {0}",
    "its rows sampled": "SELECT * FROM {0} TABLESAMPLE SYSTEM (100)",
    "its rows locked": "SELECT * FROM {0} FOR UPDATE",
    "a lock": "BEGIN; LOCK TABLE {0} IN ACCESS SHARE MODE",
    "a deletion that returns": "DELETE FROM {0} RETURNING *",
    "a trigger": "CREATE TRIGGER mine AFTER INSERT ON {0} EXECUTE FUNCTION pg_notify()",
    "a rule": "CREATE RULE mine AS ON DELETE TO {0} DO NOTHING",
    "its statistics made": "CREATE STATISTICS reporting.mine (mcv) ON (1 + 1), (2) FROM {0}",
    "a heir of it": "CREATE TABLE reporting.mine () INHERITS ({0})",
    "it moved": "ALTER TABLE {0} SET SCHEMA reporting",
    "it taken over": "ALTER TABLE {0} OWNER TO CURRENT_USER",
}  # fmt: skip
# Ways that name no table.
ROUNDABOUT = {
    "the loader's role": "SET ROLE roci_loader",
    "the readers' role": "SET ROLE roci_restricted",
    "the administrator's role": "SET ROLE postgres",
    "another session": "SET SESSION AUTHORIZATION nightly",
    "to join the readers": "GRANT roci_restricted TO analyst",
    "to open the schema": "GRANT USAGE ON SCHEMA ledger TO analyst",
    "to give to everybody": "GRANT SELECT ON ALL TABLES IN SCHEMA restricted TO PUBLIC",
    "to open what comes": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE roci_loader IN SCHEMA restricted "
        "GRANT SELECT ON TABLES TO analyst"
    ),
    "a function that acts as its maker": (
        "CREATE FUNCTION reporting.mine() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'"
    ),
    "a function of everybody's": "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS '{0}'",
    "a function for the session": "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS '1'",
    "an operator in front of ours": (
        "CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = textcat)"
    ),
    "a schema": "CREATE SCHEMA mine",
    "a table in reporting": "CREATE TABLE reporting.mine (a int)",
    "a table of everybody's": "CREATE TABLE public.mine (a int)",
    "a program's output": "COPY reporting.publication TO PROGRAM 'cat'",
    "a program's input": "COPY reporting.publication FROM PROGRAM 'echo 1'",
    "a file written": "COPY reporting.publication TO '/tmp/roci-mine'",
    "a file read": "COPY reporting.publication FROM '/etc/hostname'",
    "the server's files": "SELECT pg_read_file('PG_VERSION')",
    "the server's binary files": "SELECT pg_read_binary_file('PG_VERSION')",
    "the server's folders": "SELECT pg_ls_dir('base')",
    "a file into a large object": "SELECT lo_import('/etc/hostname')",
    "a large object into a file": "SELECT lo_export(0, '/tmp/roci-mine')",
    "somebody's large object": "SELECT lo_get({large_object})",
    "all statistics": "SELECT stavalues1 FROM pg_statistic",
    "extended statistics": "SELECT * FROM pg_statistic_ext_data",
    "passwords": "SELECT * FROM pg_authid",
    "an untrusted language": "CREATE FUNCTION mine() RETURNS int LANGUAGE c AS 'a', 'b'",
    "a wrapper of foreign data": "CREATE FOREIGN DATA WRAPPER mine",
    "an event trigger": "CREATE EVENT TRIGGER mine ON sql_drop EXECUTE FUNCTION textcat()",
    "a subscription": "CREATE PUBLICATION mine FOR ALL TABLES",
    "the log of changes": "SELECT pg_create_logical_replication_slot('mine', 'test_decoding')",
    "what was published changed": "UPDATE reporting.publication SET publication_id = 'mine'",
    "what was published deleted": "DELETE FROM reporting.mart_achievement",
    "what was published emptied": "TRUNCATE reporting.mart_achievement",
}  # fmt: skip


@dataclass(frozen=True)
class Served:
    """An installation on PostgreSQL whose nightly has run twice, each time as `nightly`."""

    house: PostgresHouse
    home: Path
    site: Path
    large_object: int

    def context(self) -> Context:
        """Return the workspace as the nightly opens it."""
        return opened(self.house.url(NIGHTLY), self.home, self.site)

    def tables(self, schema: str) -> list[str]:
        """Return the names of a schema's tables."""
        with self.house.admin() as connection:
            return [f"{schema}.{n}" for (n,) in connection.execute(TABLES.format(schema))]


def opened(url: str, home: Path, site: Path) -> Context:
    told = {"ROCI_HOME": str(home), "ROCI_CONFIG": str(site), "ROCI_DATABASE_URL": url}
    return open_context({**os.environ, **told})


@pytest.fixture(scope="module")
def served(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    site = folder / "site"
    site.mkdir()
    (site / "marts.yml").write_text("sql_student_rows: true\n", encoding="utf-8")
    partners = f"partner_schools: ['{NEAR}/6990013']\n"
    (site / "network.yml").write_text(partners, encoding="utf-8")
    with postgres_house(postgres_server, "served", LOGINS) as house:
        admin = opened(house.admin_url, folder / "home", site)
        assert prepare_database(admin, [NEAR]) == 0
        admin.database.close()
        for role, login in (
            ("roci_reporting", ANALYST),
            ("roci_restricted", REGISTRAR),
            ("roci_loader", NIGHTLY),
            (f"roci_district_{NEAR}", CLERK),
        ):
            house.grant(role, login)
        with house.as_login(NIGHTLY) as connection:
            number = connection.execute("SELECT lo_from_bytea(0, 'a')").fetchone()[0]
        made = Served(house, folder / "home", site, number)
        for year in (2023, 2024):
            nightly(made, year)
        yield made


def nightly(served: Served, year: int) -> None:
    """Let the loader's login take in a year of two districts, with a roster, and publish."""
    context = served.context()
    landed = context.workspace.landing / f"results_{year}.csv"
    two_districts(landed, year=year, far_score=year + 400)
    schools = dict.fromkeys((code[-7:] for code in SCHOOLS), "Elm")
    zipped = context.workspace.landing / NEAR / f"roster_{year}.zip"
    roster_of_schools(zipped, NEAR, schools, f"{year - 1}-08-15")
    outcome = run_nightly(context)
    context.database.close()
    assert outcome.exit_code == 0, [(one.source, one.code) for one in outcome.loads]
    assert {load.state for load in outcome.loads} == {"loaded"}
    assert outcome.build.state == "published"


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_way_leads_a_reader_of_reporting_to_a_closed_table(attack, served):
    tables = [name for schema in CLOSED for name in served.tables(schema)]
    assert {"restricted.student_result", "restricted.focus_students", "ledger.load"} <= set(tables)
    open_to = [t for t in tables if not served.house.refuses(ANALYST, ATTACKS[attack].format(t))]
    assert open_to == []


@pytest.mark.parametrize("attack", ROUNDABOUT)
@pytest.mark.parametrize("login", [ANALYST, CLERK])
def test_nor_does_a_roundabout_way(attack, login, served):
    statement = ROUNDABOUT[attack].replace("{large_object}", str(served.large_object))
    assert served.house.refuses(login, statement.replace("analyst", login))


def test_the_attacks_would_succeed_if_nothing_stopped_them(served):
    """As the administrator the same statements do not stop for lack of rights."""
    table = "restricted.student_result"
    without = ("a copy of it", "a query's copy", "a lock", "a trigger", "its statistics made")
    for name in ATTACKS.keys() - set(without):
        with served.house.admin() as connection, connection.transaction(force_rollback=True):
            connection.execute(ATTACKS[name].format(table))


def test_a_reader_of_reporting_reads_every_reporting_mart(served):
    for table in served.tables("reporting"):
        assert served.house.rows(ANALYST, f"SELECT count(*) FROM {table}")[0][0] > 0, table


def test_no_statistics_of_a_closed_table_show_a_value(served):
    with served.house.admin() as connection:
        connection.execute("ANALYZE")
        (known,) = connection.execute(
            "SELECT count(*) FROM pg_stats WHERE schemaname = ANY (%s)", (list(CLOSED),)
        ).fetchone()
    assert known > 50
    for view in ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"):
        query = f"SELECT * FROM {view} WHERE schemaname IN ('restricted', 'ledger')"
        for login in (ANALYST, CLERK) if view == "pg_stats" else (ANALYST,):
            found = [row[1:3] for row in served.house.rows(login, query)]
            assert [one for one in found if login == ANALYST or "student" in one[0]] == [], view


def test_what_another_session_asks_is_not_shown(served):
    with served.house.as_login(NIGHTLY) as other:
        other.execute("SELECT 'a student of ours'")
        query = "SELECT query FROM pg_stat_activity WHERE usename = 'nightly'"
        assert set(served.house.rows(ANALYST, query)) == {("<insufficient privilege>",)}


def test_a_reader_of_restricted_reads_both_and_changes_nothing(served):
    house = served.house
    for table in (*served.tables("reporting"), *served.tables("restricted")):
        assert house.rows(REGISTRAR, f"SELECT count(*) FROM {table}")[0][0] > 0, table
        assert house.refuses(REGISTRAR, f"DELETE FROM {table}"), table
    for table in served.tables("ledger"):
        assert house.refuses(REGISTRAR, f"SELECT * FROM {table}"), table
    query = "SELECT DISTINCT district_id FROM restricted.student_result ORDER BY 1"
    assert house.rows(REGISTRAR, query) == [(NEAR,), (FAR,)]


def test_the_loader_is_no_more_than_the_owner_of_three_schemas(served):
    house = served.house
    for statement in (
        "CREATE ROLE mine", "CREATE DATABASE mine", "CREATE SCHEMA mine",
        "CREATE TABLE public.mine (a int)", "SELECT pg_read_file('PG_VERSION')",
        "COPY reporting.publication TO PROGRAM 'cat'", "SET ROLE postgres",
        "ALTER ROLE roci_reporting SUPERUSER", "GRANT roci_restricted TO analyst",
    ):  # fmt: skip
        assert house.refuses(NIGHTLY, statement), statement
    query = """
        SELECT DISTINCT tableowner FROM pg_tables
        WHERE schemaname IN ('ledger', 'reporting', 'restricted')
    """
    with house.admin() as connection:
        assert connection.execute(query).fetchall() == [("roci_loader",)]


def test_an_administrator_who_loads_acts_as_the_loader(served):
    context = opened(served.house.admin_url, served.home, served.site)
    with context.database.read("ledger") as connection:
        told = connection.exec_driver_sql("SELECT current_user, session_user").one()
    context.database.close()
    assert tuple(told) == ("roci_loader", "postgres")


def test_a_reader_of_a_district_sees_its_rows_only(served):
    rows = served.house.rows
    for table in ("student_result", "focus_students", "unmatched_students", "roster_match"):
        query = f"SELECT DISTINCT district_id FROM restricted.{table}"
        assert rows(CLERK, query) == [(NEAR,)], table
    query = "SELECT count(*) FROM restricted.student_result WHERE district_id = '0199017'"
    assert rows(CLERK, "SELECT count(*) FROM restricted.student_result") == rows(REGISTRAR, query)
    query = """
        SELECT DISTINCT org_level, split_part(org_id, '/', 1)
        FROM restricted.mart_achievement_unsuppressed ORDER BY 1
    """
    own = {(level, NEAR) for level in ("district", "partner", "rest", "school")}
    assert set(rows(CLERK, query)) == own
    assert set(rows(REGISTRAR, query)) > own | {("all", "all"), ("district", FAR)}
    query = "COPY restricted.student_result TO STDOUT"
    with served.house.as_login(CLERK) as connection, connection.cursor().copy(query) as copy:
        text = b"".join(bytes(part) for part in copy).decode()
    assert NEAR in text
    assert FAR not in text


def test_every_restricted_table_is_limited_or_refused_to_a_reader_of_a_district(served):
    refused, seen = set(), set()
    for table in served.tables("restricted"):
        if served.house.refuses(CLERK, f"SELECT * FROM {table} LIMIT 1"):
            refused.add(table)
            continue
        seen.add(table)
        with served.house.as_login(CLERK) as connection:
            text = str(connection.execute(f"SELECT * FROM {table}").fetchall())
        assert FAR not in text, table
        assert served.house.refuses(CLERK, f"DELETE FROM {table}"), table
    assert refused == {"restricted.publication"}
    assert len(seen) >= 8


def test_a_reader_of_a_district_cannot_look_past_its_rows(served):
    house = served.house
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        house.rows(CLERK, "SET row_security = off; SELECT * FROM restricted.student_result")
    for statement in (
        "ALTER TABLE restricted.student_result DISABLE ROW LEVEL SECURITY",
        f'DROP POLICY "roci_district_{NEAR}" ON restricted.student_result',
        "SELECT * FROM ledger.load",
        "SELECT * FROM restricted.student_result FOR UPDATE",
    ):
        assert house.refuses(CLERK, statement), statement
    # An error from a row that it must not see would tell of the row.
    fails_on_others = f"1 / (district_id <> '{FAR}')::int = 0"
    query = f"SELECT 1 FROM restricted.student_result WHERE {fails_on_others}"
    assert house.rows(CLERK, query) == []


def test_the_rights_hold_after_a_mart_has_new_columns_and_another_is_new(served, tmp_path):
    """Publishes something else, so it comes last."""
    house, context = served.house, served.context()
    student, mart = tmp_path / "student.parquet", tmp_path / "mart.parquet"
    rows = {"district_id": [NEAR, FAR], "student_id": ["1", "2"], "more": [1, 2]}
    pq.write_table(pa.table(rows), student)
    pq.write_table(pa.table({"more": [1]}), mart)
    restricted = {"student_result": (student, ["student_id"]), "met_never": (student, ["more"])}
    restricted["district_less"] = (mart, ["more"])
    replace_tables(context.database, "restricted", restricted)
    reporting = {"mart_achievement": (mart, ["more"]), "new": (mart, ["more"])}
    replace_tables(context.database, "reporting", reporting)
    context.database.close()
    for table in ("student_result", "met_never"):
        query = f"SELECT district_id, student_id FROM restricted.{table} ORDER BY 1"
        assert house.refuses(ANALYST, query)
        assert house.rows(CLERK, query) == [(NEAR, "1")]
        assert house.rows(REGISTRAR, query) == [(NEAR, "1"), (FAR, "2")]
    assert house.refuses(CLERK, "SELECT * FROM restricted.district_less")
    assert house.rows(REGISTRAR, "SELECT more FROM restricted.district_less") == [(1,)]
    for login in (ANALYST, REGISTRAR, CLERK):
        assert house.rows(login, "SELECT more FROM reporting.mart_achievement") == [(1,)]
        assert house.rows(login, "SELECT more FROM reporting.new") == [(1,)]
    for attack in ATTACKS.values():
        assert house.refuses(ANALYST, attack.format("restricted.met_never")), attack
