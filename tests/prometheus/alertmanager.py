"""Alertmanager as a subprocess, with shortened times in its rules and configuration, and a webhook that it notifies."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import yaml

from .programs import LOCALHOST, Launch, wait_until_ready
from .promtool import CONTRIB

_DURATION = re.compile(
    r"^( *(?:- )?(?:for|keep_firing_for|group_wait|group_interval|repeat_interval): )(\d+)([smhd])$", re.MULTILINE
)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def hurried(name: str, factor: float) -> str:
    """
    Return a file of contrib/prometheus with all its waiting times shortened.

    Each waiting time of an alert or a notification is divided by the factor; nothing else is changed. If an exporter
    replays a capture `factor` times as fast, an alert without a time range then fires at its point of the capture.
    """

    def divided(found: re.Match[str]) -> str:
        seconds = int(found[2]) * _UNIT_S[found[3]] / factor
        return f"{found[1]}{max(round(seconds * 1000), 1)}ms"

    text, count = _DURATION.subn(divided, (CONTRIB / name).read_text(encoding="utf-8"))
    assert count, name
    return text


class Notification(NamedTuple):
    """An alert as a webhook gets it: the status `firing` or `resolved`, and the texts."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Webhook:
    """A server on a local port that keeps the notifications."""

    def __init__(self) -> None:
        self._notifications: list[Notification] = []
        received = self._receive

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name of the base class
                """Write nothing to the output of the tests."""

        self._server = ThreadingHTTPServer((LOCALHOST, 0), Handler)

    @property
    def url(self) -> str:
        """The address to notify."""
        return f"http://{LOCALHOST}:{self._server.server_port}/"

    def about(self, alert: str, status: str) -> list[Notification]:
        """Return the notifications about an alert with a status."""
        return [one for one in self._notifications if one.labels["alertname"] == alert and one.status == status]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve in a thread."""
        thread = Thread(target=self._server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _receive(self, body: bytes) -> None:
        for alert in json.loads(body)["alerts"]:
            self._notifications.append(Notification(alert["status"], alert["labels"], alert["annotations"]))


def start_alertmanager(
    launch: Launch, program: Path, folder: Path, port: int, *, webhook: Webhook, factor: float
) -> None:
    """
    Start Alertmanager, and wait until it is ready.

    It uses the shipped configuration, with its waiting times divided by `factor`, and the webhook as its receiver.
    """
    shipped = yaml.safe_load((CONTRIB / "alertmanager.yml").read_text(encoding="utf-8"))
    ((receiver,),) = (one["webhook_configs"] for one in shipped["receivers"])
    text = hurried("alertmanager.yml", factor)
    assert 1 == text.count(receiver["url"])
    config = folder / "alertmanager.yml"
    config.write_text(text.replace(receiver["url"], webhook.url), encoding="utf-8")
    command: list[str | Path] = [
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={LOCALHOST}:{port}",
        "--cluster.listen-address=",
    ]
    wait_until_ready(launch("alertmanager", command, folder), port, "/-/ready")
