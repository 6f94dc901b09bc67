"""The human-readable status of each configured device."""

import pytest

from ble_exporter.device.rhythm import fixed_limit, learned_limit
from ble_exporter.errors import UNRELATED, RejectReason
from ble_exporter.formats.bthome_objects import OBJECTS
from ble_exporter.status.device_status import DeviceState, DeviceStatus
from tests.data import named
from tests.home import EPOCH_S, Home


@pytest.fixture
def home() -> Home:
    """A home with two sensors, and with a radio that listens all the time."""
    return Home("attic", "cellar", limit=fixed_limit(600))


def states(home: Home) -> list[DeviceState]:
    """Return the state of each device."""
    return list(DeviceStatus(home.devices.values(), home.clock).states())


def hear(home: Home) -> None:
    """Send a temperature from the attic."""
    home.hear({"temperature": 21.5})


def in_words(home: Home, later_s: float) -> tuple[str, str]:
    """Return the attic's state and its text, `later_s` seconds from now."""
    home.now += later_s
    attic = states(home)[0]
    home.now -= later_s
    return attic["state"], attic["state_text"]


def test_every_configured_device_is_listed_heard_or_not(home: Home) -> None:
    """A user who looks for a missing sensor must find it in this list, even if it was never heard."""
    assert [("attic", "A4:C1:38:00:00:01", "never_heard"), ("cellar", "A4:C1:38:00:00:02", "never_heard")] == [
        (state["name"], state["address"], state["state"]) for state in states(home)
    ]


def test_of_a_device_that_was_never_heard_nothing_is_shown(home: Home) -> None:
    """Unknown values must not be shown as 0 or as a date in 1970."""
    assert {
        "name": "attic",
        "address": "A4:C1:38:00:00:01",
        "labels": {},
        "state": "never_heard",
        "state_text": "not heard yet",
        "is_late": False,
        "silence": None,
        "format": None,
        "last_heard_timestamp_seconds": None,
        "last_update_timestamp_seconds": None,
        "age_seconds": None,
        "interval_seconds": None,
        "rssi_dbm": None,
        "adapter": None,
        "packets": 0,
        "measurements": None,
        "refused": {},
        "glitches": 0,
        "readings": {},
        "idle_pins": [],
        "others": {},
    } == states(home)[0]


def test_all_that_is_known_of_a_device_is_shown(home: Home) -> None:
    """A user needs these facts before going to a distant sensor."""
    for _ in range(4):
        home.hear({"temperature": 21.5}, adapter="hci0", formats=("BTHome v2",))
        home.now += 2.5
    home.hear({"temperature_2": 5.5}, rssi=-71, adapter="hci1", formats=("BTHome v2", "MiBeacon"))
    home.devices["attic"].refuse("wrong_key", home.now)
    home.devices["attic"].configured_labels = {"room": "attic"}
    home.now += 4.04

    assert {
        "name": "attic",
        "address": "A4:C1:38:00:00:01",
        "labels": {"room": "attic"},
        "state": "heard",
        "state_text": "heard 4 s ago",
        "is_late": False,
        "silence": None,
        "format": "BTHome v2 and MiBeacon",
        "last_heard_timestamp_seconds": EPOCH_S + 5010,
        "last_update_timestamp_seconds": EPOCH_S + 5010,
        "age_seconds": 4.0,
        "interval_seconds": 2.5,
        "rssi_dbm": -71,
        "adapter": "hci1",
        "packets": 5,
        "measurements": None,
        "refused": {"wrong_key": 1},
        "glitches": 0,
        "readings": {
            "temperature": {"value": 21.5, "raw": 21.5, "unit": "°C", "text": ""},
            "temperature_2": {"value": 5.5, "raw": 5.5, "unit": "°C", "text": ""},
        },
        "idle_pins": [],
        "others": {},
    } == states(home)[0]


