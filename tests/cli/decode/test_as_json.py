"""Tests of the JSON document that `ble-exporter decode --json` prints."""

import json

import pytest

from ble_exporter import __version__
from tests.cli.decode.calls import PACKET, says


def test_json_has_every_detail(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that decodes many packets needs every detail under a fixed key."""
    status, out, _ = says(["--json", "020106" + "0e16d2fc" + PACKET], capsys)
    document = json.loads(out)
    payload = document["payloads"][0]

    assert (0, True, __version__) == (status, document["sound"], document["version"])
    assert [1, 0x16] == [one["type"] for one in document["structures"]]
    assert (7, "0000fcd2-0000-1000-8000-00805f9b34fb") == (payload["start"], payload["service"])
    assert ["40", "00b0", "0151", "028d0a", "038d11"] == [field["bytes"] for field in payload["fields"]]
    assert {"value": 27.01, "unit": "°C"}.items() <= payload["fields"][3]["values"][0].items()
    assert 27.01 == payload["exported"]["ble_sensor_temperature_celsius"]


def test_json_reports_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Firmware authors need the offset of the faulty byte. NaN is shown as a string, because JSON has no NaN."""
    status, out, _ = says(["--json", "--service", "181c", "45020000c07f"], capsys)
    payload = json.loads(out)["payloads"][0]

    assert (1, "impossible_value", 0) == (status, payload["wrong"]["reason"], payload["wrong"]["offset"])
    assert "nan" == payload["fields"][0]["values"][0]["value"]
