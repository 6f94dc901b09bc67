"""Tests of the questions that `discover` asks: which sensors to add, with which names and bindkeys."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.cli.discover.choice import (
    NO_KEY,
    DeviceRequest,
    Refusal,
    ask_bindkey,
    ask_bindkeys,
    ask_name,
    can_decrypt,
    choose_devices,
    resolve_requests,
    suggest_name,
)
from ble_exporter.cli.discover.discovered import DiscoveredDevice, Discovery
from ble_exporter.config.devices import name_problem
from ble_exporter.config.editor import NewDevice
from ble_exporter.formats import bthome
from ble_exporter.model import Advertisement
from tests.conftest import PACKET_A, vectors

ENCRYPTED_VECTOR = vectors("bthome_v2_encrypted.json")[0]
KEY: str = ENCRYPTED_VECTOR["key"]
ADDRESSES = ("A4:C1:38:00:00:01", "A4:C1:38:00:00:02", "A4:C1:38:00:00:03")


def heard(address: str, payload: bytes = PACKET_A, name: str = "") -> DiscoveredDevice:
    """Return a sensor that sent this payload."""
    discovery = Discovery(lambda: 0.0)
    discovery.handle(Advertisement(address, {bthome.UUID: payload}, -60, name=name))
    (sensor,) = discovery.sensors()
    return sensor


SENSORS = [heard(address) for address in ADDRESSES]
ENCRYPTED = heard(ENCRYPTED_VECTOR["address"], bytes.fromhex(ENCRYPTED_VECTOR["payload"]))


class User:
    """A user who gives these answers in order; the questions and messages are recorded."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.messages: list[str] = []

    def ask(self, question: str) -> str:
        """Return the next answer."""
        self.asked.append(question)
        return self._answers.pop(0)

    def tell(self, text: str) -> None:
        """Record a message."""
        self.messages.append(text)


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("", []),
        ("  ", []),
        ("2", [2]),
        ("3 1", [3, 1]),
        ("1,2", [1, 2]),
        ("1, 1 ,3", [1, 3]),
        ("all", [1, 2, 3]),
        ("ALL ", [1, 2, 3]),
    ],
)
def test_an_answer_lists_the_numbers_of_sensors(answer: str, numbers: list[int]) -> None:
    """Enter chooses no sensor, so a user who only wanted to look adds nothing."""
    assert [SENSORS[number - 1] for number in numbers] == choose_devices(SENSORS, User(answer).ask, User().tell)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("0", "There is no sensor 0; write numbers from 1 to 3, separated by spaces."),
        ("1 4", "There is no sensor 4; write numbers from 1 to 3, separated by spaces."),
        ("-1", "There is no sensor -1; write numbers from 1 to 3, separated by spaces."),
        ("bedroom", "Write numbers from 1 to 3, separated by spaces, or `all`."),
        ("1-3", "Write numbers from 1 to 3, separated by spaces, or `all`."),
    ],
)
def test_after_an_invalid_answer_the_question_is_repeated(answer: str, words: str) -> None:
    """A typo must not add a neighbour's sensor."""
    user = User(answer, "2")

    assert [SENSORS[1]] == choose_devices(SENSORS, user.ask, user.tell)
    assert [words] == user.messages


def test_the_only_sensor_is_named_as_such() -> None:
    """With "numbers from 1 to 1", the message would make the user look for a second sensor."""
    user = User("first", "2", "1")

    assert SENSORS[:1] == choose_devices(SENSORS[:1], user.ask, user.tell)
    assert ["Write 1, or `all`.", "There is no sensor 2; write 1."] == user.messages


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("ATC_A1B2C3", "atc_a1b2c3"),
        ("Wohnzimmer Süd!", "wohnzimmer_süd"),
        ("", "sensor_000001"),
        ("\x1b[2J", "2j"),
        ("…", "sensor_000001"),
        ("00112233445566778899aabbccddeeff", "sensor_000001"),
    ],
)
def test_a_name_is_suggested(name: str, suggestion: str) -> None:
    """The suggestion is derived from the advertised name where possible, so most users need not type a name."""
    assert suggestion == suggest_name(heard(ADDRESSES[0], name=name), ())


def test_a_suggested_name_is_unused() -> None:
    """Sensors of the same model may advertise the same name, but a configuration can use a name only once."""
    sensor = heard(ADDRESSES[0], name="LYWSD03MMC")

    assert "lywsd03mmc_3" == suggest_name(sensor, {"lywsd03mmc", "lywsd03mmc_2"})


@given(st.text(), st.sets(st.text(max_size=3)))
def test_any_advertised_name_gives_a_valid_suggestion(name: str, taken: set[str]) -> None:
    """Anyone in radio range can advertise a name that the configuration would not accept."""
    suggestion = suggest_name(heard(ADDRESSES[0], name=name), taken)

    assert "" == name_problem(suggestion)
    assert suggestion not in taken


