"""How the organisations of a system lie within one another."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from transforms.suppress_sets import Ints


def split_parts(organisations: pd.MultiIndex, splits: pd.DataFrame) -> pd.DataFrame:
    """Returns `split`, `parent` and `child` by number, -1 for an organisation without a cell.

    Args:
        organisations: the level and id of each number.
        splits: how organisations add up, as `suppress.protect` takes it.
    """
    ends = {
        end: organisations.get_indexer(
            pd.MultiIndex.from_arrays(
                [splits[f"{end}_{part}"].astype("string[pyarrow]") for part in ("level", "id")]
            )
        )
        for end in ("parent", "child")
    }
    return pd.DataFrame({"split": pd.factorize(splits["split"])[0], **ends})


def steps(child: Ints, parent: Ints, count: int) -> sparse.csr_array:
    """Returns which of the organisations is a part of which by any one split."""
    ends = np.ones(len(child)), (child, parent)
    return sparse.coo_array(ends, shape=(count, count)).tocsr()


def all_within(step: sparse.csr_array) -> sparse.csr_array:
    """Returns which organisation lies within which, over every split, itself included."""
    reach = sparse.eye_array(step.shape[0], format="csr")
    while True:
        further = ((reach + reach @ step) > 0).astype(np.float64)
        if further.nnz == reach.nnz:
            return further.tocsr()
        reach = further


def contained(within: sparse.csr_array, step: sparse.csr_array) -> sparse.csr_array:
    """Returns which organisation's schools are all among another's: 1 for one split, 2 for more.

    By whatever way: the other schools of a district may all be in one network. Itself counts as 1.
    """
    has_others = within.sum(axis=0) > 1
    schools = within[np.flatnonzero(~has_others)].T.tocsr()
    common = (schools @ schools.T).tocoo()
    is_whole = common.data == np.asarray(schools.sum(axis=1)).ravel()[common.row]
    ends = common.row[is_whole], common.col[is_whole]
    far = sparse.coo_array((np.full(len(ends[0]), 2.0), ends), shape=within.shape).tocsr()
    near = (step + sparse.eye_array(step.shape[0], format="csr")) > 0
    return far - far.multiply(near) / 2