def test_a_binary_sensor_has_a_word_for_its_value(home: Home) -> None:
    """Users can't know whether 1 means a locked lock. The number stays next to the word, as in the metric."""
    home.hear({"lock": 1, "lock_2": 0, "count": 1})

    assert {
        "lock": {"value": 1, "raw": 1, "unit": "", "text": "unlocked"},
        "lock_2": {"value": 0, "raw": 0, "unit": "", "text": "locked"},
        "count": {"value": 1, "raw": 1, "unit": "", "text": ""},
    } == states(home)[0]["readings"]


@pytest.mark.parametrize("name", [number.name for number in OBJECTS.values() if number.is_binary])
def test_each_binary_sensor_has_its_words(home: Home, name: str) -> None:
    """Without two different words, a user could not tell the two states of a new binary sensor apart."""
    texts = []
    for value in (0, 1):
        home.hear({name: value})
        texts.append(states(home)[0]["readings"][name]["text"])

    assert all(texts)
    assert texts[0] != texts[1]


def test_a_silent_device_has_a_reason(home: Home) -> None:
    """A user who sees a gap must learn whether to change the battery, look for the sensor, or check the radio."""
    status = DeviceStatus(home.devices.values(), home.clock)
    home.hear({"temperature": 21.5, "battery": 4})
    home.now += 59
    assert [None, None] == [state["silence"] for state in status.states()]
    home.now += 1

    assert [
        {"reason": "battery_low", "text": "Its battery was at 4 %."},
        {"reason": "never_heard", "text": "Nothing was heard of it since the exporter started 60 s ago."},
    ] == [state["silence"] for state in status.states()]


def test_a_device_is_silent_when_its_rhythm_is_broken(home: Home) -> None:
    """For a sensor that sends every 5 s, a few lost packets are normal, but a minute without any packet is not."""
    for _ in range(20):
        home.now += 5
        hear(home)

    assert ("heard", "heard 59 s ago") == in_words(home, 59)
    assert ("silent", "silent for 60 s, usual interval 5 s") == in_words(home, 60)
    assert ("silent", "silent for 2 h, usual interval 5 s") == in_words(home, 7200)


@pytest.mark.parametrize(
    ("interval_s", "scan_interval_s", "latest_s"),
    [(2.5, 0, 8.1), (5, 0, 11.2), (60, 0, 80), (600, 0, 755), (2.5, 30, 42.5)],
)
def test_a_device_past_its_usual_interval_is_late(interval_s: float, scan_interval_s: float, latest_s: float) -> None:
    """A fault must show before a slow sensor counts as silent; in a pause between scans, no packet is due."""
    home = Home()
    for _ in range(9):
        home.now += interval_s
        hear(home)
    status = DeviceStatus(home.devices.values(), home.clock, scan_interval_s)
    found = []
    for age_s in (0.0, latest_s, latest_s + 0.2):
        heard_s, home.now = home.now, home.now + age_s
        attic = next(status.states())
        found.append((attic["state"], attic["is_late"]))
        home.now = heard_s

    assert [("heard", False), ("heard", False), ("heard", True)] == found


def test_only_a_heard_device_with_a_rhythm_is_late(home: Home) -> None:
    """The state "silent" is worse than "late"; after only one packet, nobody knows when the next one is due."""
    hear(home)
    home.now += 59
    assert ("heard", False) == (states(home)[0]["state"], states(home)[0]["is_late"])
    for _ in range(20):
        home.now += 5
        hear(home)
    home.now += 60

    assert ("silent", False) == (states(home)[0]["state"], states(home)[0]["is_late"])


def test_a_device_that_was_heard_once_has_no_usual_interval(home: Home) -> None:
    """A device that has died after one packet must be reported as silent, too, after the shortest limit."""
    hear(home)

    assert ("silent", "silent for 60 s") == in_words(home, 60)


def test_a_device_is_not_silent_in_a_pause_between_scans() -> None:
    """No packet can be heard during a pause, so "silent" would be a false alarm."""
    home = Home(presence_limit=learned_limit(300))
    hear(home)

    assert ("heard", "heard 13 min ago") == in_words(home, 800)


