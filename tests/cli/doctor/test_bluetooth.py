"""Tests of the checks of the Bluetooth stack; the rig's scenarios doctor_… run the suggested commands."""

import errno
import grp
import os
import pwd
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ble_exporter.cli.doctor import bluetooth as checks
from ble_exporter.cli.doctor.check import CheckContext, CheckResult
from ble_exporter.config.app_config import load_config
from ble_exporter.monitor_channel.protocol import HELPER_SOCKET
from ble_exporter.scanner import hints
from ble_exporter.scanner.bluez_dbus import Adapter
from ble_exporter.scanner.inspection import Inspection
from tests.cli.conftest import Write
from tests.scanner.monitor_frames import Channel
from tests.scanner.test_inspection import switch

HCI0 = Adapter("hci0", is_powered=True, can_scan=True, can_monitor=False)
ERRORS = "org.freedesktop.DBus.Error."
ME = pwd.getpwuid(os.geteuid()).pw_name


def shown(context: CheckContext, *adapters: Adapter, **others: Any) -> CheckContext:  # noqa: ANN401 - Inspection's
    """Set the result of the D-Bus inspection; return the context."""
    context.inspection = Inspection(adapters=adapters, **others)
    return context


@pytest.fixture
def configured(context: CheckContext, write: Write) -> Callable[..., CheckContext]:
    """Return a function that gives the context a configuration with the given settings."""

    def with_settings(**settings: object) -> CheckContext:
        context.config = load_config(str(write(**settings)))
        return context

    return with_settings


def installed(context: CheckContext, name: str) -> Path:
    """Create a file on the checked machine; return its path."""
    path = context.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_an_unreachable_bus_that_the_environment_names_is_reported(bus: Path, context: CheckContext) -> None:
    """While DBUS_SYSTEM_BUS_ADDRESS names the wrong bus, starting the right one would not help."""
    (result,) = checks.check_dbus(context)

    assert ("fail", "unset DBUS_SYSTEM_BUS_ADDRESS") == (result.level, result.command)
    assert result.text.startswith("D-Bus can't be reached")


@pytest.mark.parametrize(
    ("error", "command"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", "sudo systemctl enable --now bluetooth"),
        ("org.freedesktop.DBus.Error.Spawn.ExecFailed", "sudo systemctl enable --now bluetooth"),
        ("org.freedesktop.systemd1.NoSuchUnit", "sudo systemctl enable --now bluetooth"),
        (
            "org.freedesktop.systemd1.UnitMasked",
            "sudo systemctl unmask bluetooth && sudo systemctl start bluetooth",
        ),
        ("org.freedesktop.DBus.Error.NoReply", "sudo systemctl restart bluetooth"),
        ("org.freedesktop.DBus.Error.AccessDenied", f"sudo usermod -a -G bluetooth {ME}"),
    ],
)
def test_the_command_fits_the_reason_why_bluetoothd_is_unavailable(
    context: CheckContext, error: str, command: str
) -> None:
    """A restart does not help if bluetoothd is masked or refuses this user."""
    installed(context, "usr/libexec/bluetooth/bluetoothd")
    problem = str(hints.dbus_error(error, ""))

    assert [CheckResult("fail", problem, command)] == list(
        checks.check_bluetoothd(shown(context, refusal=error, bluez_problem=problem))
    )


def test_a_new_group_member_logs_in_again(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, no_group: Callable[[], None]
) -> None:
    """Group membership takes effect at the next login; a user who is not a member must join the group first."""
    shown(context, refusal=f"{ERRORS}AccessDenied", bluez_problem="D-Bus refuses this user")
    monkeypatch.setattr(grp, "getgrnam", lambda _name: grp.struct_group(("bluetooth", "x", 109, [ME])))
    (member,) = checks.check_bluetoothd(context)
    no_group()
    (outsider,) = checks.check_bluetoothd(context)

    assert f"exec su - {ME}" == member.command
    assert f"sudo usermod -a -G bluetooth {ME}" == outsider.command


def test_the_command_installs_a_missing_bluetoothd(context: CheckContext) -> None:
    """If the package is missing, `systemctl enable` would fail on an unknown unit."""
    (result,) = checks.check_bluetoothd(shown(context, refusal=f"{ERRORS}ServiceUnknown", bluez_problem="not running"))

    assert "sudo apt install bluez" == result.command


