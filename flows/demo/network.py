"""The invented network of the demonstration: two districts and their twelve schools.

Every name is made up. County 01 is kept so that a spreadsheet can lose its leading zero, and the
district and school codes are of ranges that the state has not issued.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

COUNTY_CODE = "01"
COUNTY_NAME = "Example County"
STATE_NAME = "Example State"
SCHOOL_YEARS = (2022, 2023, 2024)
KINDERGARTEN = 0


@dataclass(frozen=True)
class District:
    """A district: its five-digit code in the county and what other systems call it."""

    code: str
    name: str
    state_number: str

    @property
    def district_id(self) -> str:
        """Return the seven digits of county and district."""
        return COUNTY_CODE + self.code

    @property
    def cds(self) -> str:
        """Return the fourteen digits of the district itself."""
        return self.district_id + "0000000"


@dataclass(frozen=True)
class School:
    """A school: its codes, the grades it teaches (kindergarten is 0) and who supports it."""

    district: District
    code: str
    name: str
    grades: tuple[int, int]
    state_number: str
    is_partner: bool = False
    charter_code: str = ""

    @property
    def cds(self) -> str:
        """Return the fourteen digits of county, district and school."""
        return self.district.district_id + self.code

    @property
    def key(self) -> str:
        """Return `district_id/school_id`, the school's name in the marts."""
        return f"{self.district.district_id}/{self.code}"

    @property
    def level(self) -> str:
        """Return Elementary, Middle or High by the highest grade."""
        return "Elementary" if self.grades[1] <= 5 else "Middle" if self.grades[1] <= 8 else "High"


LANTERN = District("99017", "Lanternfield Unified", "880")
CORRIN = District("99025", "Corrin Vale Unified", "1880")
DISTRICTS = (LANTERN, CORRIN)

SCHOOLS = (
    School(LANTERN, "6990013", "Quillback Elementary", (0, 5), "7101", is_partner=True),
    School(LANTERN, "6990021", "Montaña Quieta Elementary", (0, 5), "7102", is_partner=True),
    School(LANTERN, "6990039", "Tolliver Bend Elementary", (0, 5), "7103"),
    School(LANTERN, "0199914", "Paper Kite Charter", (0, 5), "7104", charter_code="9914"),
    School(LANTERN, "6990047", "Harrowgate Middle", (6, 8), "7105", is_partner=True),
    School(LANTERN, "6990054", "Larkspire Middle", (6, 8), "7106"),
    School(LANTERN, "0199922", "Lanternfield High", (9, 12), "7107"),
    School(CORRIN, "6990062", "Thimbleberry Primary", (0, 4), "7108"),
    School(CORRIN, "6990070", "Copperleaf Elementary", (0, 5), "7109", is_partner=True),
    School(CORRIN, "6990088", "Corrin Vale Middle", (5, 8), "7110"),
    School(CORRIN, "0199930", "Corrin Vale High Lower Campus", (9, 10), "7111"),
    School(CORRIN, "0199948", "Corrin Vale High Upper Campus", (11, 12), "7112"),
)
PARTNERS = tuple(school for school in SCHOOLS if school.is_partner)

# The elementary school where a student begins, and the schools that follow it, by position.
FEEDER_CHAINS = {
    0: (0, 4, 6),
    1: (1, 4, 6),
    2: (2, 5, 6),
    3: (3, 5, 6),
    7: (7, 9, 10, 11),
    8: (8, 9, 10, 11),
}

NETWORK_NAME = "quiet_bend"
NETWORK_TITLE = "Quiet Bend schools"
# Two partner schools and two others, so that a network is not just the partners again.
NETWORK_SCHOOLS = (SCHOOLS[1], SCHOOLS[2], SCHOOLS[4], SCHOOLS[8])


def school_of(home: int, grade: int) -> int:
    """Return the position of the school that teaches a grade to those who begin at `home`.

    >>> SCHOOLS[school_of(7, 5)].name
    'Corrin Vale Middle'
    """
    for position in FEEDER_CHAINS[home]:
        lowest, highest = SCHOOLS[position].grades
        if lowest <= grade <= highest:
            return position
    raise ValueError(f"no school of the chain from {home} teaches grade {grade}")


def site_configuration(folder: Path) -> Path:
    """Write the installation's own layer (`ROCI_CONFIG`) that names partners and a network.

    Returns:
        The folder, which now holds `network.yml`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "partner_schools": [school.key for school in PARTNERS],
        "networks": {
            NETWORK_NAME: {
                "title": NETWORK_TITLE,
                "schools": [school.key for school in NETWORK_SCHOOLS],
            }
        },
    }
    text = "# Written by the demonstration: its partner schools and one network.\n"
    text += yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (folder / "network.yml").write_text(text, encoding="utf-8")
    return folder
