"""`roci audit` as a person runs it: what it prints, its exit code, the file that it leaves."""

import csv
import json
import stat

import numpy as np
import pytest

from configs.errors import UsageError
from flows.auditing import Asked, is_asked, show_audit
from flows.context import open_context
from tests.unit.validation.audit.small_marts import cells_of, publish, students


@pytest.fixture
def context(tmp_path):
    return open_context({"ROCI_HOME": str(tmp_path / "home")})


def marts(folder, sizes, shown=True):
    """A school's students by gender, all of them shown or none."""
    counts = {("D/1", "03", "A", gender): size for gender, size in sizes.items()}
    made = cells_of(students(counts))
    made = made[(made["ethnicity"] == "all") & (made["grade"] == "all")].reset_index(drop=True)
    return publish(folder, made, np.full(len(made), shown))


SAFE = {"F": (12, 13, 14, 11), "M": (11, 14, 12, 13)}
LEAKING = {**SAFE, "M": (1, 1, 1, 1)}


def asked(folder, systems=(), against=None):
    return Asked(folder, against, tuple(systems), 0)


def test_marts_of_which_nothing_falls_exit_0(context, tmp_path, capsys):
    assert show_audit(context, asked(marts(tmp_path / "m", SAFE)), as_json=False) == 0
    assert "nothing falls" in capsys.readouterr().out


def test_marts_that_hide_every_number_tell_nothing(context, tmp_path, capsys):
    """A few students only: of a vendor's file of ten rows no cell can be shown."""
    folder = marts(tmp_path / "m", {"F": (1, 1, 1, 1), "M": (1, 0, 1, 0)}, shown=False)
    assert show_audit(context, asked(folder), as_json=False) == 0
    assert "nothing falls" in capsys.readouterr().out


def test_a_fall_exits_1_and_is_named_by_group_on_the_terminal_and_in_a_private_file(
    context, tmp_path, capsys
):
    assert show_audit(context, asked(marts(tmp_path / "m", LEAKING)), as_json=False) == 1
    assert "school/D/1, gender M" in capsys.readouterr().out
    path = context.workspace.marts_restricted / "audit" / "falls.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {
        "kind": "below_minimum",
        "mart": "mart_achievement",
        "system": "2030/made_up/math/annual",
        "cell": "school/D/1, gender M",
        "statistic": "n_tested",
    } in rows


def test_an_audit_that_finds_nothing_leaves_no_file_of_an_earlier_one(context, tmp_path, capsys):
    path = context.workspace.marts_restricted / "audit" / "falls.csv"
    show_audit(context, asked(marts(tmp_path / "leaking", LEAKING)), as_json=False)
    assert path.exists()
    capsys.readouterr()
    show_audit(context, asked(marts(tmp_path / "safe", SAFE)), as_json=True)
    assert not path.exists()
    assert json.loads(capsys.readouterr().out)["path"] is None


def test_json_has_the_counts_of_each_kind(context, tmp_path, capsys):
    folder = marts(tmp_path / "m", LEAKING)
    assert show_audit(context, asked(folder), as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["kinds"]["below_minimum"] > 0
    assert told["falls"] == sum(told["kinds"].values())
    assert told["systems"] == {"2030/made_up/math/annual": told["falls"]}


def test_only_the_systems_that_are_asked_for_are_attacked(context, tmp_path):
    folder = marts(tmp_path / "m", LEAKING)
    assert show_audit(context, asked(folder, ["2029/*"]), as_json=True) == 0
    assert is_asked("2030/made_up/math/annual", ["*/math/*"])


def test_a_publication_before_is_held_against_it(context, tmp_path, capsys):
    before = marts(tmp_path / "before", {**SAFE, "F": (12, 13, 14, 12)})
    now = marts(tmp_path / "now", SAFE)
    assert show_audit(context, asked(now, against=before), as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["kinds"]["moved"] > 0


def test_a_folder_without_marts_is_refused(context, tmp_path):
    with pytest.raises(UsageError, match="NOT_PUBLISHED"):
        show_audit(context, asked(tmp_path), as_json=False)
