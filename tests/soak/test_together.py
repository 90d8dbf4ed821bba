"""Two nightlies and a rerun at once: each waits for its turn, the marts are as after one."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from tests.flow.as_configured import publishing
from tests.soak.kills import Tally, not_whole
from tests.soak.story import NIGHTLY, Place

pytestmark = pytest.mark.soak


def oldest_results(place: Place) -> str:
    """Return the load to be done again: of a year that no nightly replaces meanwhile."""
    told = place.run("loads", "--source", "results_csv", "--state", "loaded", "--json")
    return json.loads(told.said)[-1]["load_id"]


def mended_site(folder: Path) -> str:
    """Return a site whose source differs in a threshold, so that a rerun has work to do."""
    site = publishing(folder / "site")
    (site / "sources").mkdir()
    threshold = "threshold: {rejected_pct: 6}\n"
    (site / "sources" / "results_csv.yml").write_text(threshold, "utf-8")
    return str(site)


def test_two_nightlies_and_a_rerun_at_once_publish_the_same(
    rehearsals, soak_seed, soak_budget, tmp_path
):
    rehearsal, site = rehearsals("sqlite"), mended_site(tmp_path)
    chance, tally, began = random.Random(soak_seed), Tally(), time.monotonic()
    while not tally.tried or time.monotonic() - began < soak_budget:
        with rehearsal.before(1) as place:
            again = ("rerun", oldest_results(place))
            jobs = [place.job(*words, config=site) for words in (NIGHTLY, NIGHTLY, again)]
            chance.shuffle(jobs)
            ended = place.forge.together(jobs)
            wrong = ["a traceback" for one in ended if "Traceback" in one.said]
            wrong += [one.said for one in ended if one.code not in (0, 1)]
            differing = set(place.content().items()) ^ set(rehearsal.expected[1].items())
            wrong += [f"other content of {name}" for name, _ in sorted(differing)]
            if (left := not_whole(place)) is not None:
                wrong.append(left)
        tally.tried += 1
        tally.codes.update(one.code for one in ended)
        if wrong:
            tally.differences.append("\n".join(wrong))
            print(tally.differences[-1], flush=True)  # noqa: T201
    print(tally.told("together", soak_seed))  # noqa: T201
    assert not tally.differences, "\n".join(tally.differences)
