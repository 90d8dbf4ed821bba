"""No text that is handed out begins a formula, and each is given back as it was."""

import csv

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import given

from flows.stages.restating import write_csv
from warehouse.formulas import as_it_was, harmless, harmless_sql

FORMULAS = [
    "=1+1", "+1", "-1+1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\tx", " =1", '"=1', "'=1",
    "''=1", '" =1', "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "\u22121", "\ufeff=1", "\u200b=1",
    "\xa0=1", "\u3000=1", "\u201c=1", "\x00=1", "=cmd|' /C calc'!A0", "--1", "-1-1", "-", "=",
    "'-5", "-5\n", "+1.5", "-1e5", "-.5",
]  # fmt: skip
PLAIN = [
    "",
    "a",
    "'tis",
    "O'Neil",
    "Ann-Lee",
    "a=b",
    "007",
    "-1",
    "-12.50",
    "1990-01-02",
    "\xe9",
    "#",
]
# What a program passes over or works out, and the apostrophe itself.
TEXTS = st.text(st.sampled_from("'\"=+-@\t\r\n \uff1d\ufeffa1.")) | st.text()


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_program_would_work_out_gets_an_apostrophe(text):
    assert harmless(text) == "'" + text
    assert as_it_was(harmless(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_every_other_text_and_a_plain_number_stay_as_they_are(text):
    assert harmless(text) == text == as_it_was(text)


@given(TEXTS)
def test_every_text_is_given_back(text):
    assert as_it_was(harmless(text)) == text


@given(TEXTS, TEXTS)
def test_no_two_texts_are_taken_for_one(one, other):
    assert (harmless(one) == harmless(other)) == (one == other)


def test_duckdb_makes_the_same_of_them():
    texts = [text for text in [*FORMULAS, *PLAIN] if "\x00" not in text]
    with duckdb.connect() as con:
        found = con.execute(f"SELECT {harmless_sql('t')} FROM (SELECT unnest(?) AS t)", [texts])
        assert [text for (text,) in found.fetchall()] == [harmless(text) for text in texts]


def test_a_table_of_moves_has_no_formula_and_its_numbers_stay(tmp_path):
    with duckdb.connect() as con:
        con.execute("CREATE TABLE moves AS SELECT '=1+1' AS org_name, -3.5 AS change, NULL AS n")
        write_csv(con, "SELECT * FROM moves", tmp_path / "moves.csv")
    with (tmp_path / "moves.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [["org_name", "change", "n"], ["'=1+1", "-3.5", ""]]
