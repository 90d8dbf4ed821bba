"""What is told of a site's layer that is at fault."""

from pathlib import Path

import pytest

from configs.catalogue import load_catalogue
from configs.errors import ConfigurationError


def faults_of(site: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(site)
    assert caught.value.code == "BAD_CONFIGURATION"
    return str(caught.value)
