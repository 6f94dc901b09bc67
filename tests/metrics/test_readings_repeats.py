"""What is a new measurement, and who heard it: packets that come again, and those that another adapter heard too."""

import pytest

from ble_exporter.formats.measurement import Measurement
from ble_exporter.metrics.readings import Readings
from ble_exporter.model import Reading
from tests.conftest import samples
from tests.data import named


def updated(readings: Readings) -> float:
    """Return the attic's last update."""
    return samples(readings)["last_update_timestamp_seconds['attic']"]


def hear(readings: Readings, *packets: tuple[float, dict[str, float], int | None]) -> None:
    """Take in packets of the attic: when, what, and the packet id."""
    for heard_at, measurements, packet_id in packets:
        readings.update(Reading("attic", named(measurements), heard_at, packet_id=packet_id))


A, B = {"temperature": 21.5, "humidity": 45.0}, {"voltage": 2.9}


def test_a_repeated_packet_is_no_new_measurement(readings: Readings) -> None:
    """The firmware sends each measurement several times: A B A B under one id. What was measured at 1000 stays so."""
    hear(readings, (1000.0, A, 7), (1002.5, B, 7), (1005.0, A, 7), (1007.5, B, 7))

    assert updated(readings) == 1002.5


def test_a_new_packet_id_is_a_new_measurement_of_the_same_values(readings: Readings) -> None:
    """A cellar whose temperature stands still is not dead."""
    hear(readings, (1000.0, A, 7), (1010.0, A, 8))

    assert updated(readings) == 1010.0


def test_a_packet_id_begins_anew_after_255(readings: Readings) -> None:
    """It is one byte: neither 0 after 255 nor an id that was there 256 measurements ago is a repeat."""
    hear(readings, (1000.0, A, 255))
    times = []
    for number in range(600):
        hear(readings, (2000.0 + number, A, number % 256))
        times.append(updated(readings))

    assert times == [2000.0 + number for number in range(600)]


def test_another_value_under_the_same_packet_id_is_new(readings: Readings) -> None:
    """An event is sent at once, under an id that may be in use."""
    hear(readings, (1000.0, A, 7), (1001.0, {"temperature": 22.0}, 7))

    assert updated(readings) == 1001.0


def test_without_packet_id_every_packet_is_new(readings: Readings) -> None:
    """Nothing tells it from a new measurement of the same values, and a sensor that lives must not look dead."""
    hear(readings, (1000.0, A, None), (1005.0, A, None))

    assert updated(readings) == 1005.0


def test_a_copy_that_another_adapter_heard_is_a_repeat(readings: Readings) -> None:
    """Two adapters hear one packet: that is still one measurement."""
    readings.update(Reading("attic", named(A), 1000.0, -60, adapter="hci0", packet_id=7))
    readings.update(Reading("attic", named(A), 1000.25, -80, adapter="hci1", packet_id=7))

    assert updated(readings) == 1000.0


def test_a_repeat_is_heard_all_the_same(readings: Readings) -> None:
    """A sensor that measures every ten minutes is not dead in between: its values, RSSI and `seen` stay."""
    readings.update(Reading("attic", named(A), 1000.0, -60, packet_id=7))
    readings.end_scan()
    readings.begin_scan()
    readings.update(Reading("attic", named(A), 1030.0, -70, packet_id=7))

    assert readings.end_scan() == ["attic"]
    assert samples(readings) == {
        "temperature_celsius['attic']": 21.5,
        "humidity_percent['attic']": 45.0,
        "seen['attic']": 1,
        "last_update_timestamp_seconds['attic']": 1000.0,
        "rssi_dbm['attic']": -70,
    }


def test_a_packet_that_comes_again_after_the_device_was_gone_is_new(readings: Readings) -> None:
    """Of a device that left nothing is remembered."""
    hear(readings, (1000.0, A, 7))
    readings.end_scan()
    for _scan in range(2):
        readings.begin_scan()
        readings.end_scan()
    hear(readings, (1090.0, A, 7))

    assert updated(readings) == 1090.0


