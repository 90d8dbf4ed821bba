"""A mart of which one slice is new: the others' rows stay, most of them byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from flows.slices import slice_name
from flows.stages import sliced_marts
from flows.stages.sliced_marts import LastMart, in_order_of_slices, write_sliced
from warehouse.published import publication_id_of
from warehouse.row_groups import ParquetFooter

SLICES = [("caaspp", 2024), ("caaspp", 2025), ("iready", 2024), ("iready", 2025)]
EACH = 50_000
GROUP = 40_960
TESTED_IN = "'ela' AS subject, '04' AS grade"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        yield con


def rows_sql(slices: list[tuple[str, int]], n_tested: str = "1", rows: int = EACH) -> str:
    """Return SQL of a mart's rows of these slices, in order."""
    parts = (
        f"SELECT '{assessment}' AS assessment, {year}::INTEGER AS school_year, "
        f"i AS org_id, ({n_tested})::INTEGER AS n_tested FROM range({rows}) AS r(i)"
        for assessment, year in slices
    )
    return " UNION ALL ".join(parts)


@pytest.fixture
def published(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Path:
    return publish(con, rows_sql(SLICES), tmp_path)


def publish(con: duckdb.DuckDBPyConnection, sql: str, folder: Path) -> Path:
    """Write a mart whose row groups tell by their codec that they have not been written again."""
    write_sliced(con, sql, folder / "first.parquet", "P1")
    path = folder / "mart_gap.parquet"
    optional = f"FROM '{folder}/first.parquet' UNION ALL BY NAME SELECT 1 AS n WHERE random() > 2"
    con.execute(
        f"COPY (SELECT * EXCLUDE (n) FROM ({optional})) TO '{path}' "
        f"(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {GROUP})"
    )
    return path


def write_next(con, published: Path, sql: str, kept: list[tuple[str, int]]) -> Path:
    folder = published.parent / "staged"
    folder.mkdir()
    target = folder / published.name
    last = LastMart(published, [slice_name(*one) for one in kept])
    write_sliced(con, sql, target, "P2", last)
    assert list(folder.iterdir()) == [target]
    assert publication_id_of(target) == "P2"
    return target


def assert_rows(con, path: Path, expected: str) -> None:
    read = f"SELECT * FROM read_parquet('{path}')"
    both = f"(FROM ({read}) EXCEPT ALL FROM ({expected}))"
    other = f"(FROM ({expected}) EXCEPT ALL FROM ({read}))"
    assert con.sql(f"SELECT count(*) FROM ({both} UNION ALL {other})").fetchall() == [(0,)]


def copied(path: Path) -> int:
    """Return how many row groups are as they were published."""
    told = pq.read_metadata(path)
    codecs = [told.row_group(one).column(0).compression for one in range(told.num_row_groups)]
    return codecs.count("SNAPPY")


def test_only_the_row_groups_with_a_changed_row_are_written_again(con, published):
    changed, *kept = SLICES[1:2] + SLICES[:1] + SLICES[2:]
    target = write_next(con, published, rows_sql([changed], "7"), kept)
    # Of five row groups the second and the third have rows from 50,000 to 100,000.
    assert copied(target) == 3
    expected = f"{rows_sql(kept)} UNION ALL {rows_sql([changed], '7')}"
    assert_rows(con, target, expected)


def test_a_slice_that_is_gone_leaves_no_row(con, published):
    target = write_next(con, published, rows_sql([SLICES[0]], "7"), SLICES[2:])
    assert_rows(con, target, f"{rows_sql([SLICES[0]], '7')} UNION ALL {rows_sql(SLICES[2:])}")
    assert copied(target) == 2


def test_a_new_slice_lets_every_full_row_group_stay(con, published):
    new = ("star", 2025)
    target = write_next(con, published, rows_sql([new]), SLICES)
    assert copied(target) == 5
    assert_rows(con, target, rows_sql([*SLICES, new]))


def test_a_changed_slice_without_rows_leaves_those_of_the_others(con, published):
    nothing = f"FROM ({rows_sql(SLICES[:1])}) WHERE n_tested = 2"
    target = write_next(con, published, nothing, SLICES[1:])
    assert_rows(con, target, rows_sql(SLICES[1:]))
    assert copied(target) == 3


def test_small_row_groups_are_put_together(con, tmp_path):
    published = publish(con, rows_sql(SLICES, rows=10), tmp_path)
    target = write_next(con, published, rows_sql(SLICES[:1], "7", 10), SLICES[1:])
    assert ParquetFooter.read(target).rows == [40]
    both = f"{rows_sql(SLICES[1:], rows=10)} UNION ALL {rows_sql(SLICES[:1], '7', 10)}"
    assert_rows(con, target, both)


def test_a_column_that_first_has_nulls_now_stops_no_copy(con, published):
    """Whether all rows of a build have a value must not show in the schema."""
    sql = rows_sql(SLICES[:1], "if(i % 2 = 0, i, NULL)")
    target = write_next(con, published, sql, SLICES[1:])
    assert copied(target) == 3
    assert_rows(con, target, f"{rows_sql(SLICES[1:])} UNION ALL {sql}")


def test_rows_in_any_order_are_kept_too(con, tmp_path):
    published = publish(con, f"FROM ({rows_sql(SLICES)}) ORDER BY hash(org_id)", tmp_path)
    target = write_next(con, published, rows_sql(SLICES[:1], "7"), SLICES[1:])
    assert copied(target) == 0
    assert_rows(con, target, f"{rows_sql(SLICES[1:])} UNION ALL {rows_sql(SLICES[:1], '7')}")


def test_rows_are_put_in_order_of_their_slices(con, tmp_path):
    mixed = f"SELECT *, {TESTED_IN} FROM ({rows_sql(SLICES)}) ORDER BY hash(org_id)"
    published = publish(con, in_order_of_slices(mixed), tmp_path)
    new = f"SELECT *, {TESTED_IN} FROM ({rows_sql(SLICES[3:], '7')})"
    target = write_next(con, published, in_order_of_slices(new), SLICES[:3])
    assert copied(target) == 3
    organisations = con.execute(f"SELECT org_id FROM '{published}' LIMIT {EACH}").fetchall()
    assert organisations == sorted(organisations)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("SELECT *, 1 AS added", id="another column"),
        pytest.param("SELECT * REPLACE (org_id::INTEGER AS org_id)", id="another type"),
        pytest.param("SELECT school_year, assessment, org_id, n_tested", id="another order"),
    ],
)
def test_where_the_schema_is_another_all_rows_are_written_again(con, published, other):
    """As for a new slice: of a changed one the kept rows beside it say the schema."""
    new = f"{other} FROM ({rows_sql([('star', 2025)])})"
    target = write_next(con, published, new, SLICES)
    assert copied(target) == 0
    assert_rows(con, target, f"{rows_sql(SLICES)} UNION ALL BY NAME ({new})")


def test_a_row_of_no_slice_does_not_stay(con, tmp_path):
    stray = f"SELECT * REPLACE (NULL AS assessment) FROM ({rows_sql(SLICES[:1], rows=5)})"
    published = publish(con, f"{rows_sql(SLICES)} UNION ALL {stray}", tmp_path)
    target = write_next(con, published, rows_sql(SLICES[:1]), SLICES[1:])
    assert_rows(con, target, rows_sql(SLICES))


def test_what_cannot_be_copied_is_written_again(con, published, monkeypatch):
    def refuse(*_: object) -> None:
        raise sliced_marts.NotAssembled("as a test wants it")

    monkeypatch.setattr(sliced_marts, "assemble", refuse)
    target = write_next(con, published, rows_sql(SLICES[:1], "7"), SLICES[1:])
    assert copied(target) == 0
    assert_rows(con, target, f"{rows_sql(SLICES[1:])} UNION ALL {rows_sql(SLICES[:1], '7')}")
