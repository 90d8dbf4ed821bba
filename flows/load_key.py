"""What a load depends on, so that the same load is never done twice and a stale one is named."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from configs.catalogue import Catalogue, digest

ROOT = Path(__file__).resolve().parent.parent
CODE_ROOMS = ("transforms", "validation")


@cache
def code_hash() -> str:
    """Return a digest of the code that decides what a load's rows become."""
    hashed = hashlib.sha256()
    for room in CODE_ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            hashed.update(path.relative_to(ROOT).as_posix().encode())
            hashed.update(path.read_bytes())
    return hashed.hexdigest()


def load_inputs(
    catalogue: Catalogue,
    source: str,
    sha256: str,
    district_id: str | None,
    repairs: str | None = None,
) -> dict[str, str]:
    """Return the digest of each part that a load depends on, by the part's name.

    The roster isn't among them: it changes what is matched when marts are built, not what a file
    says. `repairs` is of the corrected rows of the file, null where there are none.
    """
    inputs = {
        "file": sha256,
        "source": catalogue.source_hash(source),
        "vocabulary": catalogue.vocabulary_hash(source),
        "code": code_hash(),
        "landing": digest(district_id or ""),
    }
    return inputs if repairs is None else {**inputs, "repairs": repairs}


def load_key(inputs: dict[str, str]) -> str:
    """Return the one key of a load: equal inputs, equal key."""
    return digest(inputs)


def changed_parts(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the names of the parts that differ, sorted."""
    return sorted(part for part in {*before, *now} if before.get(part) != now.get(part))
