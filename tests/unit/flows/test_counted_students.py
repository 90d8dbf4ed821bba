"""Students are counted in a cell as it is named: by organisation, groups and level before."""

import duckdb
import pandas as pd
import pytest

from flows.counted_students import CountedStudents
from transforms.cell_plan import CellPlan, Rollup

SYSTEM = "2030/made_up/math/annual"
KEY = {"school_year": 2030, "assessment": "made_up", "subject": "math", "test_window": "annual"}
# District, school, grade, ethnicity, level before; null where not matched, 0 where it has none.
ROWS = [
    ("D", "1", "03", "A", 1),
    ("D", "1", "04", "B", 2),
    ("D", "2", "03", "C", 0),
    ("E", "1", "03", "A", None),
    ("E", "1", "03", None, 3),
]


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    path = tmp_path_factory.mktemp("restricted") / "student_result.parquet"
    columns = ["district_id", "school_id", "grade", "ethnicity", "level"]
    rows = pd.DataFrame(ROWS, columns=columns).assign(**KEY, is_scored=True)
    rows["prior_status"] = ["MATCHED", "MATCHED", "MATCHED", "NOT_MATCHED", "MATCHED"]
    rows["prior_level"] = rows.pop("level").replace(0, float("nan"))
    other = rows.assign(school_year=2029)
    unscored = rows.assign(is_scored=False)
    pd.concat([rows, other, unscored]).to_parquet(path)
    rollup = Rollup("wide_status", "ethnicity", {"AB": ("A", "B"), "REST": ("C", "UNKNOWN")})
    plan = CellPlan(("ethnicity",), ("prior_status",), {}, rollups=(rollup,))
    return CountedStudents(path, plan, ("D/1",), {"North, South": ("D/2", "E/1")})


@pytest.mark.parametrize(
    ("cell", "n", "levels"),
    [
        ("all", 5, {0: 1, 1: 1, 2: 1, 3: 1}),
        ("district/D", 3, {0: 1, 1: 1, 2: 1}),
        ("school/D/1, grade 03", 1, {1: 1}),
        ("partner/D", 2, {1: 1, 2: 1}),
        ("rest/D", 1, {0: 1}),
        ("network/North, South, grade 03", 3, {0: 1, 3: 1}),
        ("network/gone", 0, {}),
        ("all, ethnicity A", 2, {1: 1}),
        ("all, ethnicity UNKNOWN", 1, {3: 1}),
        ("all, wide_status REST", 2, {0: 1, 3: 1}),
        ("all, grade 03, prior_status NOT_MATCHED", 1, {}),
    ],
)
def test_a_cell_has_the_students_of_its_organisation_and_groups(students, cell, n, levels):
    with duckdb.connect() as con:
        found = students.count(con, SYSTEM, cell)
    assert (found.n, dict(found.levels)) == (n, levels)
