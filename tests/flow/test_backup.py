"""A workspace goes to another machine in one file, wholly or not at all."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from configs.errors import InfrastructureError, UsageError
from flows import restoring
from flows.backing_up import back_up
from flows.context import Context, open_context
from flows.locking import nightly_lock
from flows.reporting import show_status
from flows.restoring import restore
from flows.running import run_build, run_nightly
from tests.command_line import Finished, environment
from tests.flow.small_files import results
from warehouse.backup_file import MANIFEST, unpack
from warehouse.ledger import Ledger
from warehouse.ledger_records import Check
from warehouse.published import publication_id_of

SITE = "partner_schools: ['0199017/6990013']\n"
ALL_OF_IT = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def opened(home: Path, url: str | None = None, site: Path | None = None) -> Context:
    told = {"ROCI_HOME": str(home), "ROCI_DATABASE_URL": url, "ROCI_CONFIG": site and str(site)}
    return open_context({name: value for name, value in told.items() if value})


def filled(home: Path, site: Path, url: str | None = None) -> Context:
    """A workspace with a loaded file, rejected rows, a refused file, one that waits, marts."""
    site.mkdir(exist_ok=True)
    (site / "network.yml").write_text(SITE, encoding="utf-8")
    context = opened(home, url, site)
    landing = context.workspace.landing
    results(landing / "0199017" / "results_2024.csv", bad_rows=1)
    (landing / "strange.csv").write_text("what,is,this\n1,2,3\n", encoding="utf-8")
    run_nightly(context)
    results(landing / "0199017" / "results_2025.csv", year=2025)
    return context


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a workspace that is filled once and copied for each test."""
    folder = tmp_path_factory.mktemp("once")
    filled(folder / "old", folder / "site").database.close()
    return folder


@pytest.fixture
def old(once: Path, tmp_path: Path) -> Iterator[Context]:
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    context = opened(tmp_path / "old", site=tmp_path / "site")
    yield context
    context.database.close()


