"""The marts are of what was loaded, in whatever order and however many files it came."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from flows.context import open_context
from flows.running import run_ingest
from tests.flow.small_files import EACH_LEVEL, results

# What says of a row where it came from, not what it is.
OF_A_LOAD = {"load_id", "source_row", "source_record", "source_file", "loaded_at"}


def years_of(folder: Path) -> list[Path]:
    """Three years in which the same students rise, a file each."""
    return [
        results(folder / f"results_{year}.csv", 60, year=year, score=score, level=EACH_LEVEL)
        for year, score in ((2023, 2480), (2024, 2500), (2025, 2530))
    ]


def in_one_file(path: Path, files: Sequence[Path]) -> Path:
    """The rows of all files under one header, the last file's first."""
    header, *_ = files[0].read_text(encoding="utf-8").splitlines()
    rows = (file.read_text(encoding="utf-8").splitlines()[1:] for file in reversed(files))
    path.write_text("\n".join([header, *itertools.chain(*rows)]) + "\n", encoding="utf-8")
    return path


def published(home: Path, files: Sequence[Path]) -> dict[str, list[tuple[object, ...]]]:
    """The rows of every mart, in order, after the files have been loaded one after another."""
    site = home.parent / "site"
    site.mkdir()
    (site / "network.yml").write_text("partner_schools: [0199017/6990013]\n", encoding="utf-8")
    context = open_context({"ROCI_HOME": str(home), "ROCI_CONFIG": str(site)})
    for file in files:
        run = run_ingest(context, "results_csv", [file], district="0199017", engine="direct")
        assert [load.state for load in run.loads] == ["loaded"]
        assert run.build.state == "published"
    context.database.close()
    folder = home / "marts"
    return {file.stem: rows_of(file) for file in sorted(folder.glob("re*/*.parquet"))}


def rows_of(mart: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as con:
        columns = [c for c, *_ in con.execute(f"DESCRIBE FROM '{mart}'").fetchall()]
        kept = ", ".join(c for c in columns if c not in OF_A_LOAD)
        return con.execute(f"SELECT {kept} FROM '{mart}' ORDER BY ALL").fetchall()


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory) -> dict[str, list[tuple[object, ...]]]:
    folder = tmp_path_factory.mktemp("in_order")
    return published(folder / "home", years_of(folder))


def test_years_that_are_loaded_the_last_first_make_the_same_marts(one_by_one, tmp_path):
    assert {"mart_gap", "mart_growth", "mart_comparison"} <= {
        name.removesuffix("_unsuppressed") for name in one_by_one
    }
    assert published(tmp_path / "home", years_of(tmp_path)[::-1]) == one_by_one


def test_a_file_of_all_years_makes_the_same_marts_as_a_file_a_year(one_by_one, tmp_path):
    whole = in_one_file(tmp_path / "results.csv", years_of(tmp_path))
    assert published(tmp_path / "home", [whole]) == one_by_one


def test_other_scores_make_other_marts(one_by_one, tmp_path):
    first, second, _ = years_of(tmp_path)
    third = results(tmp_path / "again.csv", 60, year=2025, score=2531, level=EACH_LEVEL)
    assert published(tmp_path / "home", [first, second, third]) != one_by_one
