"""Row rules on dates, English-learner status and race flags."""

from __future__ import annotations

import numpy as np

from validation.rule import Rows, Rule


def rfep_without_date(rows: Rows) -> np.ndarray:
    """Return where a reclassified student has no reclassification date.

    Judged only where the source carries that date in every layout: the rows do not tell theirs.

    Source: CALPADS requires the start date of every status but EO (error IVR0164); the CAASPP
    student data layout 2021-22 carries it as field 27.
    """
    lacking = any("rfep_date" in layout.absent for layout in rows.source.layouts)
    if lacking or "rfep_date" not in rows.source.fields:
        return np.zeros(len(rows), dtype=bool)
    return rows.is_code("el_status", "RFEP") & ~rows.has("rfep_date")


def eo_with_el_date(rows: Rows) -> np.ndarray:
    """Return where an English-only student has a date of entry or exit as English learner.

    Source: CALPADS error IVR0214 (conflict in the English language acquisition status).
    """
    dated = np.zeros(len(rows), dtype=bool)
    for field in ("el_entry_date", "rfep_date"):
        if rows.holds(field):
            dated |= rows.has(field)
    return rows.is_code("el_status", "EO") & dated


def el_entry_after_test(rows: Rows) -> np.ndarray:
    """Return where the student became an English learner after the test.

    Source: this project's own: the extract states the status as of the test.
    """
    return rows.numbers("el_entry_date") > rows.numbers("test_date")


def rfep_date_after_test(rows: Rows) -> np.ndarray:
    """Return where a student counts as reclassified at the test but was so only later.

    A student who counts as English learner at the test may well be reclassified after it.

    Source: this project's own: the extract states the status as of the test.
    """
    later = rows.numbers("rfep_date") > rows.numbers("test_date")
    return rows.is_code("el_status", "RFEP") & later


def el_dates_out_of_order(rows: Rows) -> np.ndarray:
    """Return where the student left English-learner status before entering it.

    Source: CALPADS valid codes: RFEP follows EL (CurrentELAS to SubmtdELAS, version 12).
    """
    return rows.numbers("rfep_date") < rows.numbers("el_entry_date")


def no_race_flag(rows: Rows) -> np.ndarray:
    """Return where every race flag says no.

    Null is another matter: there the extract carries no flags at all.

    Source: CALPADS error CERT004 (no race or ethnicity); CAASPP student data layout 2021-22,
    fields 39 to 46.
    """
    return rows.is_code("race_flags", "")


def test_date_outside_year(rows: Rows) -> np.ndarray:
    """Return where the test date does not lie within July to June of the row's school year.

    Source: California Education Code section 37200: the school year runs from July 1 to June 30.
    """
    year = rows.numbers("school_year") - 1970
    day = rows.numbers("test_date")
    months = np.floor(_months(day))
    return (months < (year - 1) * 12 + 6) | (months >= year * 12 + 6)


def _months(days: np.ndarray) -> np.ndarray:
    """Return whole months since January 1970 of days since then; NaN stays NaN."""
    known = ~np.isnan(days)
    whole = np.where(known, days, 0).astype("datetime64[D]").astype("datetime64[M]")
    return np.where(known, whole.astype(np.float64), np.nan)


HISTORY_RULES = (
    Rule("RFEP_WITHOUT_DATE", "flag", "rfep_date", ("el_status", "rfep_date"),
         needs=("el_status",), broken=rfep_without_date),
    Rule("EO_WITH_EL_DATE", "flag", "el_status", ("el_status", "el_entry_date", "rfep_date"),
         needs=("el_status",), broken=eo_with_el_date),
    Rule("EL_ENTRY_AFTER_TEST", "flag", "el_entry_date", ("el_entry_date", "test_date"),
         needs=("el_entry_date", "test_date"), broken=el_entry_after_test),
    Rule("RFEP_DATE_AFTER_TEST", "flag", "rfep_date", ("el_status", "rfep_date", "test_date"),
         needs=("el_status", "rfep_date", "test_date"), broken=rfep_date_after_test),
    Rule("EL_DATES_OUT_OF_ORDER", "flag", "rfep_date", ("el_entry_date", "rfep_date"),
         needs=("el_entry_date", "rfep_date"), broken=el_dates_out_of_order),
    Rule("NO_RACE_FLAG", "flag", "race_flags", ("race_flags",),
         needs=("race_flags",), broken=no_race_flag),
    Rule("TEST_DATE_OUTSIDE_YEAR", "flag", "test_date", ("school_year", "test_date"),
         needs=("school_year", "test_date"), broken=test_date_outside_year),
)  # fmt: skip