def status(context: Context, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    show_status(context, as_json=True)
    told = json.loads(capsys.readouterr().out)
    del told["home"]
    return told


def hashes(context: Context) -> dict[str, str]:
    last = context.ledger.last_publication()
    return {mart.name: mart.content_hash for mart in last.marts}


def sql_counts(context: Context) -> dict[str, int]:
    found = {}
    for mart in context.ledger.last_publication().marts:
        if context.publisher.path(mart.name, "reporting").exists():
            with context.database.read("reporting") as connection:
                place = mart.name if context.database.url is None else f"reporting.{mart.name}"
                found[mart.name] = connection.exec_driver_sql(
                    f"SELECT count(*) FROM {place}"
                ).scalar()
    return found


def files(home: Path) -> set[str]:
    """Every file of a workspace that is not of a running process."""
    own = ("locks", "logs", "prefect", "work")
    found = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    return {name for name in found if name.split("/")[0] not in own and "ledger.sqlite" not in name}


@pytest.mark.parametrize("to", ALL_OF_IT)
@pytest.mark.parametrize("of", ALL_OF_IT)
def test_what_was_there_is_there_on_another_machine(of, to, tmp_path, capsys, request):
    if of == to == "postgresql":
        pytest.skip("one database a test; each way is covered by the others")
    url = request.getfixturevalue("postgres_url") if "postgresql" in (of, to) else None
    if of == "postgresql":
        old = filled(tmp_path / "old", tmp_path / "site", url)
    else:
        old = request.getfixturevalue("old")
    before, sql, published = status(old, capsys), sql_counts(old), hashes(old)
    made = back_up(old, tmp_path / "all.tar.zst", outside=True, logs=False)
    old.database.close()
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600

    new_url = url if to == "postgresql" else None
    restored = restore(opened(tmp_path / "new", new_url), made.path)
    new = opened(tmp_path / "new", new_url, restored.site)
    assert status(new, capsys) == before
    assert sql_counts(new) == sql
    assert (restored.site / "network.yml").read_text(encoding="utf-8") == SITE
    load = next(one for one in new.ledger.loads() if one.state == "loaded")
    assert new.quarantine.read(load.load_id).num_rows == 1
    with new.raw.open(load.sha256) as content:
        assert content.read(8) == b"cds_code"
    assert run_build(new, everything=True, engine="direct").build.state == "published"
    assert hashes(new) == published
    assert [one.file_name for one in run_nightly(new).loads] == ["results_2025.csv"]
    new.database.close()


def test_marts_whose_publication_was_never_noted_are_of_one_id_after_a_restore(
    old, tmp_path, monkeypatch
):
    with monkeypatch.context() as killed:
        killed.setattr(Ledger, "record_publication", lambda *_, **__: sys.exit(9))
        with pytest.raises(SystemExit):
            run_build(old, everything=True, engine="direct")
    made = back_up(old, tmp_path / "all.tar.gz", outside=True, logs=False)
    restored = restore(opened(tmp_path / "new"), made.path)
    new = opened(tmp_path / "new", site=restored.site)
    marts = list(new.workspace.marts_reporting.glob("*.parquet"))
    with new.database.read("reporting") as connection:
        in_sql = connection.exec_driver_sql("SELECT publication_id FROM publication").scalar()
    shown = new.publisher.shown()
    assert {publication_id_of(path) for path in marts} == {in_sql} == {shown}
    build = run_build(new, everything=False, engine="direct").build
    assert (build.state, build.publication_id > shown) == ("published", True)
    new.database.close()


def test_files_keep_their_permissions_and_their_age(old, tmp_path):
    made = back_up(old, tmp_path / "all.tar.gz", outside=True, logs=False)
    restore(opened(tmp_path / "new"), made.path)
    for path in (tmp_path / "old" / "raw").rglob("*"):
        twin = tmp_path / "new" / path.relative_to(tmp_path / "old")
        assert stat.S_IMODE(twin.stat().st_mode) == stat.S_IMODE(path.stat().st_mode)
        if path.is_file():
            assert twin.stat().st_mtime == pytest.approx(path.stat().st_mtime, abs=1e-3)
    assert stat.S_IMODE((tmp_path / "new" / "lake").stat().st_mode) == 0o700


def test_a_backup_never_takes_the_place_of_another(old, tmp_path):
    target = tmp_path / "all.tar.zst"
    target.write_text("precious", encoding="utf-8")
    with pytest.raises(UsageError, match="BACKUP_EXISTS"):
        back_up(old, target, outside=True, logs=False)
    assert target.read_text(encoding="utf-8") == "precious"


def test_it_leaves_the_workspace_only_when_a_person_says_so(old, tmp_path):
    with pytest.raises(UsageError, match="BACKUP_OUTSIDE"):
        back_up(old, tmp_path / "all.tar.zst", outside=False, logs=False)
    assert not list(tmp_path.glob("*.tar.zst*"))
    inside = back_up(old, old.workspace.home / "backups" / "all.tar.zst", outside=False, logs=False)
    again = back_up(old, inside.path.with_name("two.tar.zst"), outside=False, logs=False)
    assert again.files == inside.files


def test_another_ending_is_refused(old, tmp_path):
    with pytest.raises(UsageError, match="BACKUP_NAME"):
        back_up(old, tmp_path / "all.zip", outside=True, logs=False)


def test_a_workspace_that_holds_anything_is_not_restored_into(old, tmp_path):
    made = back_up(old, tmp_path / "all.tar.zst", outside=True, logs=False)
    before = files(old.workspace.home)
    with pytest.raises(UsageError, match="WORKSPACE_IN_USE"):
        restore(old, made.path)
    other = opened(tmp_path / "other")
    (other.workspace.landing / "new.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="WORKSPACE_IN_USE"):
        restore(other, made.path)
    assert files(old.workspace.home) == before


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def with_another_byte(path: Path) -> None:
    """Change one byte of one file in the backup and leave its manifest as it was."""
    rewritten(
        path, lambda name, content: content[:-1] + b"!" if name.startswith("raw/") else content
    )


def with_a_file_less(path: Path) -> None:
    rewritten(path, lambda name, content: None if name.startswith("raw/") else content)


def with_a_way_out(path: Path) -> None:
    rewritten(path, lambda name, content: content, name=lambda name: f"../{name}")


def with_a_name_too_long(path: Path) -> None:
    rewritten(path, lambda name, content: content, name=lambda name: name + "x" * 300)


def with_one_name_for_all(path: Path) -> None:
    rewritten(path, lambda name, content: content, name=lambda name: "raw/x")


def with_a_manifest_that_is_none(path: Path) -> None:
    rewritten(path, lambda name, content: b'"x"' if name == MANIFEST else content)


def rewritten(
    path: Path,
    change: Callable[[str, bytes], bytes | None],
    name: Callable[[str], str] = lambda name: name,
) -> None:
    with pa.CompressedInputStream(str(path), "zstd") as stream:
        content = stream.read()
    made = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content)) as old,
        tarfile.open(fileobj=made, mode="w") as new,
    ):
        for info in old:
            changed = change(info.name, old.extractfile(info).read())
            if changed is not None:
                info.size = len(changed)
                info.name = info.name if info.name == MANIFEST else name(info.name)
                info.pax_headers = {}
                new.addfile(info, io.BytesIO(changed))
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(made.getvalue())


