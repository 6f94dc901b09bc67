"""The check of `doctor` that listens: which of the configured sensors are heard, and whether their keys are right."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ble_exporter.cli.discover.discovered import Discovery
from ble_exporter.cli.doctor.check import CheckContext, CheckResult, Level, this_program
from ble_exporter.device import Device
from ble_exporter.errors import RejectReason, ScannerError
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.pipeline import Pipeline, build_devices
from ble_exporter.scanner import Everything, RadioSettings, Simulation, run_for
from ble_exporter.utils import number_of

# Within this time something is heard nearly anywhere, if only a neighbour's phone.
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


def check_sensors(context: CheckContext) -> Iterator[CheckResult]:
    """Listen, and report what was heard of each configured device."""
    context.show_progress(f"listening for {context.seconds:g} s …")
    try:
        yield from asyncio.run(_listen(context))
    except ScannerError as error:
        yield CheckResult("fail", str(error), error.command or "sudo systemctl restart bluetooth")


async def _listen(context: CheckContext) -> list[CheckResult]:
    """Handle each packet as the service does, and count the sensors that are not configured."""
    config = context.valid_config
    log = logging.getLogger("ble_exporter.doctor")
    # The pipeline's warnings are reported here, in other words.
    log.disabled = True
    clock = asyncio.get_running_loop().time
    counts = SelfMetrics()
    devices = build_devices(replace(config, keys={}) if context.is_mock else config, clock)
    pipeline = Pipeline(devices, counts, log, clock)
    unknown = Discovery(clock)

    def handle(advertisement: Advertisement) -> None:
        (pipeline if pipeline.wants(advertisement.address) else unknown).handle(advertisement)

    simulation = Simulation(tuple(config.devices)) if context.is_mock else None
    radio = context.build(RadioSettings.from_config(config), simulation=simulation)
    await run_for(radio, Everything(handle), context.seconds)
    context.heard = sum(device.packets > 0 for device in devices.values())
    return [
        _judge_reception(counts.received, context.seconds, ", ".join(radio.adapters)),
        *(_judge_device(device, len(unknown.sensors()), context) for device in devices.values()),
    ]


def _judge_reception(received: int, seconds: float, adapters: str) -> CheckResult:
    with_adapters = f" with {adapters}" if adapters else ""
    if received:
        packets = number_of(received, "advertisement")
        return CheckResult("ok", f"air: heard {packets} in {seconds:g} s{with_adapters}")
    return CheckResult(
        "fail" if seconds >= _SOON_S else "warn",
        f"air: nothing at all was heard in {seconds:g} s{with_adapters}, not even from strangers: the adapter may "
        "hang; if this does not help, unplug it",
        "bluetoothctl power off && bluetoothctl power on",
    )


def _judge_device(device: Device, unknown_sensors: int, context: CheckContext) -> CheckResult:
    who = f"{device.name} ({device.address})"
    if device.advertisement and device.reading:
        rssi = device.advertisement.rssi
        strength = "" if rssi is None else f", {rssi} dBm"
        refused = "".join(
            f"; {count} refused: {reason.replace('_', ' ')}" for reason, count in device.refused.most_common()
        )
        return CheckResult("ok", f"{who}: heard, {' and '.join(device.reading.formats)}{strength}{refused}")
    if device.refused:
        ((reason, _count),) = device.refused.most_common(1)
        level, text = _REFUSALS.get(reason, ("warn", f"all that it sends is refused: {reason.replace('_', ' ')}"))
        return CheckResult(level, f"{who}: {text}", context.edit_command(device.address) if level == "fail" else "")
    near = ""
    if unknown_sensors:
        that_are = "s that are" if unknown_sensors > 1 else " that is"
        near = f"; {unknown_sensors} sensor{that_are} not configured can be heard"
    text = f"{who}: not heard in {context.seconds:g} s: out of reach, a flat battery, or another address{near}"
    return CheckResult("warn", text, this_program("discover"))
