"""Tests of bench/central_server.py and bench/exporters.py. Nothing is timed here."""

from itertools import islice
from pathlib import Path

from bench.central_server import Block, read_blocks
from bench.exporters import air, configuration, free_ports
from ble_exporter.formats.bthome import UUID
from ble_exporter.parser import parse_bthome


def test_what_the_exporters_hear_is_read() -> None:
    """If packets were rejected, Prometheus would store too few series, and the figures would be too good."""
    heard = list(islice(air(50, 0, -60.0, 0), 500))
    config = configuration(1, 50, 8000)

    assert sorted(one.at for one in heard) == [one.at for one in heard]
    assert set(config.devices) == {one.address for one in heard}
    assert {"battery", "humidity", "temperature", "voltage"} == {
        name for one in heard for name in parse_bthome(one.service_data[UUID])
    }


def test_two_exporters_of_a_house_hear_the_same_sensors() -> None:
    """The rules that merge series have work to do only then."""
    assert configuration(2, 50, 8000).devices == configuration(3, 50, 8001).devices
    assert not set(configuration(1, 50, 8000).devices.values()) & set(configuration(2, 50, 8001).devices.values())


def test_the_ports_differ() -> None:
    """Two exporters can't have one port."""
    assert 50 == len(set(free_ports(50)))


def test_a_day_on_disk_is_that_of_twelve_blocks(tmp_path: Path) -> None:
    """The figure decides which disk somebody buys. An index is written once for each block, whatever its length."""
    for number in range(2):
        block = tmp_path / f"block{number}"
        (block / "chunks").mkdir(parents=True)
        (block / "chunks" / "000001").write_bytes(bytes(3_000))
        (block / "index").write_bytes(bytes(500))
        (block / "meta.json").write_text('{"stats": {"numSamples": 1000, "numSeries": 10}}')
    found = read_blocks(tmp_path)

    assert Block(2000, 20, 6_000, 1_000) == found
    # A series has 2,880 samples of 3 bytes, and 12 times 50 bytes in the index.
    assert 100 * (2_880 * 3 + 12 * 50) == found.bytes_a_day(100)