def test_the_rssi_is_kept_by_adapter(readings: Readings) -> None:
    """Who looks for a better place for an adapter wants to see what each of them hears; the latest value counts."""
    for adapter, rssi in (("hci0", -60), ("hci1", -80), ("hci0", -62)):
        readings.update(Reading("attic", named(A), 1000.0, rssi, adapter=adapter))

    family = next(family for family in readings.collect() if family.name == "ble_sensor_rssi_dbm")
    assert [(sample.labels, sample.value) for sample in family.samples] == [
        ({"device": "attic", "adapter": "hci0"}, -62),
        ({"device": "attic", "adapter": "hci1"}, -80),
    ]


def test_the_rssi_of_an_adapter_that_did_not_hear_the_device_goes_with_the_scan(readings: Readings) -> None:
    """A signal strength of the scan before is none of this one's."""
    readings.update(Reading("attic", named(A), 1000.0, -60, adapter="hci0"))
    readings.update(Reading("attic", named(A), 1000.0, -80, adapter="hci1"))
    readings.end_scan()
    readings.begin_scan()
    readings.update(Reading("attic", named(A), 1030.0, -81, adapter="hci1"))
    readings.end_scan()

    assert {"rssi_dbm['attic', 'hci1']"} == {name for name in samples(readings) if name.startswith("rssi")}
    assert samples(readings)["rssi_dbm['attic', 'hci1']"] == -81


def test_a_device_whose_rssi_nobody_knows_is_seen_without_one(readings: Readings) -> None:
    """A capture need not have it; an invented 0 dBm would be the best signal in the house."""
    readings.update(Reading("attic", {}, 1000.0, -60))
    readings.update(Reading("attic", {}, 1001.0, None))

    assert samples(readings) == {"seen['attic']": 1}


@pytest.mark.parametrize("newest_id", [8, 0])
def test_a_packet_that_another_adapter_tells_late_is_not_the_present(readings: Readings, newest_id: int) -> None:
    """The kernel may hold a packet back for seconds: the older temperature must not replace the newer one."""
    before = (newest_id - 1) % 256
    readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.0, -60, adapter="hci0", packet_id=before))
    readings.update(
        Reading("attic", {Measurement("temperature"): 22.5}, 1010.0, -60, adapter="hci0", packet_id=newest_id)
    )
    readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1011.0, -80, adapter="hci1", packet_id=before))

    assert samples(readings) == {
        "seen['attic']": 1,
        "last_update_timestamp_seconds['attic']": 1010.0,
        "rssi_dbm['attic', 'hci0']": -60,
        "rssi_dbm['attic', 'hci1']": -80,
        "temperature_celsius['attic']": 22.5,
    }


@pytest.mark.parametrize(("adapter", "packet_id"), [("hci0", 7), ("hci1", 200), ("hci1", None)])
def test_a_sensor_that_counts_anew_is_the_present(readings: Readings, adapter: str, packet_id: int | None) -> None:
    """After a battery change, or where there is no packet id: what is heard counts."""
    readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.0, -60, adapter="hci0", packet_id=8))
    readings.update(
        Reading("attic", {Measurement("temperature"): 3.5}, 1010.0, -60, adapter=adapter, packet_id=packet_id)
    )

    assert samples(readings)["temperature_celsius['attic']"] == 3.5


def test_a_late_packet_whose_measurement_nobody_told_newer_counts(readings: Readings) -> None:
    """Older firmware, A A A under one id and B under the next: hci0 told the voltage, hci1 the newest temperature."""
    readings.update(Reading("attic", {Measurement("temperature"): 21.5}, 1000.0, adapter="hci0", packet_id=6))
    readings.update(Reading("attic", {Measurement("voltage"): 2.9}, 1012.0, adapter="hci0", packet_id=9))
    readings.update(Reading("attic", {Measurement("temperature"): 22.5}, 1012.5, adapter="hci1", packet_id=8))

    assert samples(readings)["temperature_celsius['attic']"] == 22.5


def test_a_sensor_that_began_anew_is_the_present_for_another_adapter_too(readings: Readings) -> None:
    """A battery that was changed: its ids are just behind, and minutes lie between. Nothing is held back so long."""
    readings.update(Reading("attic", {Measurement("temperature"): 20.0}, 1000.0, adapter="hci0", packet_id=3))
    readings.update(Reading("attic", {Measurement("temperature"): 5.0}, 1060.0, adapter="hci1", packet_id=0))

    assert samples(readings)["temperature_celsius['attic']"] == 5.0
