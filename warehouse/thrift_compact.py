"""Thrift's compact protocol: a struct read whole, whatever it says, and written again.

Nothing of a struct's definition is needed to read it, since every field says its number and its
kind. So fields that nobody here knows outlast a change of others.

Source: Apache Thrift, "Thrift Compact protocol encoding", sections Base types, Struct, List and
Set, Map (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import partial
from itertools import islice
from typing import Any, NamedTuple


class NotThrift(Exception):
    """These bytes are no struct of the compact protocol."""


class Kind(IntEnum):
    """The kinds of values. In a list or map each bool is one byte, kept here as it stands."""

    TRUE = 1
    FALSE = 2
    I8 = 3
    I16 = 4
    I32 = 5
    I64 = 6
    DOUBLE = 7
    BINARY = 8
    LIST = 9
    SET = 10
    MAP = 11
    STRUCT = 12
    UUID = 13


class Field(NamedTuple):
    """What a struct says under one number.

    `value` is an int of I16, I32 and I64, Elements of LIST and SET, Pairs of MAP, a Struct of
    STRUCT, null of TRUE and FALSE, and the bytes themselves of any other.
    """

    kind: int
    value: Any


class Elements(NamedTuple):
    """The values of a list or set, all of one kind."""

    kind: int
    values: list[Any]


class Pairs(NamedTuple):
    """The keys and values of a map; an empty one does not say their kinds."""

    kinds: tuple[int, int] | None
    values: list[tuple[Any, Any]]


Struct = dict[int, Field]

_INTEGERS = frozenset({Kind.I16, Kind.I32, Kind.I64})
_BOOLEANS = frozenset({Kind.TRUE, Kind.FALSE})
_LONG_LIST = 15
_LARGEST_SHIFT = 63


def read_struct(data: bytes) -> Struct:
    """Return the struct that these bytes are, from the first to the last.

    >>> read_struct(bytes([0x15, 0x04, 0x11, 0x00]))
    {1: Field(kind=5, value=2), 2: Field(kind=1, value=None)}

    Raises:
        NotThrift: they end early, go on after the struct, or are none.
    """
    reader = _Reader(data)
    try:
        with uncollected():
            struct = reader.struct()
    except (StopIteration, RecursionError):
        raise NotThrift("the bytes are no whole struct") from None
    if not reader.is_at_end():
        raise NotThrift("there are bytes after the struct")
    return struct


@contextmanager
def uncollected() -> Iterator[None]:
    """Let the garbage collector rest: it takes twice as long over a large struct as reading it."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def write_struct(struct: Struct) -> bytes:
    """Return the bytes of a struct, its fields in the order of their numbers.

    >>> write_struct({1: Field(Kind.I32, 2), 2: Field(Kind.TRUE, None)}).hex()
    '15041100'
    """
    writer = _Writer()
    writer.struct(struct)
    return bytes(writer.out)


class _Reader:
    """Reads from the bytes one by one, which raises StopIteration where there are no more."""

    def __init__(self, data: bytes) -> None:
        self._bytes, self._size = iter(data), len(data)
        self._byte = self._bytes.__next__
        self._reads: dict[int, Callable[[], Any]] = {
            Kind.I8: partial(self._take, 1),
            Kind.I16: self._integer,
            Kind.I32: self._integer,
            Kind.I64: self._integer,
            Kind.DOUBLE: partial(self._take, 8),
            Kind.BINARY: self._binary,
            Kind.LIST: self._elements,
            Kind.SET: self._elements,
            Kind.MAP: self._pairs,
            Kind.STRUCT: self.struct,
            Kind.UUID: partial(self._take, 16),
        }
        flag = partial(self._take, 1)
        self._reads_elements: dict[int, Callable[[], Any]] = {
            **self._reads,
            Kind.TRUE: flag,
            Kind.FALSE: flag,
        }

    def is_at_end(self) -> bool:
        return next(self._bytes, None) is None

    def struct(self) -> Struct:
        fields: Struct = {}
        number = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            number = number + step if step else self._integer()
            if number in fields:
                raise NotThrift("a struct says a field twice")
            value = None if kind in _BOOLEANS else self._reader(self._reads, kind)()
            fields[number] = Field(kind, value)
        return fields

    def _reader(self, reads: dict[int, Callable[[], Any]], kind: int) -> Callable[[], Any]:
        try:
            return reads[kind]
        except KeyError:
            raise NotThrift("a value is of no known kind") from None

    def _elements(self) -> Elements:
        head = self._byte()
        kind, size = head & 15, head >> 4
        if size == _LONG_LIST:
            size = self._unsigned()
        read = self._reader(self._reads_elements, kind)
        return Elements(kind, [read() for _ in range(size)])

    def _pairs(self) -> Pairs:
        size = self._unsigned()
        if not size:
            return Pairs(None, [])
        head = self._byte()
        kinds = head >> 4, head & 15
        key, value = (self._reader(self._reads_elements, kind) for kind in kinds)
        return Pairs(kinds, [(key(), value()) for _ in range(size)])

    def _integer(self) -> int:
        folded = self._unsigned()
        return (folded >> 1) ^ -(folded & 1)

    def _unsigned(self) -> int:
        byte = self._byte()
        told, shift = byte & 0x7F, 7
        while byte & 0x80:
            if shift > _LARGEST_SHIFT:
                raise NotThrift("a number is longer than 64 bits")
            byte = self._byte()
            told |= (byte & 0x7F) << shift
            shift += 7
        return told

    def _binary(self) -> bytes:
        return self._take(self._unsigned())

    def _take(self, size: int) -> bytes:
        if size > self._size:
            raise StopIteration
        taken = bytes(islice(self._bytes, size))
        if len(taken) < size:
            raise StopIteration
        return taken


class _Writer:
    def __init__(self) -> None:
        self.out = bytearray()

    def struct(self, struct: Struct) -> None:
        last = 0
        for number, (kind, value) in sorted(struct.items()):
            if 0 < number - last <= 15:
                self.out.append((number - last) << 4 | kind)
            else:
                self.out.append(kind)
                self._integer(number)
            last = number
            if kind not in _BOOLEANS:
                self._value(kind, value)
        self.out.append(0)

    def _value(self, kind: int, value: Any) -> None:
        if kind in _INTEGERS:
            self._integer(value)
        elif kind == Kind.BINARY:
            self._unsigned(len(value))
            self.out += value
        elif kind == Kind.STRUCT:
            self.struct(value)
        elif kind in (Kind.LIST, Kind.SET):
            self._elements(value)
        elif kind == Kind.MAP:
            self._pairs(value)
        else:
            self.out += value

    def _elements(self, elements: Elements) -> None:
        size = len(elements.values)
        self.out.append(min(size, _LONG_LIST) << 4 | elements.kind)
        if size >= _LONG_LIST:
            self._unsigned(size)
        for value in elements.values:
            self._value(elements.kind, value)

    def _pairs(self, pairs: Pairs) -> None:
        self._unsigned(len(pairs.values))
        if pairs.kinds is None:
            return
        of_keys, of_values = pairs.kinds
        self.out.append(of_keys << 4 | of_values)
        for key, value in pairs.values:
            self._value(of_keys, key)
            self._value(of_values, value)

    def _integer(self, number: int) -> None:
        self._unsigned(number << 1 if number >= 0 else (-number << 1) - 1)

    def _unsigned(self, number: int) -> None:
        while number > 0x7F:
            self.out.append(number & 0x7F | 0x80)
            number >>= 7
        self.out.append(number)
