"""The refusals of files that cannot be read as what they should be."""

from __future__ import annotations

from configs.errors import FileRefused


def truncated(found: str) -> FileRefused:
    """Return the refusal of a file that breaks off."""
    return FileRefused(
        "TRUNCATED_FILE",
        where="the end of the file",
        found=found,
        expected="a file that was copied to its end",
        remedy="fetch the file again and compare its size with the sender's",
    )


def unreadable(where: str, found: str, expected: str) -> FileRefused:
    """Return the refusal of a file whose bytes are not what a source allows."""
    return FileRefused(
        "UNREADABLE_FILE",
        where=where,
        found=found,
        expected=expected,
        remedy="export it again as CSV text in UTF-8, or ask the sender for the original",
    )


def unreadable_bytes(found: str, expected: str) -> FileRefused:
    """Return the refusal of a file whose bytes as a whole are not what a source allows."""
    return unreadable("the file's bytes", found, expected)


def empty(found: str) -> FileRefused:
    """Return the refusal of a file that holds no record."""
    return FileRefused(
        "EMPTY_FILE",
        where="the file",
        found=found,
        expected="a header and at least one record",
        remedy="fetch the file again; an extract without records is not loaded",
    )
