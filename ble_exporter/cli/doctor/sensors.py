"""The check of `doctor` that listens: which configured sensors are heard, and whether their bindkeys are right."""

import asyncio
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ble_exporter.cli.discover.discovered import Discovery
from ble_exporter.cli.doctor.check import CheckContext, CheckResult, Level, this_program
from ble_exporter.config.app_config import OnSilence
from ble_exporter.device import Device
from ble_exporter.errors import RejectReason, ScannerError
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.model import Advertisement
from ble_exporter.pipeline import Pipeline, build_devices
from ble_exporter.scanner import Everything, RadioSettings, Simulation, run_for
from ble_exporter.utils import number_of

# Nearly everywhere, some device is heard within this time, for example a neighbour's phone.
_SOON_S = 10.0

_REFUSALS: Mapping[RejectReason, tuple[Level, str]] = {
    "encrypted": (
        "fail",
        "its packets are encrypted, but no bindkey is configured: add the one that the firmware's page shows",
    ),
    "wrong_key": (
        "fail",
        "the configured bindkey does not decrypt its packets: compare the bindkey with the one on the firmware's page",
    ),
    "not_encrypted": (
        "fail",
        (
            "a bindkey is configured, but its packets are not encrypted: enable encryption in the firmware, or remove "
            "the bindkey"
        ),
    ),
    "wrong_address_type": (
        "fail",
        "another sender uses its address, with another address type: if that is the sensor, set its address_type",
    ),
    "no_known_format": ("fail", "its packets have no known format: select BTHome on the firmware's page"),
    "no_service_data": (
        "warn",
        "its packets had no service data (for example, only its name): listen longer (--seconds 30)",
    ),
}


def check_sensors(context: CheckContext) -> Iterator[CheckResult]:
    """Listen; report whether anything was heard, and whether readings of each configured device were received."""
    context.show_progress(f"listening for {context.seconds:g} s …")
    try:
        yield from asyncio.run(_listen(context))
    except ScannerError as error:
        yield CheckResult("fail", str(error), error.command or "sudo systemctl restart bluetooth")


async def _listen(context: CheckContext) -> list[CheckResult]:
    """Handle each packet as the service does, and count the sensors that are not configured; return the results."""
    config = context.valid_config
    log = logging.getLogger("ble_exporter.doctor")
    # Suppress the pipeline's warnings, because the results below report the same problems.
    log.disabled = True
    clock = asyncio.get_running_loop().time
    counts = SelfMetrics()
    devices = build_devices(replace(config, keys={}) if context.is_mock else config, clock)
    pipeline = Pipeline(devices, counts, log, clock)
    unknown = Discovery(clock)

    def handle(advertisement: Advertisement) -> bool | None:
        return (pipeline if pipeline.wants(advertisement.address) else unknown).handle(advertisement)

    simulation = Simulation(tuple(config.devices)) if context.is_mock else None
    # Don't reset a hung adapter: a check must not change what it checks.
    settings = RadioSettings.from_config(config)._replace(resets=False)
    radio = context.build(settings, simulation=simulation)
    await run_for(radio, Everything(handle), context.seconds)
    context.heard = sum(device.packets > 0 for device in devices.values())
    return [
        _judge_reception(counts.received, context.seconds, ", ".join(radio.adapters), config.on_silence),
        *(_judge_device(device, len(unknown.sensors()), context) for device in devices.values()),
    ]


def _judge_reception(received: int, seconds: float, adapters: str, on_silence: OnSilence) -> CheckResult:
    with_adapters = f" with {adapters}" if adapters else ""
    if received:
        packets = number_of(received, "advertisement")
        return CheckResult("ok", f"air: heard {packets} in {seconds:g} s{with_adapters}")
    advice = "if a power cycle does not help, unplug it"
    if on_silence == "exit":
        advice += "; with on_silence: reset, the exporter tries a power cycle by itself"
    return CheckResult(
        "fail" if seconds >= _SOON_S else "warn",
        f"air: nothing was heard in {seconds:g} s{with_adapters}, not even from unknown devices: the adapter may "
        f"hang; {advice}",
        "bluetoothctl power off && bluetoothctl power on",
    )


def _judge_device(device: Device, unknown_sensors: int, context: CheckContext) -> CheckResult:
    who = f"{device.name} ({device.address})"
    if device.heard_s is not None:
        rssi = device.receptions[device.heard_from].rssi
        strength = "" if rssi is None else f", {rssi} dBm"
        refused = "".join(
            f"; {count} refused: {reason.replace('_', ' ')}" for reason, count in device.refused.most_common()
        )
        return CheckResult("ok", f"{who}: heard, {' and '.join(device.formats)}{strength}{refused}")
    if device.refused:
        ((reason, _count),) = device.refused.most_common(1)
        level, text = _REFUSALS.get(reason, ("warn", f"all its packets are refused: {reason.replace('_', ' ')}"))
        return CheckResult(level, f"{who}: {text}", context.edit_command(device.address) if level == "fail" else "")
    near = ""
    if unknown_sensors:
        that_are = "s that are" if unknown_sensors > 1 else " that is"
        near = f"; {unknown_sensors} sensor{that_are} not configured can be heard"
    causes = "it is out of range, its battery is flat, it sends less often (--seconds), or its address differs"
    if math.isinf(device.lifetime.presence(None)):
        causes = f"it sends only when something happens, so use it while `doctor` listens; otherwise {causes}"
    text = f"{who}: not heard in {context.seconds:g} s: {causes}{near}"
    return CheckResult("warn", text, this_program("discover"))
