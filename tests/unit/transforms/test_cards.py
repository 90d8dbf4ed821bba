"""The metric cards: all modules are read, every part is said, and the arithmetic holds."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import asdict

import pytest

import transforms
from transforms.all_cards import CARDS, MARTS, MODULES, cards_of, examples_of
from transforms.cards import MeasureCard
from transforms.statistics.proportions import wilson

# What Markdown would take for something else where the page prints it as it stands.
MARKUP = re.compile(r"\S\*|\*\S|`|<|\[|(^|\s)_|_(\s|$)")
ARITHMETIC = re.compile(
    r"(?<![\w.^])([\d.,()+*/ -]*\d[\d.,()+*/ -]*[+*/-][\d.,()+*/ -]*\d\)?) = (-?[\d.,]+)"
)


def of_card(card: MeasureCard) -> str:
    return f"{card.mart}-{card.name}"


def test_every_module_of_cards_is_in_the_list():
    names = [one.name for one in pkgutil.iter_modules(transforms.__path__)]
    have_cards = {
        f"transforms.{name}"
        for name in names
        if name != "all_cards" and hasattr(importlib.import_module(f"transforms.{name}"), "CARDS")
    }
    assert {module.__name__ for module in MODULES} == have_cards


def test_no_measure_has_two_cards():
    assert len({(card.mart, card.name) for card in CARDS}) == len(CARDS)


def test_the_cards_of_a_restricted_twin_are_those_of_its_mart():
    assert MARTS
    for mart in MARTS:
        assert [*cards_of(f"{mart}_unsuppressed")] == [*cards_of(mart)] != []
    assert not [*cards_of("student_result")]


@pytest.mark.parametrize("card", CARDS, ids=of_card)
def test_a_card_says_everything_in_plain_words(card):
    for part, words in asdict(card).items():
        assert words.strip() == words != "", part
        assert not MARKUP.search(words), part


@pytest.mark.parametrize("card", CARDS, ids=of_card)
def test_what_is_computed_in_an_example_is_right(card):
    """Sums without words or functions; the last digit shown is rounded."""
    for sum_, told in ARITHMETIC.findall(card.example):
        if sum_.count("(") != sum_.count(")"):
            continue
        told = told.rstrip(".,").replace(",", "")
        decimals = len(told.partition(".")[2])
        found = eval(sum_.replace(",", ""))
        assert round(found, decimals) == pytest.approx(float(told)), sum_


def test_the_arithmetic_of_most_marts_is_looked_at():
    checked = {card.mart for card in CARDS if ARITHMETIC.search(card.example)}
    assert checked >= {"mart_achievement", "mart_level", "mart_gap", "mart_comparison"}


@pytest.mark.parametrize(("name", "bound"), [("pct_proficient_low", 0), ("pct_proficient_high", 1)])
def test_the_bounds_in_the_cards_of_achievement_are_wilson_s(name, bound):
    [card] = [one for one in cards_of("mart_achievement") if one.name == name]
    told = float(card.example.rsplit(" ", 1)[1])
    assert round(100 * float(wilson(4, 12, 0.95)[bound]), 1) == told


def test_it_is_told_of_whom_the_examples_are_and_of_which_measures():
    [(names, told)] = examples_of("mart_level")
    assert names == ("n", "pct")
    assert "12 students" in told
    assert len([*examples_of("mart_achievement")]) == 2
    assert not [*examples_of("mart_transition")]
