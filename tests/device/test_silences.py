"""Histories of a home with three sensors; each ends with silent sensors and their reasons, or with no silence."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device import Device
from ble_exporter.device.lifetime import Lifetime
from ble_exporter.device.listening import NOTE_S, Listening
from ble_exporter.device.rhythm import NO_LIMIT
from ble_exporter.device.silence import SILENCE_REASONS
from ble_exporter.device.silences import Silences
from ble_exporter.errors import UNRELATED, RejectReason
from tests.home import Home

ADAPTERS = ("hci0", "hci1")


class Watched:
    """
    A home with three sensors that send every 5 s, and the record of a scanner that listens all the time.

    Attributes:
        sending: For each sensor that sends, the RSSI of its packets.
        levels: The battery level of each sensor.
        adapters: The adapters that listen.
        strangers: The number of packets of unknown devices.
    """

    def __init__(self, lifetime: Lifetime | None = None) -> None:
        self.home = Home("attic", "cellar", "garden", lifetime=lifetime)
        self.listening = Listening(self.home.now)
        self.silences = Silences(self.home.devices.values(), self.home.clock, listening=self.listening)
        self.sending = {"attic": -60, "cellar": -70, "garden": -80}
        self.levels = {"attic": 80.0, "cellar": 80.0, "garden": 80.0}
        self.adapters: tuple[str, ...] = ADAPTERS
        self.strangers = 0

    def spend(self, seconds: float, *, strangers: bool = True, fade_db: float = 0, of: str = "") -> None:
        """Let time pass; each packet of the sensor `of` is weaker by `fade_db` than the one before."""
        for _ in range(int(seconds / NOTE_S)):
            self.strangers += strangers
            self.listening.note(self.home.now, self.adapters, self.strangers)
            self.home.now += NOTE_S
            for name, rssi in self.sending.items():
                self.home.hear(
                    {"temperature": 20, "battery": self.levels[name]}, device=name, adapter="hci0", rssi=rssi
                )
                self.sending[name] -= round(fade_db) if name == of else 0
        self.listening.note(self.home.now, self.adapters, self.strangers)

    def stop(self, *names: str) -> None:
        """Stop the packets of these sensors."""
        for name in names:
            del self.sending[name]

    @property
    def found(self) -> dict[str, tuple[str, str]]:
        """The reason and the sentence of each silent sensor."""
        silent = {device.name: why() for device, why in self.silences.judge().items()}
        return {name: (silence.reason, silence.text) for name, silence in silent.items()}

    @property
    def reasons(self) -> dict[str, str]:
        """The reason of each silent sensor."""
        return {name: reason for name, (reason, _) in self.found.items()}


@pytest.fixture
def watched() -> Watched:
    """A home whose sensors were heard for ten minutes."""
    watched = Watched()
    watched.spend(600)
    return watched


def test_who_is_heard_has_no_reason(watched: Watched) -> None:
    """A reason for a sensor that works would be a false alarm."""
    watched.stop("attic")
    watched.spend(55)
    assert {} == watched.found

    watched.spend(5)
    assert {"attic": "left"} == watched.reasons
    watched.sending["attic"] = -60
    watched.spend(5)
    assert {} == watched.found


def test_a_sensor_that_was_never_heard_is_silent_after_the_shortest_limit() -> None:
    """In its first minute, the exporter can't know whether a sensor is silent; later, the address may be mistyped."""
    watched = Watched()
    watched.stop("garden")
    watched.spend(55)
    assert {} == watched.found

    watched.spend(240)
    text = "Nothing was heard of it since the exporter started 5 min ago; 2 other sensors are heard."
    assert {"garden": ("never_heard", text)} == watched.found


def test_a_sensor_that_was_heard_once_is_not_one_that_was_never_heard() -> None:
    """The sensor's address is right, so the user must look for another cause."""
    watched = Watched()
    watched.spend(5)
    watched.stop("garden")
    watched.spend(300)

    assert {"garden": "left"} == watched.reasons


def test_a_sensor_whose_packets_stop(watched: Watched) -> None:
    """Somebody took out the battery, or the sensor has crashed: nothing announced it."""
    watched.stop("attic")
    watched.spend(300)

    text = "Its packets stopped; it had a signal of -60 dBm and a battery at 80 %; 2 other sensors are heard."
    assert {"attic": ("left", text)} == watched.found


