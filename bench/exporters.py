"""
Child process of bench.central_server: many exporters, each with a port of its own, and a radio that costs little.

    python -m bench.exporters EXPORTERS SENSORS SPEED

In each house, two exporters hear the same sensors, one with a stronger signal than the other. Time passes SPEED times
as fast. The process prints the ports, and serves until SIGTERM.
"""

import asyncio
import logging
import random
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from heapq import merge

from bench.steady_radio import address
from ble_exporter.config.app_config import AppConfig
from ble_exporter.device.clock import fast_clock
from ble_exporter.formats.bthome import UUID
from ble_exporter.scanner.capture import Transmission
from ble_exporter.scanner.mock import MockScanner
from ble_exporter.service.serve import serve
from ble_exporter.tasks import Tasks

_LOCALHOST = "127.0.0.1"
_PORTS = range(20_000, 32_000)
_SCAN_S = 30.0
# A pvvx thermometer sends each measurement four times in 10 s. Fewer packets leave more processor time to Prometheus,
# and give each scrape a new measurement all the same.
_MEASUREMENT_S = 15.0
_LOSS = 0.1
# BTHome v2: device information, packet id, then each object's id and value.
_PACKET_A = struct.Struct("<BBBBBBhBH")
_PACKET_B = struct.Struct("<BBBBH")


def air(sensors: int, house: int, usual_dbm: float, seed: int) -> Iterator[Transmission]:
    """Yield the packets that an exporter hears from a house's thermometers, without end, in chronological order."""
    heard = random.Random(f"{house} {seed}")
    senders = [_thermometer(number, random.Random(f"{house} {number}")) for number in range(sensors)]
    for at, sender, payload in merge(*senders):
        if heard.random() >= _LOSS:
            yield Transmission(at, sender, round(heard.gauss(usual_dbm, 3.0)), {UUID: payload})


def _thermometer(number: int, rng: random.Random) -> Iterator[tuple[float, str, bytes]]:
    """Yield the times, the address and the payloads of a thermometer in a room with a drifting climate."""
    sender = address(number)
    usual_celsius = celsius = rng.uniform(17.0, 24.0)
    usual_percent = percent = rng.uniform(35.0, 60.0)
    battery = rng.randint(40, 100)
    packet_id = rng.randrange(256)
    at = rng.uniform(0.0, _MEASUREMENT_S)
    while True:
        climate = (0x02, round(celsius * 100), 0x03, round(percent * 100))
        yield at, sender, _PACKET_A.pack(0x40, 0x00, packet_id, 0x01, battery, *climate)
        millivolts = 2200 + 8 * battery + rng.randint(-9, 9)
        yield at + 2.5, sender, _PACKET_B.pack(0x40, 0x00, packet_id, 0x0C, millivolts)
        packet_id = (packet_id + 1) % 256
        at += _MEASUREMENT_S + rng.uniform(0.0, 0.04)
        celsius += rng.gauss(0.0, 0.03) + 0.01 * (usual_celsius - celsius)
        percent += rng.gauss(0.0, 0.10) + 0.01 * (usual_percent - percent)


def configuration(number: int, sensors: int, port: int) -> AppConfig:
    """Return the configuration of an exporter. Sensors of different houses have different names."""
    names = {address(sensor): f"house-{number // 2:03d}-sensor-{sensor:02d}" for sensor in range(sensors)}
    labels = {one: {"room": f"room {sensor}", "floor": str(sensor % 3)} for sensor, one in enumerate(names)}
    return AppConfig(_SCAN_S, _SCAN_S, port, names, log_file="-", listen_address=_LOCALHOST, labels=labels)


def free_ports(count: int) -> list[int]:
    """Return ports that are free now, and that Linux gives to no outgoing connection."""
    free: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((_LOCALHOST, port))
            free.append(port)
        if len(free) == count:
            break
    return free


async def run(exporters: int, sensors: int, speed: float) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    log = logging.getLogger("bench")
    log.setLevel(logging.ERROR)
    ports = free_ports(exporters)
    print(*ports, flush=True)
    async with Tasks() as tasks:
        for number, port in enumerate(ports):
            heard = air(sensors, number // 2, -60.0 if number % 2 else -75.0, number)
            radio = MockScanner(air=heard, speed=speed)
            config = configuration(number, sensors, port)
            tasks.start(serve(config, radio, log, stop, clock=fast_clock(speed)))
        await tasks.wait()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
