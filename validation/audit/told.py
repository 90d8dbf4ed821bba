"""What derived marts tell of cells: counts, rates, means of gaps, of growth, of comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from validation.audit.keys import Flags, Floats, Ints, Keys
from validation.audit.published import Publication, Rows, System, Words
from validation.audit.scheme import ALL, GRADE, SYSTEM

HERE = " AND ".join(f"{column} = ?" for column in SYSTEM)
SHOWN = f"{HERE} AND NOT suppressed"
REST = "rest"
# Of the system in which the earlier side of a growth lies.
PRIOR = "prior_year = ? AND assessment = ? AND subject = ? AND prior_window = ? AND NOT suppressed"
FROM = "from_year = ? AND assessment = ? AND subject = ? AND test_window = ? AND NOT suppressed"


@dataclass(frozen=True)
class Told:
    """What one mart tells of cells: `n` students, `pct` percent proficient, the mean of the scores.

    Nan where it is not told. `codes` and `organisation` are those of the cell.
    """

    mart: str
    organisation: Ints
    codes: np.ndarray
    key: Keys
    n: Floats
    pct: Floats
    mean: Floats

    def only(self, chosen: Flags) -> Told:
        """Return the chosen ones."""
        return Told(
            self.mart, self.organisation[chosen], self.codes[chosen], self.key[chosen],
            self.n[chosen], self.pct[chosen], self.mean[chosen],
        )  # fmt: skip


def told_by_derived(publication: Publication, system: System, words: Words) -> list[Told]:
    """Return what every derived mart tells of the cells of one system."""
    found = [
        *_of_gaps(publication, system, words),
        *_of_growth(publication, system, words),
        *_of_comparisons(publication, system, words),
    ]
    known = [one.only(~(np.isnan(one.n) & np.isnan(one.pct) & np.isnan(one.mean))) for one in found]
    return [one for one in known if len(one.n)]


def _told(mart: str, rows: Rows, n: Floats, pct: Floats, mean: Floats | None = None) -> Told:
    """Return what rows tell of their cells; no mart but of gaps tells a mean."""
    means = np.full(len(rows), np.nan) if mean is None else mean
    return Told(mart, rows.organisation, rows.codes, rows.key, n, pct, means)


def _of_gaps(publication: Publication, system: System, words: Words) -> Iterator[Told]:
    mart = "mart_gap"
    columns = ("dimension", "reference", "n_tested", "n_reference", "pct_proficient",
               "pct_reference", "mean_scale_score", "mean_reference")  # fmt: skip
    rows = publication.rows(mart, columns, words, SHOWN, system)
    yield _told(mart, rows, rows["n_tested"], rows["pct_proficient"], rows["mean_scale_score"])
    for d, dimension in enumerate(words.dimensions):
        of = rows.only(rows["dimension"] == dimension)
        if not len(of):
            continue
        reference = of["reference"]
        code = np.array([0 if word == REST else words.code(dimension, word) for word in reference])
        codes = of.codes.copy()
        codes[:, d] = code
        numbers = words.code_keys(dimension)
        key = of.key - numbers[of.codes[:, d]] + numbers[code]
        # The rest and the group are the whole.
        whole = code == 0
        n = of["n_reference"] + np.where(whole, of["n_tested"], 0)
        proficient = of["pct_reference"] * of["n_reference"]
        proficient += np.where(whole, of["pct_proficient"] * of["n_tested"], 0)
        mean = np.where(whole, np.nan, of["mean_reference"])
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(whole, proficient / n, of["pct_reference"])
        yield Told(mart, of.organisation, codes, key, n, rate, mean)


def _of_growth(publication: Publication, system: System, words: Words) -> Iterator[Told]:
    mart = "mart_growth"
    columns: tuple[str, ...] = ("growth_type", "n_tested", "pct_proficient")
    now = publication.rows(mart, columns, words, SHOWN, system)
    # The rate of a matched row is of the matched alone.
    unmatched = np.where(now["growth_type"] == "matched", np.nan, now["pct_proficient"])
    yield _told(mart, now, now["n_tested"], unmatched)
    columns = ("growth_type", "n_prior", "pct_prior")
    before = publication.rows(mart, columns, words, PRIOR, system)
    before = before.only(np.isin(before["growth_type"], ("cohort", "cross_section")))
    if len(before):
        below = _grade_below(before, words)
        yield _told(mart, below, below["n_prior"], below["pct_prior"])


def _grade_below(rows: Rows, words: Words) -> Rows:
    """Return rows of cohorts as of the grade that they were in a year before."""
    d = words.dimensions.index(GRADE)
    below = {word: _one_less(word) for word in list(words.codes[GRADE])}
    of = np.array([words.code(GRADE, below[word]) for word in below], dtype=np.int16)
    cohort = rows["growth_type"] == "cohort"
    codes = rows.codes.copy()
    codes[cohort, d] = of[rows.codes[cohort, d]]
    numbers = words.code_keys(GRADE)
    key = rows.key - numbers[rows.codes[:, d]] + numbers[codes[:, d]]
    return Rows(rows.organisation, codes, key, rows.columns)


def _one_less(grade: str) -> str:
    if grade == "01":
        return "KG"
    return f"{int(grade) - 1:02d}" if grade.isdigit() else grade


def _of_comparisons(publication: Publication, system: System, words: Words) -> Iterator[Told]:
    mart = "mart_comparison"
    columns = ("compared_to", "contrast", "from_year", "n_tested", "n_compared", "n_from",
               "n_compared_from", "pct_proficient", "pct_compared")  # fmt: skip
    nothing = np.zeros(0)
    for where, unit, other, now in (
        (SHOWN, "n_tested", "n_compared", True),
        (f"{FROM} AND from_year <> school_year", "n_from", "n_compared_from", False),
    ):
        rows = publication.rows(mart, columns, words, where, system)
        rows = rows.only(rows["contrast"] == ALL) if len(rows) else rows
        for column, pct, found in (
            (unit, "pct_proficient", rows),
            (other, "pct_compared", _compared(rows, words) if len(rows) else rows),
        ):
            rate = found[pct] if now and len(found) else np.full(len(found), np.nan)
            n = found[column] if len(found) else nothing
            yield _told(mart, found, n, rate)


def _compared(rows: Rows, words: Words) -> Rows:
    """Return rows as of the organisation that they are compared to; others, as states, left out."""
    places = list(words.places)
    to = np.full(len(rows), -1, dtype=np.int64)
    for i, (place, compared) in enumerate(
        zip(rows.organisation.tolist(), rows["compared_to"].tolist(), strict=True)
    ):
        level, own = places[place]
        district = own.rpartition("/")[0] if level == "school" else own
        if compared == ALL:
            to[i] = words.place(ALL, ALL)
        elif compared in (REST, "district") and level != "network":
            to[i] = words.place(compared, district)
    chosen = rows.only(to >= 0)
    to = to[to >= 0]
    numbers = words.place_keys()
    key = chosen.key - numbers[chosen.organisation] + numbers[to]
    return Rows(to, chosen.codes, key, chosen.columns)
