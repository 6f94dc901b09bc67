"""The info series with the labels of each device."""

from ble_exporter.exporter.exposition import OPENMETRICS, TEXT, Exposition, Versioned
from ble_exporter.metrics.device_labels import DeviceLabels
from tests.home import Home


def test_each_configured_device_has_one_series() -> None:
    """A query that joins with this metric, or looks for devices that were never heard, must find every device."""
    home = Home("attic", "cellar")
    home.devices["cellar"].configured_labels = {"room": "cellar", "floor": "-1"}
    written = Exposition({"labels": DeviceLabels(home.devices.values())}).render(TEXT).decode()

    assert [
        'ble_sensor_labels_info{device="attic"} 1.0',
        'ble_sensor_labels_info{device="cellar",floor="-1",room="cellar"} 1.0',
    ] == [line for line in written.splitlines() if line.startswith("ble_sensor_labels_info")]


def test_openmetrics_declares_an_info() -> None:
    """Prometheus stores the type, and shows it in its query editor."""
    written = Exposition({"labels": DeviceLabels(Home().devices.values())}).render(OPENMETRICS)

    assert b"# TYPE ble_sensor_labels info\n" in written


def test_without_devices_there_is_no_family() -> None:
    """A family without samples is noise."""
    assert [] == list(DeviceLabels([]).collect())


def test_a_scrape_renders_the_series_again_only_after_a_reload() -> None:
    """Ten thousand lines that never change must not cost time at each scrape."""
    home = Home()
    labels = DeviceLabels(home.devices.values())
    exposition = Exposition({"labels": labels})
    before = exposition.render(TEXT)
    home.devices["attic"].configured_labels = {"room": "attic"}
    unchanged = exposition.render(TEXT)
    labels.devices_changed()

    assert isinstance(labels, Versioned)
    assert before == unchanged
    assert b'ble_sensor_labels_info{device="attic",room="attic"} 1.0' in exposition.render(TEXT)
