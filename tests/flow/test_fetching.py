"""Remote folders over a real SFTP server: each file once, resumed, from the right server only."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from configs.errors import InfrastructureError
from configs.profile_models import RemoteLanding
from flows.context import Context
from flows.running import run_nightly
from flows.stages.fetching import fetch, fetch_all
from tests.flow.small_files import results
from tests.sftp import PASSWORD, USER, SftpServer
from warehouse.remote import Remote

ENVIRONMENT = {"ROCI_REMOTE_VENDOR_USER": USER, "ROCI_REMOTE_VENDOR_PASSWORD": PASSWORD}
DISTRICT = "0199017"


def landing_of(server: SftpServer) -> RemoteLanding:
    return RemoteLanding(
        name="vendor", url=server.url, host_key=server.host_key, district_id=DISTRICT
    )


def landed(context: Context) -> list[str]:
    return [file.path.relative_to(context.workspace.landing).as_posix() for file in
            context.landing.files()]  # fmt: skip


def fetched(context: Context, server: SftpServer) -> int:
    return fetch(context, landing_of(server), ENVIRONMENT)


def test_each_file_is_fetched_once_and_a_changed_one_again(context, sftp_server):
    first = results(sftp_server.folder / "out" / "2024" / "results.csv")
    assert fetched(context, sftp_server) == 1
    assert landed(context) == [f"{DISTRICT}/results.csv"]
    (context.workspace.landing / DISTRICT / "results.csv").unlink()
    assert fetched(context, sftp_server) == 0
    results(first, rows=50)
    assert fetched(context, sftp_server) == 1
    assert (context.workspace.landing / DISTRICT / "results.csv").read_bytes() == first.read_bytes()


def test_hidden_and_partial_files_stay_where_they_are(context, sftp_server):
    for name in (".results.csv", "results.csv.part", "results.csv.filepart", ".old/results.csv"):
        results(sftp_server.folder / "out" / name)
    assert fetched(context, sftp_server) == 0


def test_a_file_of_a_taken_name_gets_a_number(context, sftp_server):
    for folder in ("a", "b"):
        results(sftp_server.folder / "out" / folder / "results.csv", rows=20 + ord(folder))
    assert fetched(context, sftp_server) == 2
    assert landed(context) == [f"{DISTRICT}/results-2.csv", f"{DISTRICT}/results.csv"]


def test_a_link_is_the_file_that_it_leads_to_and_else_nothing(context, sftp_server):
    out = sftp_server.folder / "out"
    first = results(out / "2024" / "results.csv")
    (out / "latest.csv").symlink_to("2024/results.csv")
    (out / "archive").symlink_to("2024")
    (out / "old.csv").symlink_to("nowhere.csv")
    assert fetched(context, sftp_server) == 2
    assert (context.workspace.landing / DISTRICT / "latest.csv").read_bytes() == first.read_bytes()
    assert fetched(context, sftp_server) == 0


def test_a_file_that_may_not_be_read_is_told_after_the_others_have_come(
    context, sftp_server, monkeypatch
):
    for name in ("a.csv", "b.csv", "c.csv"):
        results(sftp_server.folder / "out" / name)
    opened = Remote.fetch

    def fetch_but_one(remote, file, part):
        if file.name == "b.csv":
            raise PermissionError
        return opened(remote, file, part)

    monkeypatch.setattr(Remote, "fetch", fetch_but_one)
    with pytest.raises(InfrastructureError) as refused:
        fetched(context, sftp_server)
    assert refused.value.code == "REMOTE_UNREACHABLE"
    assert landed(context) == [f"{DISTRICT}/a.csv", f"{DISTRICT}/c.csv"]


@pytest.mark.parametrize("place", ["/nowhere", "/a.csv"])
def test_a_folder_that_is_none_is_told(context, sftp_server, place):
    results(sftp_server.folder / "out" / "a.csv")
    other = landing_of(sftp_server).model_copy(update={"url": sftp_server.url + place})
    with pytest.raises(InfrastructureError) as refused:
        fetch(context, other, ENVIRONMENT)
    assert refused.value.code == "REMOTE_UNREACHABLE"


def test_a_name_of_other_bytes_keeps_the_run_going(context, sftp_server):
    results(sftp_server.folder / "out" / os.fsdecode(b"a\xff.csv"))
    with pytest.raises(InfrastructureError) as refused:
        fetched(context, sftp_server)
    assert refused.value.code == "REMOTE_UNREACHABLE"


def test_a_transfer_that_broke_off_goes_on_where_it_was(context, sftp_server):
    served = sftp_server.folder / "out" / "results.csv"
    served.write_bytes(os.urandom(8 << 20))
    sftp_server.cut_after = 6 << 20
    with pytest.raises(InfrastructureError) as broken:
        fetched(context, sftp_server)
    assert broken.value.code == "REMOTE_UNREACHABLE"
    (part,) = (context.workspace.landing / ".fetching" / "vendor").glob("*.part")
    kept = part.stat().st_size
    assert 0 < kept < served.stat().st_size
    assert landed(context) == []
    sftp_server.reads.clear()
    assert fetched(context, sftp_server) == 1
    assert min(offset for offset, _ in sftp_server.reads) == kept
    assert (
        context.workspace.landing / DISTRICT / "results.csv"
    ).read_bytes() == served.read_bytes()


def test_a_passing_fault_is_tried_again_in_the_same_run(context, sftp_server, monkeypatch):
    (sftp_server.folder / "out" / "results.csv").write_bytes(os.urandom(4 << 20))
    sftp_server.cut_after = 2 << 20
    waited: list[float] = []
    monkeypatch.setattr("flows.patience.time.sleep", waited.append)
    (outcome,) = fetch_all(with_remote(context, sftp_server), ENVIRONMENT)
    assert (outcome.state, outcome.files, waited) == ("fetched", 1, [2.0])


def test_a_full_disk_here_is_not_told_as_a_server_that_is_away(context, sftp_server, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (sftp_server.folder / "out" / "results.csv").write_bytes(b"x")
    monkeypatch.setattr("flows.patience.RETRY_DELAYS", [])
    monkeypatch.setattr("warehouse.remote.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        fetch_all(with_remote(context, sftp_server), ENVIRONMENT)


def test_a_folder_here_that_may_not_be_written_is_not_told_as_a_server(
    context, sftp_server, monkeypatch
):
    results(sftp_server.folder / "out" / "results.csv")
    touch = Path.touch

    def closed(path: Path, *given: object, **more: object) -> None:
        if path.suffix == ".part":
            raise PermissionError(errno.EACCES, "Permission denied")
        touch(path, *given, **more)

    monkeypatch.setattr(Path, "touch", closed)
    with pytest.raises(InfrastructureError) as refused:
        fetched(context, sftp_server)
    assert refused.value.code == "STORAGE_FAILED"


@pytest.mark.parametrize("verb", ["link", "unlink", "open"])
def test_a_part_here_that_may_not_be_changed_is_not_told_as_a_server(
    context, sftp_server, monkeypatch, verb
):
    results(sftp_server.folder / "out" / "results.csv")
    parts = context.workspace.landing / ".fetching" / "vendor"
    parts.mkdir(parents=True)
    (parts / "of-a-file-that-is-gone.part").touch()
    place = os if verb == "link" else Path
    does = getattr(place, verb)

    def closed(path: Path, *given: object, **more: object) -> object:
        if path.suffix == ".part":
            raise PermissionError(errno.EACCES, "Permission denied")
        return does(path, *given, **more)

    monkeypatch.setattr(place, verb, closed)
    if verb == "link":  # a file system without links is tried by another way
        monkeypatch.setattr(Path, "rename", closed)
    with pytest.raises(InfrastructureError) as refused:
        fetched(context, sftp_server)
    assert refused.value.code == "STORAGE_FAILED"


def test_a_server_with_another_key_gets_no_password(context, sftp_server):
    results(sftp_server.folder / "out" / "results.csv")
    other = landing_of(sftp_server).model_copy(update={"host_key": "ssh-ed25519 AAAAother"})
    with pytest.raises(InfrastructureError) as refused:
        fetch(context, other, ENVIRONMENT)
    assert refused.value.code == "REMOTE_HOST_KEY"
    assert sftp_server.host_key.split()[1] in str(refused.value)


def test_a_wrong_password_is_told_without_it(context, sftp_server):
    wrong = {**ENVIRONMENT, "ROCI_REMOTE_VENDOR_PASSWORD": "not-this-one"}
    with pytest.raises(InfrastructureError) as refused:
        fetch(context, landing_of(sftp_server), wrong)
    assert refused.value.code == "REMOTE_LOGIN"
    assert "not-this-one" not in str(refused.value)


def test_without_credentials_the_variables_are_named(context, sftp_server):
    with pytest.raises(InfrastructureError) as refused:
        fetch(context, landing_of(sftp_server), {})
    assert refused.value.code == "NO_CREDENTIALS"
    assert "ROCI_REMOTE_VENDOR_USER" in str(refused.value)


def with_remote(context: Context, server: SftpServer) -> Context:
    site = context.workspace.home.parent / "site"
    (site / "profiles").mkdir(parents=True, exist_ok=True)
    remote = landing_of(server).model_dump(mode="json")
    (site / "profiles" / "default.yml").write_text(yaml.safe_dump({"remote_landings": [remote]}))
    return replace(context, site=site)


@pytest.fixture
def nightly_context(context, sftp_server, monkeypatch) -> Context:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return with_remote(context, sftp_server)


def test_the_nightly_fetches_loads_and_leaves_nothing_behind(nightly_context, sftp_server):
    results(sftp_server.folder / "out" / "results.csv")
    run = run_nightly(nightly_context)
    assert [(one.remote, one.files) for one in run.fetches] == [("vendor", 1)]
    assert [load.state for load in run.loads] == ["loaded"]
    assert run.exit_code == 0
    again = run_nightly(nightly_context)
    assert (again.loads, again.fetches[0].files) == ((), 0)
    assert landed(nightly_context) == []


def test_a_server_that_is_away_keeps_nothing_else_from_loading(
    nightly_context, sftp_server, monkeypatch
):
    monkeypatch.setattr("flows.patience.RETRY_DELAYS", [])
    away = sftp_server.port
    sftp_server.port = 1
    closed = with_remote(nightly_context, sftp_server)
    sftp_server.port = away
    results(closed.workspace.landing / "results.csv")
    run = run_nightly(closed)
    assert [load.state for load in run.loads] == ["loaded"]
    assert (run.fetches[0].code, run.exit_code) == ("REMOTE_UNREACHABLE", 3)


def test_credentials_come_from_a_prefect_block_where_the_environment_has_none(
    context, sftp_server, monkeypatch
):
    class Block:
        def get(self) -> str:
            return f'{{"user": "{USER}", "password": "{PASSWORD}"}}'

    loaded: list[str] = []

    def load(name: str, **_: object) -> Block:
        loaded.append(name)
        return Block()

    monkeypatch.setattr("prefect.blocks.system.Secret.load", load)
    results(sftp_server.folder / "out" / "results.csv")
    by_block = landing_of(sftp_server).model_copy(update={"block": "vendor-account"})
    assert fetch(context, by_block, {}) == 1
    assert loaded == ["vendor-account"]


def test_a_user_in_the_url_is_refused():
    with pytest.raises(ValueError, match="environment"):
        RemoteLanding(name="vendor", url="sftp://me:secret@host/out")
