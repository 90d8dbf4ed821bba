"""Small made-up systems, published as marts: what is shown is chosen by each test."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from validation.audit.scheme import Scheme

SYSTEM = {
    "school_year": 2030,
    "assessment": "made_up",
    "subject": "math",
    "test_window": "annual",
}
NAME = (2030, "made_up", "math", "annual")
GROUPS = ("grade", "ethnicity", "gender")
KEY = ("org_level", "org_id", *GROUPS)
LEVELS = 4
SCHEME = Scheme(
    dimensions=GROUPS,
    codes={"ethnicity": ("A", "B"), "gender": ("F", "M")},
    minimum=11,
    bands=((11, 20), (20, 10), (40, 5), (100, 2), (300, 1)),
    proficient_from={"made_up": 3},
)


def students(counts):
    """One row per student of {(school, grade, ethnicity, gender): (students per level)}."""
    rows = [
        (school.split("/")[0], school, grade, ethnicity, gender, level)
        for (school, grade, ethnicity, gender), levels in counts.items()
        for level, count in enumerate(levels, start=1)
        for _ in range(count)
    ]
    return pd.DataFrame(rows, columns=["district", "school", *GROUPS, "level"])


def drawn(seed, most=12, schools=("D/1", "D/2"), grades=("03",), scheme=SCHEME):
    """Students at random, up to so many per school, grade and group."""
    rng = np.random.default_rng(seed)
    atoms = itertools.product(schools, grades, scheme.codes["ethnicity"], scheme.codes["gender"])
    share = [0.3, 0.25, 0.25, 0.2]
    return students({atom: rng.multinomial(rng.integers(0, most + 1), share) for atom in atoms})


def places_of(rows, partners, networks):
    places = [("all", "all", rows.index == rows.index)]
    for district in sorted(rows["district"].unique()):
        inside = rows["district"] == district
        places.append(("district", district, inside))
        if any(one.startswith(f"{district}/") for one in partners):
            places.append(("partner", district, inside & rows["school"].isin(partners)))
            places.append(("rest", district, inside & ~rows["school"].isin(partners)))
    for school in sorted(rows["school"].unique()):
        places.append(("school", school, rows["school"] == school))
    for name, schools in networks.items():
        places.append(("network", name, rows["school"].isin(schools)))
    return places


def cells_of(rows, scheme=SCHEME, partners=(), networks=None):
    """Every cell with its counts, empty ones of the vocabulary's codes too."""
    places = places_of(rows, partners, networks or {})
    grades = sorted(rows["grade"].unique())
    sides = [name for name in scheme.dimensions[1:] if name in scheme.rollups]
    crossed = [name for name in scheme.dimensions[1:] if name not in sides]
    found = []
    for level, own, inside in places:
        for grade in ("all", *grades):
            of = rows[inside & ((rows["grade"] == grade) | (grade == "all"))]
            for words in itertools.product(*(("all", *scheme.codes[name]) for name in crossed)):
                chosen = of
                for name, word in zip(crossed, words, strict=True):
                    chosen = chosen if word == "all" else chosen[chosen[name] == word]
                key = dict(zip(crossed, words, strict=True))
                found.append(
                    _cell(level, own, grade, {**key, **dict.fromkeys(sides, "all")}, chosen)
                )
            for side in sides:
                base, members = scheme.rollups[side]
                for code, union in members.items():
                    key = {**dict.fromkeys(scheme.dimensions[1:], "all"), side: code}
                    found.append(_cell(level, own, grade, key, of[of[base].isin(union)]))
    return pd.DataFrame(found)


def _cell(level, own, grade, groups, of):
    counts = {f"level_{k}": int((of["level"] == k).sum()) for k in range(1, LEVELS + 1)}
    return {"org_level": level, "org_id": own, "grade": grade, **groups, "n": len(of), **counts}


