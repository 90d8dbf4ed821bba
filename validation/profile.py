"""What a whole load looks like in figures, beside the last load of its kind.

Shares and counts only: nothing here is of one student.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import pandas as pd

from configs.models import Table, TableField

GROUPS = ("ethnicity", "gender")
SCORE = "scale_score"
# Below this many rows a share moves by twenty points by chance: four standard errors at 100 rows.
FEWEST_ROWS_COMPARED = 100
PROFILE_COLUMNS = {
    "metric": "str",
    "kind": "str",
    "field": "str",
    "code": "str",
    "value": "float64",
    "last": "float64",
    "change_points": "float64",
    "pct_of_last": "float64",
}


@dataclass(frozen=True)
class Metric:
    """One figure of a load: `row_count`, `school_count`, or a share in percent of all rows."""

    kind: str
    field: str
    code: str
    value: float

    @property
    def name(self) -> str:
        """Return the name under which the figure is kept.

        >>> Metric("group_share", "el_status", "EL", 20.0).name
        'group_share:el_status:EL'
        """
        return ":".join(part for part in (self.kind, self.field, self.code) if part)


def batch_profile(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    table: Table,
    last: Mapping[str, float] | None = None,
    directory: str | None = None,
) -> pd.DataFrame:
    """Return the figures of one load, one a row, beside those of the last load.

    Args:
        con: where `relation` and `directory` are known.
        relation: the load's good rows.
        table: what fields.yml says of their table.
        last: `profile_values` of the last load of the same kind; None where this is the first.
        directory: rows of the school directory (school_year, district_id, school_id); None where
            there is none to compare with.

    Returns:
        metric, kind, field, code, value, last, change_points (of shares, in percentage points),
        pct_of_last (of counts). `kind` is row_count, school_count, group_share (student groups),
        code_share (other codes), group_null_share, null_share, known_schools, and, of each
        assessment, subject and grade of at least 100 scores, mean_score and sd_score. What cannot
        be compared is NaN: the first load, and shares where either load has fewer than 100 rows.
        change_points of a mean is in standard deviations of the last load.
    """
    metrics = {metric.name: metric for metric in _metrics(con, relation, table, directory)}
    carried = {(metric.kind, metric.field) for metric in metrics.values()}
    for name in set(last or {}) - set(metrics):
        kind, field, code = (*name.split(":", 2), "", "")[:3]
        if kind in ("group_share", "code_share") and (kind, field) in carried:
            metrics[name] = Metric(kind, field, code, 0.0)
    rows_now = metrics["row_count"].value
    records = [_record(metric, last or {}, rows_now) for metric in metrics.values()]
    frame = pd.DataFrame(records, columns=list(PROFILE_COLUMNS)).astype(PROFILE_COLUMNS)
    return frame.sort_values(["kind", "field", "code"], ignore_index=True)


def profile_values(profile: pd.DataFrame) -> dict[str, float]:
    """Return the load's own figures by name, to be kept for the next load's `last`."""
    present = profile[profile["value"].notna()]
    return dict(zip(present["metric"], present["value"].astype(float), strict=True))


def _record(metric: Metric, last: Mapping[str, float], rows_now: float) -> tuple[object, ...]:
    nan = float("nan")
    before = last.get(metric.name, nan)
    if metric.kind.endswith("_score"):
        change, pct = _standardised(metric, before, last), nan
    elif metric.kind.endswith("_count"):
        change, pct = nan, (100 * metric.value / before if before else nan)
    else:
        enough = min(rows_now, last.get("row_count", 0)) >= FEWEST_ROWS_COMPARED
        if enough and metric.name not in last and _was_coded(metric, last):
            before = 0.0
        change, pct = (metric.value - before if enough else nan), nan
    return (metric.name, metric.kind, metric.field, metric.code, metric.value, before, change, pct)


def _standardised(metric: Metric, before: float, last: Mapping[str, float]) -> float:
    """Return by how many standard deviations of the last load a mean has moved."""
    spread = last.get(Metric("sd_score", metric.field, metric.code, 0.0).name, float("nan"))
    if metric.kind != "mean_score" or not spread:
        return float("nan")
    return (metric.value - before) / spread


def _was_coded(metric: Metric, last: Mapping[str, float]) -> bool:
    """Return whether the last load had any code of the field; a layout may not carry it at all."""
    return any(name.startswith(f"{metric.kind}:{metric.field}:") for name in last)


def _metrics(
    con: duckdb.DuckDBPyConnection, relation: str, table: Table, directory: str | None
) -> Iterator[Metric]:
    counted = ", ".join(f"count({name})" for name in table.fields)
    found = con.execute(f"SELECT count(*), {counted} FROM {relation}").fetchall()[0]
    rows = found[0]
    yield Metric("row_count", "", "", float(rows))
    for name, filled in zip(table.fields, found[1:], strict=True):
        kind = "group_null_share" if _is_group(name, table.fields[name]) else "null_share"
        yield Metric(kind, name, "", _pct(rows - filled, rows))
    for name, field in table.fields.items():
        if field.kind == "code":
            kind = "group_share" if _is_group(name, field) else "code_share"
            yield from _shares(con, relation, (kind, name), rows)
    if SCORE in table.fields and "grade" in table.fields:
        yield from _scores(con, relation)
    if {"district_id", "school_id"} <= set(table.fields):
        yield from _schools(con, relation, rows, directory)


def _shares(
    con: duckdb.DuckDBPyConnection, relation: str, share: tuple[str, str], rows: int
) -> Iterator[Metric]:
    kind, name = share
    query = f"SELECT {name}, count(*) FROM {relation} WHERE {name} IS NOT NULL GROUP BY 1"
    for code, count in con.execute(query).fetchall():
        yield Metric(kind, name, code, _pct(count, rows))


def _scores(con: duckdb.DuckDBPyConnection, relation: str) -> Iterator[Metric]:
    """Yield mean and standard deviation of the scores of each assessment, subject and grade."""
    query = f"""SELECT concat_ws(' ', assessment, subject, test_window, grade), avg({SCORE}),
            stddev_samp({SCORE})
        FROM {relation} GROUP BY ALL HAVING count({SCORE}) >= {FEWEST_ROWS_COMPARED} ORDER BY 1"""
    for cell, mean, spread in con.execute(query).fetchall():
        yield Metric("mean_score", SCORE, cell, float(mean))
        yield Metric("sd_score", SCORE, cell, float(spread))


def _schools(
    con: duckdb.DuckDBPyConnection, relation: str, rows: int, directory: str | None
) -> Iterator[Metric]:
    """Yield how many schools there are, and the share of rows whose school the directory knows.

    A year that the directory does not hold is looked up in all its years.
    """
    schools = f"""SELECT school_year, district_id, school_id, count(*) AS row_count
        FROM {relation} GROUP BY ALL"""
    distinct = f"SELECT count(DISTINCT (district_id, school_id)) FROM ({schools})"
    yield Metric("school_count", "", "", float(con.execute(distinct).fetchall()[0][0]))
    if directory is None or not con.execute(f"SELECT 1 FROM {directory} LIMIT 1").fetchall():
        return
    known = f"""SELECT coalesce(sum(row_count), 0) FROM ({schools})
        WHERE (school_year, district_id, school_id) IN
                (SELECT (school_year, district_id, school_id) FROM {directory})
            OR school_year NOT IN (SELECT school_year FROM {directory}) AND
                (district_id, school_id) IN (SELECT (district_id, school_id) FROM {directory})"""
    yield Metric("known_schools", "", "", _pct(con.execute(known).fetchall()[0][0], rows))


def _is_group(name: str, field: TableField) -> bool:
    """Return whether a field is a dimension of students: its codes are a vocabulary of its name."""
    return name in GROUPS or (name.endswith("_status") and field.vocabulary == name)


def _pct(part: float, whole: float) -> float:
    return 100 * float(part) / whole if whole else 0.0
