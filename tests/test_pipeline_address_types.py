"""Advertisements whose address has the bytes of a device's address, and perhaps another type."""

import logging
from dataclasses import replace

import pytest

from ble_exporter.config.app_config import AppConfig
from ble_exporter.formats.bthome import UUID
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import AddressType, Advertisement
from ble_exporter.pipeline import Pipeline, build_devices
from tests.conftest import PACKET_A

PUBLIC, MAYBE_STATIC = "A4:C1:38:00:00:01", "C4:7C:8D:00:00:01"
VALID, INVALID = PACKET_A, b"\x40\x02"


class Senders:
    """A pipeline with one device, and senders that use the device's address."""

    def __init__(self, config: AppConfig, log: logging.Logger) -> None:
        self.devices = build_devices(config, lambda: 0.0)
        self.counts = SelfMetrics()
        self._pipeline = Pipeline(self.devices, self.counts, log, lambda: 0.0)
        (self._address,) = self.devices

    def send(self, address_type: AddressType, payload: bytes = VALID) -> bool:
        """Send a packet; return whether the pipeline takes the sender for the device."""
        return self._pipeline.handle(Advertisement(self._address, {UUID: payload}, -60, address_type=address_type))

    @property
    def refused(self) -> int:
        """The number of packets that were refused because of their address type."""
        return self.counts.rejected["wrong_address_type"]


@pytest.fixture
def senders(app_config: AppConfig, log: logging.Logger, request: pytest.FixtureRequest) -> Senders:
    """Senders with the address that the test names; by default PUBLIC."""
    address, types = getattr(request, "param", (PUBLIC, {}))
    return Senders(replace(app_config, devices={address: "attic"}, address_types=types), log)


def test_a_sender_with_another_address_type_is_not_the_sensor(
    senders: Senders, caplog: pytest.LogCaptureFixture
) -> None:
    """Anybody can send a temperature under a random address that has the bytes of the sensor's public address."""
    assert not senders.send("random")

    assert (1, 0) == (senders.refused, senders.counts.decoded)
    said = (
        "attic (A4:C1:38:00:00:01): rejected an advertisement: wrong_address_type: the sender has a random address, "
        "and the device a public one: another sender uses the sensor's address; if this is the sensor, set its "
        "address_type"
    )
    assert [said] == [record.getMessage() for record in caplog.records]


def test_the_sensor_itself_is_accepted_before_and_after(senders: Senders) -> None:
    """Another sender that uses the sensor's address must not be able to lock the sensor out."""
    assert [True, False, True] == [senders.send(kind) for kind in ("public", "random", "public")]

    assert (1, 2) == (senders.refused, senders.counts.decoded)


@pytest.mark.parametrize("senders", [(PUBLIC, {}), (MAYBE_STATIC, {}), (PUBLIC, {PUBLIC: "random"})], indirect=True)
def test_an_unknown_type_is_accepted(senders: Senders) -> None:
    """A text capture has no types, and old versions of BlueZ do not report them."""
    assert senders.send("")
    assert 0 == senders.refused


@pytest.mark.parametrize("senders", [(MAYBE_STATIC, {})], indirect=True)
@pytest.mark.parametrize(("first", "second"), [("public", "random"), ("random", "public")])
def test_of_an_address_of_either_type_the_first_valid_packet_decides(
    senders: Senders, first: AddressType, second: AddressType
) -> None:
    """A user can't tell a static random address from a public one, and should not have to."""
    assert [True, True, False, True] == [senders.send(kind) for kind in (first, first, second, first)]


@pytest.mark.parametrize("senders", [(MAYBE_STATIC, {})], indirect=True)
def test_an_invalid_packet_decides_nothing(senders: Senders) -> None:
    """Only a valid packet may decide: if the device has a key, nobody but the sensor can create one."""
    assert [True, True, False] == [
        senders.send("random", INVALID),
        senders.send("public"),
        senders.send("random"),
    ]


@pytest.mark.parametrize(
    "senders",
    [(PUBLIC, {PUBLIC: "random"}), (MAYBE_STATIC, {MAYBE_STATIC: "random"}), (PUBLIC, {PUBLIC.lower(): "random"})],
    indirect=True,
)
def test_the_setting_decides_from_the_first_packet_on(senders: Senders) -> None:
    """A sensor may violate the rules for random addresses, and must be usable nevertheless."""
    assert [False, True, False] == [senders.send(kind) for kind in ("public", "random", "public")]
