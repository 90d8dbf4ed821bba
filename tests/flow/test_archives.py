"""Zips of several files: each is loaded by itself, and no path or size in them is trusted."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from flows.context import Context
from flows.running import run_ingest, run_nightly
from tests.flow.small_files import results, state_long

DISTRICT = "0199017"


def archive(context: Context, files: dict[str, bytes], name: str = "exports.zip") -> Path:
    """Land a zip of these files in the district's folder."""
    path = context.workspace.landing / DISTRICT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for member, content in files.items():
            made.writestr(member, content)
    return path


def small(tmp_path: Path, **options: int) -> bytes:
    return results(tmp_path / "results.csv", **options).read_bytes()


def refused(context: Context) -> list[str]:
    return sorted(path.name for path in context.workspace.refused.glob("*"))


def test_every_file_of_an_archive_is_loaded_by_its_own_source(context, tmp_path):
    landed = archive(
        context,
        {
            "2024/results.csv": small(tmp_path),
            "2024/long.csv": state_long(tmp_path / "l.csv").read_bytes(),
            "readme.pdf": b"%PDF",
            "__MACOSX/._results.csv": b"x",
        },
    )
    run = run_nightly(context)
    assert sorted((load.source, load.state, load.received) for load in run.loads) == [
        ("results_csv", "loaded", 40),
        ("state_long", "loaded", 30),
    ]
    assert not landed.exists()
    assert run_nightly(context).loads == ()


def test_no_path_of_an_archive_leads_out_of_the_store(context, tmp_path):
    archive(context, {"../../../../escaped.csv": small(tmp_path), "/etc/rooted.csv": b"a,b\n1,2\n"})
    run = run_nightly(context)
    assert sorted((load.file_name, load.state) for load in run.loads) == [
        ("escaped.csv", "loaded"),
        ("rooted.csv", "failed"),
    ]
    outside = [*tmp_path.rglob("escaped.csv"), Path("/etc/rooted.csv")]
    assert not any(path.exists() for path in outside if path.parent != tmp_path)


def test_a_file_that_no_source_takes_is_refused_alone(context, tmp_path):
    landed = archive(context, {"results.csv": small(tmp_path), "menu.csv": b"day,dish\n1,soup\n"})
    run = run_nightly(context)
    assert {(load.file_name, load.code) for load in run.loads} == {
        ("results.csv", None),
        ("menu.csv", "NO_SOURCE"),
    }
    assert refused(context) == ["menu.csv", "menu.csv.why.txt"]
    assert not landed.exists()


def test_a_file_that_its_source_refuses_is_put_aside_with_a_note(context, tmp_path):
    archive(context, {"results.csv": small(tmp_path, bad_rows=30)})
    (load,) = run_nightly(context).loads
    assert load.code == "TOO_MANY_REJECTS"
    assert refused(context) == ["results.csv", "results.csv.why.txt"]


def test_a_name_too_long_for_a_file_stops_no_other(context, tmp_path):
    archive(context, {f"{'x' * 300}.csv": b"day,dish\n1,soup\n", "results.csv": small(tmp_path)})
    run = run_nightly(context)
    assert sorted(load.state for load in run.loads) == ["failed", "loaded"]
    assert len(refused(context)) == 2


def test_an_archive_without_a_file_of_data_is_refused_and_kept(context):
    archive(context, {"readme.pdf": b"%PDF", "results.csv.part": b"id\n"})
    (load,) = run_nightly(context).loads
    assert load.code == "EMPTY_FILE"
    assert refused(context) == ["exports.zip", "exports.zip.why.txt"]


def test_only_the_files_of_one_source_are_taken_and_the_archive_stays(context, tmp_path):
    landed = archive(
        context,
        {"r.csv": small(tmp_path), "l.csv": state_long(tmp_path / "l.csv").read_bytes()},
    )
    run = run_nightly(context, source="results_csv")
    assert [load.source for load in run.loads] == ["results_csv"]
    assert landed.exists()
    assert {(one.source, one.state) for one in run_nightly(context).loads} == {
        ("results_csv", "unchanged"),
        ("state_long", "loaded"),
    }
    assert not landed.exists()


def bomb() -> dict[str, bytes]:
    return {"results.csv": b"\0" * (64 << 20)}


def nested(tmp_path: Path) -> dict[str, bytes]:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as made:
        made.writestr("results.csv", small(tmp_path))
    return {"inner.zip": inner.getvalue()}


def test_a_file_that_unpacks_to_far_too_much_is_refused_unread(context):
    archive(context, bomb())
    (load,) = run_nightly(context).loads
    assert load.code == "BAD_ARCHIVE"
    assert refused(context) == ["exports.zip", "exports.zip.why.txt"]


def test_an_archive_within_an_archive_is_refused_alone(context, tmp_path):
    archive(context, {**nested(tmp_path), "results.csv": small(tmp_path)})
    run = run_nightly(context)
    assert {load.file_name: load.state for load in run.loads} == {
        "inner.zip": "failed",
        "results.csv": "loaded",
    }


def test_an_archive_that_breaks_off_is_refused_whole(context, tmp_path):
    landed = archive(context, {"results.csv": small(tmp_path)})
    landed.write_bytes(landed.read_bytes()[:-30])
    (load,) = run_nightly(context).loads
    assert (load.state, load.code) == ("failed", "TRUNCATED_FILE")


def test_an_archive_whose_bytes_are_damaged_loads_nothing(context, tmp_path):
    landed = archive(context, {"a.csv": small(tmp_path), "b.csv": small(tmp_path, year=2023)})
    content = bytearray(landed.read_bytes())
    content[300:310] = b"\xff" * 10
    landed.write_bytes(bytes(content))
    (load,) = run_nightly(context).loads
    assert (load.file_name, load.code) == ("exports.zip", "BAD_ARCHIVE")


def test_the_files_of_a_named_source_are_taken_from_an_archive(context, tmp_path):
    landed = archive(
        context,
        {"r.csv": small(tmp_path), "l.csv": state_long(tmp_path / "l.csv").read_bytes()},
    )
    run = run_ingest(context, "state_long", [landed], district=None, engine="direct")
    assert [(load.file_name, load.state) for load in run.loads] == [("l.csv", "loaded")]
    wrong = run_ingest(context, "oneroster", [landed], district=None, engine="direct")
    assert [load.state for load in wrong.loads] == ["failed"]
    assert landed.exists()


def spoilt_member(content: bytes, spoil: str) -> bytes:
    """Return a zip of one file whose table of contents and member do not fit one another."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("ré.csv", content)
    whole = out.getvalue()
    if spoil == "begins before the archive":
        return whole[:10] + whole[30:]
    return whole.replace("ré".encode(), b"r\xff\xfe", 1)


@pytest.mark.parametrize("spoil", ["begins before the archive", "a name that is no text"])
def test_a_damaged_member_is_refused_and_stops_no_other_file(context, tmp_path, spoil):
    landing = context.workspace.landing
    (landing / "a.zip").write_bytes(spoilt_member(small(tmp_path), spoil))
    (landing / "results_2024.csv").write_bytes(small(tmp_path))
    run = run_nightly(context)
    found = {load.file_name: load.code for load in run.loads}
    assert found.pop("results_2024.csv") is None
    assert set(found.values()) <= {"BAD_ARCHIVE", "TRUNCATED_FILE"} and len(found) == 1
