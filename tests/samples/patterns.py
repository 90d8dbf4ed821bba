"""Texts that match a pattern, made from the pattern itself."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import cache
from typing import Any

# The standard library's own reading of a pattern; there is no public one.
from re import _constants as kinds  # isort: skip
from re import _parser as parser  # isort: skip

CHARACTERS = string.digits + string.ascii_letters + " -_.,/"
_CATEGORIES = {
    kinds.CATEGORY_DIGIT: string.digits,
    kinds.CATEGORY_WORD: string.ascii_letters + string.digits,
    kinds.CATEGORY_SPACE: " ",
}


def text_matching(pattern: str, number: int = 0, inner: str | None = None) -> str:
    r"""Return a short text that the pattern describes; another number gives another where it can.

    Args:
        pattern: of literals, sets, categories, repeats, groups and alternatives.
        number: which of the possible texts.
        inner: what stands in place of the first group.

    >>> text_matching("^[0-9]{4}$", 1), text_matching(r"^(\w+) \d", 2, inner="Fall")
    ('2345', 'Fall 3')
    """
    return _Speller(number, inner).spelled(_parsed(pattern))


@cache
def _parsed(pattern: str) -> Any:
    return parser.parse(pattern, re.ASCII)


class _Speller:
    """Spells one text; every character that is free differs from its neighbour."""

    def __init__(self, number: int, inner: str | None) -> None:
        self.number = number
        self.inner = inner
        self.spelt = 0

    def spelled(self, parts: Any) -> str:
        return "".join(self._part(kind, value) for kind, value in parts)

    def _part(self, kind: Any, value: Any) -> str:
        if kind == kinds.LITERAL:
            return chr(value)
        if kind == kinds.IN:
            return self._one_of(_members(value))
        if kind == kinds.NOT_LITERAL:
            return self._one_of([c for c in CHARACTERS if c != chr(value)])
        if kind == kinds.ANY:
            return self._one_of(string.ascii_lowercase)
        if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
            least, most, repeated = value
            # What may be left out is there in two of three texts.
            times = 1 if (least, most) == (0, 1) and self.number % 3 else least
            return "".join(self.spelled(repeated) for _ in range(times))
        return self._group(kind, value)

    def _group(self, kind: Any, value: Any) -> str:
        if kind == kinds.BRANCH:
            return self.spelled(value[1][self.number % len(value[1])])
        if kind == kinds.SUBPATTERN:
            number, _, _, parts = value
            return self.inner if number == 1 and self.inner is not None else self.spelled(parts)
        assert kind in (kinds.AT, kinds.ASSERT_NOT), f"no text is made of {kind}"
        return ""

    def _one_of(self, characters: Sequence[str]) -> str:
        self.spelt += 1
        return characters[(self.number + self.spelt) % len(characters)]


def _members(parts: Any) -> list[str]:
    """Return the characters of a set, the usual ones only where it says which are not in it."""
    named: list[str] = []
    negated = False
    for kind, value in parts:
        if kind == kinds.NEGATE:
            negated = True
        elif kind == kinds.RANGE:
            named += map(chr, range(value[0], value[1] + 1))
        elif kind == kinds.CATEGORY:
            named += _CATEGORIES[value]
        else:
            named.append(chr(value))
    return [c for c in CHARACTERS if c not in named] if negated else sorted(set(named))
