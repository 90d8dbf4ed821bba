"""A disk that gives out while a file is looked at: never told as a fault of the file."""

from __future__ import annotations

import errno
import gzip
import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import InfrastructureError
from flows.running import run_nightly
from flows.stages.intake import take_in
from tests.flow.small_files import results, roster_of_schools
from warehouse import files

DISTRICT = "0199017"
FIRST, SOME = 12, 12


class Disk:
    """Counts the reads of original files, and fails from one of them on."""

    def __init__(self) -> None:
        self.fails_from, self.reads = sys.maxsize, 0

    def read(self) -> None:
        self.reads += 1
        if self.reads >= self.fails_from:
            raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def disk() -> Iterator[Disk]:
    """The disk below every original file."""
    below = Disk()

    class Failing(io.FileIO):
        def readinto(self, buffer):
            below.read()
            return super().readinto(buffer)

        def readall(self):
            below.read()
            return super().readall()

    bases = files._OfTheMachine.__bases__
    files._OfTheMachine.__bases__ = (Failing,)
    yield below
    files._OfTheMachine.__bases__ = bases


def workbook(path: Path, plain: Path) -> Path:
    book = openpyxl.Workbook()
    for line in plain.read_text().splitlines():
        book.active.append(line.split(","))
    book.save(path)
    return path


def a_zip(path: Path, plain: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(plain, "results.csv")
    return path


def compressed(path: Path, plain: Path) -> Path:
    path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


def parquet(path: Path, plain: Path) -> Path:
    header, *lines = [line.split(",") for line in plain.read_text().splitlines()]
    columns = [pa.array(column) for column in zip(*lines, strict=True)]
    pq.write_table(pa.table(columns, header), path)
    return path


def roster(path: Path, plain: Path) -> Path:
    return roster_of_schools(path, DISTRICT, {"6990013": "Elm"}, "2023-08-20")


FORMS = {
    "results.zip": a_zip, "results.xlsx": workbook, "results.csv.gz": compressed,
    "results.parquet": parquet, "roster.zip": roster,
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_no_read_that_fails_is_taken_for_a_spoilt_file(context, tmp_path, disk, name):
    landed = context.workspace.landing / DISTRICT / name
    landed.parent.mkdir(parents=True)
    FORMS[name](landed, results(tmp_path / "plain.csv"))
    assert take_in(context).incoming, "nothing fails yet"
    reads = disk.reads
    for number in {*range(1, FIRST), *range(FIRST, reads + 1, reads // SOME + 1)}:
        disk.fails_from, disk.reads = number, 0
        with pytest.raises(InfrastructureError, match="STORAGE_FAILED"):
            take_in(context)
        assert landed.exists() and not list(context.workspace.refused.glob("*"))
    disk.fails_from = sys.maxsize
    assert [one.state for one in run_nightly(context).loads] == ["loaded"]


def test_a_file_that_the_machine_cannot_read_is_no_data_fault():
    with (
        pytest.raises(InfrastructureError, match="STORAGE_FAILED"),
        files.original(Path("/proc/self/mem")) as stream,
    ):
        stream.read(1)
