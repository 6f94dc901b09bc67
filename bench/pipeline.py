"""
The cost of handling one advertisement in the service, compared with decoding it.

The advertisement of a configured sensor is decoded, stored, counted, and added to the sensor's status and history;
that of an unknown device is only counted.
"""

import itertools
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from bench.decoding import STREAMS
from bench.report import Report, Table
from bench.timing import Contestant, Rounds, compare, repeat
from ble_exporter.config import AppConfig
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.parser import parse_bthome
from ble_exporter.pipeline import Pipeline, build_devices

AIM = "4 or less"
AIM_UNKNOWN = "0.15 µs or less"
_SENSORS = 20
_INTERVAL_S = 2.5
_PACKETS_WITH_ONE_ID = 4
_ROUNDS = 21
_TIMES = 5
_UNKNOWN = "11:22:33:44:55:66"


_BY_RHYTHM, _BY_SCAN = "by each sensor's rhythm", "by the latest scan"
TABLES = (
    Table(
        "Handling one advertisement",
        f"Packets of {_SENSORS} sensors in turn: the time of the pipeline, which decodes, stores and counts them, "
        f"and that of parse_bthome alone. Aim: a ratio of {AIM}; for an unknown device, {AIM_UNKNOWN}.",
        ("expiry", "parse_bthome µs", "wants + handle µs", "ratio (min–max)", "unknown device µs"),
        (_BY_RHYTHM, _BY_SCAN),
        "The times grow linearly with the number of measurements in a packet. The number of devices makes no "
        "difference, because a device is found by one look-up in a dictionary.",
    ),
)


def run(report: Report) -> None:
    """Measure the handling of one advertisement, and print the table."""
    of_latest_scan = AppConfig(30, 30, 8000, _devices())
    by_rhythm = replace(of_latest_scan, stale_after_seconds="auto")
    cells = {}
    for title, config in ((_BY_RHYTHM, by_rhythm), (_BY_SCAN, of_latest_scan)):
        measured = _measure(config)
        micros = {name: f"{measured.median(name) * 1e6:.3f}" for name in measured}
        ratio = measured.ratio("handled", "decoded")
        cells[title] = (micros["decoded"], micros["handled"], str(ratio), micros["unknown"])
    report.add(TABLES[0], cells)


def _devices() -> Mapping[str, str]:
    return {f"A4:C1:38:00:00:{number:02X}": f"room-{number}" for number in range(_SENSORS)}


def _measure(config: AppConfig) -> Rounds:
    """Return the times for one advertisement, in seconds."""
    log = logging.getLogger("bench")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    now_s = 0.0
    devices = build_devices(config, lambda: now_s)
    pipeline = Pipeline(devices, SelfMetrics(), log, lambda: now_s)
    heard = _advertisements(config)
    payloads = [advertisement.service_data[UUID] for turn in heard for advertisement in turn]

    def handle() -> None:
        nonlocal now_s
        for turn in heard:
            now_s += _INTERVAL_S
            for advertisement in turn:
                if pipeline.wants(advertisement.address):
                    pipeline.handle(advertisement)

    def decode() -> None:
        for payload in payloads:
            parse_bthome(payload)

    def refuse() -> None:
        for _ in payloads:
            pipeline.wants(_UNKNOWN)

    def timed(work: Callable[[], None]) -> Contestant:
        return lambda: repeat(work, _TIMES) / len(payloads)

    return compare({"decoded": timed(decode), "handled": timed(handle), "unknown": timed(refuse)}, _ROUNDS)


def _advertisements(config: AppConfig) -> list[list[Advertisement]]:
    """
    Return 256 lists, each with one advertisement of every sensor.

    As in the firmware, two packets alternate, and four in a row have the same id.
    """
    packets = itertools.cycle(bytes.fromhex(text) for text in next(iter(STREAMS.values())))
    turns = []
    for number, packet in zip(range(256), packets, strict=False):
        payload = packet[:2] + bytes([number // _PACKETS_WITH_ONE_ID]) + packet[3:]
        turns.append([Advertisement(address, {UUID: payload}, -60, "hci0") for address in config.devices])
    return turns
