"""Tests of bench/block.py and bench/exporters.py, which bench/central_server.py uses. Nothing is timed here."""

from itertools import islice
from pathlib import Path

from bench.block import Block, read_blocks, write_answers
from bench.exporters import air, configuration, free_ports
from ble_exporter.formats.bthome import UUID
from ble_exporter.parser import parse_bthome


def test_the_packets_on_air_are_valid() -> None:
    """If packets were rejected, Prometheus would store too few series, and the figures would be too good."""
    heard = list(islice(air(50, 0, -60.0, 0), 500))
    config = configuration(1, 50, 8000)

    assert sorted(one.at for one in heard) == [one.at for one in heard]
    assert set(config.devices) == {one.address for one in heard}
    assert {"battery", "humidity", "temperature", "voltage"} == {
        name for one in heard for name in parse_bthome(one.service_data[UUID])
    }


def test_two_exporters_of_a_house_hear_the_same_sensors() -> None:
    """The rules that merge series are measured only if both exporters have series of the same sensor."""
    assert configuration(2, 50, 8000).devices == configuration(3, 50, 8001).devices
    assert not set(configuration(1, 50, 8000).devices.values()) & set(configuration(2, 50, 8001).devices.values())


def test_the_ports_differ() -> None:
    """Two exporters can't listen on the same port."""
    assert 50 == len(set(free_ports(50)))


def test_a_day_on_disk_is_that_of_twelve_blocks(tmp_path: Path) -> None:
    """The figure decides which disk somebody buys. Each block has one index, however many samples it has."""
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


def test_each_answer_has_the_time_of_its_scrape(tmp_path: Path) -> None:
    """Promtool refuses samples without a time, and puts samples into blocks by their time."""
    write_answers(tmp_path / "answers", 120.0, 3)
    *lines, end = (tmp_path / "answers").read_text(encoding="utf-8").splitlines()
    times = [float(line.split()[-1]) for line in lines if line.startswith("ble_exporter_scans_total")]

    assert "# EOF" == end
    assert [0, 30, 60, 90] == [at - times[0] for at in times]
    assert 3 == len({line.split()[0] for line in lines if line.startswith("ble_sensor_temperature_celsius{")})
