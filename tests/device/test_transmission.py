"""Transmissions of one device, and late copies from another adapter."""

import pytest

from ble_exporter.device.sequence import LATE_S, LATE_STEPS
from ble_exporter.device.transmission import Transmission


def transmissions(*starts: tuple[int | None, float]) -> Transmission:
    """Return a device's transmission after these starts: packet id, monotonic time in seconds."""
    transmission = Transmission()
    for packet_id, now_s in starts:
        transmission.start(packet_id, "hci0", now_s)
    return transmission


@pytest.mark.parametrize(("newest", "behind"), [(5, 1), (5, LATE_STEPS), (1, 3)])
def test_a_packet_that_was_overtaken_just_now_is_late(newest: int, behind: int) -> None:
    """The kernel may hold a report back until the next one arrives, and its old value must not replace a newer one."""
    assert transmissions((newest, 100.0)).is_late((newest - behind) % 256, 100.0 + LATE_S - 0.1)


@pytest.mark.parametrize("packet_id", [5, 6, 0, 200, None])
def test_a_packet_that_is_not_a_little_behind_is_not_late(packet_id: int | None) -> None:
    """A packet whose id is not just behind is current, newer, or from a restarted sensor, and must not be lost."""
    assert not transmissions((5, 100.0)).is_late(packet_id, 100.1)


def test_the_age_counts_from_when_the_packet_was_overtaken() -> None:
    """Later transmissions must not make an older packet look late, or a restarted sensor would be ignored longer."""
    transmission = transmissions((4, 90.0), (5, 100.0), (6, 104.0))

    assert transmission.is_late(4, 100.0 + LATE_S - 0.1)
    assert not transmission.is_late(4, 100.0 + LATE_S)
    assert transmission.is_late(5, 100.0 + LATE_S)


def test_without_a_packet_id_nothing_is_late() -> None:
    """Without a packet id, the order is unknown, and a packet that may be current must not be lost."""
    assert not transmissions((5, 100.0), (None, 101.0)).is_late(4, 101.1)


def test_after_its_end_the_next_packet_is_in_order() -> None:
    """A device that was gone may have a new battery and lower ids, and its first packet must not be called late."""
    transmission = transmissions((5, 100.0))
    transmission.end()

    assert not transmission.is_late(4, 100.1)
