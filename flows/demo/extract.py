"""An extract before it is written: columns of text under a real layout's header, and its bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

import configs

Texts = NDArray[np.object_]
FIRST_DATA_ROW = 2
EMPTY_MARK = "\x1f"


@dataclass(frozen=True)
class Form:
    """How an extract's bytes look; values never hold the delimiter, so nothing is quoted."""

    delimiter: str = ","
    newline: str = "\n"
    encoding: str = "utf-8"
    empty: str = ""


@dataclass(frozen=True)
class Extract:
    """A file in the making.

    Attributes:
        path: where it lands, relative to landing/.
        source: the source that claims it.
        header: every column of the layout, in order.
        columns: the text of those columns that are not blank throughout, all of one length.
        form: delimiter, line ends, encoding.
    """

    path: str
    source: str
    header: tuple[str, ...]
    columns: Mapping[str, Texts]
    form: Form = Form()

    def __post_init__(self) -> None:
        """Refuse columns that the layout does not have: they would be lost without a word."""
        unknown = sorted(set(self.columns) - set(self.header))
        if unknown:
            raise ValueError(f"{self.path}: the layout has no column {', '.join(unknown)}")

    def __len__(self) -> int:
        """Return the number of data rows."""
        return len(next(iter(self.columns.values())))

    def with_values(self, column: str, rows: NDArray[np.int64], values: object) -> Extract:
        """Return a copy in which these rows of a column hold other values."""
        changed = self.columns[column].copy()
        changed[rows] = values
        return replace(self, columns={**self.columns, column: changed})

    def taking(self, rows: NDArray[np.int64]) -> Extract:
        """Return a copy of just these rows, in this order; a row may come twice."""
        return replace(self, columns={name: text[rows] for name, text in self.columns.items()})

    def encode(self) -> bytes:
        """Return the bytes of the file."""
        return _encode(self, [self.columns.get(name) for name in self.header])


def header_list(name: str) -> tuple[str, ...]:
    """Return the columns of a layout, from the very list that its source is read by."""
    path = Path(configs.__file__).parent / "sources" / "headers" / f"{name}.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def source_rows(rows: NDArray[np.int64]) -> list[int]:
    """Return the rows as a spreadsheet numbers them: the header is row 1."""
    return [int(row) + FIRST_DATA_ROW for row in np.sort(rows)]


def _encode(extract: Extract, columns: list[Texts | None]) -> bytes:
    form, count = extract.form, len(extract)
    arrays = [_array(column, count, mark_empty=bool(form.empty)) for column in columns]
    names = [f"c{position}" for position in range(len(arrays))]
    options = pacsv.WriteOptions(
        include_header=False, delimiter=form.delimiter, quoting_style="none", batch_size=4096
    )
    body = io.BytesIO()
    pacsv.write_csv(pa.Table.from_arrays(arrays, names=names), body, options)
    content = form.delimiter.join(extract.header).encode() + b"\n" + body.getvalue()
    content = content.replace(EMPTY_MARK.encode(), form.empty.encode())
    content = content.replace(b"\n", form.newline.encode())
    return content if form.encoding == "utf-8" else content.decode().encode(form.encoding)


def _array(column: Texts | None, count: int, *, mark_empty: bool) -> pa.Array:
    """Return a column for the writer, which refuses quotes: an empty text is marked instead."""
    empty = EMPTY_MARK if mark_empty else ""
    if column is None:
        return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int8()), count), [empty])
    array = pa.array(column, pa.string())
    return pc.if_else(pc.equal(array, ""), empty, array) if mark_empty else array
