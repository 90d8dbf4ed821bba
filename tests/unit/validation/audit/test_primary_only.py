"""Where only small cells are hidden, the audit finds thousands that follow: it is not blind."""

import itertools

import numpy as np
import pandas as pd

from tests.unit.validation.audit.small_marts import KEY, LEVELS, NAME, SCHEME, publish
from validation.audit.published import Publication
from validation.audit.system import audit_system

SCHOOLS = [f"D/{number}" for number in range(200)]
GRADES = ["03", "04", "05", "06", "07", "08"]
MOST = 24


def with_sum(counts, axis):
    return np.concatenate([counts, counts.sum(axis=axis, keepdims=True)], axis=axis)


def cells_of_a_district(seed):
    """Every cell of a district of two hundred schools, counted over students drawn at random."""
    codes = [SCHOOLS, GRADES, SCHEME.codes["ethnicity"], SCHEME.codes["gender"]]
    shape = [len(words) for words in codes]
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(rng.integers(0, MOST + 1, shape), [1 / LEVELS] * LEVELS)
    for axis in range(len(shape)):
        counts = with_sum(counts, axis)
    places = [*(("school", school) for school in SCHOOLS), ("district", "D")]
    groups = [[*words, "all"] for words in codes[1:]]
    rows = [(*place, *rest) for place, *rest in itertools.product(places, *groups)]
    levels = counts.reshape(-1, LEVELS)
    found = pd.DataFrame(rows, columns=list(KEY)).assign(n=levels.sum(axis=1))
    return found.assign(**{f"level_{k + 1}": levels[:, k] for k in range(LEVELS)})


def name_of(cell):
    groups = [f"{name} {cell[name]}" for name in SCHEME.dimensions if cell[name] != "all"]
    return ", ".join([f"{cell['org_level']}/{cell['org_id']}", *groups])


def test_thousands_of_small_groups_follow_exactly_where_nothing_else_is_hidden(tmp_path):
    made = cells_of_a_district(1)
    folder = publish(tmp_path, made, made["n"] >= SCHEME.minimum)
    falls = audit_system([Publication(folder)], NAME, SCHEME).falls
    follow = {fall.cell for fall in falls if fall.kind == "span_n"}
    few = made[made["n"].between(1, SCHEME.minimum - 1)]
    assert follow <= set(map(name_of, few.to_dict("records")))
    assert 2_000 < 0.9 * len(few) < len(follow)
