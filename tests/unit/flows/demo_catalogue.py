"""What the demonstration's tests share: the cut scores, and a plain reader of its files."""

import csv
import io
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import yaml

import configs
from configs.assessment_models import Assessment


@cache
def catalogue() -> SimpleNamespace:
    """The assessments alone: that is all of the configuration that the generator reads."""
    folder = Path(configs.__file__).parent / "assessments"
    names = ("caaspp_sb", "cast")
    texts = {name: (folder / f"{name}.yml").read_text(encoding="utf-8") for name in names}
    return SimpleNamespace(
        assessments={name: Assessment(**yaml.safe_load(text)) for name, text in texts.items()}
    )


def rows_of(path: Path, delimiter: str = ",") -> list[list[str]]:
    """Every row of a delimited file, the header first."""
    text = path.read_bytes().decode("utf-8-sig")
    quoting = csv.QUOTE_NONE if delimiter == "^" else csv.QUOTE_MINIMAL
    return list(csv.reader(io.StringIO(text), delimiter=delimiter, quoting=quoting))
