"""What goes wrong with Bluetooth on Linux, in words: the cause, and what mends it."""

RESET = "it may hang; try `bluetoothctl power off`, `bluetoothctl power on`, or unplug it"
NO_ADAPTER = (
    "no Bluetooth adapter: plug one in, or enable the built-in one (`rfkill unblock bluetooth`; on a Raspberry Pi, no "
    "`dtoverlay=disable-bt` in config.txt)"
)
CANNOT_SCAN = "can't scan for Low Energy devices: use another adapter"
POWERED_OFF = "it is powered off: `bluetoothctl power on`"
BLOCKED = "it is blocked by rfkill: `rfkill unblock bluetooth`; if that does not help, by a switch of the machine"
NOT_RUNNING = "bluetoothd is not running"

NO_PASSIVE_SCAN = (
    "it can't scan passively: that needs bluetoothd 5.56 or newer, started with --experimental (`systemctl edit "
    "bluetooth`), and Linux 5.10; or set scan_mode to auto or active"
)

NO_MONITOR = (
    "bluetoothd offers no advertisement monitor, so the controller filters what it takes for duplicates; `bluetoothd "
    "--experimental` offers one"
)

LOGS = "see `journalctl -u bluetooth` and `dmesg`; the service manager may restart this program"
WENT_AWAY = "bluetoothd went away in the middle of a scan: see `journalctl -u bluetooth`"
UNPLUGGED = "it was unplugged, or its driver gave it up: see `dmesg`"
SWITCHED_OFF = "it was powered off in the middle of a scan: `bluetoothctl power on`"
BROKEN_OFF = (
    "listening was broken off, and nobody had asked for that: a bug in this program or in bleak; please report it"
)
DBUS_WENT_AWAY = "D-Bus went away in the middle of a scan: `systemctl status dbus`"

# By the beginning of the D-Bus error's name.
_DBUS_ERRORS = {
    "org.freedesktop.DBus.Error.ServiceUnknown": f"{NOT_RUNNING}: `systemctl start bluetooth`",
    "org.freedesktop.DBus.Error.Spawn": f"{NOT_RUNNING} and can't be started: `systemctl status bluetooth`",
    "org.freedesktop.systemd1": f"{NOT_RUNNING} and can't be started: `systemctl status bluetooth`",
    "org.freedesktop.DBus.Error.NoReply": "bluetoothd does not answer: `systemctl restart bluetooth`",
    "org.freedesktop.DBus.Error.AccessDenied": (
        "D-Bus refuses this user: add it to the group bluetooth (`usermod -a -G bluetooth USER`)"
    ),
    "org.bluez.Error.NotReady": POWERED_OFF,
    "org.bluez.Error.InProgress": f"bluetoothd can't start a scan: another program may be scanning, or {RESET}",
}


def of_dbus_error(name: str, text: str) -> str:
    """Return what an error that came over D-Bus means; the error itself where nothing is known of it."""
    return next((cause for begin, cause in _DBUS_ERRORS.items() if name.startswith(begin)), f"{name}: {text}")


def no_dbus(text: str) -> str:
    """Return what it means that the system bus can't be reached."""
    return (
        f"D-Bus can't be reached ({text}): start it with `systemctl start dbus`; in a container, mount "
        "/run/dbus/system_bus_socket; the user must be in the user database"
    )


def missing(there: list[str]) -> str:
    """Return what to do about an adapter that is not one of those."""
    return f"it does not exist: name one that does ({', '.join(there)}), or none, as adapter"


def refused_passive_scan(refusal: str) -> str:
    """Return what to do about an advertisement monitor that bluetoothd does not serve."""
    return (
        f"it can't scan passively: bluetoothd refused an advertisement monitor, {refusal}; see `journalctl -u "
        "bluetooth`, or set scan_mode to auto or active"
    )


def silent(seconds: float, *, only_thermometers: bool) -> str:
    """Return what it means that nothing at all was heard; in a passive scan nobody but thermometers can be."""
    whom = "by a passive scan, which hears thermometers only" if only_thermometers else "not even from strangers"
    return (
        f"nothing was heard for {seconds:g} s, {whom}: the controller may hang; unplug it, or restart "
        "bluetooth. Where it really is that quiet, set a longer silence_limit_seconds"
    )
