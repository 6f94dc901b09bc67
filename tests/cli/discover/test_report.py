"""Tests of the final report of `discover`, as text and as JSON."""

import json

from ble_exporter.cli.discover.choice import Refusal
from ble_exporter.cli.discover.discovered import Discovery
from ble_exporter.cli.discover.report import added_document, discovery_document, report_lines
from ble_exporter.config.editor import NewDevice
from ble_exporter.formats import bthome
from ble_exporter.model import Advertisement
from tests.conftest import PACKET_A, vectors

ADDRESS = "A4:C1:38:00:00:01"
ENCRYPTED_VECTOR = vectors("bthome_v2_encrypted.json")[0]
KEY = "00112233445566778899aabbccddeeff"


def discovery_of(*heard: tuple[str, dict[str, bytes]], name: str = "") -> Discovery:
    """Return a discovery that received these advertisements, 2 s apart."""
    times = iter(range(0, 100, 2))
    discovery = Discovery(lambda: next(times))
    for address, service_data in heard:
        discovery.handle(Advertisement(address, service_data, -60, name=name))
    return discovery


def text_of(
    discovery: Discovery, configured: dict[str, str] | None = None, columns: int = 100, *, lists_others: bool = False
) -> str:
    """Return the report as one text."""
    return "\n".join(
        line.text for line in report_lines(discovery, configured or {}, columns, lists_others=lists_others)
    )


def test_unknown_devices_are_only_counted() -> None:
    """In most homes, dozens of unknown devices are in range; their rows would hide the sensors."""
    discovery = discovery_of((ADDRESS, {bthome.UUID: PACKET_A}), ("5A:00:00:00:00:01", {}), ("5A:00:00:00:00:02", {}))

    assert text_of(discovery).endswith("\n\nHeard 1 sensor, 2 other devices (--all lists them).")
    assert "5A:00" not in text_of(discovery)


def test_unknown_devices_are_listed_on_demand() -> None:
    """A user whose sensor is missing can see whether the radio receives it at all."""
    text = text_of(discovery_of((ADDRESS, {bthome.UUID: PACKET_A}), ("5A:00:00:00:00:01", {})), lists_others=True)

    assert "\n5A:00:00:00:00:01         -60      1         no known format\n" in text
    assert "--all" not in text


def test_a_configured_sensor_that_was_not_heard_is_named() -> None:
    """The battery of a missing sensor may be flat, or its address may be mistyped in the configuration."""
    text = text_of(discovery_of((ADDRESS, {bthome.UUID: PACKET_A})), {ADDRESS: "x", "A4:C1:38:00:00:02": "attic"})

    assert "\nok already configured\n" in text
    assert text.endswith("\nConfigured, but not heard: attic (A4:C1:38:00:00:02).")


def test_a_rise_stays_marked_to_the_end() -> None:
    """The user chooses the sensor long after breathing on it."""
    text = text_of(
        discovery_of((ADDRESS, {bthome.UUID: PACKET_A}), (ADDRESS, {bthome.UUID: PACKET_A[:-2] + b"\xac\x26"}))
    )

    assert "\n*    A4:C1:38:00:00:01" in text
    assert "\n*  rose while listening" in text


def test_an_encrypted_sensor_has_a_hint() -> None:
    """Without readings and without a hint, the sensor would seem broken."""
    text = text_of(
        discovery_of((ENCRYPTED_VECTOR["address"], {bthome.UUID: bytes.fromhex(ENCRYPTED_VECTOR["payload"])}))
    )

    assert text.endswith("\nEncrypted: the firmware's web page shows the bindkey, which --write asks for.")


def test_silence_has_a_hint() -> None:
    """New users often hear nothing at first, and need to know what to check."""
    text = text_of(discovery_of())

    assert "Heard 0 sensors, 0 other devices." == text.splitlines()[0]
    assert text.splitlines()[1].startswith(
        "No sensor was heard. Is one in range, is its battery good, does it send BTHome?"
    )


def test_notes_are_wrapped_between_words() -> None:
    """The terminal would break a longer line in the middle of a word."""
    assert all(len(line) <= 50 for line in text_of(discovery_of(), columns=50).splitlines())


def test_the_json_has_the_whole_report() -> None:
    """A script needs numbers rather than formatted text, and null for unknown values."""
    document = discovery_document(
        discovery_of((ADDRESS, {bthome.UUID: b"\x40\x02\xca\x09"}), (ADDRESS, {bthome.UUID: b"\x40\x02\xca\x09"})),
        {ADDRESS: "x"},
        30.04,
    )

    assert json.loads(json.dumps(document)) == {
        "listened_seconds": 30.0,
        "sensors": [
            {
                "address": ADDRESS,
                "name": None,
                "rssi_dbm": -60,
                "packets": 2,
                "interval_seconds": 2.0,
                "formats": ["BTHome"],
                "encrypted": False,
                "needs_bindkey": False,
                "configured_as": "x",
                "rose": None,
                "measurements": {"temperature": 25.06},
                "events": {},
            }
        ],
        "other_devices": 0,
    }


def test_the_json_has_other_devices_on_demand() -> None:
    """With `--all`, a script can show why each other device is not a sensor."""
    document = discovery_document(discovery_of(("5A:00:00:00:00:01", {}), name="Scale"), {}, 1.0, lists_others=True)

    assert [
        {
            "address": "5A:00:00:00:00:01",
            "name": "Scale",
            "rssi_dbm": -60,
            "packets": 1,
            "interval_seconds": None,
            "rejected": None,
        }
    ] == document["others"]


def test_the_json_has_no_key() -> None:
    """Users and scripts copy this output into logs and forums."""
    document = added_document([NewDevice(ADDRESS, "attic", KEY)], [Refusal("A4:C1:38:00:00:02", "no")])

    assert document == {
        "added": [{"address": ADDRESS, "name": "attic"}],
        "not_added": [{"address": "A4:C1:38:00:00:02", "reason": "no"}],
    }
