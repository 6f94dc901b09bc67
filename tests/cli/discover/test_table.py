"""Tests of the tables, which fit the terminal whatever names devices advertise."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ble_exporter.cli.discover.discovered import DiscoveredDevice, Discovery
from ble_exporter.cli.discover.table import counted, cut, other_lines, sensor_lines
from ble_exporter.cli.terminal import width
from ble_exporter.formats import bthome
from ble_exporter.formats.measurement import Measurement
from ble_exporter.model import Advertisement
from ble_exporter.utils import is_visible
from tests.conftest import PACKET_A, PACKET_B, vectors

ADDRESS = "A4:C1:38:00:00:01"
ENCRYPTED_VECTOR = vectors("bthome_v2_encrypted.json")[0]


def heard(*payloads: bytes, address: str = ADDRESS, name: str = "", rssi: int | None = -60) -> DiscoveredDevice:
    """Return a sensor that sent these payloads, 2.5 s apart."""
    times = iter(range(100))
    discovery = Discovery(lambda: 2.5 * next(times))
    for payload in payloads:
        discovery.handle(Advertisement(address, {bthome.UUID: payload}, rssi, name=name))
    (sensor,) = discovery.sensors()
    return sensor


def encrypted() -> DiscoveredDevice:
    """Return a sensor that sent an encrypted packet."""
    return heard(bytes.fromhex(ENCRYPTED_VECTOR["payload"]), address=ENCRYPTED_VECTOR["address"])


def texts(*sensors: DiscoveredDevice, columns: int = 120, configured: dict[str, str] | None = None) -> list[str]:
    """Return the lines of the table of these sensors."""
    return [line.text for line in sensor_lines(sensors, configured or {}, columns)]


def test_a_sensor_is_shown_with_all_its_data() -> None:
    """A user recognises a sensor by its name, RSSI or readings, and looks for the usual readings first."""
    assert [
        "     ADDRESS            NAME        FORMAT  RSSI  HEARD  EVERY  READINGS",
        "     A4:C1:38:00:00:01  ATC_000001  BTHome   -60      2  2.5 s  27.0 °C, 44.9 %, battery 81 %, 2.85 V…",
    ] == texts(heard(PACKET_B, PACKET_A, name="ATC_000001"), columns=109)


def test_a_narrow_terminal_shows_fewer_readings() -> None:
    """Users recognise a sensor by its temperature and humidity, so these must be the last readings to be cut."""
    lines = texts(heard(PACKET_B, PACKET_A, name="ATC_000001"), columns=80)

    assert lines[1].endswith("  ATC_000001  BTHome   -60      2  2.5 s  27.0 °C, 44.9 %…")


@pytest.mark.parametrize(
    ("columns", "readings"),
    [
        (100, "27.0 °C, 44.9 %, battery 81 %…"),
        (90, "27.0 °C, 44.9 %…"),
        (80, "27.0 °C, 44.9 %…"),
        (79, "27.0 °C, 44.9 …"),
        (140, "27.0 °C, 44.9 %, battery 81 %, 2.85 V, power_on 0, opening 1"),
    ],
)
def test_a_row_that_lacks_readings_is_marked(columns: int, readings: str) -> None:
    """Without the mark, a user would think that the sensor sends no voltage."""
    (_, row) = texts(heard(PACKET_B, PACKET_A, name="ATC_000001"), columns=columns)

    assert row.endswith(f"  {readings}")


def test_a_device_that_sends_only_events_is_shown_with_them() -> None:
    """A button has no readings; an empty row would look like a fault, and would not help to tell two buttons apart."""
    assert texts(heard(bytes.fromhex("4400073a013a003c0103")))[1].endswith(
        "  button press, button_2 none, dimmer rotate_left 03"
    )


def test_an_event_with_readings_follows_them() -> None:
    """Users recognise a thermometer with a button by its temperature rather than by its events."""
    assert texts(heard(bytes.fromhex("400264003a01")))[1].endswith("  1.0 °C, button press")


def test_a_text_of_a_sensor_can_not_control_the_terminal() -> None:
    """Anyone in radio range can send a text that contains escape sequences."""
    assert texts(heard(bytes.fromhex("405305411b5b324a")))[1].endswith(r"  text A\x1b[2J")


def test_an_encrypting_sensor_shows_that_it_needs_its_bindkey() -> None:
    """The user must learn that a key is needed, even on a narrow terminal."""
    assert texts(encrypted())[1].endswith("   encrypted: needs its bindkey")
    assert texts(encrypted(), columns=80)[1].endswith("   needs bindkey")


def test_a_wrong_key_is_shown() -> None:
    """The sensor works, so the user must be told that the configuration needs correcting."""
    sensor = encrypted()
    sensor.rejected = "wrong_key"

    assert texts(sensor, configured={ENCRYPTED_VECTOR["address"]: "x"})[1].endswith(
        "encrypted: the configured bindkey is wrong"
    )


def test_a_configured_sensor_has_its_configured_name() -> None:
    """The configured name and the mark `ok` show the user that this sensor needs no work."""
    lines = texts(heard(PACKET_A, name="ATC_000001"), configured={ADDRESS: "living_room"})

    assert lines[1].startswith("  ok A4:C1:38:00:00:01  living_room  BTHome")


def test_a_sensor_that_just_rose_is_marked() -> None:
    """The reading that rose is marked too, so that the user sees the cause even without colours."""
    sensor = heard(PACKET_A)
    sensor.rose = Measurement("humidity")
    rising = sensor_lines([sensor], {}, 100, rising=frozenset({ADDRESS}), numbers={ADDRESS: 12})

    assert rising[1].text.startswith("* 12 A4:C1:38:00:00:01")
    assert rising[1].text.endswith("27.0 °C, 44.9 %*, battery 81 %")
    assert "yellow" == rising[1].style


@pytest.mark.parametrize(
    ("payload", "reading"),
    [
        (b"\x40\x04\x13\x8a\x01", "pressure 1008.83 hPa"),
        (b"\x40\x02\x0a\x00\x02\x14\x00", "0.1 °C, temperature_2 0.2 °C"),
        (b"\x40\x12\xe2\x04", "carbon_dioxide 1250 ppm"),
    ],
)
def test_less_common_readings_have_their_names(payload: bytes, reading: str) -> None:
    """Without its name, a reading such as 1250 ppm is ambiguous."""
    assert texts(heard(payload))[1].endswith(f"  {reading}")


def test_unknown_values_are_not_invented() -> None:
    """A capture may lack the RSSI, and a single packet gives no interval; an invented value would mislead the user."""
    assert ["?", "1", "27.0"] == texts(heard(PACKET_A, rssi=None))[1].split()[2:5]


def test_without_sensors_there_is_no_table() -> None:
    """A header without rows would look like an error."""
    assert [] == texts()


def test_other_devices_are_listed_with_the_reason() -> None:
    """A user whose sensor is missing looks in this list for the sensor and for the reason."""
    nameless = DiscoveredDevice("A4:C1:38:00:00:02", rssi=-70.4, packets=3)
    rejected = DiscoveredDevice("A4:C1:38:00:00:03", name="x\x1b[2J", rssi=-80.0, packets=1, rejected="no_known_format")

    assert [
        "ADDRESS            NAME      RSSI  HEARD  EVERY  REASON",
        "A4:C1:38:00:00:02             -70      3         no known format",
        "A4:C1:38:00:00:03  x\\x1b[2J   -80      1         rejected: no_known_format",
    ] == [line.text for line in other_lines([nameless, rejected], 100)]


@pytest.mark.parametrize(
    ("sensors", "others", "words"),
    [
        (0, 0, "0 sensors, 0 other devices"),
        (1, 1, "1 sensor, 1 other device"),
        (2, 5000, "2 sensors, 5000 or more other devices"),
        (500, 2, "500 or more sensors, 2 other devices"),
    ],
)
def test_counts_are_written_in_words(sensors: int, others: int, words: str) -> None:
    """At the limit on stored devices, the exact number is unknown, and the text must say so."""
    assert words == counted(sensors, others)


def test_a_shortened_line_ends_with_an_ellipsis() -> None:
    """The ellipsis shows the user that text is missing; a character that takes two columns must not be split."""
    assert ["abc", "ab…", "厨…", "厨…", ""] == [
        cut("abc", 3), cut("abcd", 3), cut("厨房", 3), cut("厨房x", 3), cut("x", 0),
    ]  # fmt: skip


class Name(str):
    """A name that counts how many of its characters are read."""

    characters_read = 0

    def __iter__(self) -> Iterator[str]:
        """See str."""
        for char in super().__iter__():
            self.characters_read += 1
            yield char


def test_only_the_visible_part_of_a_long_name_is_measured() -> None:
    """Cutting a name delays the handling of packets, and 500 sensors can have long names at the same time."""
    name = Name("x" * 2480)

    assert f"{'x' * 23}…" == cut(name, 24)
    assert 25 == name.characters_read


# Python 3.11 does not know the emoji U+1FAF7; `is_visible` accepts the whole emoji range.
@example(names=["\U0001faf7"], columns=22, is_known=False)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.integers(1, 200), st.booleans())
def test_no_line_is_longer_than_the_terminal(names: list[str], columns: int, is_known: bool) -> None:
    """A wrapped line would move everything below it."""
    sensors = [heard(PACKET_A, address=f"A4:C1:38:00:00:{number:02X}", name=name) for number, name in enumerate(names)]
    configured = {ADDRESS: "厨房" * 20} if is_known else {}

    lines = [*sensor_lines(sensors, configured, columns), *other_lines(sensors, columns)]

    assert all(width(line.text) <= columns and all(map(is_visible, line.text)) for line in lines)
