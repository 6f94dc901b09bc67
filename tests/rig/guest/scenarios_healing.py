"""With `on_silence: reset`, the exporter resets an adapter that hangs; if that fails, `recover` resets it as root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .air import Sender, thermometer_sender
from .exporter import Exporter, Scrape, Setting
from .hci import Opcode, Status
from .polling import wait_until
from .registry import scenario
from .scenarios_failures import assert_noticed, without_temperature
from .scenarios_modes import ALL_THE_TIME, SECOND_ADDRESS, counter
from .scenarios_readings import THERMOMETERS
from .stack import Stack
from .virtual_radio import VirtualRadio

SILENCE_LIMIT_S = 5
GIVES_UP_WITHIN_S = 150.0
"""Three resets, with pauses of 15 and 30 s, and a silence after each reset."""
RESETS_IN_A_ROW = 3
RUNTIME_FOLDER = Path("/run/ble_exporter")
RECORD = RUNTIME_FOLDER / "adapter_resets.json"
OUTCOMES = ("heard", "silent", "failed")
RESET = "a power cycle follows"
"""The log has a line with these words before each reset."""


def start_exporter(stack: Stack, **settings: Setting) -> Exporter:
    """Start the exporter as the systemd unit does, with resets."""
    RUNTIME_FOLDER.mkdir(exist_ok=True)
    os.environ["RUNTIME_DIRECTORY"] = str(RUNTIME_FOLDER)
    ordinary: dict[str, Setting] = {"silence_limit_seconds": SILENCE_LIMIT_S, **ALL_THE_TIME}
    return stack.start_exporter(THERMOMETERS, on_silence="reset", **{**ordinary, **settings})


def start_reading(stack: Stack, radio: VirtualRadio, **settings: Setting) -> Exporter:
    """Start the thermometers and the exporter; return it when it serves every thermometer."""
    stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = start_exporter(stack, **settings)
    exporter.wait_until_right(without_temperature)
    return exporter


def needs_root() -> bool:
    """Return whether the exporter asks root to recover hci0."""
    if not RECORD.exists():
        return False
    return bool(json.loads(RECORD.read_text()).get("hci0", {}).get("needs_root"))


def wait_for_resets(exporter: Exporter, within_s: float = 60.0, adapter: str = "hci0", **outcomes: int) -> None:
    """Wait until the adapter has been reset this number of times with each outcome; other outcomes must not occur."""

    def wrongs(scrape: Scrape) -> list[str]:
        numbers = {name: counter(scrape, "adapter_resets", adapter=adapter, outcome=name) for name in OUTCOMES}
        return [] if numbers == {**dict.fromkeys(OUTCOMES, 0), **outcomes} else [f"resets: {numbers}"]

    exporter.wait_until_right(wrongs, within_s)


def wait_for_giving_up(exporter: Exporter, *phrases: str) -> None:
    """Wait until the exporter has reset hci0 three times without effect and ends; check that it asks root for help."""
    exporter.wait_for_exit(GIVES_UP_WITHIN_S)
    exporter.wait_for_failure("hci0", f"reset {RESETS_IN_A_ROW} times without effect", *phrases)
    assert RESETS_IN_A_ROW == exporter.log().count(RESET), exporter.log()
    assert needs_root()


def recover(*options: str) -> str:
    """Run `ble-exporter recover` with the capabilities of its unit; return its output."""
    program = [sys.executable, "-m", "ble_exporter", "recover", *options]
    command = ["setpriv", "--bounding-set", "-all,+net_admin,+dac_read_search", *program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    sys.stdout.write(done.stdout + done.stderr)
    assert 0 == done.returncode, done.stderr
    return done.stdout


@scenario
def healed_by_a_power_cycle(stack: Stack) -> None:
    """A controller that no longer hears anything is reset at the silence limit; the exporter logs it and continues."""
    radio = stack.start()
    exporter = start_reading(stack, radio)
    before = radio.resets
    radio.cured_by_reset = True
    radio.deafen()
    wait_until(lambda: "hci0" in exporter.readiness(), "the exporter is not ready")
    wait_for_resets(exporter, heard=1)
    wait_until(lambda: exporter.readiness() == "ready", "the exporter is ready again")
    assert before + 1 == radio.resets, f"{radio.resets - before} resets"
    log = exporter.log()
    assert f"nothing was heard for {SILENCE_LIMIT_S} s" in log, log
    assert "the reset has helped" in log, log


@scenario
def not_healed_by_power_cycles(stack: Stack) -> None:
    """Three resets without effect are enough: the exporter ends as it does without resets, and asks for help."""
    radio = stack.start()
    exporter = start_reading(stack, radio)
    radio.deafen()
    wait_for_resets(exporter, silent=1)
    wait_for_resets(exporter, silent=2)
    wait_for_giving_up(exporter, f"nothing was heard for {SILENCE_LIMIT_S} s")
    assert RESETS_IN_A_ROW == exporter.log().count("nothing was heard after the reset"), exporter.log()
    # A restart by the service manager must not cause further resets.
    again = start_exporter(stack)
    again.wait_for_exit()
    assert RESETS_IN_A_ROW == again.log().count(RESET), again.log()


@scenario
def recovered_by_root(stack: Stack) -> None:
    """The kernel refuses to power off a controller that does not stop scanning; root's `recover` can do so."""
    radio = stack.start()
    exporter = start_reading(stack, radio)
    radio.cured_by_reset = True
    radio.hang()
    wait_for_resets(exporter, failed=1)
    wait_for_giving_up(exporter)
    assert RESETS_IN_A_ROW == exporter.log().count("the reset failed"), exporter.log()
    before = len(radio.commands)
    assert "would be: powered off" in recover("--dry-run")
    assert before == len(radio.commands), "the dry run has changed something"
    done = recover()
    for line in ("hci0: powered off\n", "not a hardware device", "hci0: powered on\n"):
        assert line in done, done
    start_exporter(stack).wait_until_right(without_temperature)
    assert not needs_root(), "the request lasts beyond the next start"


