"""Many tests at once: p-values adjusted so that few of those called different are not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def benjamini_hochberg(
    p_values: ArrayLike, families: ArrayLike, hypotheses: ArrayLike | None = None
) -> Floats:
    """Return each p-value adjusted within its family, by the step-up procedure.

    Of m values in order, p(1) <= ... <= p(m), the i-th becomes the least m p(j) / j of all j >= i,
    at most 1. Who calls different what has at most q here errs, on average, in at most a share q of
    what is called different. A family's NaNs stay NaN and are not counted in m.

    Source: Y. Benjamini, Y. Hochberg, Controlling the false discovery rate: a practical and
    powerful approach to multiple testing, Journal of the Royal Statistical Society B 57 (1995),
    289-300; adjusted values as in D. Yekutieli, Y. Benjamini, Journal of Statistical Planning and
    Inference 82 (1999), 171-196.

    Args:
        p_values: from 0 to 1.
        families: for each p-value the number of its family.
        hypotheses: for each p-value the number of what it tests. What stands more than once in a
            family has the same p-value each time and is counted in m once. None: all are others.

    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.04], [1, 1, 1, 2]).round(3).tolist()
    [0.03, 0.04, 0.04, 0.04]
    >>> benjamini_hochberg([0.01, 0.01, 0.04], [1, 1, 1], [7, 7, 8]).round(3).tolist()
    [0.02, 0.02, 0.04]
    """
    p, family = np.asarray(p_values, dtype=np.float64), np.asarray(families)
    known = np.flatnonzero(~np.isnan(p))
    tested = np.arange(p.size) if hypotheses is None else np.asarray(hypotheses)
    tests = np.column_stack([family[known], tested[known]])
    _, first, of_test = np.unique(tests, axis=0, return_index=True, return_inverse=True)
    adjusted = np.full(p.shape, np.nan)
    adjusted[known] = _raised(p[known][first], family[known][first])[of_test.ravel()]
    return adjusted


def _raised(p: Floats, family: NDArray[Any]) -> Floats:
    """Return p-values adjusted within their families, none missing and all of other tests."""
    adjusted = np.empty_like(p)
    order = np.lexsort((p, family))
    for members in np.split(order, np.flatnonzero(np.diff(family[order])) + 1):
        raised = p[members] * members.size / np.arange(1, members.size + 1)
        adjusted[members] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return adjusted
