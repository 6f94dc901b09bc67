"""Tests of the recovery of an adapter, on a fake /sys: the order of the steps, and what is left alone."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from ble_exporter.cli.recover.recovery import Switchboard
from tests.cli.recover.machine import USB, FakeSwitchboard, block, give_a_driver, recover


def test_a_dongle_is_powered_off_and_disconnected_and_powered_on(root: Path) -> None:
    """The order matters: the kernel must have stopped using the controller before the dongle is disconnected."""
    board = FakeSwitchboard(root)

    result, said = recover(root, board)

    usb = f"{USB}/authorized"
    assert (True, ["hci0 off", f"0 > {usb}", f"1 > {usb}", "hci0 on"]) == (result, board.done)
    lines = ["powered off", "disconnected from USB", "connected to USB again", "powered on"]
    assert [f"hci0: {line}" for line in lines] == said


def test_a_dry_run_changes_nothing(root: Path) -> None:
    """An administrator wants to know beforehand what would happen."""
    board = FakeSwitchboard(root)

    result, said = recover(root, board, is_dry_run=True)

    assert (True, [], 0.0) == (result, board.done, board.slept_s)
    lines = ["powered off", "disconnected from USB", "connected to USB again", "powered on"]
    assert [f"hci0: would be: {line}" for line in lines] == said


def test_wifi_on_the_same_usb_device_is_left_alone(root: Path) -> None:
    """Disconnecting the device from USB would interrupt Wi-Fi, so only the Bluetooth driver is restarted."""
    wifi = root / USB / "1-1:1.2"
    wifi.mkdir()
    (wifi / "bInterfaceClass").write_text("ff\n")
    give_a_driver(root, f"{USB}/1-1:1.0")
    board = FakeSwitchboard(root)

    recover(root, board)

    driver = "sys/bus/x/drivers/hci_x"
    assert ["hci0 off", f"1-1:1.0 > {driver}/unbind", f"1-1:1.0 > {driver}/bind", "hci0 on"] == board.done


def test_a_built_in_adapter_has_its_driver_start_anew(root: Path) -> None:
    """The adapter of a Raspberry Pi is attached to a serial port, not to USB."""
    (root / USB / "authorized").unlink()
    give_a_driver(root, f"{USB}/1-1:1.0")

    result, said = recover(root, FakeSwitchboard(root))

    assert result
    assert ["hci0: unbound from its driver hci_x", "hci0: bound to its driver hci_x again"] == said[1:3]


def test_without_a_driver_or_hardware_there_is_only_the_power_cycle(root: Path) -> None:
    """Without a driver or a device, there is nothing to restart."""
    (root / USB / "authorized").unlink()
    boards = FakeSwitchboard(root), FakeSwitchboard(root)

    _, without_driver = recover(root, boards[0])
    _, without_hardware = recover(root, boards[1], "hci1")

    assert [["hci0 off", "hci0 on"], ["hci1 off", "hci1 on"]] == [board.done for board in boards]
    assert "hci0: its driver is left alone: it has no driver" in without_driver
    assert "hci1: its driver is left alone: it is not a hardware device" in without_hardware


def test_a_device_outside_of_sys_is_not_touched(root: Path, tmp_path: Path) -> None:
    """A symbolic link must not make root write outside of /sys."""
    elsewhere = tmp_path / "elsewhere/1-1"
    (elsewhere / "1-1:1.0").mkdir(parents=True)
    (elsewhere / "authorized").write_text("1")
    link = root / USB / "1-1:1.0/bluetooth/hci0/device"
    link.unlink()
    link.symlink_to(elsewhere / "1-1:1.0")
    board = FakeSwitchboard(root)

    recover(root, board)

    assert ["hci0 off", "hci0 on"] == board.done


def test_the_adapter_may_get_another_number(root: Path) -> None:
    """When the driver starts again, the kernel gives the adapter the first free number."""

    class Renumbering(FakeSwitchboard):
        """A machine that gives the adapter the number 7 after a while."""

        def sleep(self, seconds: float) -> None:
            """Let time pass; more than 2 s in all make the adapter appear again."""
            super().sleep(seconds)
            folder = root / USB / "1-1:1.0/bluetooth"
            if self.done[-1].startswith("1 >") and self.slept_s > 2:
                (folder / "hci7").mkdir(exist_ok=True)

        def write(self, path: Path, text: str) -> None:
            """Write, and remove the adapter when the USB device is disconnected."""
            super().write(path, text)
            if text == "0":
                (root / USB / "1-1:1.0/bluetooth/hci0").rename(root / "gone")

    board = Renumbering(root)

    result, said = recover(root, board)

    assert (True, "hci7 on", "hci7: powered on") == (result, board.done[-1], said[-1])


def test_an_adapter_that_does_not_come_back_is_a_failure(root: Path) -> None:
    """The result must be a failure, so that systemd shows the unit as failed."""
    board = FakeSwitchboard(root, on=errno.ETIMEDOUT)

    result, said = recover(root, board)

    assert (False, "hci0: it can't be powered on (refused)") == (result, said[-1])


def test_an_adapter_that_is_on_already_is_fine(root: Path) -> None:
    """After the driver has started again, bluetoothd may power the adapter on by itself."""
    result, said = recover(root, FakeSwitchboard(root, on=errno.EALREADY))

    assert (True, "hci0: it is powered on already") == (result, said[-1])


def test_without_rights_each_refusal_is_named(root: Path) -> None:
    """After a refusal, the command must try the remaining steps, and report each refusal."""
    board = FakeSwitchboard(root, off=errno.EPERM, authorized=errno.EACCES, on=errno.EPERM)

    result, said = recover(root, board)

    assert (False, "hci0: not reset", 4) == (result, said.pop(), len(board.done))
    assert 4 == len([line for line in said if "can't be" in line])


def test_an_adapter_that_was_on_all_the_time_was_not_reset(root: Path) -> None:
    """The controller still hangs, so reporting a success would be wrong."""
    result, said = recover(root, FakeSwitchboard(root, off=errno.EBUSY, on=errno.EALREADY), "hci1")

    assert (False, ["hci1: it is powered on already", "hci1: not reset"]) == (result, said[-2:])


def test_a_driver_that_does_not_take_the_device_again_is_a_failure(root: Path) -> None:
    """Without its driver, the adapter is gone."""
    (root / USB / "authorized").unlink()
    give_a_driver(root, f"{USB}/1-1:1.0")

    result, said = recover(root, FakeSwitchboard(root, bind=errno.ENODEV))

    assert (False, "hci0: not reset") == (result, said[-1])


def connect_a_device(root: Path) -> None:
    """Let a device be connected to hci0."""
    (root / "sys/class/bluetooth/hci0:64").mkdir()


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda root: (root / "sys/class/bluetooth/hci0").unlink(), "the kernel does not have it"),
        (connect_a_device, "a device is connected to it"),
        (lambda root: block(root, "hci0"), "rfkill blocks it, perhaps on purpose; use --unblock to unblock it"),
        (lambda root: block(root, "hci0", "hard"), "a hardware switch blocks it"),
    ],
)
def test_what_is_left_alone(root: Path, prepare: Callable[[Path], None], reason: str) -> None:
    """The adapter may be gone, in use, or switched off on purpose."""
    prepare(root)
    board = FakeSwitchboard(root)

    assert ((True, [f"hci0: left alone: {reason}"]), []) == (recover(root, board), board.done)


def test_it_unblocks_only_if_told_so(root: Path) -> None:
    """A Raspberry Pi may start with its adapter blocked; once unblocked and powered on, the adapter needs no reset."""
    block(root, "hci0")
    board = FakeSwitchboard(root)

    result, said = recover(root, board, may_unblock=True)

    assert (True, ["hci0: unblocked", "hci0: powered on"]) == (result, said)
    assert ["0 > sys/class/rfkill/rfkill0/soft", "hci0 on"] == board.done


def test_what_cannot_be_unblocked_stays_as_it_is(root: Path) -> None:
    """A blocked adapter can't be powered on, so it must not be powered off."""
    block(root, "hci0")
    board = FakeSwitchboard(root, soft=errno.EACCES)

    result, _ = recover(root, board, may_unblock=True)

    assert (False, 1) == (result, len(board.done))


