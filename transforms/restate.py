"""How published numbers would move: each cell as it is shown now and as it would be shown."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = ("n_tested", "pct_proficient", "mean_scale_score")
COMPARED = (*SHOWN, "n_proficient", "pct_proficient_low", "pct_proficient_high", "rate_coding")
# What becomes of a cell: the first three move a published number.
MOVES, APPEARS, VANISHES = "moves", "appears", "vanishes"
SAME, HIDDEN = "same", "hidden"
MOVING = (MOVES, APPEARS, VANISHES)


def moves_sql(before: str, after: str, key: Sequence[str]) -> str:
    """Return SQL of every cell that is published now or would be, ordered by its key.

    Columns: the key, `org_name`, `before_<m>` and `after_<m>` of SHOWN as published (null where
    the cell is suppressed or not there, never what suppression hides), and `change`: `moves` (shown
    before and after, and any number of it differs), `appears`, `vanishes`, `same`, `hidden`
    (suppressed or missing both ways).

    Args:
        before: `mart_achievement` as it is published.
        after: the same as it would be.
        key: the columns that identify a cell.
    """
    numbers = ", ".join(
        f"{side[0]}.{m} AS {side}_{m}" for m in SHOWN for side in ("before", "after")
    )
    differs = " OR ".join(f"b.{m} IS DISTINCT FROM a.{m}" for m in COMPARED)
    return f"""
        SELECT {", ".join(key)}, coalesce(a.org_name, b.org_name) AS org_name, {numbers},
            CASE WHEN b.is_shown AND a.is_shown THEN if({differs}, '{MOVES}', '{SAME}')
                WHEN a.is_shown THEN '{APPEARS}' WHEN b.is_shown THEN '{VANISHES}'
                ELSE '{HIDDEN}' END AS change
        FROM (SELECT *, NOT suppressed AS is_shown FROM {before}) AS b
        FULL JOIN (SELECT *, NOT suppressed AS is_shown FROM {after}) AS a
            USING ({", ".join(key)})
        ORDER BY {", ".join(key)}
    """
