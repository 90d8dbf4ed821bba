"""Files put together from row groups of others, as pyarrow and DuckDB read them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.row_groups import NotAssembled, ParquetFooter, RowGroups, assemble
from warehouse.thrift_compact import Elements, Field, Kind, read_struct, write_struct

ROWS = 10_000
GROUP = 2_048  # the smallest that DuckDB writes
MOMENT = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def table(start: int, rows: int = ROWS) -> pa.Table:
    """Rows of every type that marts have, no two alike; every seventh value is missing."""
    numbers = range(start, start + rows)

    def of(make, kind):
        return pa.array([make(n) if n % 7 else None for n in numbers], kind)

    return pa.table(
        {
            "number": pa.array(numbers, pa.int64()),
            "assessment": pa.array([f"part_{n // 3000}" for n in numbers], pa.string()),
            "school_year": of(lambda n: 2020 + n % 5, pa.int32()),
            "org_name": of(lambda n: "" if n % 2 else f"Schüle {n}", pa.string()),
            "suppressed": of(lambda n: n % 3 == 0, pa.bool_()),
            "rate": of(lambda n: n / 3, pa.float64()),
            "rounded": of(lambda n: Decimal(n) / 100, pa.decimal128(18, 2)),
            "day": of(lambda n: dt.date(2026, 1, 1) + dt.timedelta(n % 300), pa.date32()),
            "moment": of(lambda n: MOMENT + dt.timedelta(seconds=n), pa.timestamp("us", "UTC")),
            "never": pa.nulls(rows, pa.string()),
        }
    )


def by_pyarrow(rows: pa.Table, path: Path) -> Path:
    pq.write_table(rows, path, row_group_size=GROUP, compression="zstd", write_page_index=True)
    return path


def by_duckdb(rows: pa.Table, path: Path) -> Path:
    with duckdb.connect() as con:
        con.register("rows", rows)
        con.execute(
            f"COPY (FROM rows) TO '{path}' (FORMAT parquet, COMPRESSION zstd, "
            f"ROW_GROUP_SIZE {GROUP}, KV_METADATA {{publication_id: 'P1'}})"
        )
    return path


WRITERS = {"pyarrow": by_pyarrow, "duckdb": by_duckdb}


@pytest.fixture(scope="module", params=WRITERS.values(), ids=WRITERS)
def files(request: pytest.FixtureRequest, tmp_path_factory) -> list[Path]:
    """Three files of five row groups each, by one writer."""
    folder = tmp_path_factory.mktemp("files")
    return [
        request.param(table(start), folder / f"{start}.parquet") for start in (0, 20_000, 40_000)
    ]


def put_together(target: Path, chosen: list[tuple[Path, list[int] | None]]) -> Path:
    parts = [RowGroups(ParquetFooter.read(path), numbers) for path, numbers in chosen]
    assemble(target, parts, {"publication_id": "P2"})
    return target


def read_by_duckdb(path: Path) -> pa.Table:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        return con.sql(f"FROM read_parquet('{path}')").to_arrow_table()


def rows_of(chosen: list[tuple[Path, list[int]]]) -> list[dict[str, object]]:
    return [
        row
        for path, numbers in chosen
        if numbers
        for row in pq.ParquetFile(path).read_row_groups(numbers).to_pylist()
    ]


def test_both_readers_read_every_type_from_a_file_put_together(files, tmp_path):
    made = put_together(tmp_path / "made.parquet", [(files[0], None), (files[1], [3, 1])])
    expected = pa.concat_tables([table(0), table(20_000 + 3 * GROUP, GROUP)])
    expected = pa.concat_tables([expected, table(20_000 + GROUP, GROUP)]).to_pylist()
    assert pq.read_table(made).to_pylist() == expected
    assert read_by_duckdb(made).to_pylist() == expected


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_row_groups_of_any_files_give_their_rows(files, tmp_path, data):
    numbers = st.lists(st.integers(0, 4), max_size=6)
    chosen = data.draw(st.lists(st.tuples(st.sampled_from(files), numbers), min_size=1, max_size=4))
    made = put_together(tmp_path / "made.parquet", chosen)
    expected = rows_of(chosen)
    assert pq.read_table(made).to_pylist() == expected
    assert read_by_duckdb(made).to_pylist() == expected
    again = put_together(tmp_path / "again.parquet", [(made, None)])
    assert again.read_bytes() == made.read_bytes()


def test_a_reader_that_looks_for_one_value_finds_it(files, tmp_path):
    made = put_together(tmp_path / "made.parquet", [(path, [1, 4]) for path in reversed(files)])
    wanted = 20_000 + 4 * GROUP + 5
    found = pq.read_table(made, filters=[("number", "==", wanted)])
    assert found["number"].to_pylist() == [wanted]
    with duckdb.connect() as con:
        sql = f"SELECT org_name FROM read_parquet('{made}') WHERE number = {wanted}"
        assert con.sql(sql).fetchall() == [tuple(found["org_name"].to_pylist())]


def test_the_bytes_of_a_row_group_are_those_of_its_first_file(files, tmp_path):
    made = put_together(tmp_path / "made.parquet", [(files[2], [0]), (files[0], [2])])
    assert data_of(made, 1) == data_of(files[0], 2)
    assert len(data_of(made, 1)) > GROUP


def data_of(path: Path, number: int) -> bytes:
    start, end = ParquetFooter.read(path).span(number)
    return path.read_bytes()[start:end]


def test_the_footer_says_what_is_true_of_the_new_file(files, tmp_path):
    made = put_together(tmp_path / "made.parquet", [(files[0], [4, 0])])
    told, before = pq.read_metadata(made), pq.read_metadata(files[0])
    assert told.metadata == {b"publication_id": b"P2"}
    assert (told.num_rows, told.num_row_groups) == (ROWS - 3 * GROUP, 2)
    assert (told.created_by, told.schema) == (before.created_by, before.schema)
    chunk = told.row_group(1).column(0)
    assert chunk.statistics == before.row_group(0).column(0).statistics
    assert not (chunk.has_offset_index or chunk.has_column_index)
    with duckdb.connect() as con:
        filters = f"SELECT max(bloom_filter_offset) FROM parquet_metadata('{made}')"
        assert con.sql(filters).fetchall() == [(None,)]


def test_no_rows_at_all_is_a_file_too(files, tmp_path):
    made = put_together(tmp_path / "made.parquet", [(files[0], [])])
    assert pq.read_table(made).schema.names == table(0, 1).schema.names
    assert read_by_duckdb(made).num_rows == 0


def test_what_a_later_format_says_outlasts_a_move(files, tmp_path):
    unknown = Field(Kind.STRUCT, {40: Field(Kind.DOUBLE, bytes(8))})

    def add(footer):
        footer[900] = unknown
        footer[4].value.values[2][900] = unknown

    newer = with_footer(files[0], tmp_path / "newer.parquet", add)
    made = put_together(tmp_path / "made.parquet", [(newer, [2])])
    footer = ParquetFooter.read(made)
    assert (footer.fields[900], footer.groups[0][900]) == (unknown, unknown)
    assert pq.read_table(made).num_rows == GROUP


def with_footer(path: Path, target: Path, change) -> Path:
    """Write a copy of a file whose footer has been changed."""
    data = path.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = read_struct(data[start:-8])
    change(footer)
    written = write_struct(footer)
    target.write_bytes(data[:start] + written + len(written).to_bytes(4, "little") + b"PAR1")
    return target


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda rows: rows.rename_columns({"day": "date"}), id="names"),
        pytest.param(lambda rows: rows.select(rows.column_names[::-1]), id="order"),
        pytest.param(lambda rows: rows.drop_columns("day"), id="columns"),
        pytest.param(
            lambda rows: rows.set_column(0, "number", rows["number"].cast("int32")), id="types"
        ),
    ],
)
def test_files_of_different_schemas_are_not_put_together(writer, other, tmp_path):
    one, rows = writer(table(0), tmp_path / "one.parquet"), table(0)
    two = writer(other(rows), tmp_path / "two.parquet")
    with pytest.raises(NotAssembled, match="schema"):
        put_together(tmp_path / "made.parquet", [(one, None), (two, None)])


def test_files_of_different_writers_are_not_put_together(tmp_path):
    one, two = (write(table(0), tmp_path / name) for name, write in WRITERS.items())
    with pytest.raises(NotAssembled, match="schema"):
        put_together(tmp_path / "made.parquet", [(one, None), (two, None)])


def _first_chunk(footer):
    return footer[4].value.values[0][1].value.values[0]


def _shorter_chunk(footer):
    column = _first_chunk(footer)[3].value
    column[7] = Field(Kind.I64, column[7].value - 1)


def _in_another_file(footer):
    _first_chunk(footer)[1] = Field(Kind.BINARY, b"other.parquet")


def _encrypted_column(footer):
    _first_chunk(footer)[8] = Field(Kind.STRUCT, {1: Field(Kind.STRUCT, {})})


def _page_outside(footer):
    column = _first_chunk(footer)[3].value
    column[9] = Field(Kind.I64, 1 << 40)


def _page_of_another_kind(footer):
    _first_chunk(footer)[3].value[9] = Field(Kind.BINARY, b"4")


def _no_columns(footer):
    footer[4].value.values[0][1] = Field(Kind.LIST, Elements(Kind.STRUCT, []))


def _columns_of_numbers(footer):
    footer[4].value.values[0][1] = Field(Kind.LIST, Elements(Kind.I32, [1, 2]))


@pytest.mark.parametrize(
    "damage",
    [
        _shorter_chunk,
        _in_another_file,
        _encrypted_column,
        _page_outside,
        _page_of_another_kind,
        _no_columns,
        _columns_of_numbers,
    ],
)
def test_a_row_group_that_is_not_as_the_format_has_it_is_refused(files, damage, tmp_path):
    damaged = with_footer(files[0], tmp_path / "damaged.parquet", damage)
    with pytest.raises(NotAssembled):
        put_together(tmp_path / "made.parquet", [(damaged, [0])])


def _other_number_of_rows(footer):
    footer[3] = Field(Kind.I64, 1)


def _encrypted(footer):
    footer[8] = Field(Kind.STRUCT, {})


def _without_schema(footer):
    del footer[2]


@pytest.mark.parametrize("damage", [_other_number_of_rows, _encrypted, _without_schema])
def test_a_footer_that_is_not_as_the_format_has_it_is_refused(files, damage, tmp_path):
    damaged = with_footer(files[0], tmp_path / "damaged.parquet", damage)
    with pytest.raises(NotAssembled):
        ParquetFooter.read(damaged)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: b"PAR1PAR1", id="too short"),
        pytest.param(lambda data: data[:-1], id="cut off"),
        pytest.param(lambda data: data[:-4] + b"PARE", id="encrypted footer"),
        pytest.param(lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1", id="too long a footer"),
        pytest.param(lambda data: data[:-8] + b"\x05\x00\x00\x00PAR1", id="too short a footer"),
        pytest.param(lambda data: data[:-40] + b"\xff" * 32 + data[-8:], id="overwritten"),
    ],
)
def test_no_parquet_file(files, spoil, tmp_path):
    spoilt = tmp_path / "spoilt.parquet"
    spoilt.write_bytes(spoil(files[0].read_bytes()))
    with pytest.raises(NotAssembled):
        ParquetFooter.read(spoilt)