def test_a_sensor_that_fades(watched: Watched) -> None:
    """Somebody carried the sensor away: it is not broken."""
    watched.spend(180, fade_db=1, of="attic")
    watched.stop("attic")
    watched.spend(300)

    reason, text = watched.found["attic"]
    assert ("faded", {"attic"}) == (reason, set(watched.found))
    assert text.startswith("Its signal fell from -60 to -9")


@pytest.mark.parametrize(("fade_db", "then_s"), [(0.0, 0.0), (1.0, 900.0)], ids=["no fall", "worked there"])
def test_a_sensor_with_a_weak_signal_has_not_faded(fade_db: float, then_s: float) -> None:
    """A signal that is weak but did not fall recently explains lost packets, but not a sudden silence."""
    watched = Watched()
    watched.sending["garden"] = -95 + 36 * int(fade_db)
    watched.spend(180, fade_db=fade_db, of="garden")
    watched.spend(then_s)
    watched.stop("garden")
    watched.spend(300)

    assert {"garden": "left"} == watched.reasons


def test_a_battery_that_was_low(watched: Watched) -> None:
    """The owner must learn that the sensor probably needs a new battery."""
    watched.levels["cellar"] = 4
    watched.spend(60)
    watched.stop("cellar")
    watched.spend(300)

    assert {"cellar": ("battery_low", "Its battery was at 4 %.")} == watched.found


@pytest.mark.parametrize("levels", [[4.0, 100.0], [11.0]], ids=["a new battery", "not low"])
def test_a_battery_that_was_not_low(watched: Watched, levels: list[float]) -> None:
    """Only the latest level counts, and 11 % is not low."""
    for level in levels:
        watched.levels["cellar"] = level
        watched.spend(60)
    watched.stop("cellar")
    watched.spend(300)

    assert {"cellar": "left"} == watched.reasons


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([{"battery_low": 1}, {"battery": 95}], "left"),
        ([{"battery": 5}, {"battery_low": 0}], "left"),
        ([{"battery": 95}, {"battery_low": 1}], "battery_low"),
        ([{"battery_low": 0}, {"battery": 5}], "battery_low"),
        ([{"battery_low": 1, "battery": 40}], "battery_low"),
    ],
)
def test_of_a_battery_level_and_a_flag_the_newer_counts(
    watched: Watched, sent: list[dict[str, float]], reason: str
) -> None:
    """After the battery was changed, a sensor may send only the level or only the flag for a while."""
    watched.stop("attic")
    for one in sent:
        watched.home.now += 1
        watched.home.hear(one, device="attic", adapter="hci0")
    watched.spend(300)

    assert {"attic": reason} == watched.reasons


def test_an_old_battery_level_says_nothing(watched: Watched) -> None:
    """A sensor that stopped sending its level three days ago may have a new battery."""
    watched.home.hear({"battery": 4}, device="attic", adapter="hci0")
    for _ in range(72):
        watched.home.now += 3600
        watched.home.hear({"temperature": 20}, device="attic", adapter="hci0")
    watched.stop("attic")
    watched.spend(900)

    assert "left" == watched.reasons["attic"]


def test_a_sensor_whose_packets_are_refused(watched: Watched) -> None:
    """The sensor works: its key was changed."""
    watched.stop("attic")
    watched.spend(300)
    watched.home.devices["attic"].refuse("wrong_key", watched.home.now - 3)

    text = "Packets arrive under its address, the latest 3 s ago, but are refused: wrong key."
    assert {"attic": ("refused", text)} == watched.found
    watched.spend(60)
    assert {"attic": "left"} == watched.reasons


def test_a_refused_packet_of_a_heard_sensor_is_no_reason(watched: Watched) -> None:
    """Somebody else may send under the sensor's address."""
    watched.home.devices["attic"].refuse("wrong_key", watched.home.now)

    assert {} == watched.found


@pytest.mark.parametrize("reason", sorted(UNRELATED))
def test_another_sender_does_not_hide_the_reason(watched: Watched, reason: RejectReason) -> None:
    """Anybody can send under a sensor's address, but the empty battery is still the reason why the sensor is silent."""
    watched.levels["cellar"] = 4
    watched.spend(60)
    watched.stop("cellar")
    watched.spend(300)
    watched.home.devices["cellar"].refuse(reason, watched.home.now)

    assert {"cellar": "battery_low"} == watched.reasons


