"""The metric cards of all marts, and the one list of the modules that have some."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from transforms import (
    achievement_cards,
    comparison_cards,
    focus_cards,
    gap_cards,
    growth_cards,
    growth_part_cards,
    participation_cards,
)
from transforms.cards import MeasureCard

MODULES = (
    achievement_cards,
    participation_cards,
    gap_cards,
    growth_cards,
    growth_part_cards,
    comparison_cards,
    focus_cards,
)
CARDS: tuple[MeasureCard, ...] = tuple(chain.from_iterable(one.CARDS for one in MODULES))
# The marts that have measures, in the order in which they are read.
MARTS: tuple[str, ...] = tuple(dict.fromkeys(card.mart for card in CARDS))


def cards_of(mart: str) -> Iterator[MeasureCard]:
    """Yield the cards of a mart, by its own name or its unsuppressed twin's.

    >>> [card.name for card in cards_of("mart_level_unsuppressed")]
    ['n', 'pct']
    """
    wanted = mart.removesuffix("_unsuppressed")
    return (card for card in CARDS if card.mart == wanted)


def examples_of(mart: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield of whom the worked examples of some measures of a mart are: their names, a paragraph.

    The modules of the cards say it in their docstrings, those whose examples stand alone do not.

    >>> [(len(names), told[:41]) for names, told in examples_of("mart_level")]
    [(2, 'All worked examples but two are of the sa')]
    """
    for module in MODULES:
        names = tuple(card.name for card in module.CARDS if card.mart == mart)
        for paragraph in (module.__doc__ or "").strip().split("\n\n"):
            if names and "worked examples" in paragraph.lower():
                yield names, paragraph
