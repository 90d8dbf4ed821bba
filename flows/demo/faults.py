"""The faults that real files have, planted in known rows.

Every planted row is otherwise without fault, and no row is chosen twice, so that each fault is
found by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flows.demo import caaspp
from flows.demo.extract import Extract, source_rows
from flows.demo.plan import Kind, PlantedFault
from flows.demo.students import Bools, Ints

Change = Callable[[Extract, Ints], Extract]


@dataclass
class Planter:
    """Plants faults in one extract after another and remembers which rows are taken."""

    extract: Extract
    free: Bools
    rng: np.random.Generator
    faults: list[PlantedFault] = field(default_factory=list)

    def choose(self, count: int, among: Bools | None = None) -> Ints:
        """Return free rows, which are free no longer."""
        candidates = np.flatnonzero(self.free if among is None else self.free & among)
        rows = np.sort(self.rng.choice(candidates, count, replace=False))
        self.free[rows] = False
        return rows

    def plant(self, rows: Ints, what: tuple[Kind, str, str], change: Change) -> None:
        """Change these rows and note the fault: its kind, its code and its words."""
        self.extract = change(self.extract, rows)
        self.note(rows, what)

    def note(self, rows: Ints, what: tuple[Kind, str, str]) -> None:
        """Note rows as they stand as a fault."""
        kind, code, words = what
        if len(rows):
            self.faults.append(row_fault(self.extract, (kind, code, words), source_rows(rows)))

    def repeat(self, rows: Ints) -> Ints:
        """Write each of these rows, in order, once more behind itself; return the copies' places.

        Call it first: all later rows move down.
        """
        order = np.sort(np.concatenate([np.arange(len(self.extract)), rows]))
        self.extract = self.extract.taking(order)
        self.free = self.free[order]
        copies = rows + np.arange(1, len(rows) + 1)
        self.free[copies] = self.free[copies - 1] = False
        return copies


def row_fault(extract: Extract, what: tuple[Kind, str, str], rows: Sequence[int]) -> PlantedFault:
    """Return the note of rows at fault in a file."""
    kind, code, words = what
    return PlantedFault(extract.path, extract.source, kind, code, len(rows), list(rows), words)


def file_fault(path: str, source: str, what: tuple[Kind, str, str]) -> PlantedFault:
    """Return the note of a file that is wholly at fault."""
    kind, code, words = what
    return PlantedFault(path, source, kind, code, 1, [], words)


def setting(column: str, values: Sequence[str]) -> Change:
    """Return a change that writes these values in turn into a column."""

    def change(extract: Extract, rows: Ints) -> Extract:
        return extract.with_values(column, rows, np.resize(np.array(values, object), len(rows)))

    return change


def plant_in_caaspp(
    extract: Extract, rng: np.random.Generator
) -> tuple[Extract, list[PlantedFault]]:
    """Plant row faults in a score file; note also what is odd in it without being planted."""
    planter = Planter(extract, _sound_caaspp(extract), rng)
    _plant_repeats(planter)
    _plant_codes(planter)
    _plant_scores(planter)
    _plant_language(planter)
    _note_oddities(planter)
    return planter.extract, planter.faults


def plant_in_state_long(
    extract: Extract, rng: np.random.Generator
) -> tuple[Extract, list[PlantedFault]]:
    """Plant a few repeated rows and codes that nobody agreed on in the long file."""
    planter = Planter(extract, np.ones(len(extract), bool), rng)
    copies = planter.repeat(planter.choose(4))
    planter.note(copies, ("set_aside", "DUPLICATE_EXACT", "the row stands twice, word for word"))
    planter.plant(
        planter.choose(3),
        ("reject", "UNKNOWN_CODE", "an ethnicity that the state's list does not have"),
        setting("ETHNICITY", ["Not listed"]),
    )
    return planter.extract, planter.faults


def truncated(extract: Extract, path: str) -> bytes:
    """Return a file that ends in the middle of a row, some way after its half."""
    content = replace(extract, path=path).encode()
    line_end = content.index(b"\n", len(content) * 6 // 10)
    return content[: line_end + 300].decode(errors="ignore").encode()


def _sound_caaspp(extract: Extract) -> Bools:
    """Return rows of a regular test by a student whose race is known."""
    tested = (extract.columns["IncludeIndicator"] == "Y") & (extract.columns["ConditionCode"] == "")
    return tested & ~_no_race(extract)


def _no_race(extract: Extract) -> Bools:
    flags = [extract.columns[name] == "Yes" for name in caaspp.RACE_COLUMNS]
    return ~np.any(flags, axis=0)


def _plant_repeats(planter: Planter) -> None:
    """Write rows twice: some word for word, some with another score of the same level."""
    columns = planter.extract.columns
    lowest_level = (columns["AchievementLevels"] == "1") & (columns["RecordType"] != "06")
    conflicting = planter.choose(3, lowest_level)
    rows = np.sort(np.concatenate([planter.choose(5), conflicting]))
    copies = planter.repeat(rows)
    conflicts = copies[np.isin(rows, conflicting)]
    planter.note(
        np.setdiff1d(copies, conflicts),
        ("set_aside", "DUPLICATE_EXACT", "the row stands twice, word for word"),
    )
    planter.extract = _a_point_lower(planter.extract, conflicts)
    planter.note(
        np.concatenate([conflicts - 1, conflicts]),
        (
            "reject",
            "DUPLICATE_CONFLICT",
            "two rows of one student and test with different scores; neither can be preferred",
        ),
    )


def _a_point_lower(extract: Extract, rows: Ints) -> Extract:
    score = extract.columns["ScaleScore"][rows].astype(np.int64) - 1
    return extract.with_values("ScaleScore", rows, score.astype(str).astype(object))


def _plant_codes(planter: Planter) -> None:
    planter.plant(
        planter.choose(4),
        ("reject", "UNKNOWN_CODE", "reporting ethnicity is not on the state's list"),
        setting("ReportingEthnicity", ["900", "HI"]),
    )
    planter.plant(
        planter.choose(3),
        ("reject", "UNKNOWN_CODE", "English language acquisition status is not on the list"),
        setting("ELAS", ["ELL", "XX", "FEP"]),
    )
    planter.plant(
        planter.choose(3),
        ("reject", "BAD_FORMAT", "the SSID is short of two digits"),
        _shortened("SSID", 8),
    )
    planter.plant(
        planter.choose(12),
        ("flag", "LOST_ZERO_REPAIRED", "a spreadsheet ate the leading zero of every code"),
        _without_leading_zeros,
    )


def _plant_scores(planter: Planter) -> None:
    level = planter.extract.columns["AchievementLevels"]
    smarter = planter.extract.columns["RecordType"] != "06"
    planter.plant(
        planter.choose(4, (level == "4") & smarter),
        ("reject", "SCORE_OUT_OF_RANGE", "a score that the test cannot give"),
        setting("ScaleScore", ["2999", "3050"]),
    )
    planter.plant(
        planter.choose(6, np.isin(level, ["1", "2"]) & smarter),
        ("flag", "LEVEL_SCORE_MISMATCH", "the level says exceeded, the score does not"),
        setting("AchievementLevels", ["4"]),
    )


def _plant_language(planter: Planter) -> None:
    elas = planter.extract.columns["ELAS"]
    planter.plant(
        planter.choose(5, elas == "EO"),
        ("flag", "EO_WITH_EL_DATE", "English only, yet a day of entry as English learner"),
        setting("ELEntryDate", ["2019-09-03"]),
    )
    planter.plant(
        planter.choose(3, elas == "RFEP"),
        ("flag", "RFEP_WITHOUT_DATE", "reclassified, but nobody wrote down when"),
        setting("RFEPDate", [""]),
    )


def _note_oddities(planter: Planter) -> None:
    """Note what every such file has: scores given for too few answers, races nobody asked for."""
    columns = planter.extract.columns
    planter.note(
        np.flatnonzero(columns["ConditionCode"] == "LOSS"),
        (
            "flag",
            "SCORE_WITH_CONDITION",
            "too few answers: the lowest obtainable score stands beside condition code LOSS",
        ),
    )
    planter.note(
        np.flatnonzero(_no_race(planter.extract)),
        ("flag", "NO_RACE_FLAG", "ethnicity 800 with every race flag at No: nobody reported any"),
    )


def _shortened(column: str, length: int) -> Change:
    def change(extract: Extract, rows: Ints) -> Extract:
        cut = [text[:length] for text in extract.columns[column][rows]]
        return extract.with_values(column, rows, cut)

    return change


def _without_leading_zeros(extract: Extract, rows: Ints) -> Extract:
    for column in caaspp.CDS_COLUMNS:
        bare = [text.lstrip("0") for text in extract.columns[column][rows]]
        extract = extract.with_values(column, rows, bare)
    return extract
