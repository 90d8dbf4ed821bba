"""A row rule: a named, vectorised question to typed rows, and the rows as it sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from configs.catalogue import Catalogue
from configs.models import Severity
from configs.source_models import Source
from validation import frames
from validation.score_table import ScoreTable


class Rows:
    """Typed rows of one source; every column is prepared once, whichever rules ask for it."""

    def __init__(self, table: pa.Table, source: Source, catalogue: Catalogue) -> None:
        self.table = table
        self.source = source
        self.catalogue = catalogue
        self._coded: dict[str, frames.Coded] = {}
        self._numbers: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def holds(self, field: str) -> bool:
        """Return whether any row has a value in this field."""
        if field not in self.table.column_names:
            return False
        column = self.table[field]
        return bool(column.null_count < len(column))

    def coded(self, field: str) -> frames.Coded:
        """Return a column of codes."""
        if field not in self._coded:
            self._coded[field] = frames.Coded(frames.one_chunk(self.table[field]))
        return self._coded[field]

    def numbers(self, field: str) -> np.ndarray:
        """Return a column of numbers, or of dates as days since 1970; NaN is none."""
        if field not in self._numbers:
            self._numbers[field] = frames.numbers(self.table[field])
        return self._numbers[field]

    def has(self, field: str) -> np.ndarray:
        """Return per row whether the field has a value."""
        column = self.table[field]
        if column.null_count == 0:
            return np.ones(len(self), dtype=bool)
        return column.is_valid().to_numpy()

    def is_code(self, field: str, code: str) -> np.ndarray:
        """Return per row whether the field has this code."""
        return self.coded(field).equals(code)

    @cached_property
    def scores(self) -> ScoreTable:
        """Return what the assessments of these rows say of scores, by row."""
        return ScoreTable(
            self.coded("assessment"),
            self.coded("subject"),
            self.coded("grade"),
            self.numbers("school_year"),
            self.catalogue.assessments,
        )


@dataclass(frozen=True)
class Rule:
    """One rule on single rows.

    Attributes:
        code: the stable code that a row at fault carries.
        severity: `reject` sends the row to quarantine, `flag` loads it and counts it.
        field: the field that the fault is reported for.
        reads: every field that the rule looks at; a row where one of them is faulted already is
            not judged again.
        needs: the fields of which at least one row must hold a value for the rule to be asked.
        broken: returns per row whether the rule is broken.
    """

    code: str
    severity: Severity
    field: str
    reads: tuple[str, ...]
    needs: tuple[str, ...]
    broken: Callable[[Rows], np.ndarray]

    def applies(self, rows: Rows) -> bool:
        """Return whether the columns that are there can show the rule broken."""
        return all(rows.holds(field) for field in self.needs)