def test_without_bluetooth_in_the_kernel_the_adapter_is_reported_missing(context: CheckContext) -> None:
    """Without /sys/class/bluetooth, systemd does not start bluetoothd, so a restart would not help."""
    (context.root / "sys/class/bluetooth/hci0").rmdir()
    (context.root / "sys/class/bluetooth").rmdir()

    (result,) = checks.check_bluetoothd(shown(context, refusal=f"{ERRORS}NoReply", bluez_problem="does not answer"))

    assert CheckResult("fail", str(hints.NO_ADAPTER), "sudo dmesg | grep -i bluetooth") == result


def owned_by(uid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every file seem to belong to this user, since only root can change owners."""
    status = os.stat_result((0o100755, 0, 0, 1, uid, 0, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda _path, **_options: status)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("5.66", "bluetoothd runs, version 5.66"),
        ("\x1b[2J", "bluetoothd runs, version unknown"),
        (None, "bluetoothd runs, version unknown"),
    ],
)
def test_the_version_comes_from_the_running_program(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, said: str | None, text: str
) -> None:
    """D-Bus does not report the version, and another bluetoothd may be installed too."""
    asked: list[tuple[str, ...]] = []

    def answer(*command: str) -> str | None:
        asked.append(command)
        return said

    program = installed(context, "opt/bluetoothd")
    owned_by(0, monkeypatch)
    context.output_of = answer

    assert [CheckResult("ok", text)] == list(
        checks.check_bluetoothd(shown(context, HCI0, command_line=(str(program),)))
    )
    assert [(str(program), "--version")] == asked


@pytest.mark.parametrize(("name", "owner"), [("home/evil/bluetoothd", 1000), ("usr/bin/evil", 0)])
def test_only_a_bluetoothd_that_root_owns_is_started(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, name: str, owner: int
) -> None:
    """A process can set its command line to anything, and root's `doctor` must not start an attacker's program."""
    program = installed(context, name)
    owned_by(owner, monkeypatch)
    context.output_of = lambda *_command: pytest.fail("it was started")

    assert [CheckResult("ok", "bluetoothd runs, version unknown")] == list(
        checks.check_bluetoothd(shown(context, HCI0, command_line=(str(program),)))
    )


@pytest.mark.parametrize(
    ("mode", "offers", "fails", "text"),
    [
        ("auto", True, False, "offers advertisement monitors: auto scans actively, and nothing is filtered"),
        ("active", True, False, "offers advertisement monitors: active does not use them"),
        ("passive", True, False, "offers advertisement monitors: passive works"),
        ("auto", False, False, "auto scans actively: bluetoothd offers no advertisement monitor"),
        ("active", False, False, "active, which needs no advertisement monitors; bluetoothd offers none"),
        ("passive", False, True, "it can't scan passively: that needs bluetoothd 5.56 or newer"),
    ],
)
def test_missing_monitors_fail_only_passive_scans(
    configured: Callable[..., CheckContext], mode: str, offers: bool, fails: bool, text: str
) -> None:
    """Only passive scans need advertisement monitors, so the other modes must not fail without them."""
    (result,) = checks.check_scan_mode(shown(configured(scan_mode=mode), HCI0._replace(can_monitor=offers)))

    assert text in result.text
    assert ("fail" if fails else "ok") == result.level
    assert fails == result.command.endswith(" /etc/bluetooth/main.conf && sudo systemctl restart bluetooth")


@pytest.mark.parametrize(
    ("ear", "refusal", "level", "text"),
    [
        ("auto", None, "ok", "ear: auto hears every packet, through the kernel's monitor channel"),
        ("monitor", None, "ok", "ear: monitor hears every packet"),
        ("bluez", None, "ok", "ear: bluez hears through bluetoothd, which loses some packets"),
        ("auto", errno.EPERM, "ok", "ear: for this user, auto hears through bluetoothd: this program may not read the"),
        ("auto", errno.EAFNOSUPPORT, "ok", "ear: for this user, auto hears through bluetoothd: the kernel's monitor"),
        ("monitor", errno.EPERM, "fail", "CAP_NET_RAW"),
        ("monitor", errno.EAFNOSUPPORT, "fail", "Address family not supported by protocol"),
    ],
)
def test_only_the_ear_that_is_demanded_must_work(
    configured: Callable[..., CheckContext], ear: str, refusal: int | None, level: str, text: str
) -> None:
    """Without the monitor channel, the exporter works but misses packets; it fails only with `ear: monitor`."""
    context = configured(ear=ear)
    channel = Channel(refusal=OSError(refusal, os.strerror(refusal)) if refusal else None)
    context.open_monitor = channel.open
    (result,) = checks.check_ear(context)
    channel.close()

    assert level == result.level
    assert text in result.text


def test_a_user_who_may_not_ask_the_helper_learns_that_the_service_may(
    configured: Callable[..., CheckContext],
) -> None:
    """The user would otherwise search for a fault in a service that hears every packet."""
    context = configured()
    (context.root / HELPER_SOCKET.lstrip("/")).touch()
    context.open_monitor = Channel(refusal=PermissionError(errno.EPERM, "Operation not permitted")).open
    (result,) = checks.check_ear(context)

    assert ("ok", "ear: auto hears every packet as a service, but through bluetoothd for this user") == result[:2]


def test_a_helper_that_fails_is_a_fault(configured: Callable[..., CheckContext]) -> None:
    """Without the helper, the service hears through bluetoothd, and loses packets; the helper's log has the reason."""
    context = configured()
    refusal = OSError(errno.ETIMEDOUT, "Connection timed out", HELPER_SOCKET)
    context.open_monitor = Channel(refusal=refusal).open
    (result,) = checks.check_ear(context)

    assert "warn" == result.level
    assert "the helper could not open the kernel's monitor channel (Connection timed out)" in result.text
    assert "journalctl -u ble_exporter-monitor.socket -u 'ble_exporter-monitor@*'" == result.command


@pytest.mark.parametrize("before", ["#Experimental = false\n", "Experimental = false\n", "Experimental=true\n"])
def test_the_command_for_passive_scans_leaves_one_setting(
    configured: Callable[..., CheckContext], before: str, tmp_path: Path
) -> None:
    """If the file sets a key twice, bluetoothd uses the last line, which may be the old one."""
    file = tmp_path / "main.conf"
    file.write_text(f"[General]\nName = pi\n{before}KernelExperimental = false\n[Policy]\n")
    (result,) = checks.check_scan_mode(shown(configured(scan_mode="passive"), HCI0))
    _, *edit, name = shlex.split(result.command.partition(" && ")[0])
    subprocess.run([*edit, str(file)], check=True)

    kept = before if before.startswith("#") else ""
    assert "/etc/bluetooth/main.conf" == name
    assert (
        f"[General]\nExperimental = true\nName = pi\n{kept}KernelExperimental = false\n[Policy]\n" == file.read_text()
    )


def test_the_rfkill_command_needs_only_installed_programs(context: CheckContext) -> None:
    """On Debian `rfkill` is a separate package, which may be missing."""
    folder = switch(context.root, 0, soft="1")
    (by_hand,) = checks.check_rfkill(context)
    installed(context, "usr/sbin/rfkill")
    (by_program,) = checks.check_rfkill(context)

    assert CheckResult("fail", "rfkill blocks hci0", f"echo 0 | sudo tee {folder}/soft") == by_hand
    assert CheckResult("fail", "rfkill blocks hci0", "sudo rfkill unblock bluetooth") == by_program


def test_a_hardware_switch_has_no_command(context: CheckContext) -> None:
    """No command can flip the hardware switch of a laptop."""
    switch(context.root, 0, hard="1")

    assert [CheckResult("fail", "rfkill: a hardware switch of this machine blocks hci0: flip it")] == list(
        checks.check_rfkill(context)
    )


def test_an_unused_adapter_may_be_blocked(configured: Callable[..., CheckContext]) -> None:
    """Users who plug in a better adapter often block the built-in one of a Pi on purpose."""
    context = configured(adapter="hci1")
    switch(context.root, 0, soft="1")

    assert [CheckResult("ok", "rfkill blocks hci0, which is not used")] == list(checks.check_rfkill(context))


def test_an_adapter_known_only_to_the_kernel_restarts_bluetoothd(context: CheckContext) -> None:
    """If the adapter became ready only after the start of bluetoothd, bluetoothd may find it after a restart."""
    (result,) = checks.check_adapters(shown(context))

    assert "no Bluetooth adapter: the kernel has hci0, but bluetoothd does not use it" == result.text
    assert "sudo systemctl restart bluetooth" == result.command


def test_an_adapter_disabled_in_the_boot_configuration_is_enabled(context: CheckContext) -> None:
    """Guides to the serial port of a Pi recommend disabling Bluetooth, and users forget the setting."""
    (context.root / "sys/class/bluetooth/hci0").rmdir()
    file = installed(context, "boot/firmware/config.txt")
    file.write_text("[all]\ndtoverlay=disable-bt\n")
    (result,) = checks.check_adapters(shown(context))

    assert f"no Bluetooth adapter: {file} disables the built-in one" == result.text
    assert f"sudo sed -i '/^dtoverlay=disable-bt/d' {file} && sudo reboot" == result.command


@pytest.mark.parametrize(
    ("setting", "there", "text", "command"),
    [
        ({}, [HCI0], "adapter hci0: powered", ""),
        ({}, [HCI0._replace(is_powered=False)], "adapter hci0: it is powered off", "bluetoothctl power on"),
        (
            {"adapter": "hci1"},
            [HCI0, HCI0._replace(name="hci1", is_powered=False)],
            "adapter hci1: it is powered off",
            "busctl set-property org.bluez /org/bluez/hci1 org.bluez.Adapter1 Powered b true",
        ),
        ({"adapter": "hci9"}, [HCI0], f"adapter hci9: {hints.missing(['hci0'])}", "nano +6 FILE"),
        ({}, [HCI0._replace(can_scan=False)], f"adapter hci0: {hints.CANNOT_SCAN}", "lsusb"),
        (
            {"adapter": "hci0"},
            [HCI0._replace(can_scan=False)],
            f"adapter hci0: {hints.CANNOT_SCAN}",
            "nano +6 FILE",
        ),
    ],
)
def test_the_adapter_that_the_service_would_use_is_checked(
    configured: Callable[..., CheckContext], setting: dict[str, object], there: list[Adapter], text: str, command: str
) -> None:
    """An adapter that the service does not use may be powered off."""
    context = shown(configured(**setting), *there)

    expected = CheckResult("fail" if command else "ok", text, command.replace("FILE", context.config_path))
    assert [expected] == list(checks.check_adapters(context))


def test_other_programs_that_scan_are_guessed(context: CheckContext) -> None:
    """A second program that scans causes packet loss; the running exporter must not be reported as such a program."""
    scanning = HCI0._replace(is_discovering=True)
    others = (("systemd", 1), ("bluetoothctl", 900), ("python3", os.getpid()))
    (named,) = checks.check_other_scanners(shown(context, scanning, others=others))
    (unknown,) = checks.check_other_scanners(shown(context, scanning))
    (none,) = checks.check_other_scanners(shown(context, HCI0))
    context.exporter_is_running = True
    (ours,) = checks.check_other_scanners(shown(context, scanning))

    assert named.text.startswith("another program (perhaps bluetoothctl (process 900)) scans with hci0: it shares")
    assert "sudo systemctl restart bluetooth" == named.command
    assert unknown.text.startswith("another program (bluetoothd does not report which) scans with hci0: it shares")
    assert CheckResult("ok", "no other program scans") == none
    assert CheckResult("ok", "hci0 scans for the running exporter") == ours


ADAPTERS = st.builds(Adapter, st.sampled_from(["hci0", "hci1", "x"]), *[st.booleans()] * 4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    inspection=st.builds(
        Inspection,
        bus_problem=st.just(""),
        refusal=st.one_of(st.just(""), st.text()),
        adapters=st.lists(ADAPTERS, max_size=3).map(tuple),
        command_line=st.lists(st.text(), max_size=2).map(tuple),
        others=st.lists(st.tuples(st.text(), st.integers()), max_size=3).map(tuple),
    )
)
def test_no_state_of_the_bus_breaks_a_check(context: CheckContext, inspection: Inspection) -> None:
    """Users run `doctor` on broken machines, where a traceback would help nobody."""
    context.inspection = inspection
    for check in (checks.check_bluetoothd, checks.check_rfkill, checks.check_adapters, checks.check_other_scanners):
        assert list(check(context))
