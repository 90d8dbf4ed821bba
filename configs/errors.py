"""The one tree of errors that roci raises on purpose.

Every error says where, what was found, what was expected and what to do next, and carries a stable
code. None of the four parts may hold a student's value: they reach logs, the ledger and terminals.
"""

from __future__ import annotations

from collections.abc import Iterable

SHOWN_AT_MOST = 20


def listed(values: Iterable[object], at_most: int = SHOWN_AT_MOST) -> str:
    """Return all distinct values sorted and joined by commas, at most `at_most` of them.

    >>> listed(["b", "a", "b"])
    'a, b'
    >>> listed(range(5), at_most=3)
    '0, 1, 2 and 2 more'
    """
    distinct = sorted({str(value) for value in values})
    shown = ", ".join(distinct[:at_most])
    hidden = len(distinct) - at_most
    return f"{shown} and {hidden} more" if hidden > 0 else shown


class RociError(Exception):
    """An outcome that a person must know of, told in four parts under a stable code."""

    exit_code = 1

    def __init__(self, code: str, *, where: str, found: str, expected: str, remedy: str) -> None:
        """Keep the four parts as attributes; the message is made of them."""
        super().__init__(code, where, found, expected, remedy)
        self.code = code
        self.where = where
        self.found = found
        self.expected = expected
        self.remedy = remedy

    def __reduce__(self):  # type: ignore[no-untyped-def]
        """Survive pickling between processes with the attributes intact."""
        parts = {
            "where": self.where,
            "found": self.found,
            "expected": self.expected,
            "remedy": self.remedy,
        }
        return (_rebuild, (type(self), self.code, parts))

    def __str__(self) -> str:
        """Return the message that a data manager reads."""
        return (
            f"[{self.code}] {self.where}\n"
            f"  found:    {self.found}\n"
            f"  expected: {self.expected}\n"
            f"  to do:    {self.remedy}"
        )


def _rebuild(kind: type[RociError], code: str, parts: dict[str, str]) -> RociError:
    return kind(code, **parts)


class ConfigurationError(RociError):
    """The configuration cannot be used as it stands; nothing was read or written."""

    exit_code = 2


class UsageError(RociError):
    """The command was asked for something that it cannot do."""

    exit_code = 2


class FileRefused(RociError):
    """A whole file cannot be taken in; the file waits in landing/refused beside a note."""


class LoadHeld(RociError):
    """A load is whole and readable, but a person must look at it before it replaces anything."""


class PublicationHeld(RociError):
    """The marts that were built do not pass their own checks; the last publication stays."""


class InfrastructureError(RociError):
    """Something outside the data failed (disk, database, lock); the same command may be retried."""

    exit_code = 3
