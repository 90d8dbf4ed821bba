"""Which organisation's schools are all among another's, and by how many splits."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from transforms.suppress_places import all_within, contained

# 0 all, 1 district, 2 partner schools, 3 the rest, 4 a network of both schools of the rest; 5, 6, 7
# schools, the first a partner.
SPLITS = [(1, 0), (2, 1), (3, 1), (5, 2), (6, 3), (7, 3), (5, 1), (6, 1), (7, 1), (6, 4), (7, 4)]


def test_a_place_lies_in_every_place_that_has_all_its_schools():
    rows, columns = np.array(SPLITS).T
    step = sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(8, 8)).tocsr()
    found = contained(all_within(step), step).toarray()
    assert found[1, 0] == 1, "one split"
    assert found[3, 0] == 2, "by way of the district"
    assert found[3, 4] == 2, "no split says so, its schools do"
    assert found[5, 2] == 1
    assert found[5, 4] == 0
    assert found[1, 3] == 0
    assert found[6, 6] == 1
