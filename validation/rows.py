"""Checks single rows: first each column by its schema, then the rules between columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from configs.catalogue import Catalogue
from configs.models import Severity
from configs.source_models import Source
from validation.faults import Faulted, Hits, fault_table
from validation.history_rules import HISTORY_RULES
from validation.rule import Rows, Rule
from validation.schemas import column_faults, column_rules, refuse_when_switched_off
from validation.score_rules import SCORE_RULES

RULES: dict[str, Rule] = {rule.code: rule for rule in (*SCORE_RULES, *HISTORY_RULES)}


@dataclass(frozen=True)
class RowFaults:
    """What the checks found: rows that must leave, and rows that stay with a flag.

    Both are fault tables (source_row, code, field) in order of row, code and field. A row that
    leaves carries no flags.
    """

    rejects: pa.Table
    flags: pa.Table


def check_rows(
    table: pa.Table, source: Source, catalogue: Catalogue, already: pa.Table | None = None
) -> RowFaults:
    """Return every row that breaks its schema or a row rule.

    Args:
        table: typed rows as fields.yml says, with `source_row` int32.
        source: the source that they came from.
        catalogue: the whole configuration.
        already: faults that are known of these rows; their values are null in the table. A field
            that is faulted already is not reported again, by whichever rule reads it.

    Raises:
        ConfigurationError: the environment switches Pandera off.
        TypeError: the table is of another shape than fields.yml says.
    """
    refuse_when_switched_off()
    faulted = Faulted(already)
    rejects = [
        hits
        for found in column_faults(table, column_rules(source, catalogue))
        if len((hits := faulted.without(found, [found.field])).source_rows)
    ]
    for hits in rejects:
        faulted.add(hits)
    rows = Rows(table, source, catalogue)
    for rule, found in _broken(rows, "reject"):
        rejects.append(faulted.add(faulted.without(found, rule.reads)))
    flags = [faulted.without(found) for _, found in _broken(rows, "flag")]
    return RowFaults(fault_table(rejects), fault_table(flags))


def _broken(rows: Rows, severity: Severity) -> Iterator[tuple[Rule, Hits]]:
    source_rows = rows.table["source_row"].to_numpy()
    for rule in RULES.values():
        if rule.severity == severity and rule.applies(rows):
            at = np.flatnonzero(rule.broken(rows))
            if len(at):
                yield rule, Hits(source_rows[at], rule.code, rule.field)
