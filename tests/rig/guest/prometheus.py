"""Scrape the exporter as Prometheus does."""

from __future__ import annotations

import http.client
from http import HTTPStatus

from .exporter import HTTP_TIMEOUT_S, PORT

HEADERS = {
    "User-Agent": "Prometheus/2.42.0",
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}
"""The headers of Prometheus 2.42."""


class Prometheus:
    """A client that keeps its connection to the exporter from one scrape to the next."""

    def __init__(self) -> None:
        """Connect at the first scrape."""
        self._connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=HTTP_TIMEOUT_S)

    def scrape(self) -> None:
        """Request /metrics, and read the answer."""
        self._connection.request("GET", "/metrics", headers=HEADERS)
        answer = self._connection.getresponse()
        answer.read()
        assert answer.status == HTTPStatus.OK, f"/metrics answered {answer.status}"
