"""The queries of the dashboard, with Grafana's variables replaced as Grafana replaces them."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .server import SCRAPE_INTERVAL_S

ROOT = Path(__file__).parents[2]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "contrib" / "grafana" / "ble_exporter.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


class Target(NamedTuple):
    """A query of a panel."""

    panel: str
    letter: str
    expression: str
    is_instant: bool

    @property
    def id(self) -> str:
        """The name of the test case."""
        return f"{self.panel}-{self.letter}"


TARGETS = [
    Target(panel["title"], target["refId"], target["expr"], target["instant"])
    for panel in PANELS
    for target in panel["targets"]
]
"""Every query of the dashboard."""


def variable_queries() -> Mapping[str, str]:
    """Return the queries of the dashboard's variables, by name."""
    return {one["name"]: one["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"}


def interpolated(expression: str, variables: Mapping[str, str]) -> str:
    """Return an expression with all variables replaced; fail if there is an unknown one."""
    return re.sub(r"\$(\w+)", lambda found: variables[found[1]], expression)


def all_of(values: Sequence[str]) -> str:
    """
    Return the regular expression by which Grafana replaces a variable with several chosen values.

    Grafana escapes each value for RE2, and the backslashes again for the quotes in the query.
    """
    return "(" + "|".join(re.sub(r"[\\^$*+?.()|{}\[\]']", r"\\\\\g<0>", value) for value in values) + ")"


def rate_interval(step_s: int) -> str:
    """Return Grafana's `$__rate_interval` for a step of the graph."""
    return f"{max(step_s + SCRAPE_INTERVAL_S, 4 * SCRAPE_INTERVAL_S)}s"