@pytest.mark.parametrize("reason", sorted(UNRELATED))
def test_another_sender_does_not_hide_that_all_are_silent(watched: Watched, reason: RejectReason) -> None:
    """Another sender's packet shows that the radio works, but not that any sensor is heard."""
    watched.home.devices["unheard"] = Device("unheard")
    watched.stop("attic", "cellar", "garden")
    watched.spend(300)
    watched.home.devices["unheard"].refuse(reason, watched.home.now - 60)
    watched.home.devices["attic"].refuse(reason, watched.home.now - 60)

    assert {"all_silent"} == {watched.reasons[name] for name in ("attic", "cellar", "garden")}


def test_another_sender_does_not_hide_why_a_sensor_is_refused() -> None:
    """The owner must correct the key, and must not be told of another sender's address type."""
    watched = Watched()
    watched.stop("attic")
    watched.spend(90)
    watched.home.devices["attic"].refuse("wrong_address_type", watched.home.now)
    only_one = watched.found["attic"][1]
    watched.home.devices["attic"].refuse("wrong_key", watched.home.now)
    watched.home.devices["attic"].refuse("wrong_address_type", watched.home.now)

    assert "wrong address type." == only_one[-19:]
    assert "wrong key." == watched.found["attic"][1][-10:]


def test_a_wrong_key_is_the_reason_whatever_the_rhythm() -> None:
    """An alert must not begin and end with each packet of a sensor that sends every two minutes."""
    watched = Watched()
    watched.stop("attic")
    watched.spend(120)
    found = []
    for number in range(240):
        if number % 24 == 0:
            watched.home.devices["attic"].refuse("wrong_key", watched.home.now)
        watched.spend(5)
        found.append(watched.reasons["attic"])
    assert {"refused"} == set(found)

    watched.spend(900)
    assert "never_heard" == watched.reasons["attic"]


@pytest.mark.parametrize(
    ("strangers", "words"),
    [
        (
            True,
            "Nothing was heard from any sensor for 5 min: 3 sensors fell silent at the same time; another Bluetooth",
        ),
        (False, "Nothing was heard from any sensor for 5 min, nor from any other Bluetooth device: 3 sensors fell"),
    ],
)
def test_all_sensors_at_once(watched: Watched, strangers: bool, words: str) -> None:
    """The radio, or something that disturbs it, is to blame, and not the low battery of one sensor."""
    watched.levels["attic"] = 4
    watched.spend(10)
    watched.stop("attic", "cellar", "garden")
    watched.spend(300, strangers=strangers)

    assert dict.fromkeys(watched.home.devices, "all_silent") == watched.reasons
    assert all(text.startswith(words) for _, text in watched.found.values())


def test_a_sensor_that_was_gone_before_is_not_one_of_all(watched: Watched) -> None:
    """A sensor's own reason must stay when the radio fails later, and must not hide this failure."""
    watched.stop("attic")
    watched.spend(600)
    watched.stop("cellar", "garden")
    watched.spend(300)

    assert {"attic": "left", "cellar": "all_silent", "garden": "all_silent"} == watched.reasons


def _one_goes_on(watched: Watched) -> None:
    watched.stop("attic", "cellar")
    watched.spend(300)


def _one_after_the_other(watched: Watched) -> None:
    for name in ("attic", "cellar", "garden"):
        watched.stop(name)
        watched.spend(40)
    watched.spend(300)


def _one_is_refused(watched: Watched) -> None:
    watched.stop("attic", "cellar", "garden")
    watched.spend(60)
    watched.home.devices["garden"].refuse("wrong_key", watched.home.now)
    watched.spend(300)


def _a_door_opens(watched: Watched) -> None:
    watched.stop("attic", "cellar", "garden")
    watched.home.hear({"door": 1}, device="garden", adapter="hci0", is_triggered=True)
    watched.spend(60)
    watched.home.hear({"door": 0}, device="garden", adapter="hci0", is_triggered=True)
    watched.spend(300)


@pytest.mark.parametrize("happen", [_one_goes_on, _one_after_the_other, _one_is_refused, _a_door_opens])
def test_not_all_at_once(watched: Watched, happen: Callable[[Watched], None]) -> None:
    """A packet after the silence of the others proves that the radio works."""
    happen(watched)

    assert "attic" in watched.reasons
    assert "all_silent" not in watched.reasons.values()


