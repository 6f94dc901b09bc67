"""What goes wrong with Bluetooth on Linux, and the way out: in words, and as a command."""

from typing import NamedTuple


class Problem(NamedTuple):
    """
    What a ScannerError says: `ScannerError(*problem)`.

    Attributes:
        text: What is wrong.
        hint: The way out; empty where there is none.
        command: The shell command that is the most likely to help, as it is typed; empty where there is none.
    """

    text: str
    hint: str = ""
    command: str = ""

    def __str__(self) -> str:
        return f"{self.text}: {self.hint}" if self.hint else self.text


_HANGS = "it may hang; try `bluetoothctl power off`, `bluetoothctl power on`, or unplug it"
_POWER_CYCLE = "bluetoothctl power off && bluetoothctl power on"
_POWER_ON = ("`bluetoothctl power on`", "bluetoothctl power on")
_BLUETOOTHD_LOG = "journalctl -u bluetooth"

NO_ADAPTER = Problem(
    "no Bluetooth adapter",
    "plug one in, or enable the built-in one (`rfkill unblock bluetooth`; on a Raspberry Pi, no "
    "`dtoverlay=disable-bt` in config.txt)",
    "sudo rfkill unblock bluetooth",
)
CANNOT_SCAN = Problem("can't scan for Low Energy devices", "use another adapter")
POWERED_OFF = Problem("it is powered off", *_POWER_ON)
BLOCKED = Problem(
    "it is blocked by rfkill",
    "`rfkill unblock bluetooth`; if that does not help, by a switch of the machine",
    "sudo rfkill unblock bluetooth",
)

NO_PASSIVE_SCAN = Problem(
    "it can't scan passively",
    "that needs bluetoothd 5.56 or newer, started with --experimental (`systemctl edit bluetooth`), and Linux 5.10; or "
    "set scan_mode to auto or active",
    "sudo systemctl edit bluetooth",
)

NO_MONITOR = (
    "bluetoothd offers no advertisement monitor, so the controller filters what it takes for duplicates; `bluetoothd "
    "--experimental` offers one"
)

WENT_AWAY = Problem("bluetoothd went away in the middle of a scan", f"see `{_BLUETOOTHD_LOG}`", _BLUETOOTHD_LOG)
UNPLUGGED = Problem("it was unplugged, or its driver gave it up", "see `dmesg`", "sudo dmesg")
SWITCHED_OFF = Problem("it was powered off in the middle of a scan", *_POWER_ON)
BROKEN_OFF = Problem(
    "listening was broken off, and nobody had asked for that", "a bug in this program or in bleak; please report it"
)
DBUS_WENT_AWAY = Problem("D-Bus went away in the middle of a scan", "`systemctl status dbus`", "systemctl status dbus")

_NOT_RUNNING = "bluetoothd is not running"
_CANNOT_START = Problem(
    f"{_NOT_RUNNING} and can't be started", "`systemctl status bluetooth`", "systemctl status bluetooth"
)

# By the beginning of the D-Bus error's name.
_DBUS_ERRORS = {
    "org.freedesktop.DBus.Error.ServiceUnknown": Problem(
        _NOT_RUNNING, "`systemctl start bluetooth`", "sudo systemctl start bluetooth"
    ),
    "org.freedesktop.DBus.Error.Spawn": _CANNOT_START,
    "org.freedesktop.systemd1": _CANNOT_START,
    "org.freedesktop.DBus.Error.NoReply": Problem(
        "bluetoothd does not answer", "`systemctl restart bluetooth`", "sudo systemctl restart bluetooth"
    ),
    "org.freedesktop.DBus.Error.AccessDenied": Problem(
        "D-Bus refuses this user",
        "add it to the group bluetooth (`usermod -a -G bluetooth USER`)",
        'sudo usermod -a -G bluetooth "$USER"',
    ),
    "org.bluez.Error.NotReady": POWERED_OFF,
    "org.bluez.Error.InProgress": Problem(
        "bluetoothd can't start a scan", f"another program may be scanning, or {_HANGS}", _POWER_CYCLE
    ),
}


def dbus_error(name: str, text: str) -> Problem:
    """Return what an error that came over D-Bus means; the error itself where nothing is known of it."""
    known = (problem for prefix, problem in _DBUS_ERRORS.items() if name.startswith(prefix))
    return next(known, Problem(f"{name}: {text}"))


def no_dbus(text: str) -> Problem:
    """Return what it means that the system bus can't be reached."""
    return Problem(
        f"D-Bus can't be reached ({text})",
        "start it with `systemctl start dbus`; in a container, mount /run/dbus/system_bus_socket; the user must be in "
        "the user database",
        "sudo systemctl start dbus",
    )


def missing(existing: list[str]) -> Problem:
    """Return what to do about an adapter that is not one of the existing ones."""
    return Problem("it does not exist", f"name one that does ({', '.join(existing)}), or none, as adapter")


def refused_passive_scan(refusal: str) -> Problem:
    """Return what to do about an advertisement monitor that bluetoothd does not serve."""
    return Problem(
        "it can't scan passively",
        f"bluetoothd refused an advertisement monitor, {refusal}; see `{_BLUETOOTHD_LOG}`, or set scan_mode to auto or "
        "active",
        _BLUETOOTHD_LOG,
    )


def hanging(what: str) -> Problem:
    """Return what to do about an adapter that does not do what it should in time."""
    return Problem(what, _HANGS, _POWER_CYCLE)


def failed_scan(error: str) -> Problem:
    """Return what to do about a scan that failed with an error of bleak."""
    return Problem(
        f"Bluetooth failed during the scan ({error})",
        f"see `{_BLUETOOTHD_LOG}` and `dmesg`; the service manager may restart this program",
        _BLUETOOTHD_LOG,
    )


def silent(seconds: float, *, only_thermometers: bool) -> Problem:
    """Return what it means that nothing at all was heard; in a passive scan nobody but thermometers can be."""
    whom = "by a passive scan, which hears thermometers only" if only_thermometers else "not even from strangers"
    return Problem(
        f"nothing was heard for {seconds:g} s, {whom}",
        "the controller may hang; unplug it, or restart bluetooth. Where it really is that quiet, set a longer "
        "silence_limit_seconds",
        "sudo systemctl restart bluetooth",
    )
