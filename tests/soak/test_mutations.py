"""Spoilt files by the thousand: each is loaded, quarantined or refused in words with a code."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.flow.small_files import results
from tests.soak.fuzzing import Fates, fuzz
from tests.soak.story import DISTRICT, Place

pytestmark = pytest.mark.soak

IN_ONE_WORKSPACE = 200
ALL = 10_000
SOURCES = 10
LINE_BYTES, MEMORY_BYTES = 1 << 30, 3 << 30


def test_no_spoilt_file_escapes(soak_seed, soak_budget, tmp_path):
    fates, began = Fates(), time.monotonic()
    for first in range(0, ALL, IN_ONE_WORKSPACE):
        home = tmp_path / f"home{first}"
        fuzz(home, range(first, first + IN_ONE_WORKSPACE), soak_seed, fates)
        shutil.rmtree(home)
        if time.monotonic() - began > soak_budget:
            break
    print(fates.told(soak_seed))  # noqa: T201
    assert not fates.faults, f"{len(fates.faults)} faults:\n" + "\n".join(fates.faults[:20])
    assert len(fates.sources) >= SOURCES


def with_one_long_line(path: Path, what: bytes) -> None:
    """Write a results file of which one line is a gigabyte."""
    results(path, 40)
    block = what * (1 << 20)
    with path.open("ab") as stream:
        for _ in range(LINE_BYTES // len(block)):
            stream.write(block)
        stream.write(b"\n")


@pytest.mark.parametrize("what", [b"9", b",", b'"', b"\x00"])
def test_a_line_of_a_gigabyte_is_told_within_three_of_memory(forge, tmp_path, what):
    place = Place(tmp_path / "home", None, forge)
    (place.landing / DISTRICT).mkdir(parents=True)
    with_one_long_line(place.landing / DISTRICT / "results.csv", what)
    ended = place.nightly(memory_bytes=MEMORY_BYTES)
    print(f"soak=long line of {what!r} code={ended.code}")  # noqa: T201
    assert ended.code == 1 and "Traceback" not in ended.said, ended.said
    assert "[UNEXPECTED]" not in ended.said and "found:" in ended.said, ended.said
