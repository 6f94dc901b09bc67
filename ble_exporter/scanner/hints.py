"""The failures of Bluetooth on Linux, with hints and shell commands."""

import errno
from typing import Literal, NamedTuple

from ble_exporter.errors import ScannerError, Symptom
from ble_exporter.utils import one_line


class Problem(NamedTuple):
    """The arguments of a ScannerError: `ScannerError(*problem)`. The hint and the command may be empty."""

    text: str  # description of the failure
    hint: str = ""  # what the user can do about the failure
    command: str = ""  # the most helpful shell command, ready to be copied
    symptom: Symptom = ""

    def __str__(self) -> str:
        return f"{self.text}: {self.hint}" if self.hint else self.text


_HANGS = "the adapter may have hung; try `bluetoothctl power off`, `bluetoothctl power on`, or unplug it"
_POWER_CYCLE = "bluetoothctl power off && bluetoothctl power on"
_POWER_ON = ("`bluetoothctl power on`", "bluetoothctl power on")
_BLUETOOTHD_LOG = "journalctl -u bluetooth"
_HELPER_LOG = "journalctl -u ble_exporter-monitor.socket -u 'ble_exporter-monitor@*'"
_INSTALL_SERVICE = "sudo ble-exporter service install --apply"
_HELPER_MISSING = (
    f"as a service, the program needs its helper, ble_exporter-monitor.socket, which `{_INSTALL_SERVICE}` installs"
)

NO_ADAPTER = Problem(
    "no Bluetooth adapter",
    "plug one in, or enable the built-in one (`rfkill unblock bluetooth`; on a Raspberry Pi, no "
    "`dtoverlay=disable-bt` in config.txt)",
    "sudo rfkill unblock bluetooth",
)
CANNOT_SCAN = Problem("can't scan for Low Energy devices", "use another adapter")
POWERED_OFF = Problem("it is powered off", *_POWER_ON)
NOT_STOPPED = Problem("bluetoothd can't stop the scan", _HANGS, _POWER_CYCLE, "not_stopped")
LEFT_OFF = Problem(
    "an incomplete reset has left it powered off", "unplug it, or restart the machine", "sudo reboot", "left_off"
)
BLOCKED = Problem(
    "it is blocked by rfkill",
    "`rfkill unblock bluetooth`; if that does not help, use the machine's hardware switch",
    "sudo rfkill unblock bluetooth",
    "blocked",
)
NO_PASSIVE_SCAN = Problem(
    "it can't scan passively",
    "that needs bluetoothd 5.56 or newer, started with --experimental (`systemctl edit bluetooth`), and Linux 5.10; or "
    "set scan_mode to auto or active",
    "sudo systemctl edit bluetooth",
)
NO_MONITOR = (
    "bluetoothd offers no advertisement monitor, so the controller filters packets that it takes for duplicates; "
    "`bluetoothd --experimental` offers one"
)
WENT_AWAY = Problem("bluetoothd went away in the middle of a scan", f"see `{_BLUETOOTHD_LOG}`", _BLUETOOTHD_LOG)
UNPLUGGED = Problem("it was unplugged, or its driver removed it", "see `dmesg`", "sudo dmesg")
ENDED = "bluetoothd has ended the scan, probably because of another program that uses the adapter"
LONG_SILENCE = (
    "nothing was heard for a third of silence_limit_seconds, perhaps because of another program's scan filter"
)
ENDED_AGAIN = Problem(
    "bluetoothd has ended the scan again before anything was heard",
    "another program that uses the adapter may be the cause; `ble-exporter doctor` names likely ones",
    "ble-exporter doctor",
)
NO_RUNTIME_FOLDER = (
    "on_silence: reset: without RUNTIME_DIRECTORY, each start of the program forgets the earlier resets, and may reset "
    "the adapter too often; add RuntimeDirectory=ble_exporter and RuntimeDirectoryPreserve=yes to the systemd unit"
)
BUFFER_FULL = (
    "the kernel dropped packets because this program did not read them in time: the machine is overloaded, or stalled"
)
SWITCHED_OFF = Problem("it was powered off in the middle of a scan", *_POWER_ON)
BROKEN_OFF = Problem("listening was cancelled unexpectedly", "a bug in this program or in bleak; please report it")
DBUS_WENT_AWAY = Problem("D-Bus went away in the middle of a scan", "`systemctl status dbus`", "systemctl status dbus")

_NO_DESCRIPTORS = Problem(
    "no file descriptor is left for a connection to D-Bus",
    "allow this program more (`LimitNOFILE=` in the systemd unit, or `ulimit -n`; 256 are plenty)",
    "systemctl show --property LimitNOFILE ble_exporter",
)
_CANNOT_START = Problem(
    "bluetoothd is not running and can't be started", "`systemctl status bluetooth`", "systemctl status bluetooth"
)
# Problems by the prefix of the D-Bus error's name.
_DBUS_ERRORS = {
    "org.freedesktop.DBus.Error.ServiceUnknown": Problem(
        "bluetoothd is not running", "`systemctl start bluetooth`", "sudo systemctl start bluetooth"
    ),
    "org.freedesktop.DBus.Error.Spawn": _CANNOT_START,
    "org.freedesktop.systemd1": _CANNOT_START,
    "org.freedesktop.DBus.Error.NoReply": Problem(
        "bluetoothd does not answer", "`systemctl restart bluetooth`", "sudo systemctl restart bluetooth"
    ),
    "org.freedesktop.DBus.Error.AccessDenied": Problem(
        "D-Bus refuses this user",
        "add the user to the group bluetooth (`usermod -a -G bluetooth USER`)",
        'sudo usermod -a -G bluetooth "$USER"',
    ),
    "org.bluez.Error.NotReady": POWERED_OFF,
    "org.bluez.Error.InProgress": Problem(
        "bluetoothd can't start a scan", f"another program may be scanning, or {_HANGS}", _POWER_CYCLE, "rejected"
    ),
}


