"""The data kept about one device. Transmissions and expiry have their own test files."""

from collections.abc import Callable

import pytest

from ble_exporter.device import Device
from ble_exporter.device.rhythm import fixed_limit
from ble_exporter.device.signal_trend import Fall
from tests.home import Home


@pytest.fixture
def home() -> Home:
    """A home with one sensor in the attic."""
    return Home()


@pytest.fixture
def attic(home: Home) -> Device:
    """The device of the attic's sensor."""
    return home.devices["attic"]


def test_before_anything_was_heard_nothing_is_known(attic: Device) -> None:
    """Before the first advertisement, the status page must show no invented 0 and no date in 1970."""
    assert (None, (), "", None, None) == (
        attic.heard_s,
        attic.formats,
        attic.heard_from,
        attic.last_update_s,
        attic.interval_s,
    )
    assert ({}, {}, 0, False) == (attic.values(), attic.last_hour(0), attic.packets, attic.is_present)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_two_packets_of_a_measurement_merge(home: Home, attic: Device, order: tuple[str, str]) -> None:
    """The firmware alternates two packets: neither may erase the other's values, whichever arrives first."""
    packets = {"a": {"temperature": 21.5, "humidity": 45.0}, "b": {"voltage": 2.9}}
    for name in order:
        home.hear(packets[name])

    assert {"temperature": 21.5, "humidity": 45.0, "voltage": 2.9} == attic.values()


def test_the_latest_packet_is_kept_whole(home: Home, attic: Device) -> None:
    """The status page shows the adapter, RSSI and formats of the latest packet, not mixed with those of older ones."""
    home.hear({"temperature": 21.5}, adapter="hci0")
    home.now += 5
    home.hear(adapter="hci1", rssi=-71, formats=("MiBeacon",))

    assert ("hci1", -71) == (attic.heard_from, attic.receptions["hci1"].rssi)
    assert (("MiBeacon",), 5005.0, 2) == (attic.formats, attic.heard_s, attic.packets)


def test_a_packet_without_measurement_updates_nothing(home: Home, attic: Device) -> None:
    """A sensor that still sends but no longer measures must trigger an alert on its last update."""
    home.hear()

    assert (True, None) == (attic.is_present, attic.last_update_s)


def test_the_interval_is_that_of_the_adapter_that_hears_most(home: Home, attic: Device) -> None:
    """An adapter at the edge of its range loses most packets: the gaps between the rest are not the sensor's rhythm."""
    for number in range(21):
        home.hear({"temperature": 21.5}, adapter="hci0")
        if number % 4 == 0:
            home.hear({"temperature": 21.5}, adapter="hci1")
        home.now += 2.5

    assert 2.5 == attic.interval_s


def test_an_adapter_that_no_longer_hears_the_device_says_nothing_of_its_interval() -> None:
    """Judged by the interval of an adapter that has lost it, the sensor would seem absent between two packets."""
    home = Home(limit=fixed_limit(90))
    attic = home.devices["attic"]
    for adapter, interval_s in (("hci0", 5), ("hci1", 60)):
        for _ in range(4):
            home.now += interval_s
            home.hear({"temperature": 21.5}, adapter=adapter)

    assert (60, 360) == (attic.interval_s, attic.presence_limit_s)
    home.now += 90
    attic.expire(home.now)
    # After the expiry no adapter hears the device, and the one that heard it last still counts.
    assert 60 == attic.interval_s


def test_a_refusal_is_counted_by_reason(home: Home, attic: Device) -> None:
    """The owner needs the reason and the time; refused packets must not make a device look present."""
    attic.refuse("wrong_key", home.now)
    attic.refuse("replayed", home.now + 1)
    attic.refuse("wrong_key", home.now + 2)

    assert ({"wrong_key": 2, "replayed": 1}, ("wrong_key", 5002.0)) == (attic.refused, attic.refusal)
    assert (0, None, False) == (attic.packets, attic.heard_s, attic.is_present)


def test_what_is_no_measurement_is_kept_with_its_time(home: Home, attic: Device) -> None:
    """The status page shows the latest event and text of each name; bytes must be readable there, as hex digits."""
    home.hear(others={"text": "hello", "button": "press"})
    home.now += 5
    home.hear(others={"raw": b"\xff\x00", "text": "goodbye"})

    assert [
        ("button", ("press", 5000)),
        ("raw", ("ff00", 5005)),
        ("text", ("goodbye", 5005)),
    ] == list(attic.said.items())


def test_nobody_can_fill_the_memory_with_words(home: Home, attic: Device) -> None:
    """Anybody can send a hundred buttons under a sensor's address; only the latest 32 are kept."""
    home.hear(others={"text": "hello"})
    home.hear(others={f"button_{number}": "press" for number in range(2, 130)})

    assert [f"button_{number}" for number in range(98, 130)] == list(attic.said)


def test_each_change_moves_the_version(home: Home, attic: Device) -> None:
    """The exposition caches its text until the version changes: without a new version it would serve stale values."""
    changes: list[Callable[[], None]] = [
        lambda: home.hear({"temperature": 21.5}),
        home.hear,
        home.begin_scan,
        home.end_scan,
    ]
    versions = [attic.revision.number]
    for change in changes:
        home.now += 1
        change()
        versions.append(attic.revision.number)
    before, heard, heard_again, scan_began, scan_ended = versions

    assert before < heard < heard_again == scan_began < scan_ended


@pytest.mark.parametrize(("name", "after_s", "is_silent"), [("attic", 59.9, False), ("attic", 60, True)])
def test_a_device_is_silent_after_its_limit(home: Home, name: str, after_s: float, is_silent: bool) -> None:
    """The log, /status and the reasons of silence must agree on which devices are silent."""
    device = home.devices[name]
    home.hear({"temperature": 21.5})

    assert is_silent == device.is_silent(home.now + after_s)


@pytest.mark.parametrize(("after_s", "is_silent"), [(59.9, False), (60, True)])
def test_a_device_that_was_never_heard_is_silent_after_the_shortest_limit(
    home: Home, attic: Device, after_s: float, is_silent: bool
) -> None:
    """At the start, no sensor has had time to send, so none must count as silent immediately."""
    assert is_silent == attic.is_silent(home.now + after_s, home.now)


def test_the_signal_is_sampled_now_and_then(home: Home, attic: Device) -> None:
    """Samples of all packets would cost too much time, and would cover only the last minutes."""
    for _ in range(120):
        home.hear({"temperature": 21.5}, rssi=-60)
        home.now += 5
    for rssi in (-90, -91, -92, -93, -94, -95, -96, -97, -98):
        home.hear({"temperature": 21.5}, rssi=rssi)
        home.now += 5

    (reception,) = attic.receptions.values()
    assert Fall(-60, -94, 60) == reception.trend.fall(reception.rssi, reception.heard_s)
