"""The metric cards as `roci measures` tells them."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from textwrap import fill

import typer

from configs.catalogue import load_catalogue
from configs.errors import UsageError
from flows.console import show_records
from flows.measures_page import PARTS, measures_page
from transforms.all_cards import CARDS, MARTS, cards_of
from transforms.cards import MeasureCard


def show_page() -> int:
    """Print the page of all measures, with the groups of the configuration in use."""
    site = os.environ.get("ROCI_CONFIG")
    typer.echo(measures_page(load_catalogue(Path(site) if site else None)), nl=False)
    return 0


def show_measures(mart: str | None, *, as_json: bool) -> int:
    """Print the title of every measure, of one mart the whole cards.

    Raises:
        UsageError: the mart has no measures, or there is none of that name.
    """
    cards = CARDS if mart is None else _cards(mart)
    if as_json:
        show_records([asdict(card) for card in cards], as_json)
    elif mart is None:
        titles = [{"mart": one.mart, "measure": one.name, "what": one.title} for one in cards]
        show_records(titles, as_json)
    else:
        typer.echo("\n\n".join(card_lines(card) for card in cards))
    return 0


def card_lines(card: MeasureCard) -> str:
    """Return a card in a few lines, its name first."""
    parts = (
        fill(f"{label.lower()}: {getattr(card, part)}", 100, initial_indent="  ",
             subsequent_indent="    ")
        for label, part in PARTS
    )  # fmt: skip
    return "\n".join([f"{card.name}: {card.title}", *parts])


def _cards(mart: str) -> tuple[MeasureCard, ...]:
    cards = tuple(cards_of(mart))
    if not cards:
        raise UsageError(
            "UNKNOWN_MART",
            where="roci measures",
            found=mart,
            expected="one of " + ", ".join(MARTS),
            remedy="check the spelling; without --mart the measures of all marts are listed",
        )
    return cards
