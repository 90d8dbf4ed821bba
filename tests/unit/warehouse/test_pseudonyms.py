from __future__ import annotations

import hashlib
import threading

import pytest

from configs.errors import ConfigurationError, UsageError
from warehouse.pseudonyms import Pseudonyms
from warehouse.workspace import Workspace

STUDENTS = [("0199017", str(9_000_000_000 + number)) for number in range(200)]
SECRET = "correct-horse-battery-staple-and-more"


def keys(pseudonyms: Pseudonyms) -> list[str]:
    return [pseudonyms.key_of(*one) for one in STUDENTS]


def test_a_student_has_one_key_and_no_two_students_share_one(workspace):
    first = keys(Pseudonyms(workspace, {}))
    assert first == keys(Pseudonyms(workspace, {}))
    assert len(set(first)) == len(STUDENTS)
    assert {len(one) for one in first} == {32}


def test_the_same_id_of_another_district_is_another_student(workspace):
    pseudonyms = Pseudonyms(workspace, {})
    assert pseudonyms.key_of("01", "1") != pseudonyms.key_of("02", "1")
    assert pseudonyms.key_of("01", "1") != pseudonyms.key_of("0", "11")


def test_a_key_is_no_plain_digest_of_the_id(workspace):
    found = Pseudonyms(workspace, {}).key_of("0199017", "9000000000")
    for told in ("9000000000", "0199017\0009000000000", "01990179000000000"):
        for algorithm in ("sha256", "sha1", "md5", "blake2b"):
            assert found not in hashlib.new(algorithm, told.encode()).hexdigest()


def test_two_installations_give_other_keys(workspace, tmp_path):
    other = Workspace(tmp_path / "other").ensure()
    assert not set(keys(Pseudonyms(workspace, {}))) & set(keys(Pseudonyms(other, {})))


def test_a_rotation_changes_every_key(workspace):
    pseudonyms = Pseudonyms(workspace, {})
    before, secret = keys(pseudonyms), pseudonyms.path.read_bytes()
    pseudonyms.rotate()
    assert not set(before) & set(keys(pseudonyms))
    assert keys(pseudonyms) == keys(Pseudonyms(workspace, {}))
    assert secret not in b"".join(p.read_bytes() for p in workspace.home.rglob("*") if p.is_file())


def test_the_secret_is_its_owners_only_and_is_made_when_first_needed(workspace):
    pseudonyms = Pseudonyms(workspace, {})
    assert not pseudonyms.path.exists()
    keys(pseudonyms)
    assert pseudonyms.path.stat().st_mode & 0o777 == 0o600
    assert pseudonyms.path.parent.stat().st_mode & 0o777 == 0o700
    assert list(pseudonyms.path.parent.iterdir()) == [pseudonyms.path]
    assert pseudonyms.path.read_text() not in repr(pseudonyms)


def test_many_at_once_make_one_secret(workspace):
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append(keys(Pseudonyms(workspace, {}))))
        for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({tuple(one) for one in found}) == 1


def test_the_environment_goes_before_the_file_and_leaves_none(workspace):
    given = Pseudonyms(workspace, {"ROCI_PSEUDONYM_KEY": SECRET})
    assert keys(given) == keys(Pseudonyms(workspace, {"ROCI_PSEUDONYM_KEY": SECRET}))
    assert not given.path.exists()
    assert keys(given) != keys(Pseudonyms(workspace, {}))
    assert SECRET not in repr(given)
    with pytest.raises(UsageError, match="PSEUDONYM_KEY_GIVEN"):
        given.rotate()


def test_a_short_secret_is_refused_without_being_told(workspace):
    with pytest.raises(ConfigurationError, match="BAD_PSEUDONYM_KEY") as caught:
        keys(Pseudonyms(workspace, {"ROCI_PSEUDONYM_KEY": "hunter2"}))
    assert "hunter2" not in str(caught.value)
    workspace.secrets.mkdir()
    (workspace.secrets / "pseudonym.key").write_text("cut")
    with pytest.raises(ConfigurationError, match="BAD_PSEUDONYM_KEY"):
        keys(Pseudonyms(workspace, {}))
