from __future__ import annotations

import os
from pathlib import Path

import pytest

from configs.errors import FileRefused
from warehouse.landing import Landing


@pytest.fixture
def landing(workspace) -> Landing:
    return Landing(workspace)


def put(landing: Landing, name: str, content: str = "x") -> None:
    path = landing.workspace.landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def refusal(found: str = "no header") -> FileRefused:
    return FileRefused(
        "UNKNOWN_HEADER", where="x.csv", found=found, expected="a header", remedy="ask"
    )


def test_the_first_folder_is_the_district_whatever_lies_below(landing):
    for name in ("top.csv", "0100001/a.csv", "0100001/2024/b.csv"):
        put(landing, name)
    found = {file.name: file.district_id for file in landing.files()}
    assert found == {"top.csv": None, "a.csv": "0100001", "b.csv": "0100001"}


def test_hidden_unfinished_and_refused_files_are_passed_over(landing):
    for name in (".DS_Store", "a.csv.part", "b.TMP", "c.filepart", "d.crdownload", ".git/e.csv"):
        put(landing, name)
    put(landing, "refused/old.csv")
    put(landing, "good.csv", "four")
    assert [(file.name, file.size) for file in landing.files()] == [("good.csv", 4)]


def test_pipes_and_links_to_nowhere_are_no_files(landing):
    folder = landing.workspace.landing
    os.mkfifo(folder / "pipe.csv")
    (folder / "itself.csv").symlink_to("itself.csv")
    (folder / "nowhere.csv").symlink_to("gone.csv")
    put(landing, "good.csv")
    assert [file.name for file in landing.files()] == ["good.csv"]


def test_a_folder_named_refused_below_a_district_is_no_special_folder(landing):
    put(landing, "0100001/refused/a.csv")
    assert [file.name for file in landing.files()] == ["a.csv"]


def test_files_come_in_the_order_of_their_paths(landing):
    for name in ("b.csv", "a.csv", "0100001/z.csv"):
        put(landing, name)
    assert [file.name for file in landing.files()] == ["z.csv", "a.csv", "b.csv"]


def test_a_landing_that_does_not_exist_is_empty(tmp_path):
    from warehouse.workspace import Workspace

    assert Landing(Workspace(tmp_path / "none")).files() == []


def test_a_loaded_file_leaves_landing(landing):
    put(landing, "a.csv")
    [file] = landing.files()
    assert landing.remove(file)
    assert not landing.remove(file)
    assert landing.files() == []


def grow(path: Path) -> None:
    with path.open("a") as stream:
        stream.write("more")


def rewrite(path: Path) -> None:
    facts = path.stat()
    path.write_text("y")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))


def replace(path: Path) -> None:
    facts = path.stat()
    other = path.with_name("other.part")
    other.write_text("y")
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [grow, rewrite, replace])
def test_another_file_that_came_under_the_name_is_left_where_it_is(landing, change):
    put(landing, "a.csv")
    [file] = landing.files()
    assert landing.is_still(file)
    change(file.path)
    now = file.path.read_text()
    assert not landing.is_still(file)
    assert not landing.remove(file)
    assert not landing.refuse(file, refusal())
    assert file.path.read_text() == now
    assert list(landing.workspace.refused.iterdir()) == []


def test_a_file_that_is_gone_is_not_still_there(landing):
    put(landing, "a.csv")
    [file] = landing.files()
    file.path.unlink()
    assert not landing.is_still(file)
    assert not landing.refuse(file, refusal())


def test_a_refused_file_stands_beside_a_note_that_says_why(landing):
    put(landing, "0100001/a.csv")
    [file] = landing.files()
    assert landing.refuse(file, refusal("columns Q, R"))
    assert (landing.workspace.refused / "a.csv").read_text() == "x"
    note = (landing.workspace.refused / "a.csv.why.txt").read_text()
    for words in ("UNKNOWN_HEADER", "columns Q, R", "a header", "ask", "0100001"):
        assert words in note
    assert landing.files() == []


def test_a_refused_file_and_its_note_are_readable_by_their_owner_only(landing):
    put(landing, "a.csv")
    [file] = landing.files()
    landing.refuse(file, refusal())
    modes = {path.stat().st_mode & 0o777 for path in landing.workspace.refused.iterdir()}
    assert modes == {0o600}


def test_a_file_whose_owner_is_another_is_refused_all_the_same(landing, monkeypatch):
    def not_ours(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    put(landing, "a.csv")
    [file] = landing.files()
    monkeypatch.setattr(Path, "chmod", not_ours)
    assert landing.refuse(file, refusal())
    assert (landing.workspace.refused / "a.csv.why.txt").exists()


def test_a_name_that_is_not_UTF_8_is_told_with_its_bytes_spelt_out(landing):
    folder = os.fsencode(landing.workspace.landing) + b"/d\xe9"
    os.mkdir(folder)  # noqa: PTH102 - a path of bytes
    Path(os.fsdecode(folder + b"/caf\xe9.csv")).write_text("x")
    [file] = landing.files()
    assert (file.name, file.district_id) == ("caf\\xe9.csv", "d\\xe9")
    assert landing.refuse(file, refusal(f"in {file.path}"))
    moved = landing.workspace.refused / os.fsdecode(b"caf\xe9.csv")
    assert moved.read_text() == "x"
    note = moved.with_name(moved.name + ".why.txt").read_text(encoding="utf-8")
    assert "caf\\xe9.csv" in note


def test_a_second_refused_file_of_that_name_does_not_overwrite_the_first(landing):
    for content in ("first", "second", "third"):
        put(landing, "a.csv.gz", content)
        [file] = landing.files()
        landing.refuse(file, refusal(content))
    refused = landing.workspace.refused
    contents = {path.name: path.read_text() for path in refused.glob("*.gz")}
    assert contents == {"a.csv.gz": "first", "a-2.csv.gz": "second", "a-3.csv.gz": "third"}
    assert "first" in (refused / "a.csv.gz.why.txt").read_text()
    assert "third" in (refused / "a-3.csv.gz.why.txt").read_text()


def test_where_there_are_no_links_a_file_is_moved_and_still_never_overwrites(landing, monkeypatch):
    def no_links(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", no_links)
    for content in ("first", "second"):
        put(landing, "a.csv", content)
        [file] = landing.files()
        landing.refuse(file, refusal())
    contents = {path.name: path.read_text() for path in landing.workspace.refused.glob("*.csv")}
    assert contents == {"a.csv": "first", "a-2.csv": "second"}


def test_a_name_as_long_as_it_can_be_is_cut_so_that_its_note_has_room(landing):
    for content in ("first", "second"):
        put(landing, "é" * 120 + "24.csv.gz", content)
        [file] = landing.files()
        assert landing.refuse(file, refusal())
    refused = landing.workspace.refused
    assert sorted(path.read_text() for path in refused.glob("é*24*.csv.gz")) == ["first", "second"]
    assert len(list(refused.glob("*.why.txt"))) == 2
