"""Tests that the simulation behaves like the real firmware."""

from itertools import pairwise, takewhile

import pytest

from ble_exporter.errors import DecodeError
from ble_exporter.formats import bthome
from ble_exporter.formats.measurement import Measurement
from ble_exporter.scanner.capture import Transmission
from ble_exporter.scanner.simulation import Simulation

ADDRESSES = ("A4:C1:38:00:00:01", "A4:C1:38:00:00:02")


def heard(simulation: Simulation, seconds: float) -> list[Transmission]:
    """Return the transmissions of the first seconds."""
    return list(takewhile(lambda transmission: transmission.at < seconds, simulation.transmissions()))


def decoded(simulation: Simulation, seconds: float) -> list[tuple[str, int | None]]:
    """Return the kind ("A" or "B") and the packet id of each packet of a simulated sensor."""
    packets = [bthome.decode(transmission.service_data[bthome.UUID]) for transmission in heard(simulation, seconds)]
    return [("A" if "temperature" in packet.measurements else "B", packet.packet_id) for packet in packets]


def relative(packets: list[tuple[str, int | None]]) -> list[tuple[str, int]]:
    """Return the packets with their ids relative to the first id."""
    first = packets[0][1] or 0
    return [(kind, ((packet_id or 0) - first) % 256) for kind, packet_id in packets]


def test_the_newer_firmware_alternates_payloads_with_one_packet_id() -> None:
    """The firmware sends A B A B with one packet id; a receiver that discards repeated ids would lose every B."""
    packets = decoded(Simulation(ADDRESSES[:1], seed=1), 20)

    assert [(kind, number) for number in (0, 1) for kind in "ABAB"] == relative(packets)


def test_the_older_firmware_sends_three_copies_and_one_other_payload() -> None:
    """Tests need the order of the older firmware, too: A three times with one packet id, then B with the next."""
    packets = decoded(Simulation(ADDRESSES[:1], seed=1, order="aaab"), 20)

    assert [("A", 0), ("A", 0), ("A", 0), ("B", 1), ("A", 2), ("A", 2), ("A", 2), ("B", 3)] == relative(packets)


def test_the_packet_id_wraps_around() -> None:
    """The packet id is one byte, so a long simulation must not overflow it."""
    ids = [packet_id for _, packet_id in decoded(Simulation(ADDRESSES[:1], seed=1), 3600)]

    assert set(range(256)) == set(ids)


def test_a_sensor_sends_every_2_5_seconds_with_jitter() -> None:
    """Real sensors send with jitter, without which the packets of two sensors could collide for ever."""
    times = [transmission.at for transmission in heard(Simulation(ADDRESSES[:1], seed=1), 600)]
    gaps = [later - earlier for earlier, later in pairwise(times)]

    assert all(2.5 <= gap <= 2.51 for gap in gaps)
    assert len(set(gaps)) > len(gaps) / 2


def test_the_simulated_temperature_drifts_slowly() -> None:
    """A demonstration needs plausible values: over a day they change slowly and stay at room temperature."""
    packets = [
        bthome.decode(sent.service_data[bthome.UUID]) for sent in heard(Simulation(ADDRESSES[:1], seed=1), 86400)
    ]
    celsius = [
        packet.measurements[Measurement("temperature")] for packet in packets if "temperature" in packet.measurements
    ]

    assert all(abs(later - earlier) < 0.3 for earlier, later in pairwise(celsius))
    assert len(set(celsius)) > 10
    assert all(10 < value < 30 for value in celsius)


def test_a_simulated_thermometer_measures_only_its_climate_and_its_battery() -> None:
    """New users try the simulation first, and the level of a pin with nothing connected to it would puzzle them."""
    packets = [
        bthome.decode(transmission.service_data[bthome.UUID]) for transmission in heard(Simulation(ADDRESSES), 30)
    ]

    names = {measurement.name for packet in packets for measurement in packet.measurements}
    assert {"temperature", "humidity", "battery", "voltage"} == names


def test_a_seed_gives_the_same_packets() -> None:
    """With the same seed, a failure can be reproduced."""
    assert heard(Simulation(ADDRESSES, seed=7, loss=0.3, strangers=3), 60) == heard(
        Simulation(ADDRESSES, seed=7, loss=0.3, strangers=3), 60
    )


def test_without_a_seed_every_run_differs() -> None:
    """If the default were a fixed seed, every demonstration would show the same temperatures."""
    assert heard(Simulation(ADDRESSES), 60) != heard(Simulation(ADDRESSES), 60)


@pytest.mark.parametrize(("loss", "expected"), [(0.0, 480), (1.0, 0), (0.3, 336)])
def test_loss_is_the_fraction_of_lost_packets(loss: float, expected: int) -> None:
    """An experiment with 30 % loss must lose 30 % of the 480 advertisements in 20 minutes."""
    count = len(heard(Simulation(ADDRESSES[:1], seed=1, loss=loss), 1200))

    assert abs(expected - count) <= 30


def test_unknown_devices_send_various_advertisements() -> None:
    """The simulated neighbourhood must have sensors, beacons and devices without service data, as a real one has."""
    unknown = [sent for sent in heard(Simulation(ADDRESSES, seed=1, strangers=30), 5) if sent.address not in ADDRESSES]

    assert 30 == len({sent.address for sent in unknown})
    assert {0, 1} == {len(sent.service_data) for sent in unknown}
    assert {True, False} == {bthome.UUID in sent.service_data for sent in unknown}


def test_all_times_are_in_order() -> None:
    """MockScanner waits for each transmission in order, so a transmission that is out of order would arrive late."""
    times = [sent.at for sent in heard(Simulation(ADDRESSES, seed=1, strangers=10), 60)]

    assert sorted(times) == times


def test_a_sensor_sends_its_name() -> None:
    """The pvvx firmware builds its name from the end of the address, and users recognise a sensor by this name."""
    names = {
        transmission.address: transmission.name for transmission in heard(Simulation(ADDRESSES, strangers=1, seed=1), 5)
    }

    assert ["ATC_000001", "ATC_000002"] == [names.pop(address) for address in ADDRESSES]
    assert [""] == list(names.values())


def test_an_encrypted_sensor_is_unreadable_without_its_key() -> None:
    """The demonstration of `discover` needs a sensor that is received every 2.5 s but whose key is unknown."""
    sent = heard(Simulation((), encrypted=ADDRESSES[:1], seed=1), 10)

    assert 4 == len(sent)
    for transmission in sent:
        with pytest.raises(DecodeError, match="encrypted") as error:
            bthome.decode(transmission.service_data[bthome.UUID])
        assert "encrypted" == error.value.reason


def test_only_the_first_sensor_measures_the_breath() -> None:
    """The demonstration must show how a breath identifies one sensor among many."""
    rises = {}
    for address in ADDRESSES:
        humidities = [
            bthome.decode(transmission.service_data[bthome.UUID]).measurements.get(Measurement("humidity"))
            for transmission in heard(Simulation(ADDRESSES, seed=1, breath_at_s=12.0), 30)
            if transmission.address == address
        ]
        measured = [humidity for humidity in humidities if humidity is not None]
        rises[address] = max(measured) - measured[0]

    assert rises[ADDRESSES[0]] > 10
    assert rises[ADDRESSES[1]] < 2


def test_without_a_sender_nothing_is_heard() -> None:
    """A configuration may have no device yet, and the program must not wait for ever in the simulation."""
    assert [] == list(Simulation((), seed=1).transmissions())
