"""From the radio to the notification: a sensor falls silent and returns, and a webhook hears of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ble_exporter.device.silence import SILENCE_REASONS

from . import captures
from .alertmanager import Notification, Webhook, hurried, start_alertmanager
from .exporter import Scan, start_exporter
from .programs import Launch, free_ports, wait_for
from .server import start_prometheus

pytestmark = pytest.mark.prometheus

# The capture runs 200 times as fast, and the waiting times of the alerts are divided by 200: 15 min become 4.5 s.
_FACTOR = 200
_ALERT = "BleSensorSilent"


@pytest.fixture(scope="module")
def webhook(
    launch: Launch, prometheus_program: Path, alertmanager_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webhook]:
    """A webhook that Alertmanager notifies; Prometheus scrapes an exporter whose sensor leaves for a while."""
    folder = tmp_path_factory.mktemp("alerting", numbered=False)
    ports = dict(zip(("alertmanager", "prometheus", "exporter"), free_ports(3), strict=True))
    hook = Webhook()
    with hook.running():
        start_alertmanager(launch, alertmanager_program, folder, ports["alertmanager"], webhook=hook, factor=_FACTOR)
        rules = folder / "ble_alerts.rules.yml"
        rules.write_text(hurried(rules.name, _FACTOR), encoding="utf-8")
        server = start_prometheus(
            launch,
            prometheus_program,
            folder,
            ports["prometheus"],
            {"ble": ports["exporter"]},
            rules=rules,
            alertmanager=ports["alertmanager"],
        )
        wait_for(lambda: server.query("up"), "Prometheus has tried to scrape")
        start_exporter(
            launch,
            folder,
            ports["exporter"],
            devices=captures.LEAVER_DEVICES,
            labels=captures.LEAVER_LABELS,
            scan=Scan(1, 1),
            capture=captures.leaver(),
            options=["--replay-speed", f"{_FACTOR}"],
        )
        yield hook


def _first(webhook: Webhook, status: str) -> Notification:
    return wait_for(lambda: webhook.about(_ALERT, status), f"a notification: {_ALERT} is {status}")[0]


def test_a_sensor_that_falls_silent_is_reported_with_room_and_reason(webhook: Webhook) -> None:
    """Whoever gets the message must know which sensor to look for, where it is, and what is probably wrong."""
    fired = _first(webhook, "firing")

    assert ("bedroom", "Bedroom", "warning") == tuple(fired.labels[key] for key in ("device", "room", "severity"))
    assert "Sensor bedroom (Bedroom) is silent" == fired.annotations["summary"]
    # The reason depends on the speed: every 5 s of real time, the exporter notes whether it is listening.
    assert fired.annotations["description"].endswith(tuple(f" Reason: {reason}." for reason in SILENCE_REASONS))
    assert "docs/runbooks.md#blesensorsilent" == fired.annotations["runbook_url"]


def test_its_return_is_reported(webhook: Webhook) -> None:
    """Without a second notification, somebody would look for a sensor that works."""
    fired, resolved = _first(webhook, "firing"), _first(webhook, "resolved")

    assert fired.labels == resolved.labels


def test_the_sensor_that_was_always_heard_is_never_reported(webhook: Webhook) -> None:
    """One silent sensor must not cause alerts for the others."""
    _first(webhook, "resolved")
    reported = {one.labels["device"] for status in ("firing", "resolved") for one in webhook.about(_ALERT, status)}

    assert {"bedroom"} == reported
