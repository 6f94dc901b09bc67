"""Tests of `decode --capture`."""

import json
from pathlib import Path

import pytest

from ble_exporter.cli.decode.of_capture import MOST_EXPLAINED
from tests.cli.decode.calls import PACKET, says
from tests.formats.sealing import ADDRESS, KEY, SEALS

SENSOR, OTHER = "A4:C1:38:00:00:01", "5A:00:00:00:00:01"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Return a capture with two packets of a sensor, one of them twice, and one of another device."""
    path = tmp_path / "home.capture"
    path.write_text(
        f"5.0 {SENSOR} -61 fcd2 {PACKET}\n5.5 {OTHER} -90 feaa 00\n7.5 {SENSOR} -62 fcd2 {PACKET}\n"
        f"10 {SENSOR} -63 fcd2 4000b00c200b\n"
    )
    return path


def test_each_different_packet_of_a_sensor_is_explained(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a repeated packet nor a packet of a neighbour's device helps to find a fault."""
    status, out, _ = says(["--capture", str(capture)], capsys)

    assert 0 == status
    assert [
        f"at 0.000 s from {SENSOR}, -61 dBm",
        f"at 5.000 s from {SENSOR}, -63 dBm",
    ] == [line for line in out.splitlines() if line.startswith("at ")]
    assert "ble_sensor_battery_percent 81" in out
    assert out.endswith("4 advertisements in the capture; explained: 2 different packets\n")


def test_a_sender_can_be_chosen(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Packets of a sensor whose format is unknown are shown only if the user chooses the sensor."""
    status, out, _ = says(["--capture", str(capture), "--mac", OTHER.lower()], capsys)

    assert 1 == status
    assert f"at 0.500 s from {OTHER}, -90 dBm\n" in out
    assert "error: there is no service data of a known format" in out


def test_a_capture_without_known_packets_says_how_to_go_on(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty output would look like a fault of the program."""
    capture.write_text(f"0 {OTHER} -90 feaa 00\n")

    status, out, _ = says(["--capture", str(capture)], capsys)

    assert 1 == status
    assert out.endswith("no packet has a known format; --mac ADDRESS explains all packets of one sender\n")


def test_a_capture_without_packets_of_the_sender_says_so(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped address must not be taken for a sensor of an unknown format."""
    status, out, _ = says(["--capture", str(capture), "--mac", "A4:C1:38:00:00:09"], capsys)

    assert 1 == status
    assert out.endswith("explained: 0 different packets\nno packet is from A4:C1:38:00:00:09\n")


def test_an_invalid_packet_gives_status_1(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script can use the status to check a capture."""
    capture.write_text(f"0 {SENSOR} -61 fcd2 {PACKET}\n1 {SENSOR} -61 fcd2 4000b00151028d\n")

    status, out, _ = says(["--capture", str(capture)], capsys)

    assert 1 == status
    assert "rejected as truncated" in out


def test_the_key_decrypts_the_packets_of_its_sensor(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sender's address, which is part of the nonce, is in the capture."""
    capture.write_text(f"0 {ADDRESS} -61 fcd2 {SEALS[0][1](bytes.fromhex('02ca0903bf13')).hex()}\n")

    status, out, _ = says(["--capture", str(capture), "--key", KEY.hex()], capsys)

    assert 0 == status
    assert "ble_sensor_temperature_celsius 25.06" in out
    assert KEY.hex() not in out


def test_the_number_of_explanations_is_bounded(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A capture may contain a hundred thousand different packets."""
    numbers = range(MOST_EXPLAINED + 3)
    lines = "".join(f"{number} {SENSOR} -61 fcd2 4002{number:02x}00\n" for number in numbers)
    # A repetition of an omitted packet must not be counted.
    capture.write_text(f"{lines}999 {SENSOR} -61 fcd2 4002{numbers[-1]:02x}00\n")

    status, out, _ = says(["--capture", str(capture)], capsys)

    assert 0 == status
    assert MOST_EXPLAINED == out.count("\nvalid\n")
    assert out.endswith("not explained: 3 different packets; choose a sender with --mac\n")


def test_json(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program can read the time, the RSSI and the values of each packet."""
    status, out, _ = says(["--capture", str(capture), "--json"], capsys)

    document = json.loads(out)
    assert 0 == status
    assert (True, 4, 0) == (document["sound"], document["advertisements"], document["omitted"])
    assert [(0.0, -61), (5.0, -63)] == [(one["at"], one["rssi"]) for one in document["packets"]]
    assert {"ble_sensor_voltage_volts": 2.848} == document["packets"][1]["payloads"][0]["exported"]


@pytest.mark.parametrize("arguments", [[], [PACKET, "--capture", "x"]])
def test_a_payload_or_a_capture_is_needed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Without either, there is nothing to decode; with both, one of them would be ignored."""
    status, _, err = says(arguments, capsys)

    assert 2 == status
    assert "give either a payload or --capture FILE" in err


def test_a_capture_without_advertisements_is_an_error(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The user may have named the wrong file."""
    capture.write_text("")

    status, _, err = says(["--capture", str(capture)], capsys)

    assert 78 == status
    assert "contains no advertisement; name another capture" in err


def test_a_service_is_not_for_a_capture(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If `--service` were ignored, users would take the explained packets for packets of that service."""
    status, _, err = says(["--capture", str(capture), "--service", "181a"], capsys)

    assert 2 == status
    assert "--service is not for --capture: the packets name their services" in err
