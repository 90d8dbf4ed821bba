"""A number of matched students that is nearly that of a wider group tells of the few others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from configs.mart_models import Suppression
from transforms.growth_lines import Lines
from transforms.suppress import Dimensions

RULE = Suppression(extreme_bands=[(11, 20)])
NO_SPLITS = pd.DataFrame(
    [], columns=["parent_level", "parent_id", "split", "child_level", "child_id"], dtype=str
)
STATUS = ["all", "EL", "EO", "RFEP"]
CELLS = pd.DataFrame({"el_status": STATUS, "n_tested": [90, 40, 30, 20]}).assign(
    org_level="all", org_id="all", grade="all", n_proficient=0
)
LINES = Lines.of(CELLS, NO_SPLITS, Dimensions(("el_status",), ()))
NOTHING = np.zeros(4, dtype=bool)


@pytest.mark.parametrize(
    ("low", "hidden"),
    [
        # All but 8 of those who began low are English learners.
        ([38, 30, 5, 3], {"EL"}),
        ([40, 14, 13, 13], set()),
        # Nobody else began low: there is nobody between.
        ([30, 30, 0, 0], set()),
    ],
)
def test_the_narrower_of_two_that_are_few_apart_is_hidden(low, hidden):
    found = LINES.part(NOTHING, np.array(low), RULE)
    assert {code for code, is_hidden in zip(STATUS, found, strict=True) if is_hidden} == hidden


def test_beside_a_hidden_one_nothing_has_to_be_hidden():
    hidden = np.array([True, False, False, False])
    assert (LINES.part(hidden, np.array([38, 30, 5, 3]), RULE) == hidden).all()
