"""The check of `doctor` that listens: which of the configured sensors are heard, and whether their keys are right."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ble_exporter.cli.discover.discovered import Discovery
from ble_exporter.cli.doctor.check import CheckContext, CheckResult, Level, this_program
from ble_exporter.errors import RejectReason, ScannerError
from ble_exporter.model import Advertisement
from ble_exporter.utils import number_of

if TYPE_CHECKING:
    from ble_exporter.config.app_config import AppConfig
    from ble_exporter.device import Device

# In so long a time something is heard nearly anywhere, if only a neighbour's phone.
_SOON_S = 10.0

_REFUSALS: Mapping[RejectReason, tuple[Level, str]] = {
    "encrypted": ("fail", "it encrypts, and has no bindkey in the configuration: add the one on the firmware's page"),
    "wrong_key": ("fail", "its bindkey does not decrypt what it sends: compare it with the one on the firmware's page"),
    "not_encrypted": (
        "fail",
        "it has a bindkey, and sends in plain: switch encryption on in the firmware, or remove the bindkey",
    ),
    "no_known_format": ("fail", "it sends none of the known formats: set it to BTHome on the firmware's page"),
    "no_service_data": ("warn", "it was heard, but only its name or the like: listen longer (--seconds 30)"),
}


class Heard(NamedTuple):
    """
    What was heard of one device.

    Attributes:
        packets: How many gave a reading.
        refused: Why others did not, to how many; the commonest first.
        format: In words; empty without a reading.
        rssi: Of the latest reading, in dBm; None where it is not known.
    """

    packets: int
    refused: Mapping[RejectReason, int]
    format: str = ""
    rssi: int | None = None


class Ear:
    """
    A listener that judges each packet as the service does, and counts the sensors that are not configured.

    Args:
        config: The configured devices.
    """

    def __init__(self, config: "AppConfig") -> None:
        from ble_exporter.metrics.self_metrics import SelfMetrics
        from ble_exporter.pipeline import Pipeline, build_devices

        log = logging.getLogger("ble_exporter.doctor")
        # The pipeline's warnings are reported here, in other words.
        log.disabled = True
        clock = asyncio.get_running_loop().time
        self.counts = SelfMetrics()
        self._devices = build_devices(config, clock)
        self._pipeline = Pipeline(self._devices, self.counts, log, clock)
        self._strangers = Discovery(clock)

    def wants(self, address: str) -> bool:
        """Count it; whether an unknown device is a sensor is known when it is read."""
        self._pipeline.wants(address)
        return True

    def handle(self, advertisement: Advertisement) -> None:
        """Take in one advertisement."""
        if advertisement.address in self._devices:
            self._pipeline.handle(advertisement)
        else:
            self._strangers.handle(advertisement)

    def strangers(self) -> int:
        """Return how many sensors were heard that are not configured."""
        return len(self._strangers.sensors())

    def devices(self) -> dict[str, Heard]:
        """Return what was heard of each device, by name."""
        return {device.name: _heard(device) for device in self._devices.values()}


def _heard(device: "Device") -> Heard:
    commonest_first = dict(device.refused.most_common())
    if device.advertisement is None or device.reading is None:
        return Heard(device.packets, commonest_first)
    return Heard(device.packets, commonest_first, " and ".join(device.reading.formats), device.advertisement.rssi)


def check_sensors(context: CheckContext) -> Iterator[CheckResult]:
    """Listen, and tell what was heard of each configured device."""
    config = context.valid_config
    context.show_progress(f"listening for {context.seconds:g} s …")
    try:
        ear, adapters = asyncio.run(_listen(config, context))
    except ScannerError as error:
        yield CheckResult("fail", str(error), error.command or "sudo systemctl restart bluetooth")
        return
    devices = ear.devices()
    context.heard = sum(heard.packets > 0 for heard in devices.values())
    yield judge_reception(ear.counts.received, context.seconds, adapters)
    for address, name in config.devices.items():
        yield judge_device(name, address, devices[name], ear.strangers(), context)


async def _listen(config: "AppConfig", context: CheckContext) -> tuple[Ear, str]:
    from ble_exporter.scanner import run_for

    ear = Ear(replace(config, keys={}) if context.is_mock else config)
    radio = context.make_radio(config)
    await run_for(radio, ear, context.seconds)
    return ear, ", ".join(radio.adapters)


def judge_reception(received: int, seconds: float, adapters: str) -> CheckResult:
    """Judge how much was heard at all."""
    with_adapters = f" with {adapters}" if adapters else ""
    if received:
        packets = number_of(received, "advertisement")
        return CheckResult("ok", f"air: heard {packets} in {seconds:g} s{with_adapters}")
    level: Level = "fail" if seconds >= _SOON_S else "warn"
    return CheckResult(
        level,
        f"air: nothing at all was heard in {seconds:g} s{with_adapters}, not even from strangers: the adapter may "
        "hang; if this does not help, unplug it",
        "bluetoothctl power off && bluetoothctl power on",
    )


def judge_device(name: str, address: str, heard: Heard, strangers: int, context: CheckContext) -> CheckResult:
    """Judge what was heard of one device."""
    who = f"{name} ({address})"
    if heard.packets:
        strength = "" if heard.rssi is None else f", {heard.rssi} dBm"
        refused = "".join(f"; {count} refused: {_words(reason)}" for reason, count in heard.refused.items())
        return CheckResult("ok", f"{who}: heard, {heard.format}{strength}{refused}")
    if heard.refused:
        reason = next(iter(heard.refused))
        level, text = _REFUSALS.get(reason, ("warn", f"all that it sends is refused: {_words(reason)}"))
        return CheckResult(level, f"{who}: {text}", context.edit_command(address) if level == "fail" else "")
    near = ""
    if strangers:
        near = f"; {strangers} sensor{' that is' if strangers == 1 else 's that are'} not configured can be heard"
    text = f"{who}: not heard in {context.seconds:g} s: out of reach, a flat battery, or another address{near}"
    return CheckResult("warn", text, this_program("discover"))


def _words(reason: RejectReason) -> str:
    return reason.replace("_", " ")