def test_a_device_that_is_only_refused_has_the_reason(home: Home) -> None:
    """The sensor is in range, and the reason shows the user how to fix the fault."""
    home.devices["attic"].refuse("wrong_key", home.now)

    assert ("refused", "refused: wrong key") == in_words(home, 10)
    # A sensor whose rhythm is not known yet may send every two minutes, and its state must not flap.
    assert ("refused", "refused: wrong key") == in_words(home, 899)
    assert ("never_heard", "not heard yet") == in_words(home, 900)


@pytest.mark.parametrize("reason", sorted(UNRELATED))
def test_a_silent_device_is_not_refused_because_of_another_sender(home: Home, reason: RejectReason) -> None:
    """Anybody can send under the address of a sensor, but must not be able to hide that the sensor is silent."""
    hear(home)
    home.now += 100
    home.devices["attic"].refuse(reason, home.now)

    assert ("silent", "silent for 2 min") == in_words(home, 10)


def test_a_device_that_is_heard_is_heard_whatever_is_refused(home: Home) -> None:
    """The refused packet may come from another device that sends under the same address."""
    hear(home)
    home.devices["attic"].refuse("not_encrypted", home.now)

    assert ("heard", "heard 10 s ago") == in_words(home, 10)


def test_a_value_that_is_no_longer_exported_is_not_shown(home: Home) -> None:
    """This program must never show the values of a sensor that died hours ago."""
    hear(home)
    home.now += 600

    attic = states(home)[0]
    assert ({}, None) == (attic["readings"], attic["last_update_timestamp_seconds"])
    # The time of the last packet and the number of packets stay, because they help to find the fault.
    assert (attic["last_heard_timestamp_seconds"], attic["packets"]) == (EPOCH_S + 5000, 1)


def test_what_is_no_measurement_is_shown_with_its_time(home: Home) -> None:
    """A text or an event is of use only with its time; bytes become hexadecimal digits, which JSON can contain."""
    home.hear(others={"text": "hello", "button": "press"})
    home.now += 5
    home.hear(others={"raw": b"\xff\x00", "button": "dimmer 3"})
    home.now += 2.5

    assert states(home)[0]["others"] == {
        "text": {"value": "hello", "heard_timestamp_seconds": EPOCH_S + 5000, "age_seconds": 7.5},
        "raw": {"value": "ff00", "heard_timestamp_seconds": EPOCH_S + 5005, "age_seconds": 2.5},
        "button": {"value": "dimmer 3", "heard_timestamp_seconds": EPOCH_S + 5005, "age_seconds": 2.5},
    }


def test_a_value_with_an_offset_is_shown_beside_the_raw_value(home: Home) -> None:
    """A user who calibrates a sensor compares both values. The line of the last hour must show the corrected one."""
    home.devices["attic"].offsets = named({"temperature": -0.4, "pressure": 30})
    home.hear({"temperature": 21.37, "humidity": 40, "temperature_2": 5})
    status = DeviceStatus(home.devices.values(), home.clock)

    readings = states(home)[0]["readings"]
    shown = {name: (reading["value"], reading["raw"]) for name, reading in readings.items()}
    assert {"temperature": (20.97, 21.37), "humidity": (40, 40), "temperature_2": (5, 5)} == shown
    latest = {name: points[-1] for name, points in next(status.last_hour())["measurements"].items()}
    assert {"temperature": 20.97, "humidity": 40, "temperature_2": 5} == latest


def test_every_device_has_its_last_hour(home: Home) -> None:
    """A client must find each configured device, in the configured order, even if it was never heard."""
    home.hear({"temperature": 12.5, "humidity_2": 40}, device="cellar")
    home.now += 60
    home.hear({"temperature": 12.6}, device="cellar")

    assert [
        {"name": "attic", "address": "A4:C1:38:00:00:01", "measurements": {}},
        {
            "name": "cellar",
            "address": "A4:C1:38:00:00:02",
            "measurements": {"temperature": [None] * 58 + [12.5, 12.6], "humidity_2": [None] * 58 + [40, None]},
        },
    ] == list(DeviceStatus(home.devices.values(), home.clock).last_hour())