def test_a_block_of_another_adapter_is_left_alone(root: Path) -> None:
    """The exporter has given up on only hci0, and somebody may have blocked hci1 on purpose."""
    block(root, "hci1")
    board = FakeSwitchboard(root)

    recover(root, board, may_unblock=True)

    assert "hci0 off" == board.done[0]


def test_the_kernel_is_asked_for_real() -> None:
    """The request must reach the kernel, which refuses it for an adapter that does not exist."""
    with pytest.raises(OSError, match=r"No such device|not supported|not permitted"):
        Switchboard().power(9999, is_on=False)
    with pytest.raises(OSError, match=r"No such device|not supported|not permitted"):
        Switchboard().is_on(9999)


def test_an_adapter_that_does_not_appear_again_is_not_waited_for_without_end(root: Path) -> None:
    """A dongle may be broken permanently, and systemd must not wait endlessly for the command."""

    class Broken(FakeSwitchboard):
        """A machine that loses the adapter when the USB device is disconnected."""

        def write(self, path: Path, text: str) -> None:
            """Write, and remove the adapter when the USB device is disconnected."""
            super().write(path, text)
            if text == "0":
                (root / USB / "1-1:1.0/bluetooth/hci0").rename(root / "gone")

    board = Broken(root, on=errno.ENODEV)

    result, said = recover(root, board)

    assert (False, "hci0: it can't be powered on (refused)") == (result, said[-1])
    assert 10 < board.slept_s < 30