def publish(
    folder: Path, cells, shown, coded=(), levels=None, partners=(), scheme=SCHEME, rates=True
):
    """Write the marts: `shown` and `levels` are flags per cell; `coded` maps positions to codes.

    Without `rates` no cell tells its proficient.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = np.asarray(shown, dtype=bool)
    key = ["org_level", "org_id", *scheme.dimensions]
    rows = cells[key].assign(**SYSTEM)
    coding = np.where(shown, "exact", None)
    proficient = (cells["level_3"] + cells["level_4"]).to_numpy(dtype=float)
    n = cells["n"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        pct = np.round(100 * proficient / n, 1)
    for position, (word, limit) in dict(coded).items():
        coding[position], pct[position] = word, limit
    exact = shown & (coding == "exact")
    if not rates:
        proficient[:], pct[:] = np.nan, np.nan
    rows["n_tested"] = np.where(shown, n, np.nan)
    rows["n_proficient"] = np.where(exact, proficient, np.nan)
    rows["pct_proficient"] = np.where(shown, pct, np.nan)
    rows["mean_scale_score"] = np.nan
    rows["rate_coding"] = pd.Series(coding, index=rows.index, dtype="string")
    rows["suppressed"] = ~shown
    listed = shown | _hidden_rows(cells, shown, key)
    rows[listed].to_parquet(folder / "mart_achievement.parquet")
    _publish_levels(folder, cells, exact if levels is None else levels, key)
    known = sorted(set(cells.loc[cells["org_level"] == "school", "org_id"]))
    pd.DataFrame(
        {
            "school_year": 2030,
            "school_id": known,
            "district_id": [one.split("/")[0] for one in known],
            "is_partner": [one in partners for one in known],
        }
    ).to_parquet(folder / "dim_school.parquet")
    return folder


def school_by_gender(sizes):
    """Cells of one school's students by gender alone: {gender: (students per level)}."""
    made = cells_of(students({("D/1", "03", "A", gender): of for gender, of in sizes.items()}))
    alone = (made["ethnicity"] == "all") & (made["grade"] == "all")
    return made[alone].reset_index(drop=True)


def exact_twin(folder: Path, cells):
    """Write the restricted mart of the same cells, without those of nobody; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mart_achievement_unsuppressed.parquet"
    key = ["org_level", "org_id", *(name for name in GROUPS if name in cells)]
    held = cells[cells["n"] > 0]
    held[key].assign(**SYSTEM, n_tested=held["n"]).to_parquet(path)
    return path


def _publish_levels(folder, cells, told, key):
    pieces = [
        cells.loc[told, key].assign(
            **SYSTEM, performance_level=k, n=cells.loc[told, f"level_{k}"], suppressed=False
        )
        for k in range(1, LEVELS + 1)
    ]
    pd.concat(pieces).to_parquet(folder / "mart_level.parquet")


def _hidden_rows(cells, shown, key):
    """A hidden or empty cell has a row where everything that it lies in by one step is shown."""
    at = {tuple(row): n for n, row in enumerate(cells[key].astype(str).to_numpy())}
    listed = np.zeros(len(cells), dtype=bool)
    for row, n in at.items():
        around = []
        for d in range(2, len(key)):
            if row[d] != "all":
                around.append((*row[:d], "all", *row[d + 1 :]))
        if row[0] == "school":
            around.append(("district", row[1].split("/")[0], *row[2:]))
        elif row[0] in ("partner", "rest"):
            around.append(("district", *row[1:]))
        elif row[0] == "district":
            around.append(("all", "all", *row[2:]))
        listed[n] = not shown[n] and all(shown[at[one]] for one in around)
    return listed


def position(cells, **words):
    """The position of the cell of these words, all of the rest."""
    chosen = np.ones(len(cells), dtype=bool)
    groups = [name for name in cells.columns if name not in ("n", "org_level", "org_id")]
    wanted = {"org_level": "all", "org_id": "all"}
    wanted |= {name: "all" for name in groups if not name.startswith("level_")}
    for name, word in (wanted | words).items():
        chosen &= (cells[name] == word).to_numpy()
    return int(np.flatnonzero(chosen)[0])


def add_rows(folder, mart, rows, scheme=SCHEME):
    """Write a derived mart: rows as dictionaries, groups that are not named are all."""
    whole = {**SYSTEM, "org_level": "all", "org_id": "all", "suppressed": False}
    whole |= dict.fromkeys(scheme.dimensions, "all")
    pd.DataFrame([whole | row for row in rows]).to_parquet(folder / f"{mart}.parquet")


def alter(folder, mart, where, **values):
    """Change rows of a mart in place."""
    path = folder / f"{mart}.parquet"
    frame = pd.read_parquet(path)
    chosen = np.ones(len(frame), dtype=bool)
    for name, word in where.items():
        chosen &= (frame[name] == word).to_numpy()
    assert chosen.any()
    for name, value in values.items():
        frame.loc[chosen, name] = value
    frame.to_parquet(path)
