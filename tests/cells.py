"""Which cells of the marts a test asks for: those of all students, or of one group and no other."""

from __future__ import annotations

from pathlib import Path

import yaml

import configs
from configs.mart_models import Marts

MARTS = Marts.model_validate(
    yaml.safe_load(Path(configs.__file__).with_name("marts.yml").read_text(encoding="utf-8"))
)


def whole(*but: str) -> str:
    """Return SQL that is true where the grade and every dimension are 'all', `but` those named."""
    columns = [column for column in ("grade", *MARTS.dimensions) if column not in but]
    return " AND ".join(f"{column} = 'all'" for column in columns)
