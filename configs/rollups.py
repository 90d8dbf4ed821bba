"""What is wrong with the roll-ups: each code of the base belongs to exactly one of their codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from configs.models import Vocabulary

if TYPE_CHECKING:
    from configs.catalogue import Catalogue


def rollup_faults(catalogue: Catalogue) -> Iterator[str]:
    """Yield every fault of a vocabulary that rolls up another, and of the roll-ups of marts.yml."""
    for vocabulary in catalogue.vocabularies.values():
        for fault in _faults_of(vocabulary, catalogue):
            yield f"vocabulary/{vocabulary.name}.yml: {fault}"
    for name in catalogue.marts.rollups:
        base = catalogue.vocabularies[name].rolls_up if name in catalogue.vocabularies else None
        if base is None:
            yield f"marts.yml: rollups: no vocabulary {name} with rolls_up"
        elif base not in catalogue.marts.crossed:
            yield f"marts.yml: rollups: {name} rolls up {base}, which is not among crossed"


def _faults_of(vocabulary: Vocabulary, catalogue: Catalogue) -> Iterator[str]:
    named = Counter(member for code in vocabulary.codes.values() for member in code.members)
    if vocabulary.rolls_up is None:
        if named:
            yield "members: only a vocabulary with rolls_up has members"
        return
    base = catalogue.vocabularies.get(vocabulary.rolls_up)
    if base is None or base.rolls_up is not None:
        yield f"rolls_up: no vocabulary {vocabulary.rolls_up} that is a list of its own"
        return
    for what, codes in (
        ("in no code", [code for code in base.codes if code not in named]),
        ("in two codes", [code for code, times in named.items() if times > 1]),
        (f"not in {base.name}", [code for code in named if code not in base.codes]),
    ):
        if codes:
            yield f"members: {what}: {', '.join(sorted(codes))}"
