"""The unknowns of one system and the lines that tie them: a whole is the sum of its parts.

Unknown are the cells that a mart lists, every cell that one of these lies within, and the
*border*: those parts of a shown whole that no mart lists. A cell that is not listed may be empty or
hidden, so nothing is known of it but that it is no larger than what it lies in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from validation.audit.keys import Flags, Ints, Keys, distinct, positions
from validation.audit.places import Splits
from validation.audit.published import Words
from validation.audit.scheme import Scheme
from validation.audit.ties import Ties

Codes = NDArray[np.int16]


@dataclass(frozen=True)
class Lines:
    """Sums: of line i, `parent[i]` is the sum of `child[start[i]:start[i + 1]]`."""

    parent: Ints
    start: Ints
    child: Ints

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def row(self) -> Ints:
        """Return the line of each child."""
        return np.repeat(np.arange(len(self.parent)), np.diff(self.start))

    def matrix(self, cells: int) -> sparse.csr_array:
        """Return a row per line: 1 at the parent, -1 at each child; rows @ x == 0."""
        row = np.append(np.arange(len(self)), self.row)
        column = np.append(self.parent, self.child)
        value = np.append(np.ones(len(self)), -np.ones(len(self.child)))
        return sparse.csr_array((value, (row, column)), shape=(len(self), cells))

    def only(self, chosen: Flags) -> Lines:
        """Return the chosen lines."""
        size = np.diff(self.start)
        start = np.append(0, np.cumsum(size[chosen]))
        return Lines(self.parent[chosen], start, self.child[np.repeat(chosen, size)])

    def at(self, chosen: Ints) -> Lines:
        """Return the lines at these positions, at the cost of those alone."""
        ties = Ties(self.start, self.child)
        start = np.append(0, np.cumsum(ties.sizes(chosen)))
        return Lines(self.parent[chosen], start, ties.pairs(chosen)[1])


@dataclass(frozen=True)
class Cells:
    """The cells of a system, and after them the slack of lines of which not all parts are cells.

    listed: how many of the first a mart lists; `named`: how many are cells and no slack.
    border: whether a cell is neither listed nor around a listed one.
    below: pairs of a cell and one that it lies within, where no line of both is kept.
    """

    words: Words
    splits: Splits
    organisation: Ints
    codes: Codes
    key: Keys
    listed: int
    border: Flags
    lines: Lines
    below: tuple[Ints, Ints]
    size: int
    _sorted: Keys
    _order: Ints

    @property
    def named(self) -> int:
        """Return how many unknowns are cells."""
        return len(self.key)

    def at(self, keys: Keys) -> Ints:
        """Return the position of each key, -1 where there is no such cell."""
        return positions(self._sorted, self._order, keys)

    def name(self, cell: int) -> str:
        """Return a cell's organisation and groups."""
        return self.words.name(int(self.organisation[cell]), self.codes[cell].tolist())


@dataclass
class _Many:
    """Cells while they are being collected."""

    organisation: Ints
    codes: Codes
    key: Keys

    def index(self) -> tuple[Keys, Ints]:
        order = np.argsort(self.key, kind="stable")
        return self.key[order], order

    def add(self, other: _Many) -> None:
        self.organisation = np.append(self.organisation, other.organisation)
        self.codes = np.concatenate([self.codes, other.codes])
        self.key = np.append(self.key, other.key)

    def take(self, chosen: Ints) -> _Many:
        return _Many(self.organisation[chosen], self.codes[chosen], self.key[chosen])


@dataclass(frozen=True)
class _Kind:
    """Lines of one kind: parents, the keys of all their parts, and what each part is.

    steps: of each part, its organisation (-1: the parent's), the dimension that is set (-1: none),
        the code, and the dimension that is cleared (-1: none).
    more: whether there may be further parts.
    """

    parent: Ints
    parts: Keys
    steps: Ints
    more: bool


