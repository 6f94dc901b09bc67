"""The state set of the reasons why devices are silent."""

from collections.abc import Mapping

import pytest

from ble_exporter.device.silence import SILENCE_REASONS
from ble_exporter.device.silences import Silences
from ble_exporter.exporter.exposition import OPENMETRICS, TEXT, Exposition, Versioned
from ble_exporter.metrics.silence_reasons import SilenceReasons
from tests.home import Home


def collector_of(home: Home) -> SilenceReasons:
    """Return the collector of a home's devices."""
    return SilenceReasons(Silences(home.devices.values(), home.clock))


def scrape(collector: SilenceReasons) -> Mapping[tuple[str, str], float]:
    """Return the value of each series of a scrape, by device and reason."""
    for _ in collector.refresh():
        pass
    return {
        (sample.labels["device"], sample.labels["reason"]): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_a_silent_device_has_one_reason() -> None:
    """An alert rule asks for `== 1`, and must find exactly one reason."""
    home = Home("attic", "cellar")
    collector = collector_of(home)
    home.hear({"battery": 4})
    home.now += 30
    home.hear(device="cellar")
    home.now += 30

    assert {("attic", reason): float(reason == "battery_low") for reason in SILENCE_REASONS} == scrape(collector)


def test_a_device_that_is_heard_has_no_series() -> None:
    """Seven more series for each device that works would make every scrape much larger."""
    home = Home("attic", "cellar")
    collector = collector_of(home)
    home.hear()
    home.hear(device="cellar")

    assert {} == scrape(collector)


def test_the_series_end_when_the_device_is_heard_again() -> None:
    """An alert must end with its cause."""
    home = Home()
    collector = collector_of(home)
    home.now += 60
    assert 1 == scrape(collector)["attic", "never_heard"]
    home.hear()

    assert {} == scrape(collector)


def test_the_version_changes_only_with_a_reason() -> None:
    """Text that is still valid must not be rendered again at each scrape."""
    home = Home()
    collector = collector_of(home)
    versions = []
    for after_s in (0, 30, 30, 30):
        home.now += after_s
        scrape(collector)
        versions.append(collector.version)
    home.devices["attic"].refuse("wrong_key", home.now)
    scrape(collector)
    versions.append(collector.version)

    assert isinstance(collector, Versioned)
    assert [0, 0, 1, 1, 2] == versions


def test_a_reload_may_change_the_devices_while_they_are_judged() -> None:
    """The configuration may be read again between two pieces of a scrape, which must not fail."""
    home = Home("attic", "cellar")
    collector = collector_of(home)
    home.now += 60
    steps = collector.refresh()
    next(steps)
    del home.devices["cellar"]
    list(steps)

    assert {("attic", "never_heard")} == {key for key, value in scrape(collector).items() if value}


@pytest.mark.parametrize("wanted", [TEXT, OPENMETRICS])
def test_the_exposition_has_the_current_reasons(wanted: object) -> None:
    """Queries select by the `reason` label, so both exposition formats must have it."""
    home = Home()
    exposition = Exposition({"silences": collector_of(home)})
    chosen = OPENMETRICS if wanted is OPENMETRICS else TEXT
    assert b"silence_reason" not in exposition.render(chosen)
    home.now += 60

    assert b'ble_sensor_silence_reason{device="attic",reason="never_heard"} 1.0\n' in exposition.render(chosen)
