"""Whether a text can stand in a SQLite file at all, told by its bytes: far faster than by its rows.

What SQLite writes into one page stands there in one piece. Only a row that is too long for its page
goes on in others, and may be cut anywhere. https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

BLOCK = 1 << 20
HEADER, PAGE_SIZE, ENCODING = 100, slice(16, 18), slice(56, 60)
LARGEST_PAGE = 1 << 16
UTF_8 = (1).to_bytes(4, "big")
# What pages of tables and indices begin with. Those that rows go on in begin with the number of the
# next one: with zero, as long as there are no more pages than this.
TREE = frozenset(b"\x02\x05\x0a\x0d")
PAGES_AT_MOST = 1 << 24
# The page there holds nothing.
LOCK_BYTE = 1 << 30


def texts_within(path: Path, texts: Collection[bytes]) -> frozenset[bytes] | None:
    """Return which of the texts stand in a SQLite file, perhaps across values or in what is freed.

    Null where the bytes cannot tell: a row goes on in other pages, text is not UTF-8, or what was
    last written stands in a log beside the file.

    Args:
        path: the file.
        texts: in small letters, as far as they are ASCII; the file's may be large.
    """
    with path.open("rb") as stream:
        header = stream.read(HEADER)
        size = int.from_bytes(header[PAGE_SIZE], "big")
        size = LARGEST_PAGE if size == 1 else size
        is_large = path.stat().st_size >= PAGES_AT_MOST * size
        if header[ENCODING] != UTF_8 or is_large or _has_log(path):
            return None
        stream.seek(0)
        found: set[bytes] = set()
        overlap, before, at = max(map(len, texts), default=0), b"", 0
        while block := stream.read(BLOCK):
            if not _is_of_trees(block, at, size):
                return None
            small = before + block.lower()
            found.update(one for one in texts if one in small)
            before, at = small[-overlap:], at + len(block)
    return frozenset(found)


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _is_of_trees(block: bytes, at: int, size: int) -> bool:
    """Return whether no row goes on in a page of the block; `at`: where it begins in the file."""
    first = 1 if at in (0, LOCK_BYTE) else 0
    return TREE.issuperset(block[::size][first:])