@pytest.mark.parametrize(
    "spoil",
    [
        cut_short, with_another_byte, with_a_file_less, with_a_way_out, with_a_name_too_long,
        with_one_name_for_all, with_a_manifest_that_is_none,
    ],
)  # fmt: skip
def test_a_spoilt_backup_puts_nothing_in_place(spoil, old, tmp_path):
    made = back_up(old, tmp_path / "all.tar.zst", outside=True, logs=False)
    spoil(made.path)
    new = opened(tmp_path / "new")
    with pytest.raises(InfrastructureError, match="BAD_BACKUP"):
        restore(new, made.path)
    assert files(new.workspace.home) == set()
    assert new.ledger.loads() == []
    assert list(new.workspace.work.glob("restore*")) == []
    assert not (tmp_path / "raw").exists()


KILLED = """
import os, sys
from pathlib import Path
from flows import restoring
from flows.context import open_context

what, file = sys.argv[1:]
module, name = {
    "unpack": (restoring, "unpack"), "plan": (restoring, "_write_plan"),
    "fill": (restoring, "_fill_database"), "move": (restoring, "_move"),
    "first": (restoring.shutil, "move"), "publish": (restoring, "_publish_again"),
}[what]
done = getattr(module, name)

def do_and_die(*told, **named):
    done(*told, **named)
    os._exit(9)

setattr(module, name, do_and_die)
restoring.restore(open_context(), Path(file))
"""


@pytest.mark.parametrize(
    ("at", "whole"),
    [("unpack", False), ("plan", True), ("first", True), ("move", True), ("publish", True)],
)
def test_killed_midway_it_is_empty_or_whole_once_anybody_looks(at, whole, old, tmp_path, capsys):
    before, sql = status(old, capsys), sql_counts(old)
    made = back_up(old, tmp_path / "all.tar.zst", outside=True, logs=False)
    home = tmp_path / "new"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, at, str(made.path)],
        env=environment({"ROCI_HOME": str(home)}), check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 9, done.stderr.decode()
    new = opened(home, site=tmp_path / "site")
    if whole:
        assert status(new, capsys) == before
        assert sql_counts(new) == sql
        assert files(home) - {"config/network.yml"} == files(old.workspace.home)
    else:
        assert files(home) == set()
        restore(new, made.path)
        assert status(new, capsys) == before
    assert not (new.workspace.work / "restore.json").exists()
    new.database.close()


