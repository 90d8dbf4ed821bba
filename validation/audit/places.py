"""Which organisations lie within which, as `dim_school` and the configuration say it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from validation.audit.published import Words
from validation.audit.scheme import ALL, Scheme


@dataclass(frozen=True)
class Splits:
    """How organisations add up, by their numbers.

    parts: (whole, split) -> its parts; schools without a row in the system are not among them.
    more: the wholes and splits that such a school may belong to, so that their parts are not all.
    wholes: of each organisation, those that it lies within in one step.
    """

    parts: dict[tuple[int, str], list[int]]
    more: frozenset[tuple[int, str]]
    wholes: dict[int, list[int]]

    def around(self, place: int) -> list[int]:
        """Return every organisation that this one lies within, at any depth."""
        found: list[int] = []
        waiting = [place]
        while waiting:
            for whole in self.wholes.get(waiting.pop(), []):
                if whole not in found:
                    found.append(whole)
                    waiting.append(whole)
        return found


def splits_of(words: Words, schools: Iterable[tuple[str, str, bool]], scheme: Scheme) -> Splits:
    """Return how the organisations of a system add up.

    Districts and `all` are added where a listed school lies within them. A district's partner
    schools, its others and a network are there only if a mart has a row of them.
    """
    found = _Found(words)
    stated = {key: (district, partner) for key, district, partner in schools}
    for level, own in list(words.places):
        if level == "school":
            stated.setdefault(own, (own.rpartition("/")[0], own in scheme.partners))
    for key, (district, partner) in sorted(stated.items()):
        found.school(key, district, partner or key in scheme.partners)
    for name, members in scheme.networks.items():
        for key in members:
            found.part(("network", name), "schools", ("school", key))
    for level, own in list(words.places):
        if level == "district":
            words.place(ALL, ALL)
            found.part((ALL, ALL), "districts", ("district", own))
    wholes = defaultdict(list)
    for (whole, _), parts in found.parts.items():
        for part in parts:
            wholes[part].append(whole)
    return Splits(found.parts, frozenset(found.more), dict(wholes))


class _Found:
    def __init__(self, words: Words) -> None:
        self.words = words
        self.parts: dict[tuple[int, str], list[int]] = {}
        self.more: set[tuple[int, str]] = set()

    def school(self, key: str, district: str, partner: bool) -> None:
        if ("school", key) in self.words.places:
            self.words.place("district", district)
        side = ("partner" if partner else "rest", district)
        self.part(("district", district), "schools", ("school", key))
        self.part(side, "schools", ("school", key))
        self.part(("district", district), "partnership", side)

    def part(self, whole: tuple[str, str], split: str, part: tuple[str, str]) -> None:
        """Note a part of a whole, if the system has rows of the whole."""
        if whole not in self.words.places:
            return
        at = (self.words.places[whole], split)
        if part not in self.words.places:
            if split != "partnership":
                self.more.add(at)
            return
        parts = self.parts.setdefault(at, [])
        if self.words.places[part] not in parts:
            parts.append(self.words.places[part])
