"""The latest rejections, of which only a limited number is kept."""

from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device import Device
from ble_exporter.device.rejections import MOST_OF_A_DEVICE, MOST_REJECTIONS, KeptReason, Rejection, Rejections
from ble_exporter.model import Advertisement

REASONS: tuple[KeptReason, ...] = ("glitch", "truncated", "replayed", "wrong_key", "encrypted", "too_long")
DEVICES = [Device(f"device {number}") for number in range(12)]


def rejection(device: int, reason: KeptReason, heard_s: float = 0.0) -> Rejection:
    """Return a rejection of a packet."""
    return Rejection(DEVICES[device], reason, Advertisement("", {}), heard_s)


def times_after(kept: list[tuple[int, KeptReason]]) -> list[float]:
    """Keep these rejections, heard at 0, 1, 2 and so on; return the times of those that are left."""
    rejections = Rejections()
    for heard_s, (device, reason) in enumerate(kept):
        rejections.keep(rejection(device, reason, heard_s))
    return [one.heard_s for one in rejections]


def test_the_latest_of_a_device_are_kept() -> None:
    """The latest packets show the present fault; older ones may be of a fault that was repaired."""
    assert [2, 3, 4, 5, 6] == times_after([(0, "truncated")] * 7)


def test_one_device_does_not_displace_those_of_another() -> None:
    """Many invalid packets under one sensor's address must not hide the fault of another sensor."""
    assert [0, 6, 7, 8, 9, 10] == times_after([(device, "truncated") for device in [1, *[0] * 10]])


def test_a_frequent_reason_does_not_displace_a_rare_one() -> None:
    """A glitch happens once a day, while an encrypted sensor without a key is rejected every few seconds."""
    flood: list[tuple[int, KeptReason]] = [(0, "encrypted")] * 100

    assert [0, 97, 98, 99, 100] == times_after([(0, "glitch"), *flood])


def test_a_frequent_reason_of_many_devices_does_not_displace_a_rare_one() -> None:
    """All devices share a limited room, from which a flood must not displace a glitch, either."""
    flood: list[tuple[int, KeptReason]] = [(device, "encrypted") for _ in range(10) for device in range(1, 12)]

    assert [0.0, *range(92, 111)] == times_after([(0, "glitch"), *flood])


def test_the_rejections_of_a_removed_device_are_forgotten() -> None:
    """The rejections would keep the removed device in memory, and show an address that is no longer configured."""
    rejections = Rejections()
    for device in (0, 1, 0):
        rejections.keep(rejection(device, "truncated"))
    rejections.keep_only_of(DEVICES[1:])

    assert [DEVICES[1]] == [one.device for one in rejections]


@given(st.lists(st.tuples(st.integers(0, 11), st.sampled_from(REASONS))))
def test_the_room_is_limited_and_the_latest_is_always_kept(kept: list[tuple[int, KeptReason]]) -> None:
    """Anybody can send any number of invalid packets under the sensors' addresses."""
    rejections = Rejections()
    for number, (device, reason) in enumerate(kept):
        rejections.keep(rejection(device, reason, number))
        found = list(rejections)

        assert len(found) <= MOST_REJECTIONS
        assert max(sum(one.device is device for one in found) for device in DEVICES) <= MOST_OF_A_DEVICE
        assert sorted(one.heard_s for one in found) == [one.heard_s for one in found]
        assert number == found[-1].heard_s
