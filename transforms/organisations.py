"""Which organisations a school's students count for, what they are called, and how they add up.

A school's students count for the school, its district, everything ('all'), each named network that
lists the school and, in a district where a partner school has results of the same system, for the
district's partner schools ('partner') or its other schools ('rest'). A *system* is one assessment,
subject, school year and test window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from configs.mart_models import Network

SYSTEM = ("school_year", "assessment", "subject", "test_window")
# SQL of the rows of one system; its values are given in the order of SYSTEM.
OF_SYSTEM = " AND ".join(f"{column} = ?" for column in SYSTEM)
UNIT = (*SYSTEM, "district_id", "school_id")
LEVELS = ("all", "district", "partner", "rest", "network", "school")

MEMBERS = "cells_members"
PARTS = "cells_parts"


@dataclass(frozen=True)
class Organisations:
    """Names the relations that say who belongs together and what it is called.

    partners: `school_key` of every partner school, which is district_id/school_id.
    networks: `network`, `school_key`; a school may stand in several networks.
    names: `org_level`, `org_id`, `school_year` (null: every year), `org_name`; at most one row for
        an organisation and year.
    """

    partners: str
    networks: str
    names: str


def partner_schools(network: Network) -> pa.Table:
    """Return the configured partner schools as the relation that `Organisations` wants."""
    import pyarrow as pa

    return pa.table({"school_key": pa.array(sorted(set(network.partner_schools)), pa.string())})


def network_schools(network: Network) -> pa.Table:
    """Return the configured networks as the relation that `Organisations` wants."""
    import pyarrow as pa

    rows = sorted(
        {(name, key) for name, group in network.networks.items() for key in group.schools}
    )
    names, keys = ([row[i] for row in rows] for i in (0, 1))
    return pa.table(
        {"network": pa.array(names, pa.string()), "school_key": pa.array(keys, pa.string())}
    )


def members_sql(units: str, organisations: Organisations) -> str:
    """Return SQL of `cells_members`: per unit (a school in a system), each organisation it is in.

    Columns: those of UNIT, `org_level`, `org_id`.
    """
    unit = ", ".join(UNIT)
    system = ", ".join(SYSTEM)
    return f"""
        WITH units AS (
            SELECT *, district_id || '/' || school_id AS school_key,
                school_key IN (SELECT school_key FROM {organisations.partners}) AS is_partner
            FROM {units}
        ), sided AS (
            SELECT *, bool_or(is_partner) OVER (PARTITION BY {system}, district_id) AS has_partner
            FROM units
        )
        SELECT {unit}, 'all' AS org_level, 'all' AS org_id FROM units
        UNION ALL SELECT {unit}, 'district', district_id FROM units
        UNION ALL SELECT {unit}, 'school', school_key FROM units
        UNION ALL SELECT {unit}, if(is_partner, 'partner', 'rest'), district_id
            FROM sided WHERE has_partner
        UNION ALL SELECT DISTINCT {unit}, 'network', network
            FROM units JOIN {organisations.networks} USING (school_key)
    """


def parts_sql(members: str = MEMBERS) -> str:
    """Return SQL of `cells_parts`: how the organisations of each system add up.

    Grain: one row per system, parent and child. Columns: those of SYSTEM, `parent_level`,
    `parent_id`, `split`, `child_level`, `child_id`. A parent is the sum of its children of one
    split: a district of its 'schools' and of its 'partnership' (partner and rest), 'all' of its
    'districts', partner, rest and network of their 'schools'.
    """
    schools = f"(FROM {members} WHERE org_level = 'school')"
    return f"""
        SELECT {_ends("parent", "'schools'", "child")}
        FROM {members} AS parent JOIN {schools} AS child USING ({", ".join(UNIT)})
        WHERE parent.org_level IN ('district', 'partner', 'rest', 'network')
        UNION ALL SELECT DISTINCT {_ends("parent", "'partnership'", "child")}
        FROM {members} AS child JOIN {members} AS parent USING ({", ".join(UNIT)})
        WHERE child.org_level IN ('partner', 'rest') AND parent.org_level = 'district'
        UNION ALL SELECT DISTINCT {_ends("parent", "'districts'", "child")}
        FROM {members} AS child JOIN {members} AS parent USING ({", ".join(UNIT)})
        WHERE child.org_level = 'district' AND parent.org_level = 'all'
    """


def _ends(parent: str, split: str, child: str) -> str:
    return (
        ", ".join(f"{child}.{column}" for column in SYSTEM)
        + f", {parent}.org_level AS parent_level, {parent}.org_id AS parent_id, {split} AS split"
        + f", {child}.org_level AS child_level, {child}.org_id AS child_id"
    )


def org_splits(
    con: DuckDBPyConnection, system: Sequence[object], parts: str = PARTS
) -> pd.DataFrame:
    """Return how the organisations of one system add up, once its cells are built.

    Args:
        con: the connection in which `build_cells` has run.
        system: school_year, assessment, subject, test_window.
        parts: the table that `build_cells` has made of it: `<name>_parts`.

    Returns:
        One row per parent, split and child: `parent_level`, `parent_id`, `split`, `child_level`,
        `child_id`, sorted. Every organisation in it has cells in this system.
    """
    columns = "parent_level, parent_id, split, child_level, child_id"
    return con.execute(
        f"SELECT {columns} FROM {parts} WHERE {OF_SYSTEM} ORDER BY ALL", list(system)
    ).df()


def org_names_sql(schools: str, networks: str) -> str:
    """Return SQL of the names relation of `Organisations`, from `dim_school` and network titles.

    Args:
        schools: a relation with the columns of `dim_school`.
        networks: `network`, `title`, a row per network (see `network_titles`).
    """
    districts = f"""
        SELECT district_id, school_year, min(district_name) AS name FROM {schools} GROUP BY ALL
    """
    return f"""
        SELECT 'all' AS org_level, 'all' AS org_id, NULL::INTEGER AS school_year,
            'All schools' AS org_name
        UNION ALL SELECT 'school', school_id, school_year, school_name FROM {schools}
        UNION ALL SELECT 'district', district_id, school_year, name FROM ({districts})
        UNION ALL SELECT 'partner', district_id, school_year, name || ': partner schools'
            FROM ({districts})
        UNION ALL SELECT 'rest', district_id, school_year, name || ': other schools'
            FROM ({districts})
        UNION ALL SELECT 'network', network, NULL, title FROM {networks}
    """


def network_titles(network: Network) -> pa.Table:
    """Return `network`, `title` of each configured network."""
    import pyarrow as pa

    names = sorted(network.networks)
    titles = [network.networks[name].title for name in names]
    return pa.table(
        {"network": pa.array(names, pa.string()), "title": pa.array(titles, pa.string())}
    )