def text_of(error: BaseException) -> str:
    """Return the text of an error on one line; if the text is empty, the name of the error's type."""
    return one_line(error) or type(error).__name__


def dbus_error(name: str, text: str) -> Problem:
    """Return the meaning of a D-Bus error; if the meaning is unknown, the error's name and text."""
    known = (problem for prefix, problem in _DBUS_ERRORS.items() if name.startswith(prefix))
    return next(known, Problem(f"{name}: {text}"))


def no_dbus(error: BaseException) -> Problem:
    """Return the problem of a system bus that can't be reached."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return _NO_DESCRIPTORS
    return Problem(
        f"D-Bus can't be reached ({text_of(error)})",
        "start it with `systemctl start dbus`; in a container, mount /run/dbus/system_bus_socket; the user must be in "
        "the user database",
        "sudo systemctl start dbus",
    )


def no_monitor(error: OSError) -> Problem:
    """Return the problem of a monitor channel that can't be opened; see `open_monitor_socket`."""
    if error.filename is not None:
        return Problem(
            f"the helper could not open the kernel's monitor channel ({error.strerror})",
            f"see `{_HELPER_LOG}`; or set ear to bluez",
            _HELPER_LOG,
        )
    if error.errno in (errno.EPERM, errno.EACCES):
        return Problem(
            "this program may not read the kernel's monitor channel",
            f"{_HELPER_MISSING}; elsewhere, give it the capability CAP_NET_RAW; or set ear to bluez",
            _INSTALL_SERVICE,
        )
    return Problem(
        f"the kernel's monitor channel can't be opened ({error.strerror})",
        f"{_HELPER_MISSING}; in a container, use the host's network; or set ear to bluez",
    )


def lost_monitor_channel(error: OSError) -> Problem:
    """Return the problem of a monitor channel that can no longer be read."""
    hint = "see `dmesg`; the service manager may restart this program"
    return Problem(f"the kernel's monitor channel can't be read ({error.strerror})", hint, "sudo dmesg")


def missing(existing: list[str]) -> Problem:
    """Return the problem of a configured adapter that does not exist; `existing` names the adapters that do."""
    return Problem(
        "it does not exist", f"set adapter to an existing one ({', '.join(existing)}), or remove the setting"
    )


def or_another_adapter(problem: Problem, others: list[str]) -> Problem:
    """Add to the hint that the configuration may name one of the other adapters, if there are any."""
    return problem._replace(hint=f"{problem.hint}; or set adapter to {' or '.join(others)}") if others else problem


def refused_passive_scan(refusal: str) -> Problem:
    """Return the problem of a passive scan whose advertisement monitor bluetoothd has refused."""
    hint = f"bluetoothd refused an advertisement monitor ({refusal}); see `{_BLUETOOTHD_LOG}`, or set scan_mode to auto"
    return Problem("it can't scan passively", f"{hint} or active", _BLUETOOTHD_LOG)


def not_started_again(error: ScannerError) -> Problem:
    """Return the problem of a scan that bluetoothd has ended and does not start again because of `error`."""
    return Problem(f"{ENDED}, and does not start it again ({error.problem})", error.hint, error.command, error.symptom)


def not_reset(error: ScannerError, reason: str) -> Problem:
    """Return the problem of an adapter that may hang because of `error`, but is not reset, or not again."""
    return Problem(f"{error.problem}; {reason}", error.hint, error.command, error.symptom)


def not_in_time(action: Literal["start", "stop"], timeout_s: float) -> Problem:
    """Return the problem of a scan that did not start or stop in time."""
    # The kernel waits for a controller only for a few seconds; if a start takes longer, bluetoothd is the cause.
    symptom: Symptom = "not_stopped" if action == "stop" else ""
    return Problem(f"the scan did not {action} within {timeout_s:g} s", _HANGS, _POWER_CYCLE, symptom)


def problem_of(error: ScannerError) -> Problem:
    """Return the problem that an error reports."""
    return Problem(error.problem, error.hint, error.command, error.symptom)


def failed_scan(error: BaseException) -> Problem:
    """Return the problem of a scan that bleak failed to stop."""
    hint = f"see `{_BLUETOOTHD_LOG}` and `dmesg`; the service manager may restart this program"
    return Problem(f"Bluetooth failed during the scan ({text_of(error)})", hint, _BLUETOOTHD_LOG)


def silent(seconds: float, *, only_thermometers: bool) -> Problem:
    """Return the problem of a radio that heard nothing; with `only_thermometers`, it can't hear other devices."""
    scope = "by a passive scan, which hears thermometers only" if only_thermometers else "not even from unknown devices"
    return Problem(
        f"nothing was heard for {seconds:g} s, {scope}",
        "the controller may have hung; unplug it, or restart bluetooth. If so few devices are in range that this is "
        "normal, set a longer silence_limit_seconds",
        "sudo systemctl restart bluetooth",
        "silent",
    )