def overdue(home: Home, later_s: float) -> str | None:
    """Return the text about overdue devices, `later_s` seconds from now; None if the devices are not overdue."""
    home.now += later_s
    text = DeviceStatus(home.devices.values(), home.clock).overdue()
    home.now -= later_s
    return text


def test_a_home_without_any_reading_is_not_overdue(home: Home) -> None:
    """A device that was never heard may have a mistyped address, and the exporter must be ready all the same."""
    assert overdue(home, 1e6) is None


def test_all_devices_heard_so_far_are_overdue_after_their_limits(home: Home) -> None:
    """A probe must learn that no value is current, even if the radio hears the neighbours' devices."""
    hear(home)
    assert overdue(home, 59) is None
    assert "every sensor heard so far is overdue; the latest, attic, was heard 60 s ago" == overdue(home, 60)

    home.now += 30
    home.hear({"temperature": 21.5}, device="cellar")

    assert overdue(home, 59) is None
    assert "every sensor heard so far is overdue; the latest, cellar, was heard 60 s ago" == overdue(home, 60)


def test_between_two_rare_scans_no_device_is_overdue(home: Home) -> None:
    """With one scan an hour and the usual limit, the exporter would be ready for only a quarter of the time."""
    hear(home)
    home.now += 3 * 3600
    status = DeviceStatus(home.devices.values(), home.clock, 3600)

    assert status.overdue() is None
    home.now += 3 * 3600
    assert "every sensor heard so far is overdue; the latest, attic, was heard 6 h ago" == status.overdue()


def test_a_slow_sensor_is_overdue_by_its_own_interval(home: Home) -> None:
    """A sensor that sends every 40 minutes must not make the exporter seem not ready most of the time."""
    for _packet in range(3):
        hear(home)
        home.now += 2400

    assert overdue(home, 4 * 2400) is None
    assert overdue(home, 5 * 2400) is not None


def test_one_device_that_is_heard_is_enough(home: Home) -> None:
    """A sensor with a flat battery has its own state, and must not make the whole exporter seem not ready."""
    hear(home)
    home.now += 1000
    home.hear({"temperature": 21.5}, device="cellar")

    assert overdue(home, 1) is None


def test_a_door_does_not_hide_that_all_thermometers_are_silent(home: Home) -> None:
    """A silent door is no fault, but its latest packet shows for only 15 minutes that the radio works."""
    home.hear({"temperature": 21.5})
    home.now += 30
    home.hear({"door": 1.0}, device="cellar", is_triggered=True)

    assert overdue(home, 899) is None
    assert "every sensor heard so far is overdue; the latest, cellar, was heard 15 min ago" == overdue(home, 900)


def test_a_house_of_doors_is_never_overdue(home: Home) -> None:
    """A door that nobody opens for a week sends nothing, and the exporter is healthy nevertheless."""
    home.hear({"door": 1.0}, is_triggered=True)

    assert overdue(home, 7 * 86_400) is None


def test_a_door_is_not_called_silent(home: Home) -> None:
    """A door sends only when it moves, so "silent" would be a false alarm."""
    home.hear({"door": 1.0}, is_triggered=True)
    home.now += 86_400

    (state, *_) = DeviceStatus(home.devices.values(), home.clock).states()
    assert ("heard", "heard 24 h ago", 86_400) == (state["state"], state["state_text"], state["age_seconds"])


def test_the_share_of_the_measurements_that_were_heard_is_shown(home: Home) -> None:
    """The share tells an owner whether the sensor is too far away."""
    assert [None, None] == [state["measurements"] for state in states(home)]

    for number in range(20):
        if number != 15:
            home.hear({"temperature": 21.5}, packet_id=number)
        home.now += 10

    (measured, _) = (state["measurements"] for state in states(home))
    assert measured is not None
    assert (1, 10.0) == (measured["missed"], measured["interval_seconds"])
    assert round(measured["heard"] / (measured["heard"] + 1), 3) == measured["recent_share"]