def test_enter_takes_the_suggestion() -> None:
    """A user who likes the suggested name must need only one key to accept it."""
    user = User("")

    assert "sensor_000001" == ask_name(SENSORS[0], (), user.ask, user.tell)
    assert ["Name of A4:C1:38:00:00:01 [sensor_000001]: "] == user.asked


def test_after_an_invalid_name_the_question_is_repeated() -> None:
    """The service would refuse a configuration with an invalid or repeated name."""
    user = User("bedroom", "a\x07b", KEY, " attic ")

    assert "attic" == ask_name(SENSORS[0], {"bedroom"}, user.ask, user.tell)
    assert [
        "This name is already used; choose another.",
        "The name contains the control character U+0007; remove it.",
        'A bindkey is written in place of the name; write `{name: "living_room", bindkey: "32 hex digits"}`.',
    ] == user.messages


def test_a_key_is_tried_on_a_packet_of_the_sensor() -> None:
    """A wrong key, once accepted, would be noticed only later, in the log."""
    user = User("0123", "f" * 32, KEY.upper())

    assert KEY == ask_bindkey(ENCRYPTED, "attic", user.ask, user.tell)
    assert [
        "It has 4 characters, not 32.",
        "This key does not decrypt the sensor's packets; the firmware's page shows the right key.",
    ] == user.messages
    assert 'Bindkey of "attic", 32 hex digits, not shown (Enter: skip this sensor): ' == user.asked[0]


def test_a_key_may_be_left_out() -> None:
    """A user who does not have the key at hand must be able to continue with the other sensors."""
    assert "" == ask_bindkey(ENCRYPTED, "attic", User("").ask, User().tell)


@pytest.mark.usefixtures("_without_cryptography")
def test_a_key_that_can_not_be_tried_is_accepted() -> None:
    """The decryption library is optional, and its absence must not keep the user from entering a key."""
    user = User(KEY)

    assert KEY == ask_bindkey(ENCRYPTED, "attic", user.ask, user.tell)
    (message,) = user.messages
    assert message.startswith("The key can't be tested: devices: a bindkey is set, but the library that decrypts")


def test_a_sensor_without_an_encrypted_packet_accepts_any_key() -> None:
    """Without an encrypted packet, the key can't be tested, and it may well be right."""
    assert can_decrypt(KEY, SENSORS[0], User().tell)


def test_a_request_is_resolved_with_its_name_or_a_suggestion() -> None:
    """Scripts can't answer questions, so the command line alone must determine the sensors and their names."""
    meant, refused = resolve_requests(
        [DeviceRequest(ADDRESSES[0], "bedroom"), DeviceRequest(ADDRESSES[2], "")], SENSORS, {}
    )

    assert [(SENSORS[0], "bedroom"), (SENSORS[2], "sensor_000003")] == meant
    assert [] == refused


@pytest.mark.parametrize(
    ("bad_request", "reason"),
    [
        (DeviceRequest(ADDRESSES[0], "x"), 'it is already configured, as "living_room"'),
        (
            DeviceRequest("A4:C1:38:FF:FF:FF", "x"),
            "no packet of a known format was received from it; listen longer (--seconds)",
        ),
        (DeviceRequest(ADDRESSES[1], "y"), "it was given twice"),
        (DeviceRequest(ADDRESSES[2], "living_room"), 'the name "living_room" is already used'),
        (DeviceRequest(ADDRESSES[2], "attic"), 'the name "attic" is already used'),
        (DeviceRequest(ADDRESSES[2], "\x07"), "the name contains the control character U+0007; remove it"),
    ],
)
def test_a_refused_request_says_why(bad_request: DeviceRequest, reason: str) -> None:
    """The user must learn what to correct, and the other sensors must still be added."""
    requests = [DeviceRequest(ADDRESSES[1], "attic"), bad_request]

    meant, refused = resolve_requests(requests, SENSORS, {ADDRESSES[0]: "living_room"})

    assert [(SENSORS[1], "attic")] == meant
    assert [Refusal(bad_request.address, reason)] == refused


def test_only_the_bindkeys_of_encrypting_sensors_are_asked_for() -> None:
    """A question about a sensor that does not encrypt would confuse the user."""
    user = User(KEY)

    additions, refused = ask_bindkeys([(SENSORS[0], "bedroom"), (ENCRYPTED, "attic")], user.ask, user.tell)

    assert [NewDevice(ADDRESSES[0], "bedroom"), NewDevice(ENCRYPTED_VECTOR["address"], "attic", KEY)] == additions
    assert [] == refused
    assert 1 == len(user.asked)


@pytest.mark.parametrize("ask", [None, User("").ask])
def test_an_encrypted_sensor_without_a_key_is_not_added(ask: Callable[[str], str] | None) -> None:
    """Without its key, the service would reject every packet of the sensor."""
    assert ([], [Refusal(ENCRYPTED_VECTOR["address"], NO_KEY)]) == ask_bindkeys(
        [(ENCRYPTED, "attic")], ask, User().tell
    )
