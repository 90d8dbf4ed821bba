"""Metric cards: what each published measure is, of whom, and when it is missing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MeasureCard:
    """What a reader must know of one measure.

    Attributes:
        name: the column.
        mart: the mart that has it; its unsuppressed twin has the same.
        title: the measure in a few words.
        formula: how it is computed, in the words and signs of the marts.
        denominator: of whom, or of what, it is a share or mean.
        left_out: who does not count.
        missing: when there is no value.
        source: where the formula is published.
        example: a worked example with its numbers.
    """

    name: str
    mart: str
    title: str
    formula: str
    denominator: str
    left_out: str
    missing: str
    source: str
    example: str
