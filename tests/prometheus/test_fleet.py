"""
A fleet: one exporter dies, the central server is down for a while, and the merged series has no gap.

The server is down for FLEET_OUTAGE_S seconds (default: 5).
"""

import json
import os
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from .fleet import ATTIC, CELLAR, LOOKBACK_S, PLACES, inventory, start_agent, start_places, start_server, targets
from .programs import Launch, free_ports, wait_for
from .promtool import FLEET, check
from .server import SCRAPE_INTERVAL_S, Prometheus, Samples

pytestmark = pytest.mark.prometheus

_PAGE = Path(__file__).parents[2] / "docs" / "fleet.md"
_OUTAGE_S = float(os.environ.get("FLEET_OUTAGE_S", "5"))
_RECORDED = "job_device:ble_sensor_temperature_celsius:strongest"
_BEFORE_S = 3 * SCRAPE_INTERVAL_S
"""The shortest time for which each state of the fleet lasts, in seconds."""


def test_the_server_s_configuration_is_valid(promtool: Path) -> None:
    """The owner of a fleet copies this file, and a server with an invalid file does not start."""
    verdict = check(promtool, "check", "config", FLEET / "prometheus.yml")
    assert not verdict.status, verdict.output


def test_the_agent_s_configuration_is_valid(promtool: Path) -> None:
    """In agent mode, Prometheus refuses some keys; the owner of a distant Pi must not learn this after a restart."""
    verdict = check(promtool, "check", "config", "--agent", FLEET / "agent.yml")
    assert not verdict.status, verdict.output


def test_an_agent_s_exporter_is_not_a_target() -> None:
    """If both files are copied as they are, the server must not get the same series from the agent and by scraping."""
    config = yaml.safe_load((FLEET / "agent.yml").read_text(encoding="utf-8"))
    labelled = [one["static_configs"][0]["labels"]["instance"] for one in config["scrape_configs"]]
    named = {*labelled, config["remote_write"][0]["basic_auth"]["username"]}
    scraped = {one["labels"]["__exporter"] for one in json.loads((FLEET / "targets.json").read_text(encoding="utf-8"))}
    assert ({"hut"}, {"attic", "cellar"}) == (named, scraped)


class Story(NamedTuple):
    """A fleet after all events, and their Unix times."""

    server: Prometheus
    began: float
    killed: float
    ended: float

    def each_second(self, expression: str) -> list[Samples]:
        """Return the values of an expression for each second, from the beginning to the end."""
        return self.server.range(expression, round(time.time() - self.began))

    def largest_gap_s(self, series: Samples) -> float:
        """Return the longest time without a value, between the beginning and the end."""
        times = [self.began, *(at for at in series.values if self.began <= at <= self.ended), self.ended]
        return max(later - earlier for earlier, later in pairwise(times))


@pytest.fixture(scope="module")
def story(launch: Launch, prometheus_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The attic's exporter is killed, then the server. The server starts again, and the agent sends its samples."""
    folder = tmp_path_factory.mktemp("fleet", numbered=False)
    names = ("agent", "server", "inventory", "barn", *(place.name for place in PLACES))
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with inventory(ports["inventory"], targets("barn", ports["barn"])):
        server, running = start_server(launch, prometheus_program, folder, ports, "server")
        # The server and the agent begin to scrape after 5 s; meanwhile, the exporters start.
        agent, sender = start_agent(launch, prometheus_program, folder, ports, (ATTIC, CELLAR))
        programs = start_places(launch, folder, ports, round(_OUTAGE_S + 300))
        server.wait_for(f"{_RECORDED} == {ATTIC.celsius}")
        began = time.time()
        server.wait_for(f"count_over_time(({_RECORDED} == {ATTIC.celsius})[{_BEFORE_S}s:1s]) >= {_BEFORE_S}")
        killed = time.time()
        programs[ATTIC.name].kill()
        server.wait_for(f"count_over_time(({_RECORDED} == {CELLAR.celsius})[{_BEFORE_S}s:1s]) >= {_BEFORE_S}")
        running.kill()
        wait_for(lambda: agent.lag_s() >= _OUTAGE_S, "the agent has kept the samples of the outage", _OUTAGE_S)
        up = time.time()
        server, _ = start_server(launch, prometheus_program, folder, ports, "server-again")
        server.wait_for(f'timestamp(ble_sensor_seen{{instance="{CELLAR.name}"}}) > {up + _BEFORE_S}')
        # The agent may be late with later samples.
        yield Story(server, began, killed, up + _BEFORE_S)
        # With SIGTERM, an agent tries for a minute to send its last samples.
        sender.kill()


def _documented_query() -> str:
    (found,) = re.findall(r"^```promql\n(max without .*?)^```$", _PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_merged_series_has_no_gap(story: Story) -> None:
    """A graph of the documented query must show the hours in which only the agent had the samples."""
    (merged,) = story.each_second(_documented_query())
    assert story.largest_gap_s(merged) <= 2 * SCRAPE_INTERVAL_S


def test_the_merged_series_changes_once(story: Story) -> None:
    """A graph must not flicker between exporters: the source changes only when the strongest exporter dies."""
    (merged,) = story.each_second(_documented_query())
    # On a busy machine, a scrape may fail, and the next exporter then gives the value.
    (scraped,) = story.each_second(f'({_documented_query()}) and on () up{{instance="{ATTIC.name}"}} == 1')
    # In the last _BEFORE_S before the death, the value was the same. Earlier, not all exporters had been scraped.
    before = {value for at, value in scraped.values.items() if story.killed - _BEFORE_S < at <= story.killed}
    settled = story.killed + LOOKBACK_S + SCRAPE_INTERVAL_S
    after = {value for at, value in merged.values.items() if settled < at <= story.ended}
    assert ({ATTIC.celsius}, {CELLAR.celsius}) == (before, after)


def test_the_rule_has_a_gap(story: Story) -> None:
    """The documentation says that Prometheus evaluates no rule for past times; if this changes, so must the page."""
    (missing,) = story.each_second(f"({_documented_query()}) unless on (job, device) {_RECORDED}")
    # Queries find the last value before the outage for LOOKBACK_S more; the times of the scrapes may add a second.
    assert len(missing.values) >= _OUTAGE_S - LOOKBACK_S - SCRAPE_INTERVAL_S


def test_the_rule_and_the_query_agree_while_the_server_runs(story: Story) -> None:
    """A graph that changes from the recorded series to the query must not jump."""
    assert story.server.wait_for(f"{_RECORDED} - on (job, device) ({_documented_query()}) == 0")


def test_an_exporter_is_named_by_its_place(story: Story) -> None:
    """An address may change, so the names come from the agent's labels, the file of targets, and the inventory."""
    story.server.wait_for('count(up{job="ble"}) == 4')
    up = {one.labels["instance"]: one.value for one in story.server.query('up{job="ble"}')}
    assert {"attic": 0, "cellar": 1, "shed": 1, "barn": 0} == up


def test_the_agent_reports_itself(story: Story) -> None:
    """The alert BleAgentSilent needs the agent's own `up` series."""
    assert 1 == story.server.value('up{job="ble_agent", instance="house"}')