def test_a_slow_sensor_that_is_not_late_is_not_one_of_all() -> None:
    """Eight minutes of silence are a usual pause of a sensor that sends every 10 minutes, whatever the others do."""
    watched = Watched()
    watched.stop("garden", "cellar")
    for _ in range(4):
        watched.home.hear({"temperature": 20}, device="garden", adapter="hci0")
        watched.spend(600)
    watched.home.hear({"temperature": 20}, device="garden", adapter="hci0")
    watched.stop("attic")
    watched.spend(500)
    assert "left" == watched.reasons["attic"]

    watched.spend(300)
    assert "all_silent" == watched.reasons["attic"]


def test_a_slow_sensor_does_not_keep_the_others_from_being_all() -> None:
    """A sensor that sends every 10 minutes is not silent yet, which is no evidence that the radio works."""
    watched = Watched()
    watched.stop("garden")
    for _ in range(4):
        watched.home.hear({"temperature": 20}, device="garden", adapter="hci0")
        watched.spend(600)
    watched.stop("attic", "cellar")
    watched.spend(120)

    assert {"attic": "all_silent", "cellar": "all_silent"} == watched.reasons


def test_a_single_sensor_is_not_all() -> None:
    """One silent sensor is no evidence against the radio."""
    watched = Watched()
    watched.stop("cellar", "garden")
    watched.spend(300)
    watched.stop("attic")
    watched.spend(300, strangers=False)

    assert ("left", "never_heard") == (watched.reasons["attic"], watched.reasons["cellar"])


def test_while_the_scanner_does_not_listen(watched: Watched) -> None:
    """The adapter is to blame while it is gone; when it is back, each sensor is heard, or soon has another reason."""
    watched.adapters = ()
    watched.stop("attic", "cellar", "garden")
    watched.spend(300)
    assert dict.fromkeys(watched.home.devices, "not_listening") == watched.reasons

    watched.adapters = ADAPTERS
    watched.sending = {"cellar": -70, "garden": -80}
    watched.spend(20)
    assert {"attic": "not_listening"} == watched.reasons
    watched.spend(60)
    assert {"attic": "left"} == watched.reasons


def test_a_pause_in_the_listening_is_no_excuse(watched: Watched) -> None:
    """If the scanner listened for most of the time, a working sensor would have been heard."""
    watched.stop("attic")
    watched.adapters = ()
    watched.spend(20)
    watched.adapters = ADAPTERS
    watched.spend(40)

    assert {"attic": "left"} == watched.reasons


def test_the_adapter_that_heard_it_counts(watched: Watched) -> None:
    """hci1 can't hear this sensor, so the time for which hci1 listened is no evidence."""
    watched.stop("attic")
    watched.adapters = ("hci1",)
    watched.spend(300)

    text = "Adapter hci0, which heard it best, listened for none of the 5 min since its last packet."
    assert ("not_listening", text) == watched.found["attic"]


def _hear_with(watched: Watched, adapter: str, interval_s: float, until_s: float) -> None:
    """Let one adapter hear the sensor in the attic for some time; the other sensors send as usual."""
    watched.sending.pop("attic", None)
    for _ in range(int(until_s / interval_s)):
        watched.spend(interval_s)
        watched.home.hear({"temperature": 20}, device="attic", adapter=adapter)


def test_an_adapter_that_was_replaced_is_no_reason(watched: Watched) -> None:
    """The sensor died hours after the adapter that once heard it best, so the adapter is not the reason."""
    watched.adapters = ("hci1",)
    _hear_with(watched, "hci1", 10, 7200)
    watched.spend(300)

    assert {"attic": "left"} == watched.reasons


def test_an_adapter_that_was_replaced_does_not_set_the_limit() -> None:
    """Judged by the rhythm of an adapter that is gone, a sensor that is heard every 2 min would seem silent."""
    watched = Watched(Lifetime())
    watched.spend(600)
    watched.adapters = ("hci1",)
    _hear_with(watched, "hci1", 120, 7200)
    watched.home.now += NOTE_S
    watched.home.begin_scan()
    watched.spend(600)
    watched.home.end_scan()

    assert {} == watched.found


@pytest.mark.parametrize("hung_s", [40, 60, 90])
def test_an_adapter_that_hung_before_it_failed_did_not_listen(watched: Watched, hung_s: float) -> None:
    """Until its failure is noticed, an adapter that hangs seems to listen, but the silent sensors are healthy."""
    watched.stop("attic")
    watched.spend(hung_s)
    watched.adapters = ("hci1",)
    watched.spend(5 * 3600)

    reason, text = watched.found["attic"]
    assert ("not_listening", {"attic"}) == (reason, set(watched.found))
    assert text.startswith("Adapter hci0, which heard it best, listened for none of the last 60 s, and ")