def test_a_nightly_that_waited_finishes_what_was_killed_before_it_begins(old, tmp_path, capsys):
    before = status(old, capsys)
    made = back_up(old, tmp_path / "all.tar.zst", outside=True, logs=False)
    waiting = opened(tmp_path / "new", site=tmp_path / "site")
    subprocess.run(
        [sys.executable, "-c", KILLED, "plan", str(made.path)],
        env=environment({"ROCI_HOME": str(tmp_path / "new")}), check=False, capture_output=True,
    )  # fmt: skip
    assert waiting.ledger.loads() == []
    with nightly_lock(waiting):
        assert status(waiting, capsys) == before
    waiting.database.close()


@pytest.mark.postgres
@pytest.mark.parametrize("at", ["plan", "fill", "move"])
def test_killed_midway_a_postgres_ledger_is_filled_once(at, old, tmp_path, postgres_url, capsys):
    before, sql = status(old, capsys), sql_counts(old)
    made = back_up(old, tmp_path / "all.tar.zst", outside=True, logs=False)
    told = {"ROCI_HOME": str(tmp_path / "new"), "ROCI_DATABASE_URL": postgres_url}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, at, str(made.path)],
        env=environment(told), check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 9, done.stderr.decode()
    new = opened(tmp_path / "new", postgres_url, tmp_path / "site")
    assert status(new, capsys) == before
    assert sql_counts(new) == sql
    load = new.ledger.open_load("plain", "k", {})  # and ids and numbers go on
    new.ledger.record_checks(load, [Check("batch", "rows", "ROW_COUNT_SHIFT", "hold", True)])
    assert len(new.ledger.checks(load)) == 1
    new.database.close()


def test_a_full_disk_is_told_and_leaves_the_workspace_empty(old, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    made = back_up(old, tmp_path / "all.tar.zst", outside=True, logs=False)
    new = opened(tmp_path / "new")
    monkeypatch.setattr(restoring, "_write_plan", full)
    with pytest.raises(OSError, match="No space"):
        restore(new, made.path)
    assert files(new.workspace.home) == set()


def test_the_command_line_does_both_and_says_what_to_type_next(
    roci: Callable[..., Finished], once: Path, workspace_home: Path, tmp_path: Path
):
    shutil.copytree(once / "old", workspace_home)
    shutil.copytree(once / "site", tmp_path / "site")
    site = {"ROCI_CONFIG": str(tmp_path / "site")}
    target = tmp_path / "all.tar.zst"
    refused = roci("backup", target, **site)
    assert (refused.code, "--i-understand" in refused.err) == (2, True)
    assert roci("backup", target, "--i-understand", **site).code == 0
    done = roci("restore", target, "--home", tmp_path / "new")
    assert done.code == 0, done.said
    assert f"export ROCI_HOME={tmp_path / 'new'}" in done.out
    assert "export ROCI_CONFIG=" in done.out
    assert "published: P" in roci("status", ROCI_HOME=str(tmp_path / "new")).out


def test_what_is_no_file_is_left_out_and_holds_nothing_up(old, tmp_path):
    os.mkfifo(old.workspace.landing / "pipe.csv")
    (old.site / ".#network.yml").symlink_to("somebody@here.1234")
    made = back_up(old, tmp_path / "all.tar.gz", outside=True, logs=False)
    names = {member.name for member in unpack(made.path, tmp_path / "out").members}
    assert "config/network.yml" in names
    assert not names & {"landing/pipe.csv", "config/.#network.yml"}


def test_links_in_the_backup_are_no_files_of_it(tmp_path):
    target = tmp_path / "all.tar.gz"
    with tarfile.open(target, "w:gz") as archive:
        info = tarfile.TarInfo("raw/x")
        info.type, info.linkname = tarfile.SYMTYPE, os.devnull
        archive.addfile(info)
    with pytest.raises(InfrastructureError, match="BAD_BACKUP"):
        unpack(target, tmp_path / "out")
