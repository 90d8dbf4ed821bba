"""Every layout of every source takes a sample of its own making, whole and as its own.

The samples are made from the YAML alone, so a new source or layout is tested the moment it exists.
"""

from types import SimpleNamespace

from configs.errors import FileRefused
from flows.stages.claims import claim
from tests.samples.demands import Reading
from tests.samples.loading import Loaded, file_name, load
from tests.samples.rows import ROWS
from tests.samples.shipped import each_layout, is_delimited, six_loaded, six_rows
from tests.samples.writing import Writing, delimited, sample

UNKNOWN_COLUMNS = [f"Further column {number}" for number in range(10)]


def claimant(reading: Reading, path) -> str:
    """Return the source that claims a file by its header; its name decides only between equals."""
    context = SimpleNamespace(catalogue=reading.catalogue)
    try:
        return claim(context, path, "extract").name
    except FileRefused as error:
        assert error.code == "AMBIGUOUS_SOURCE"
        return claim(context, path, file_name(reading.source)).name


def is_of(loaded: Loaded, reading: Reading) -> bool:
    """Return whether a file was read by the layout, or by one that has the very same columns."""
    return set(loaded.match.layout.columns) == set(reading.layout.columns)


@each_layout()
def test_a_sample_in_the_layout_is_recognised_and_no_row_is_rejected(reading):
    loaded = six_loaded(reading)
    assert loaded.layout == reading.layout.name
    assert (loaded.match.extra, loaded.match.missing) == ((), ())
    assert loaded.faults == set()
    assert loaded.set_aside == []


@each_layout()
def test_nothing_of_the_sample_is_lost(reading):
    loaded = six_loaded(reading)
    assert loaded.rows_in == ROWS
    assert loaded.is_balanced
    assert len(loaded.rows) == ROWS * len(reading.records)


@each_layout()
def test_every_field_that_the_layout_carries_is_filled_in_the_sample(reading):
    """So that a sample without faults is no empty one."""
    source, rows = reading.source, six_loaded(reading).rows
    given = {name for name, spec in source.fields.items() if spec.value or spec.derive}
    carried = {*reading.fields, *reading.layout.constants, *(given - set(reading.layout.absent))}
    empty = {name for name in carried if all(row[name] is None for row in rows)}
    assert empty == set()


@each_layout()
def test_a_sample_is_claimed_by_its_own_source_among_all(reading, tmp_path):
    path = tmp_path / "extract"
    path.write_bytes(sample(reading, six_rows(reading)))
    assert claimant(reading, path) == reading.source.name


@each_layout(is_delimited)
def test_the_order_of_the_columns_is_irrelevant(reading):
    header = reading.layout.columns[::-1]
    how = Writing(reading.source.format.delimiters[0])
    loaded = load(delimited(header, six_rows(reading), how), reading)
    assert is_of(loaded, reading)
    assert loaded.rows == six_loaded(reading).rows
    assert loaded.faults == set()


@each_layout(is_delimited)
def test_ten_unknown_columns_change_nothing_and_are_told(reading):
    header = [*UNKNOWN_COLUMNS[:5], *reading.layout.columns, *UNKNOWN_COLUMNS[5:]]
    rows = [{**row, **dict.fromkeys(UNKNOWN_COLUMNS, "x")} for row in six_rows(reading)]
    how = Writing(reading.source.format.delimiters[0])
    loaded = load(delimited(header, rows, how), reading)
    assert is_of(loaded, reading)
    assert loaded.match.extra == tuple(UNKNOWN_COLUMNS)
    assert loaded.rows == six_loaded(reading).rows
    assert loaded.faults == set()
