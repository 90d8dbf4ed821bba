"""The page that Great Expectations draws, its templates compiled once.

A site has a view for each of its sections, each with an environment of its own that compiles every
template anew: a tenth of the time of a small load. They share the first one's.
"""

from __future__ import annotations

from typing import Any

from great_expectations.render.view import DefaultJinjaPageView

_ENVIRONMENTS: list[Any] = []


class PageView(DefaultJinjaPageView):
    """Draws as its parent does; named in the site that `gx_runner` states."""

    def __init__(self, **directories: Any) -> None:
        super().__init__(**directories)
        _ENVIRONMENTS.append(self.env)
        del _ENVIRONMENTS[1:]
        self.env = _ENVIRONMENTS[0]
