"""The record of when the scanner listened."""

from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.device.listening import NOTE_S, Listening

HCI0, HCI1 = ("hci0",), ("hci1",)


def note_until(listening: Listening, begin_s: float, end_s: float, *adapters: str) -> None:
    """Note every few seconds that these adapters listen; from the end on, none does."""
    now_s = begin_s
    while now_s < end_s:
        listening.note(now_s, adapters)
        now_s += NOTE_S
    listening.note(end_s, ())


def test_before_anything_listened() -> None:
    """At the start, the radio needs a few seconds until it listens."""
    listening = Listening(1000)
    listening.note(1010, ())

    assert (1000, 0, 0, None) == (
        listening.started_s,
        listening.listened_s("hci0", 1000),
        listening.listened_s(None, 1000),
        listening.strangers_s,
    )


def test_the_time_of_listening_is_counted_by_adapter() -> None:
    """If only hci1 can hear a sensor, the time for which hci0 listened is no evidence that the sensor is silent."""
    listening = Listening(0)
    note_until(listening, 100, 160, "hci0", "hci1")
    note_until(listening, 160, 200, "hci1")

    assert [60, 100, 100] == [listening.listened_s(adapter, 0) for adapter in ("hci0", "hci1", None)]
    assert [10, 50] == [listening.listened_s(adapter, 150) for adapter in ("hci0", "hci1")]
    assert [0, 30] == [listening.listened_s(adapter, 170) for adapter in ("hci0", "hci1")]


def test_an_adapter_that_never_listened_counts_as_the_best() -> None:
    """A sensor in a capture may have been heard by an adapter that this machine does not have."""
    listening = Listening(0)
    note_until(listening, 0, 30, "hci0")

    assert 30 == listening.listened_s("hci7", 0)


def test_pauses_do_not_count() -> None:
    """With a scan of 10 s every minute, nothing can be heard in five sixths of the time."""
    listening = Listening(0)
    for minute in range(10):
        note_until(listening, 60 * minute, 60 * minute + 10, "")

    assert 100 == listening.listened_s("", 0)
    assert 50 == listening.listened_s("", 300)


def test_the_sleep_of_the_machine_does_not_count() -> None:
    """A notebook that slept for eight hours did not listen, which only the gap between two notes shows."""
    listening = Listening(0)
    note_until(listening, 0, 100, "hci0")
    listening.note(100, HCI0)
    listening.note(105, HCI0)
    listening.note(30_000, HCI0)
    listening.note(30_005, HCI0)

    assert 110 == listening.listened_s("hci0", 0)


def test_more_spans_than_are_kept_are_enough() -> None:
    """The record must not grow for ever; infinity means that too many spans have passed to know."""
    listening = Listening(0)
    for minute in range(100):
        note_until(listening, 60 * minute, 60 * minute + 10, "")

    assert float("inf") == listening.listened_s("", 0)
    assert 100 == listening.listened_s("", 60 * 90)


def test_the_latest_unknown_device_is_known_to_a_few_seconds() -> None:
    """While unknown devices are heard, the radio works, so a sensor's silence has another cause."""
    listening = Listening(0)
    found = []
    for now_s, strangers in ((0, 0), (5, 3), (10, 3), (15, 4)):
        listening.note(now_s, HCI0, strangers)
        found.append(listening.strangers_s)

    assert [None, 5, 5, 15] == found


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from([(), HCI0, HCI1, HCI0 + HCI1])), max_size=200))
def test_nobody_listens_for_longer_than_the_time_that_passed(notes: list[tuple[float, tuple[str, ...]]]) -> None:
    """If an adapter seemed to have listened for longer, a fault of the radio would look like one of the sensor."""
    listening = Listening(0)
    now_s, most = 0.0, {"hci0": 0.0, "hci1": 0.0}
    before: tuple[str, ...] = ()
    for after_s, adapters in notes:
        now_s += after_s
        for adapter in before:
            most[adapter] += after_s
        before = adapters
        listening.note(now_s, adapters)

    for adapter in most:
        listened_s = listening.listened_s(adapter, 0)
        assert listened_s == float("inf") or listened_s <= max(most.values()) + 1e-6
