"""What `benchmarks.oracle` runs in another interpreter: gconfid on a table of students.

    PYTHON benchmarks/oracle_gconfid.py FOLDER MINIMUM WIDTH COST [COST]

FOLDER holds students.csv (unit_id and one column for each dimension) and hierarchy.txt. It receives
cells.csv, a row for each cell and whether it is hidden, and told.json. Nothing of roci is imported
here, and nothing else of roci imports this: gconfid is under the GPL and no dependency.
"""

import json
import sys
import time
from pathlib import Path

import gconfid
import pandas as pd

# One student is one contribution of 1. This rule alone finds only single students sensitive, so
# what is sensitive follows from the minimum.
NEUTRAL_RULE = "pq 0.5"


def main() -> None:
    folder, minimum, width = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    students = pd.read_csv(folder / "students.csv", dtype=str).assign(one=1.0)
    dimensions = [column for column in students if column not in ("unit_id", "one")]
    began = time.process_time()
    found = gconfid.Sensitivity(
        indata=students,
        unit_id="unit_id",
        var="one",
        dimension=" ".join(dimensions),
        hierarchy=(folder / "hierarchy.txt").read_text(),
        s_rule=NEUTRAL_RULE,
        min_resp=minimum,
        outcell="pandas",
        outconstraint="pandas",
        capture=None,
    )
    cells = found.outcell
    cells["Sensitivity"] = cells["Sensitivity"].where(cells["Sensitivity"] <= 0, width)
    done = gconfid.Suppression(
        incell=cells,
        inconstraint=found.outconstraint,
        cost_function1=sys.argv[4],
        cost_function2=sys.argv[5] if len(sys.argv) > 5 else None,
        outsuppress="pandas",
        capture=None,
    )
    seconds = time.process_time() - began
    of = done.outsuppress
    hidden = of[of["Type"] == "C"].assign(hidden=of["OutStatus"] == "X")
    hidden[[*dimensions, "hidden"]].to_csv(folder / "cells.csv", index=False)
    told = {"seconds": seconds, "aggregates": int((of["Type"] == "A").sum())}
    (folder / "told.json").write_text(json.dumps(told | {"version": gconfid.__version__}))


if __name__ == "__main__":
    main()
