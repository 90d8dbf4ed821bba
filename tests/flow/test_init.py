"""A site's first layer: asked or told, checked, and never over what is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from configs.catalogue import load_catalogue
from configs.errors import ConfigurationError, UsageError
from flows import asking
from flows.asking import directory
from flows.cli import app
from flows.site_layer import Answers, Group, layer, parsed_windows, write_layer
from tests.command_line import Finished

ANSWERS = Answers(
    district_id="0199017",
    district_name="Sample: Unified",
    partners=("0199017/6990013", "0299017/0000021"),
    networks={"north": Group("St. Ann's & co: north", ("0199017/6990013",))},
    windows={"iready_diagnostic": {"fall": ("08-01", "11-01")}},
    hour=3,
    minute=30,
    timezone="America/Los_Angeles",
)


def test_what_is_answered_is_read_back_as_it_was_said(tmp_path):
    written = write_layer(tmp_path / "site", ANSWERS, merge=False)
    assert written.new == ["network.yml", "profiles/default.yml", "sources/iready_diagnostic.yml"]
    catalogue = load_catalogue(tmp_path / "site")
    assert catalogue.profile.home_district == "0199017"
    assert catalogue.profile.nightly_cron == "30 3 * * *"
    assert catalogue.profile.timezone == "America/Los_Angeles"
    assert catalogue.network.partner_schools == ["0199017/6990013", "0299017/0000021"]
    assert catalogue.network.networks["north"].title == "St. Ann's & co: north"
    shipped = load_catalogue().sources["iready_diagnostic"].windows
    windows = catalogue.sources["iready_diagnostic"].windows
    assert (windows["fall"].from_day, windows["fall"].to_day) == ("08-01", "11-01")
    assert {name: windows[name] for name in ("winter", "spring")} == {
        name: shipped[name] for name in ("winter", "spring")
    }


def test_without_partners_and_networks_it_is_good_too(tmp_path):
    write_layer(tmp_path, Answers("0199017"), merge=False)
    catalogue = load_catalogue(tmp_path)
    assert (catalogue.network.partner_schools, catalogue.network.networks) == ([], {})


def test_every_file_says_what_its_keys_are():
    assert all(text.startswith("# ") for text in layer(ANSWERS).values())


def test_a_file_that_is_there_is_never_changed(tmp_path):
    (tmp_path / "network.yml").write_text("partner_schools: ['1/2']\n", encoding="utf-8")
    with pytest.raises(UsageError, match="SITE_FILE_EXISTS"):
        write_layer(tmp_path, ANSWERS, merge=False)
    assert [path.name for path in tmp_path.iterdir()] == ["network.yml"]
    merged = write_layer(tmp_path, ANSWERS, merge=True)
    assert merged.kept == ["network.yml"]
    assert (tmp_path / "network.yml").read_text(encoding="utf-8") == "partner_schools: ['1/2']\n"
    assert load_catalogue(tmp_path).profile.home_district == "0199017"


def test_what_would_not_be_good_is_not_written(tmp_path):
    bad = Answers("0199017", partners=("no/such/school",))
    with pytest.raises(ConfigurationError, match="BAD_CONFIGURATION") as caught:
        write_layer(tmp_path / "site", bad, merge=False)
    assert "no/such/school" in caught.value.found
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    "told",
    [
        "fall=08-01..11-01",
        "nobody:fall=08-01..11-01",
        "iready_diagnostic:fall=02-30..11-01",
        "iready_diagnostic:x",
    ],
)
def test_a_window_of_another_form_is_refused(told):
    with pytest.raises(UsageError, match="BAD_WINDOW"):
        parsed_windows([told], ["iready_diagnostic"])


def test_told_by_options_nothing_is_asked(roci: Callable[..., Finished], tmp_path: Path):
    site = tmp_path / "site"
    done = roci(
        "init", "--home-district", "0199017", "--partner", "6990013",
        "--partner", "0299017/0000021", "--network", "north=Northern: 6990013",
        "--nightly", "1:05", "--timezone", "UTC",
        "--window", "iready_diagnostic:fall=08-01..11-01", ROCI_CONFIG=str(site),
    )  # fmt: skip
    assert done.code == 0, done.said
    assert f"ROCI_CONFIG={site}" in done.out
    catalogue = load_catalogue(site)
    assert catalogue.network.partner_schools == ["0199017/6990013", "0299017/0000021"]
    assert catalogue.network.networks["north"].schools == ["0199017/6990013"]
    assert catalogue.profile.nightly_cron == "5 1 * * *"
    assert roci("check", ROCI_CONFIG=str(site)).code == 0
    again = roci("init", "--home-district", "0199017", ROCI_CONFIG=str(site))
    assert (again.code, "SITE_FILE_EXISTS" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], "INIT_NEEDS_ANSWERS"),
        (["--home-district", "1", "--nightly", "25:00"], "BAD_TIME"),
        (["--home-district", "1", "--timezone", "Mars/Base"], "BAD_ZONE"),
        (["--home-district", "1", "--network", "north"], "BAD_NETWORK"),
    ],
)
def test_what_cannot_be_understood_is_said_and_nothing_is_written(words, code, workspace_home):
    done = CliRunner().invoke(app, ["init", *words])
    assert (done.exit_code, code in done.output) == (2, True), done.output
    assert not (workspace_home / "config").exists()


def test_on_a_terminal_it_asks_and_shows_the_schools_of_the_directory(
    workspace_home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asking, "_asks", lambda: True)
    monkeypatch.setattr(asking, "directory", lambda *_: {"6990013": "Elm Grove"})
    typed = ["0199017", "Sample Unified", "03:15", "6990013", "", "iready_diagnostic",
             "08-01..11-01", "", "", "UTC"]  # fmt: skip
    done = CliRunner().invoke(app, ["init"], input="\n".join(typed) + "\n")
    assert done.exit_code == 0, done.output
    assert "6990013  Elm Grove" in done.output
    catalogue = load_catalogue(workspace_home / "config")
    assert catalogue.profile.home_district == "0199017"
    assert catalogue.profile.nightly_cron == "15 3 * * *"
    assert catalogue.network.partner_schools == ["0199017/6990013"]
    assert catalogue.sources["iready_diagnostic"].windows["fall"].from_day == "08-01"
    text = (workspace_home / "config" / "profiles" / "default.yml").read_text(encoding="utf-8")
    assert "# Sample Unified" in text


def test_the_schools_of_the_directory_are_the_districts_own_by_their_newest_name(context):
    columns = ["school_year", "district_id", "school_id", "school_name", "entity_type"]
    rows = [
        (2023, "0199017", "6990013", "Elm", "SCHOOL"),
        (2024, "0199017", "6990013", "Elm Grove", "SCHOOL"),
        (2024, "0199017", "6990021", "Oak", "CHARTER_DIRECT"),
        (2024, "0199017", "0000000", "Sample Unified", "DISTRICT"),
        (2024, "0299017", "0000021", "Ash", "SCHOOL"),
    ]
    table = pa.table({name: [row[at] for row in rows] for at, name in enumerate(columns)})
    staged = context.workspace.staging / "schools.parquet"
    pq.write_table(table, staged)
    assert directory(context, "0199017") == {}
    context.lake.replace("school", "plain", {"2024": [staged]}, "L1")
    assert directory(context, "0199017") == {"6990013": "Elm Grove", "6990021": "Oak"}
