"""Which organisations a school counts for, and how they are named."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from configs.mart_models import Network, NetworkGroup
from transforms.organisations import (
    MEMBERS,
    PARTS,
    Organisations,
    members_sql,
    network_schools,
    network_titles,
    org_names_sql,
    org_splits,
    partner_schools,
    parts_sql,
)

NETWORK = Network(
    partner_schools=["D1/S1", "D3/S1"],
    networks={"north": NetworkGroup(title="The North", schools=["D1/S1", "D2/S1", "D2/S1"])},
)


def connection(units):
    con = duckdb.connect()
    con.register("partners", partner_schools(NETWORK))
    con.register("networks", network_schools(NETWORK))
    con.execute(
        "CREATE TABLE units(school_year INT, assessment VARCHAR, subject VARCHAR, "
        "test_window VARCHAR, district_id VARCHAR, school_id VARCHAR)"
    )
    for year, district, school in units:
        con.execute("INSERT INTO units VALUES (?, 'a', 's', 'w', ?, ?)", [year, district, school])
    organisations = Organisations("partners", "networks", "none")
    con.execute(f"CREATE TABLE {MEMBERS} AS {members_sql('units', organisations)}")
    con.execute(f"CREATE TABLE {PARTS} AS {parts_sql()}")
    return con


def splits(units, year=2024):
    frame = org_splits(connection(units), (year, "a", "s", "w"))
    return {tuple(row) for row in frame.itertuples(index=False)}


def test_a_split_district_adds_up_in_two_ways():
    found = splits([(2024, "D1", "S1"), (2024, "D1", "S2")])
    assert found == {
        ("all", "all", "districts", "district", "D1"),
        ("district", "D1", "schools", "school", "D1/S1"),
        ("district", "D1", "schools", "school", "D1/S2"),
        ("district", "D1", "partnership", "partner", "D1"),
        ("district", "D1", "partnership", "rest", "D1"),
        ("partner", "D1", "schools", "school", "D1/S1"),
        ("rest", "D1", "schools", "school", "D1/S2"),
        ("network", "north", "schools", "school", "D1/S1"),
    }


def test_a_district_of_partner_schools_only_has_no_rest():
    levels = {row[3] for row in splits([(2024, "D3", "S1")])}
    assert levels == {"district", "school", "partner"}


def test_splits_are_those_of_the_one_system_asked_for():
    units = [(2023, "D1", "S1"), (2024, "D1", "S2")]
    assert {row[3] for row in splits(units, 2023)} == {"district", "school", "partner"}
    assert {row[3] for row in splits(units, 2024)} == {"district", "school"}


def test_a_network_spans_districts_and_lists_a_school_once():
    found = splits([(2024, "D1", "S1"), (2024, "D2", "S1")])
    schools = [row[4] for row in sorted(found) if row[0] == "network"]
    assert schools == ["D1/S1", "D2/S1"]


def test_no_networks_and_partners_make_empty_relations_of_text():
    empty = Network()
    for table in (partner_schools(empty), network_schools(empty), network_titles(empty)):
        assert table.num_rows == 0
        assert set(table.schema.types) == {pa.string()}


def test_names_of_partner_rest_and_network_are_made_of_their_district_and_title():
    con = duckdb.connect()
    con.register("titles", network_titles(NETWORK))
    con.execute(
        "CREATE TABLE schools AS SELECT 2024 AS school_year, 'D1/S1' AS school_id, "
        "'Elm School' AS school_name, 'D1' AS district_id, 'Elm Unified' AS district_name"
    )
    rows = con.execute(org_names_sql("schools", "titles")).fetchall()
    assert set(rows) == {
        ("all", "all", None, "All schools"),
        ("school", "D1/S1", 2024, "Elm School"),
        ("district", "D1", 2024, "Elm Unified"),
        ("partner", "D1", 2024, "Elm Unified: partner schools"),
        ("rest", "D1", 2024, "Elm Unified: other schools"),
        ("network", "north", None, "The North"),
    }
