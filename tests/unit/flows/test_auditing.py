"""`roci audit` as a person runs it: what it prints, its exit code, the file that it leaves."""

import csv
import json
import stat

import numpy as np
import pytest

from configs.errors import UsageError
from flows.auditing import Asked, is_asked, show_audit
from flows.context import open_context
from tests.unit.validation.audit.small_marts import exact_twin, publish, school_by_gender


@pytest.fixture
def context(tmp_path):
    return open_context({"ROCI_HOME": str(tmp_path / "home")})


def marts(folder, sizes, shown=True):
    """A school's students by gender, all of them shown or none."""
    made = school_by_gender(sizes)
    return publish(folder, made, np.full(len(made), shown))


def own_marts(context, sizes):
    """The workspace's own marts, both areas: genders are hidden, the levels of all are not."""
    made = school_by_gender(sizes)
    publish(context.workspace.marts_reporting, made, made["gender"] == "all")
    exact_twin(context.workspace.marts_restricted, made)
    return context.workspace.marts_reporting


SAFE = {"F": (12, 13, 14, 11), "M": (11, 14, 12, 13)}
LEAKING = {**SAFE, "M": (1, 1, 1, 1)}
# Two of all are at level 1, so of a gender there are none to two.
FEW_AT_A_LEVEL = {"F": (1, 2, 1, 1), "M": (1, 8, 9, 8)}
OF_ONE_GENDER = {"M": (2, 10, 10, 9)}


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
        "protected": "yes",
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


def test_a_range_of_a_protected_group_exits_1_and_is_told_first(context, capsys):
    own_marts(context, FEW_AT_A_LEVEL)
    assert show_audit(context, asked(None), as_json=False) == 1
    told = capsys.readouterr().out
    assert "of protected groups" in told
    rows = {(row["cell"], row["statistic"]): row["protected"] for row in falls_of(context)}
    assert rows["all, gender F", "level 1"] == "yes"
    assert rows["all, gender M", "level 1"] == "no"
    first = told[told.index("The first of them:") :].splitlines()[2]
    assert first.rstrip().endswith("yes")


def test_ranges_of_nobody_and_of_large_groups_exit_0_and_are_told(context, capsys):
    own_marts(context, OF_ONE_GENDER)
    assert show_audit(context, asked(None), as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["of_protected"], told["of_unknown"]) == (0, 0)
    assert told["of_others"] == told["falls"] > 0
    assert {row["protected"] for row in falls_of(context)} == {"no"}
    show_audit(context, asked(None), as_json=False)
    assert "of nobody, or of the minimum and more" in capsys.readouterr().out


def test_of_a_folder_by_itself_nobody_knows_who_is_protected(context, tmp_path, capsys):
    made = school_by_gender(OF_ONE_GENDER)
    folder = publish(tmp_path / "m", made, made["gender"] == "all")
    exact_twin(context.workspace.marts_restricted, made)
    assert show_audit(context, asked(folder), as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["of_unknown"] == told["falls"] > 0


def falls_of(context):
    path = context.workspace.marts_restricted / "audit" / "falls.csv"
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
