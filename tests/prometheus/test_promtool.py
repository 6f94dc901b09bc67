"""Prometheus' own checker accepts the metrics and the configurations in the documentation."""

import re
from pathlib import Path

import pytest

from ble_exporter.metrics.families import FAMILIES

from .exporter import Exporter
from .promtool import Verdict, check

pytestmark = pytest.mark.prometheus

_ROOT = Path(__file__).parents[2]
_SCRAPE_CONFIGURATION = re.compile(r"^```yaml\n((?:rule_files|scrape_configs):.*?)^```", re.MULTILINE | re.DOTALL)


def test_metrics_of_the_simulation_are_clean(promtool: Path, simulation: Exporter) -> None:
    """Most users have these metrics, so their names, units, types and help texts must be conventional."""
    expected = Verdict(0, "")
    assert expected == check(promtool, "check", "metrics", given=simulation.exposition())


def test_metrics_of_every_object_are_clean(promtool: Path, still: Exporter) -> None:
    """Few sensors have these families, but a name that is used in a dashboard can't be corrected later."""
    expected = Verdict(0, "")
    assert expected == check(promtool, "check", "metrics", given=still.exposition())


@pytest.mark.usefixtures("promtool")
def test_every_object_has_its_family(still: Exporter) -> None:
    """The check above covers only the families that are exposed, so every family must be exposed."""
    exposed = {labels["__name__"] for labels, _value in still.series()}
    assert not {family.metric for family in FAMILIES.values()} - exposed


@pytest.mark.parametrize("page", ["README.md", "docs/prometheus.md"])
def test_documented_configuration_is_valid(promtool: Path, tmp_path: Path, page: str) -> None:
    """A new user copies this configuration first, and Prometheus must accept it."""
    found = _SCRAPE_CONFIGURATION.findall((_ROOT / page).read_text(encoding="utf-8"))
    if not found:
        pytest.fail(f"{page} has no ```yaml block with a configuration of Prometheus", pytrace=False)
    paths = []
    for number, configuration in enumerate(found):
        paths.append(tmp_path / f"prometheus-{number}.yml")
        paths[-1].write_text(configuration, encoding="utf-8")
    verdict = check(promtool, "check", "config", *paths)
    assert not verdict.status, verdict.output