class Lattice:
    """Builds the cells of a system from the listed ones."""

    def __init__(self, words: Words, splits: Splits, scheme: Scheme) -> None:
        self.words, self.splits, self.scheme = words, splits, scheme
        self.place_keys = words.place_keys()
        self.code_keys = [words.code_keys(name) for name in words.dimensions]

    def build(
        self, organisation: Ints, codes: Codes, key: Keys, shown: Keys, rings: int = 1
    ) -> Cells:
        """Return the cells around and beside those listed.

        Args:
            organisation: of each listed cell; codes and key too.
            codes: its groups.
            key: its key; one that is there twice counts once.
            shown: the keys of shown cells.
            rings: how far the border reaches. The first is the parts of shown wholes; each further
                one is the parts of every cell so far, and all that these lie within.
        """
        first = np.sort(np.unique(key, return_index=True)[1])
        many = _Many(organisation[first], codes[first], key[first])
        listed = len(many.key)
        self._add_around(many)
        inner = len(many.key)
        kinds, kept = self._told_of(many, shown)
        self._add_border(many, kinds, kept, np.isin(many.key, shown))
        for _ in range(1, rings):
            self._add_around(many)
            kinds, kept = self._told_of(many, shown)
            self._add_border(many, kinds, kept, np.ones(len(many.key), dtype=bool))
        if rings > 1:
            kinds, kept = self._told_of(many, shown)
        ordered, order = many.index()
        lines, slack = _lines(kinds, kept, ordered, order, len(many.key))
        border = np.arange(len(many.key)) >= inner
        return Cells(
            self.words, self.splits, many.organisation, many.codes, many.key, listed, border,
            lines, self._below(many, ordered, order, lines), slack, ordered, order,
        )  # fmt: skip

    def _told_of(self, many: _Many, shown: Keys) -> tuple[list[_Kind], list[tuple[Flags, Ints]]]:
        """Return every kind of lines of the cells so far, and which of them tell anything."""
        ordered, order = many.index()
        is_shown = np.isin(many.key, shown)
        kinds = list(self._kinds(many, ordered, order))
        return kinds, [self._kept(kind, ordered, order, is_shown) for kind in kinds]

    def _add_around(self, many: _Many) -> None:
        """Add every cell that one of these lies within."""
        frontier = many.take(np.arange(len(many.key)))
        while len(frontier.key):
            wider = list(self.wider(frontier))
            found = _Many(*(np.concatenate([one[i] for one in wider]) for i in range(1, 4)))
            ordered, order = many.index()
            new = np.flatnonzero(positions(ordered, order, found.key) < 0)
            new = new[np.unique(found.key[new], return_index=True)[1]]
            frontier = found.take(new)
            many.add(frontier)

    def wider(self, many: _Many) -> Iterator[tuple[Ints, Ints, Codes, Keys]]:
        """Yield (which, organisation, codes, key) of what cells lie within in one step."""
        for d, numbers in enumerate(self.code_keys):
            at = np.flatnonzero(many.codes[:, d])
            codes = many.codes[at].copy()
            key = many.key[at] - numbers[codes[:, d]]
            codes[:, d] = 0
            yield at, many.organisation[at], codes, key
        for place, wholes in self.splits.wholes.items():
            at = np.flatnonzero(many.organisation == place)
            for whole in wholes if len(at) else []:
                key = many.key[at] - self.place_keys[place] + self.place_keys[whole]
                yield at, np.full(len(at), whole), many.codes[at], key

    def _kinds(self, many: _Many, ordered: Keys, order: Ints) -> Iterator[_Kind]:
        for d in range(len(self.words.dimensions)):
            at = np.flatnonzero(many.codes[:, d])
            key = many.key[at] - self.code_keys[d][many.codes[at, d]]
            parent = distinct(positions(ordered, order, key))
            used = np.arange(1, len(self.code_keys[d]))
            steps = np.array([(-1, d, code, -1) for code in used], dtype=np.int64).reshape(-1, 4)
            yield _Kind(parent, many.key[parent, None] + self.code_keys[d][None, 1:], steps, False)
        yield from self._rollup_kinds(many)
        for (whole, split), parts in self.splits.parts.items():
            parent = np.flatnonzero(many.organisation == whole)
            key = (many.key[parent] - self.place_keys[whole])[:, None] + self.place_keys[parts]
            steps = np.array([(part, -1, 0, -1) for part in parts], dtype=np.int64).reshape(-1, 4)
            yield _Kind(parent, key, steps, (whole, split) in self.splits.more)

    def _rollup_kinds(self, many: _Many) -> Iterator[_Kind]:
        for name, (base, members) in self.scheme.rollups.items():
            own, of = (self.words.dimensions.index(c) for c in (name, base))
            for code, union in members.items():
                number = self.words.codes[name][code]
                parent = np.flatnonzero((many.codes[:, own] == number) & (many.codes[:, of] == 0))
                codes = [self.words.codes[base][member] for member in union]
                key = (many.key[parent] - self.code_keys[own][number])[:, None]
                steps = np.array([(-1, of, code, own) for code in codes], dtype=np.int64).reshape(
                    -1, 4
                )
                yield _Kind(parent, key + self.code_keys[of][codes], steps, False)

    def _kept(self, kind: _Kind, ordered: Keys, order: Ints, is_shown: Flags) -> tuple[Flags, Ints]:
        """Return which lines tell anything, and the position of each of their parts or -1."""
        at = positions(ordered, order, kind.parts.ravel()).reshape(kind.parts.shape)
        any_there = (at >= 0).any(axis=1)
        any_shown = ((at >= 0) & is_shown[at]).any(axis=1)
        whole = (at >= 0).all(axis=1) & (not kind.more)
        return any_there & (is_shown[kind.parent] | any_shown | whole), at

    def _add_border(
        self,
        many: _Many,
        kinds: list[_Kind],
        kept: list[tuple[Flags, Ints]],
        whole: Flags,
    ) -> None:
        """Add the missing parts of these wholes."""
        pieces = []
        for kind, (keep, at) in zip(kinds, kept, strict=True):
            line, part = np.nonzero((at < 0) & (keep & whole[kind.parent])[:, None])
            parent, step = kind.parent[line], kind.steps[part].reshape(-1, 4)
            codes = many.codes[parent].copy()
            rows = np.arange(len(line))
            for dimension, value in ((step[:, 3], 0 * step[:, 2]), (step[:, 1], step[:, 2])):
                set_at = dimension >= 0
                codes[rows[set_at], dimension[set_at]] = value[set_at]
            organisation = np.where(step[:, 0] >= 0, step[:, 0], many.organisation[parent])
            pieces.append(_Many(organisation, codes, kind.parts[line, part]))
        found = _Many(
            np.concatenate([one.organisation for one in pieces]),
            np.concatenate([one.codes for one in pieces]),
            np.concatenate([one.key for one in pieces]),
        )
        many.add(found.take(np.unique(found.key, return_index=True)[1]))

    def _below(self, many: _Many, ordered: Keys, order: Ints, lines: Lines) -> tuple[Ints, Ints]:
        """Return pairs of a cell and what it lies within that no line has together."""
        pairs = []
        for at, _, _, key in self.wider(many):
            pairs.append((at, positions(ordered, order, key)))
        for d, numbers in enumerate(self.code_keys):
            at = np.flatnonzero((many.codes[:, d] > 0) & ((many.codes > 0).sum(axis=1) > 1))
            key = self.place_keys[many.organisation[at]] + numbers[many.codes[at, d]]
            pairs.append((at, positions(ordered, order, key)))
        cell, around = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
        chosen = around >= 0
        pair = cell[chosen] * len(many.key) + around[chosen]
        has_line = lines.child < len(many.key)
        tied = lines.child[has_line] * len(many.key) + lines.parent[lines.row[has_line]]
        pair, tied = distinct(pair), distinct(tied)
        pair = pair[positions(tied, np.arange(len(tied)), pair) < 0]
        return pair // len(many.key), pair % len(many.key)


def _lines(
    kinds: list[_Kind], kept: list[tuple[Flags, Ints]], ordered: Keys, order: Ints, cells: int
) -> tuple[Lines, int]:
    """Return the lines that are kept, and how many unknowns there are with their slack."""
    parents, sizes, children, taken = [], [], [], cells
    for kind, (keep, _) in zip(kinds, kept, strict=True):
        parts = kind.parts[keep]
        at = positions(ordered, order, parts.ravel()).reshape(parts.shape)
        open_ = np.flatnonzero((at < 0).any(axis=1) | kind.more)
        slack = np.full((len(at), 1), -1, dtype=np.int64)
        slack[open_, 0] = taken + np.arange(len(open_))
        taken += len(open_)
        both = np.append(at, slack, axis=1)
        parents.append(kind.parent[keep])
        sizes.append((both >= 0).sum(axis=1))
        children.append(both[both >= 0])
    start = np.append(0, np.cumsum(np.concatenate(sizes)))
    return Lines(np.concatenate(parents), start, np.concatenate(children)), taken