def test_a_radio_that_hung_from_the_start_did_not_listen() -> None:
    """The minute before the failure was noticed must not make a sensor count as "never heard"."""
    watched = Watched()
    watched.stop("attic", "cellar", "garden")
    watched.spend(60)
    watched.adapters = ()
    watched.spend(5 * 3600)

    assert dict.fromkeys(watched.home.devices, "not_listening") == watched.reasons


def test_the_time_since_unknown_devices_were_heard_is_told(watched: Watched) -> None:
    """Unknown devices that were last heard hours ago are no evidence that the radio works now."""
    watched.stop("attic", "cellar", "garden")
    watched.spend(600)
    watched.spend(3 * 3600, strangers=False)

    assert all(text.endswith("; another Bluetooth device was heard 3 h ago.") for _, text in watched.found.values())
    assert dict.fromkeys(watched.home.devices, "all_silent") == watched.reasons


def test_while_the_machine_slept_nobody_listened(watched: Watched) -> None:
    """When a notebook wakes up, all sensors have been silent for hours, and none is at fault."""
    watched.home.now += 8 * 3600
    watched.listening.note(watched.home.now, ADAPTERS, watched.strangers)

    assert dict.fromkeys(watched.home.devices, "not_listening") == watched.reasons


@pytest.mark.parametrize(("later_s", "reason"), [(900, "not_listening"), (6 * 3600, "left")])
def test_with_rare_scans_silence_takes_several(later_s: float, reason: str) -> None:
    """With one scan an hour, a sensor counts as silent after 15 minutes, in which the scanner may not have listened."""
    home = Home()
    listening = Listening(home.now)
    began_s = home.now
    silences = Silences(home.devices.values(), home.clock, 3600, 10 / 3600, listening)
    home.hear({"temperature": 20})
    while home.now < began_s + later_s:
        is_scan = (home.now - began_s) % 3600 < 10
        listening.note(home.now, [""] if is_scan else [])
        home.now += NOTE_S
    listening.note(home.now, [])

    assert reason == silences.judge()[home.devices["attic"]]().reason


def test_a_door_has_no_reason(watched: Watched) -> None:
    """A sensor that sends only when something happens is never silent."""
    watched.stop("garden")
    watched.home.hear({"door": 1}, device="garden", adapter="hci0", is_triggered=True)
    watched.spend(7200)

    assert {} == watched.found


def test_a_device_without_a_limit_has_no_reason() -> None:
    """With `never`, the owner has decided that silence means nothing."""
    watched = Watched(Lifetime(NO_LIMIT, NO_LIMIT, NO_LIMIT))
    watched.spend(300)
    watched.stop("attic")
    watched.spend(7200)

    assert {} == watched.found


def test_an_unknown_device_has_no_reason(watched: Watched) -> None:
    """The devices of another home were not judged, so a reason for one of them would be a guess."""
    assert Home().devices["attic"] not in watched.silences.judge()


_NAMES = st.sampled_from(["attic", "cellar", "garden"])
_STEP = st.one_of(
    st.tuples(st.just("hear"), _NAMES, st.integers(-110, -30), st.booleans()),
    st.tuples(st.just("refuse"), _NAMES, st.integers(0, 1), st.booleans()),
    st.tuples(st.just("wait"), _NAMES, st.integers(0, 2000), st.booleans()),
)


@given(st.lists(_STEP, max_size=60))
def test_exactly_one_reason_for_the_silent_and_none_for_the_others(steps: list[tuple[str, str, int, bool]]) -> None:
    """Whatever happened, a gap must have an explanation, and a sensor that is heard must have none."""
    watched = Watched()
    watched.stop("attic", "cellar", "garden")
    for kind, name, number, flag in steps:
        home = watched.home
        if kind == "hear":
            adapter = ADAPTERS[number % 2]
            home.hear(
                {"battery": -number}, device=name, adapter=adapter, rssi=number, is_triggered=flag and number > -40
            )
        elif kind == "refuse":
            home.devices[name].refuse("wrong_key", home.now)
        else:
            watched.adapters = ADAPTERS if flag else ()
            watched.spend(min(number, 60), strangers=flag)
            home.now += max(0, number - 60)
        found = watched.reasons
        for one, device in home.devices.items():
            since_s = watched.listening.started_s if device.heard_s is None else device.heard_s
            assert (one in found) == (home.now - since_s >= device.presence_limit_s)
        assert set(found.values()) <= set(SILENCE_REASONS)
