"""Finds a school by its name within its district, where an extract carries no school id."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import pyarrow as pa

# Written forms of one word; the first part of a name that two writers spell differently.
_SHORT = {
    "elem": "elementary",
    "el": "elementary",
    "es": "elementary school",
    "sch": "school",
    "schl": "school",
    "schs": "schools",
    "hs": "high school",
    "ms": "middle school",
    "mid": "middle",
    "jhs": "junior high school",
    "jr": "junior",
    "sr": "senior",
    "int": "intermediate",
    "interm": "intermediate",
    "acad": "academy",
    "ctr": "center",
    "centre": "center",
    "cmty": "community",
    "st": "saint",
    "mt": "mount",
    "ft": "fort",
    "prep": "preparatory",
    "pri": "primary",
}
_WORD_OF_ALL = re.compile(r"\bschools?\b")


def plain_name(name: str) -> str:
    """Return a school's name as it is compared: no case, accents, punctuation, blanks, short forms.

    >>> plain_name("St. Anne's Elem. Sch.") == plain_name("SAINT ANNES ELEMENTARY SCHOOL")
    True
    """
    return re.sub(r"\s+", "", _words(name))


def _words(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    bare = re.sub(r"['’.]", "", ascii_only.casefold().replace("&", " and "))
    words = re.findall(r"[a-z0-9]+", bare)
    return " ".join(_SHORT.get(word, word) for word in words)


class SchoolNames:
    """The schools of one district by name.

    A name is looked up whole first, then without the word "school", which directories often leave
    out. A name that two schools share finds neither.
    """

    def __init__(self, schools: Iterable[tuple[str, str]]) -> None:
        """Keep name and school id of each school."""
        self._whole: dict[str, set[str]] = {}
        self._short: dict[str, set[str]] = {}
        for name, school_id in schools:
            self._whole.setdefault(plain_name(name), set()).add(school_id)
            self._short.setdefault(_without_school(name), set()).add(school_id)

    @classmethod
    def of(
        cls, directory: pa.Table, district_id: str, school_year: int | None = None
    ) -> SchoolNames:
        """Return the names of a district's schools.

        Args:
            directory: rows of table `school`: district_id, school_id, school_name, school_year.
            district_id: the district.
            school_year: the year whose names count; where the directory lacks it, and where it is
                null, the nearest year's (the later of two).
        """
        rows = [
            row
            for row in directory.select(
                ["district_id", "school_id", "school_name", "school_year"]
            ).to_pylist()
            if row["district_id"] == district_id
            and row["school_name"]
            and row["school_id"].strip("0")
        ]
        years = {row["school_year"] for row in rows}
        wanted = school_year if school_year is not None else max(years, default=0)
        nearest = min(years, key=lambda year: (abs(year - wanted), -year), default=None)
        chosen = ((r["school_name"], r["school_id"]) for r in rows if r["school_year"] == nearest)
        return cls(chosen)

    def find(self, name: str) -> str | None:
        """Return the id of the one school of that name, null where none or several have it."""
        for found in (
            self._whole.get(plain_name(name)),
            self._short.get(_without_school(name)),
        ):
            if found:
                return next(iter(found)) if len(found) == 1 else None
        return None


def _without_school(name: str) -> str:
    words = _words(name)
    shorter = _WORD_OF_ALL.sub("", words)
    return re.sub(r"\s+", "", shorter if shorter.strip() else words)
