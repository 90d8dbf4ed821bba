r"""Text that a spreadsheet program would take for a formula, made harmless, and given back.

In a CSV file nothing says that a cell is text: programs work out whatever begins with = + - @, and
some pass over blanks, quotation marks and invisible characters before it, or take the full-width
forms for the same. Such a text gets an apostrophe before it, which is taken away when it is read
back; a text that looks as if it had one gets another, so that none is ever mistaken.
Source: OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import re

MARK = "'"
# The signs themselves, their full-width forms and the mathematical minus.
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20\u2212"
# What is passed over: quotation marks of all kinds, controls, blanks, characters without a width.
_PASSED = r"'\"`\x00-\x20\x7f" + "-\xa0\xad\u2018\u2019\u201c\u201d\uff02\uff07\u1680\u2000-\u200f"
_PASSED += "\u2028-\u202f\u205f-\u206f\u3000\ufeff"
# A tab or a line's end begins a cell anew where a program parts by it.
DANGEROUS = f"^(?:[{_PASSED}]*[{_SIGNS}]|['\"`]*[\\t\\r\\n])"
# A plain negative number is worked out to itself.
PLAIN_NUMBER = r"-[0-9]+(?:\.[0-9]+)?"


def harmless(text: str) -> str:
    """Return a text as a cell of a CSV that no program works out.

    >>> harmless("=1+1"), harmless("'@x"), harmless("-12.5"), harmless("Ann-Lee")
    ("'=1+1", "''@x", '-12.5', 'Ann-Lee')
    """
    return MARK + text if _is_dangerous(text) else text


def as_it_was(cell: str) -> str:
    """Return the text of which `harmless` made this cell.

    >>> as_it_was("'=1+1"), as_it_was("=1+1"), as_it_was("'tis")
    ('=1+1', '=1+1', "'tis")
    """
    is_marked = cell.startswith(MARK) and _is_dangerous(cell[1:])
    return cell[1:] if is_marked else cell


def harmless_sql(column: str) -> str:
    """Return DuckDB SQL of a text column, harmless as `harmless` makes it."""
    dangerous = DANGEROUS.replace("'", "''")
    return (
        f"CASE WHEN regexp_matches({column}, '{dangerous}') "
        f"AND NOT regexp_full_match({column}, '{PLAIN_NUMBER}') THEN '{MARK * 2}' || {column} "
        f"ELSE {column} END"
    )


def _is_dangerous(text: str) -> bool:
    return re.search(DANGEROUS, text) is not None and re.fullmatch(PLAIN_NUMBER, text) is None
