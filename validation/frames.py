"""Arrow columns as the checks want them: pandas for Pandera, plain numpy for the row rules.

Nothing is copied that need not be: a dictionary column becomes a Categorical over the same codes,
every other column a pandas column over the same Arrow buffers.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """Return the column as one array, its dictionaries unified."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined


class Coded:
    """A dictionary column: per row the position of its label, -1 where the row has none."""

    def __init__(self, array: pa.Array) -> None:
        if not pa.types.is_dictionary(array.type):
            array = array.dictionary_encode()
        positions = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        labels = array.dictionary.dictionary_encode()
        if len(labels.dictionary) != len(array.dictionary):
            # Several entries that say the same, or null as an entry: pandas refuses both.
            moved = labels.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            positions = np.append(moved, -1)[positions]
        self.positions: np.ndarray = positions
        self._labels = labels.dictionary

    @cached_property
    def labels(self) -> list[str]:
        """Return the distinct labels, in the order that the positions count them."""
        return self._labels.to_pylist()

    def categorical(self) -> pd.Categorical:
        """Return the column as pandas sees it."""
        categories = pd.Index(self._labels.to_pandas(), copy=False)
        return pd.Categorical.from_codes(self.positions, categories=categories, validate=False)

    def map(self, by_label: dict[str, int], otherwise: int = -1) -> np.ndarray:
        """Return per row the number of its label; `otherwise` where there is none."""
        numbers = [by_label.get(label, otherwise) for label in self.labels]
        return np.array([*numbers, otherwise], dtype=np.int32)[self.positions]

    def equals(self, label: str) -> np.ndarray:
        """Return per row whether it has this label."""
        if label not in self.labels:
            return np.zeros(len(self.positions), dtype=bool)
        return self.positions == self.labels.index(label)


def frame_column(column: pa.ChunkedArray) -> pd.Series | pd.Categorical:
    """Return a column as pandas sees it, without copying its values."""
    array = one_chunk(column)
    if pa.types.is_dictionary(array.type):
        return Coded(array).categorical()
    return pd.Series(pd.arrays.ArrowExtensionArray(array), copy=False)


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Return numbers, or dates as days since 1970, with NaN where there is none."""
    array = one_chunk(column)
    if pa.types.is_date32(array.type):
        array = array.cast(pa.int32())
    return pc.cast(array, pa.float64()).to_numpy(zero_copy_only=False)
