"""A secret is made once, is its owner's alone, and tells a student apart from every other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from warehouse.secret_keys import make_secret, replace_secret, student_digest


def without_links(*_: object) -> None:
    raise OSError("no links here")


@pytest.fixture(params=["links", "no links"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch) -> Path:
    if request.param == "no links":
        monkeypatch.setattr(os, "link", without_links)
    return tmp_path / "a.key"


def test_a_secret_is_of_chance_and_its_owners_alone(place, tmp_path):
    make_secret(place, tmp_path / "work")
    make_secret(tmp_path / "b.key", tmp_path / "work")
    assert place.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(place.read_text())) == 32
    assert place.read_text() != (tmp_path / "b.key").read_text()
    assert list((tmp_path / "work").iterdir()) == []


def test_a_secret_that_another_has_just_made_stays(place, tmp_path):
    make_secret(place, tmp_path / "work")
    first = place.read_text()
    make_secret(place, tmp_path / "work")
    assert place.read_text() == first
    assert list((tmp_path / "work").iterdir()) == []


def test_a_secret_is_replaced_by_another_of_its_owners_alone(place, tmp_path):
    make_secret(place, tmp_path / "work")
    first = place.read_text()
    replace_secret(place, tmp_path / "work")
    assert place.read_text() != first
    assert place.stat().st_mode & 0o777 == 0o600


def test_a_digest_is_of_one_secret_district_and_student():
    told = [
        student_digest(key, district, student)
        for key in (b"one", b"another")
        for district, student in (("01", "1"), ("0", "11"), ("01", "2"), ("02", "1"))
    ]
    assert len(set(told)) == len(told)
    assert told[0] == student_digest(b"one", "01", "1")


def test_digests_that_an_installation_keeps_stay_what_they_are():
    found = student_digest(bytes(32), "0199017", "9000000000")
    assert found == "2445f6cb0ee4aebef938cb13911afc85423f605a4fed0d1760d2ee697eed24d0"
