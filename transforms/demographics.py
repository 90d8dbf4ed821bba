"""Race flags: what a student said, kept as text, and the one category that reports count by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from configs.source_models import RaceFlags
from transforms.coded import Coded
from transforms.parse import Outcome

HISPANIC, MULTI, UNKNOWN = "HISPANIC", "MULTI", "UNKNOWN"
BLANK, NO, YES, NEITHER = range(4)
JOIN = "+"


class Races(NamedTuple):
    """The race flags of a piece: which answers occur, and which row gave which.

    Attributes:
        at: for each row its place in `texts` and `categories`.
        texts: the flags that say yes joined by `+`; empty where all answers are no; null where
            there is none. UNKNOWN_CODE where a flag is neither yes, no nor blank.
        categories: the reporting category; null where no flag says yes.
    """

    at: np.ndarray
    texts: list[Outcome]
    categories: list[Outcome]

    @property
    def unflagged(self) -> np.ndarray:
        """Return the rows in which no flag says yes."""
        without = np.array([not outcome.value for outcome in self.texts], dtype=bool)
        return without[self.at]

    def as_text(self) -> Coded:
        """Return the kept text."""
        return Coded(self.at, self.texts)

    def as_category(self) -> Coded:
        """Return the reporting category."""
        return Coded(self.at, self.categories)


def reporting_category(races: Collection[str], multiple: bool = False) -> str | None:
    """Return the federal reporting category of the races that a student named.

    Hispanic of any race is HISPANIC; two or more races are MULTI; one is itself; none is null, for
    an unanswered question is no race.

    Source: U.S. Department of Education, Final Guidance on Maintaining, Collecting, and Reporting
    Racial and Ethnic Data (1997 standard, two questions); as computed in CEDS Generate, FS17x.

    >>> reporting_category(["HISPANIC", "WHITE"]), reporting_category(["ASIAN", "WHITE"])
    ('HISPANIC', 'MULTI')
    """
    named = set(races)
    if HISPANIC in named:
        return HISPANIC
    if multiple or MULTI in named or len(named) > 1:
        return MULTI
    return next(iter(named), None)


class RaceReader:
    """Reads the race columns of a file into kept text and reporting category."""

    def __init__(
        self,
        flags: RaceFlags,
        columns: Mapping[str, str],
        missing: Collection[str],
        strip: bool = True,
    ) -> None:
        """Keep which column stands for which race.

        Args:
            flags: the source's yes and no.
            columns: race code -> column of the file; MULTI for the flag of two or more races.
            missing: tokens that are no answer.
            strip: blanks around an answer are not part of it.
        """
        self.columns = dict(columns)
        self._answers = dict.fromkeys(missing, BLANK)
        self._answers |= dict.fromkeys(flags.no, NO) | dict.fromkeys(flags.yes, YES)
        self._strip = strip

    def read(self, columns: Mapping[str, pa.DictionaryArray], count: int) -> Races:
        """Return the flags of a piece of `count` rows, given its columns by their names."""
        combined = np.zeros(count, dtype=np.int64)
        for at, name in enumerate(self.columns.values()):
            column = columns[name]
            answers = [self._answer(raw) for raw in column.dictionary.to_pylist()]
            shifted = np.array(answers, dtype=np.int64) << (2 * at)
            combined |= shifted[column.indices.to_numpy()]
        present, places = np.unique(combined, return_inverse=True)
        answered = [self._spelled_out(one) for one in present.tolist()]
        return Races(
            places.astype(np.int32),
            [self._text(answers) for answers in answered],
            [self._category(answers) for answers in answered],
        )

    def _answer(self, raw: str) -> int:
        return self._answers.get(raw.strip() if self._strip else raw, NEITHER)

    def _spelled_out(self, combined: int) -> dict[str, int]:
        return {race: combined >> (2 * at) & 3 for at, race in enumerate(self.columns)}

    def _text(self, answers: Mapping[str, int]) -> Outcome:
        if NEITHER in answers.values():
            return Outcome(fault="UNKNOWN_CODE")
        if all(answer == BLANK for answer in answers.values()):
            return Outcome()
        return Outcome(JOIN.join(race for race, answer in answers.items() if answer == YES))

    def _category(self, answers: Mapping[str, int]) -> Outcome:
        if NEITHER in answers.values():
            return Outcome(fault="UNKNOWN_CODE")
        named = [race for race, answer in answers.items() if answer == YES]
        return Outcome(reporting_category(named))
