"""A district that begins to count Middle Eastern students: what is not told across that year."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from flows.context import open_context
from flows.running import run_ingest
from tests.flow.small_files import RESULTS_HEADER, SCHOOLS

SITE = {
    "network.yml": "partner_schools: [0199017/6990013]\n",
    "sources/results_csv.yml": "fields: {ethnicity: {codes: {'800': MENA}}}\n",
}
WHITE, HISPANIC, MENA = "700", "500", "800"
WHOLE = "grade = 'all' AND el_status = 'all' AND gender = 'all' AND econ_status = 'all'"
NAMED = {
    "mart_gap": ("gap_change", "dimension = 'ethnicity' AND reference = 'rest'"),
    "mart_growth": ("change_points", "growth_type = 'cross_section'"),
    "mart_comparison": ("gain", "compared_to = 'rest' AND from_year = 2024"),
}


def write_year(path: Path, year: int) -> Path:
    """Write 120 students of two schools; in 2025 every fifth of them is of the new group."""
    last = MENA if year == 2025 else WHITE
    rows = [
        f"{school},{9_000_000_000 + 100_000 * year + 1000 * place + number},{year},MATH,3,"
        f"{(last, WHITE, HISPANIC, WHITE, HISPANIC)[number % 5]},EO,F,N,N,2500,{1 + number % 4}"
        for place, school in enumerate(SCHOOLS)
        for number in range(60)
    ]
    path.write_text("\n".join([RESULTS_HEADER, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The workspace of both years, the second built beside the first, which is kept."""
    home = tmp_path_factory.mktemp("regrouped")
    for name, content in SITE.items():
        path = home / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROCI_HOME", str(home / "data"))
        patch.setenv("ROCI_CONFIG", str(home / "site"))
        patch.delenv("ROCI_DATABASE_URL", raising=False)
        context = open_context()
        for year in (2024, 2025):
            file = write_year(home / f"results_{year}.csv", year)
            run = run_ingest(context, "results_csv", [file], district=None, engine="direct")
            assert [load.state for load in run.loads] == ["loaded"], run.loads[0]
            assert run.build is not None and run.build.state == "published"
        yield context
        context.database.close()


def told(context, mart, what, where):
    """Return columns of the partner schools' rows of 2025."""
    area = "restricted" if mart.endswith("_unsuppressed") else "reporting"
    path = context.publisher.path(mart, area)
    with duckdb.connect() as con:
        sql = f"SELECT DISTINCT {what} FROM read_parquet('{path}') WHERE {where}"
        return con.execute(
            f"{sql} AND {WHOLE} AND school_year = 2025 AND org_level = 'partner' ORDER BY ALL"
        ).fetchall()


@pytest.mark.parametrize("mart", NAMED)
@pytest.mark.parametrize("group", ["ethnicity = 'HISPANIC'", "ethnicity = 'WHITE'"])
def test_no_group_by_ethnicity_is_held_against_the_year_before(opened, mart, group):
    measure, where = NAMED[mart]
    reason = "change_missing_reason" if mart == "mart_gap" else "missing_reason"
    what = f"{measure}, {reason}"
    assert told(opened, f"{mart}_unsuppressed", what, f"{where} AND {group}") == [
        (None, "group_break")
    ]
    shown = told(opened, mart, measure, f"{where} AND {group}")
    assert shown == [(None,)]


@pytest.mark.parametrize("mart", ["mart_growth", "mart_comparison"])
def test_all_students_are_held_against_the_year_before(opened, mart):
    measure, where = NAMED[mart]
    of_all = "ethnicity = 'all' AND federal_1997_status = 'all' AND federal_2024_status = 'all'"
    where = f"{where} AND {of_all} AND ever_el_status = 'all' AND prior_status = 'all'"
    [found] = told(opened, f"{mart}_unsuppressed", measure, where)
    assert found == (0.0,)