@scenario
def left_off_by_a_failed_reset(stack: Stack) -> None:
    """If a reset can't power the adapter on again, the next start's error names the reset; `recover` powers it on."""
    radio = stack.start()
    radio.hang()
    exporter = start_exporter(stack)
    wait_for_giving_up(exporter, "powered off since")
    assert not stack.is_powered(radio)
    radio.cured_by_reset = True
    asked = RECORD.read_text()
    again = start_exporter(stack)
    again.wait_for_exit()
    assert "an incomplete reset has left it powered off" in again.stderr(), again.stderr()
    # Powering it on again is left to root, as no other reset is permitted within the hour.
    assert not stack.is_powered(radio)
    assert not needs_root(), "root is asked again too soon"
    RECORD.write_text(asked)
    assert "hci0: powered on\n" in recover()
    start_reading(stack, radio)


@scenario
def killed_during_a_reset(stack: Stack) -> None:
    """If the exporter is killed after it has powered an adapter off, the next exporter powers the adapter on again."""
    radio = stack.start()
    exporter = start_reading(stack, radio)
    radio.cured_by_reset = True
    radio.deafen()
    wait_until(lambda: not stack.is_powered(radio), "the adapter is off")
    exporter.kill()
    start_exporter(stack).wait_until_right(without_temperature)


@scenario
def powered_off_after_giving_up(stack: Stack) -> None:
    """If somebody powers the adapter off after the exporter has given up, `recover` leaves the adapter alone."""
    radio = stack.start()
    radio.failing[Opcode.LE_SET_SCAN_ENABLE] = Status.COMMAND_DISALLOWED
    wait_for_giving_up(start_exporter(stack), "bluetoothd can't start a scan")
    stack.set_powered(radio, False)
    before = radio.resets
    assert "left alone: somebody has powered it off" in recover()
    assert (before, False) == (radio.resets, stack.is_powered(radio))


def only_one_of_two_is_reset(stack: Stack, hangs: int) -> None:
    """Let one of two adapters hang, the first (0) or the second (1), and check that only that one is reset."""
    radios = stack.start(), stack.plug_in(VirtualRadio(SECOND_ADDRESS))
    for radio in radios:
        stack.start_air(radio, *map(thermometer_sender, THERMOMETERS))
    exporter = start_exporter(stack, adapter=["hci0", "hci1"])
    exporter.wait_until_right(without_temperature)
    hung, other = radios[hangs], radios[1 - hangs]
    before = other.resets
    hung.cured_by_reset = True
    hung.deafen()
    wait_for_resets(exporter, adapter=f"hci{hangs}", heard=1)
    assert before == other.resets, "the other adapter was reset"


@scenario
def the_first_adapter_is_reset(stack: Stack) -> None:
    """If the first of two adapters hangs, only that one is reset."""
    only_one_of_two_is_reset(stack, 0)


@scenario
def the_second_adapter_is_reset(stack: Stack) -> None:
    """If the second of two adapters hangs, only that one is reset, and the metric counts the reset."""
    only_one_of_two_is_reset(stack, 1)


