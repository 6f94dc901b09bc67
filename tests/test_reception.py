"""The share of measurements that was heard, from packets of each format that numbers its measurements."""

import logging
import random
from collections.abc import Callable

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.formats import atc, bthome, bthome_v1, mibeacon
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.pipeline import Pipeline, build_devices
from tests.formats.sealing import ADDRESS, KEY, PRINTED, REVERSED, seal_atc, seal_mibeacon, seal_v1, seal_v2

ADVERTISING_S = 2.5
PACKETS_OF_ONE_MEASUREMENT = 4
MEASUREMENTS = 1000

OBJECTS = bytes.fromhex("02c409")
V1_OBJECTS = bytes.fromhex("2302c409")
PVVX = bytes.fromhex("c40913135200")
ATC1441 = bytes.fromhex("825e52")
MIBEACON = bytes.fromhex("041002fa00")


def _seal_mibeacon(number: int) -> bytes:
    """Return an encrypted payload with this number, the lowest byte of which is the frame counter."""
    return seal_mibeacon(MIBEACON, number // 256, frame=number % 256)


Encode = Callable[[int], bytes]
FORMATS: dict[str, tuple[str, Encode]] = {
    "BTHome v2": (bthome.UUID, lambda number: bytes((0x40, 0x00, number % 256)) + OBJECTS),
    "BTHome v2, encrypted": (bthome.UUID, lambda number: seal_v2(OBJECTS, number)),
    "BTHome v1": (bthome_v1.UUID, lambda number: bytes((0x02, 0x00, number % 256)) + V1_OBJECTS),
    "BTHome v1, encrypted": (bthome_v1.UUID_ENCRYPTED, lambda number: seal_v1(V1_OBJECTS, number)),
    "pvvx": (atc.UUID, lambda number: REVERSED + bytes.fromhex("c40913130c0b52") + bytes((number % 256, 0))),
    "pvvx, encrypted": (atc.UUID, lambda number: seal_atc(PVVX, number % 256)),
    "ATC1441": (atc.UUID, lambda number: PRINTED + bytes.fromhex("00fa31520b0c") + bytes((number % 256,))),
    "ATC, encrypted": (atc.UUID, lambda number: seal_atc(ATC1441, number % 256)),
    "MiBeacon": (
        mibeacon.UUID,
        lambda number: bytes.fromhex("50505b05") + bytes((number % 256,)) + REVERSED + MIBEACON,
    ),
    "MiBeacon, encrypted": (mibeacon.UUID, _seal_mibeacon),
}


class Attic:
    """A receiver of one sensor, with a key if `keys` has one."""

    def __init__(self, log: logging.Logger, keys: dict[str, bytes]) -> None:
        self.counts = SelfMetrics()
        self._now_s = 1000.0
        devices = build_devices(AppConfig(30, 30, 8000, {ADDRESS: "attic"}, keys=keys), lambda: self._now_s)
        self.device = devices[ADDRESS]
        self._pipeline = Pipeline(devices, self.counts, log, lambda: self._now_s)

    def listen(self, uuid: str, encode: Encode, loss: float) -> float:
        """Lose packets at random, and receive the others; return the true share of measurements heard."""
        rng = random.Random(1)
        first, heard = rng.randrange(1, 60_000), 0
        for number in range(first, first + MEASUREMENTS):
            before = self.device.packets
            for _ in range(PACKETS_OF_ONE_MEASUREMENT):
                self._now_s += ADVERTISING_S
                if rng.random() >= loss:
                    self._pipeline.handle(Advertisement(ADDRESS, {uuid: encode(number)}, -60, "hci0"))
            heard += self.device.packets > before
        return heard / MEASUREMENTS


@pytest.mark.parametrize("loss", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("name", FORMATS)
def test_the_share_is_the_truth_in_each_format(name: str, loss: float, log: logging.Logger) -> None:
    """A sensor's reception must not look better or worse because its owner has chosen another format, or a key."""
    attic = Attic(log, {ADDRESS: KEY} if "encrypted" in name else {})
    true_share = attic.listen(*FORMATS[name], loss)

    count = attic.device.transmission.count
    assert not any(attic.counts.rejected.values())
    assert abs(true_share - count.heard / (count.heard + count.missed)) < 0.01
