"""The series that tell how well a device is heard."""

from tests.home import Home, samples_of


def reception(home: Home) -> dict[str, float]:
    """Return the series of a scrape that tell how well the devices are heard."""
    return samples_of(home.readings, of_reception=True)


def test_every_packet_of_a_device_is_counted() -> None:
    """An operator compares the count with the number of packets that the sensor has sent."""
    home = Home()
    for _ in range(3):
        home.hear({"temperature": 21.5})
        home.now += 2.5

    assert {"packets_received_total['attic']": 3, "advertisement_interval_seconds['attic']": 2.5} == reception(home)


def test_measurements_are_counted_by_their_packet_ids() -> None:
    """Only gaps in the packet ids show the operator how many measurements were missed."""
    home = Home()
    for packet_id in (*range(250, 256), *range(10), 14, 15):
        home.hear({"temperature": 21.5}, packet_id=packet_id)
        home.hear({"voltage": 2.9}, packet_id=packet_id)
        home.now += 50 if packet_id == 9 else 10

    shown = reception(home)
    assert (36, 4) == (shown["packets_received_total['attic']"], shown["measurements_missed_total['attic']"])
    assert 14 <= shown["measurements_total['attic']"] <= 18


def test_a_copy_from_another_adapter_is_no_measurement() -> None:
    """With two adapters, each measurement is heard twice, perhaps late, and must count only once."""
    home = Home()
    for packet_id in range(20):
        home.hear({"temperature": 21.5}, packet_id=packet_id, adapter="hci0")
        home.hear({"temperature": 21.5}, packet_id=packet_id, adapter="hci1")
        home.now += 1
        home.hear({"temperature": 21.5}, packet_id=max(packet_id - 1, 0), adapter="hci1")
        home.now += 9

    shown = reception(home)
    assert (True, 0) == (
        shown["measurements_total['attic']"] <= 20,
        shown["measurements_missed_total['attic']"],
    )


def test_without_packet_ids_no_measurement_is_counted() -> None:
    """Without packet ids, the number of lost measurements is unknown, and a 0 would hide losses."""
    home = Home()
    for _ in range(20):
        home.hear({"temperature": 21.5})
        home.now += 10

    assert not [name for name in reception(home) if name.startswith("measurements")]


def test_a_device_that_is_gone_has_none_of_these_series_and_its_counts_go_on_later() -> None:
    """The counts of an absent device must not look current; a counter that began again would look like a restart."""
    home = Home()
    home.begin_scan()
    home.hear({"temperature": 21.5})
    home.end_scan()
    home.now += 30
    home.begin_scan()
    home.end_scan()

    assert {} == reception(home)
    home.hear({"temperature": 21.5})
    assert 2 == reception(home)["packets_received_total['attic']"]