@scenario
def stopped_during_a_reset(stack: Stack) -> None:
    """An exporter that is stopped during a reset completes the reset: the adapter is on afterwards."""
    radio = stack.start()
    exporter = start_reading(stack, radio)
    radio.deafen()
    wait_until(lambda: not stack.is_powered(radio), "the adapter is off")
    exporter.terminate()
    assert stack.is_powered(radio)


@scenario
def healed_after_a_rejected_scan(stack: Stack) -> None:
    """A controller that refuses to scan three times is reset, even before the first scan."""
    radio = stack.start()
    radio.cured_by_reset = True
    radio.failing[Opcode.LE_SET_SCAN_ENABLE] = Status.COMMAND_DISALLOWED
    exporter = start_reading(stack, radio)
    wait_for_resets(exporter, heard=1)
    assert 2 == exporter.log().count("restarting the scan in"), exporter.log()


@scenario
def rejects_every_scan(stack: Stack) -> None:
    """If the controller refuses to scan after each reset, the exporter ends."""
    radio = stack.start()
    radio.failing[Opcode.LE_SET_SCAN_ENABLE] = Status.COMMAND_DISALLOWED
    wait_for_giving_up(start_exporter(stack), "bluetoothd can't start a scan")


@scenario
def healed_in_short_scans(stack: Stack) -> None:
    """Silence adds up over several short scans, and a reset may outlast the scan in which it began."""
    radio = stack.start()
    exporter = start_reading(stack, radio, scan_interval_seconds=4, scan_duration_seconds=2, silence_limit_seconds=4)
    radio.cured_by_reset = True
    radio.deafen()
    wait_for_resets(exporter, heard=1)
    exporter.wait_until_right(without_temperature)


@scenario
def blocked_is_not_reset(stack: Stack) -> None:
    """A blocked adapter is not reset, and `recover` unblocks it only with --unblock."""
    radio = stack.start()
    exporter = start_reading(stack, radio)
    assert_noticed(exporter, lambda: stack.block(radio), "hci0", "rfkill")
    assert RESET not in exporter.log(), exporter.log()
    assert needs_root()
    assert "left alone: rfkill blocks it" in recover()
    assert not stack.is_powered(radio)
    before = radio.resets
    done = recover("--unblock")
    assert "hci0: unblocked\n" in done, done
    assert "powered off" not in done, done
    wait_until(lambda: stack.is_powered(radio), "the adapter is on")
    assert before + 1 == radio.resets, "a blocked adapter does not hang, and needs no reset"


@scenario
def powered_off_is_not_reset(stack: Stack) -> None:
    """Somebody else's power cycle ends the exporter, as it does without resets, and causes no reset."""
    radio = stack.start()
    exporter = start_reading(stack, radio)

    def power_cycle() -> None:
        stack.set_powered(radio, False)
        stack.set_powered(radio, True)

    assert_noticed(exporter, power_cycle, "hci0", "powered off")
    assert RESET not in exporter.log(), exporter.log()
    assert not needs_root()


@scenario
def quiet_is_not_reset(stack: Stack) -> None:
    """In a quiet place, nothing is reset before the limit, and a single packet ends the silence."""
    radio = stack.start()
    exporter = start_exporter(stack, silence_limit_seconds=20)
    exporter.wait_until_it_listens()
    sender = Sender(THERMOMETERS[0].address, THERMOMETERS[0].packets(), -60)
    for _ in range(3):
        wait_until(lambda: "nothing was heard for 1" in exporter.readiness(), "half of the limit has passed")
        sender.send(radio)
        wait_until(lambda: exporter.readiness() == "ready", "the silence is over")
    assert 1 == radio.resets, f"{radio.resets - 1} resets"
    assert RESET not in exporter.log(), exporter.log()


@scenario
def hung_in_short_scans(stack: Stack) -> None:
    """If a hung controller does not stop a short scan, the exporter tries to reset it, in vain; `recover` succeeds."""
    radio = stack.start()
    settings: dict[str, Setting] = {"scan_interval_seconds": 6, "scan_duration_seconds": 3}
    exporter = start_reading(stack, radio, silence_limit_seconds=90, **settings)
    radio.cured_by_reset = True
    radio.hang()
    exporter.wait_for_exit(2 * GIVES_UP_WITHIN_S)
    exporter.wait_for_failure("hci0", f"reset {RESETS_IN_A_ROW} times without effect", "can't stop the scan")
    assert "hci0: powered on\n" in recover()
    start_exporter(stack, **settings).wait_until_right(without_temperature)
