"""Which published cells moved a little between two publications: SQL over the marts of both."""

from __future__ import annotations

from collections.abc import Sequence

# What of a cell must not be another while its students are as many. Rounded ones may hide a change.
SAME_STUDENTS = ("n_proficient", "mean_scale_score", "distance_from_standard", "performance_index")


def moved_levels_sql(then: str, now: str, key: Sequence[str]) -> str:
    """Return SQL of the cells, by `key`, of which some level is shown in both with another count.

    Args:
        then: relation with the key, `performance_level` and `n`, null where hidden.
        now: the same of the later publication.
        key: the columns that name a cell.
    """
    columns = ", ".join(key)
    return (
        f"SELECT DISTINCT {columns} FROM {then} AS t JOIN {now} AS n "
        f"USING ({columns}, performance_level) WHERE t.n <> n.n"
    )


def moved_cells_sql(
    then: str, now: str, key: Sequence[str], minimum: int, levels: str | None = None
) -> str:
    """Return SQL of `assessment`, `school_year` and `cells`: how many cells moved a little.

    That is a cell that both show, and whose students are 1 to `minimum` - 1 more or fewer, or as
    many while anything else that both show of it is another: that is of as few as one student. A
    cell that gained and lost as many students is counted too, since numbers cannot tell it. Slices
    of which no cell did so are left out.

    Args:
        then: relation of mart_achievement as published before.
        now: the same as it would be published.
        key: the columns that name a cell, `assessment` and `school_year` among them.
        minimum: from how many students on a move may be seen.
        levels: relation of the cells whose levels moved (`moved_levels_sql`).
    """
    columns = ", ".join(key)
    other = [f"t.{name} <> n.{name}" for name in SAME_STUDENTS]
    join = ""
    if levels is not None:
        join = f"LEFT JOIN (SELECT *, true AS levels_moved FROM {levels}) USING ({columns})"
        other.append("levels_moved")
    changed = " OR ".join(f"coalesce({condition}, false)" for condition in other)
    return (
        f"SELECT assessment, school_year, count(*) AS cells "
        f"FROM {then} AS t JOIN {now} AS n USING ({columns}) {join} "
        f"WHERE abs(t.n_tested - n.n_tested) BETWEEN 1 AND {minimum - 1} "
        f"OR (t.n_tested = n.n_tested AND ({changed})) GROUP BY ALL"
    )
