"""Tests of the safety of a recovery: it must neither leave the adapter off nor undo a user's decision."""

import errno
import signal
from pathlib import Path

import pytest

from tests.cli.recover.machine import USB, FakeSwitchboard, give_a_driver, recover


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_does_not_leave_the_adapter_without_its_driver(root: Path, number: signal.Signals) -> None:
    """If a time limit or Ctrl-C ended the program between two steps, the next run could not restore the driver."""
    ended: list[int] = []

    class Interrupted(FakeSwitchboard):
        """A machine that sends the signal as soon as the dongle is disconnected."""

        def write(self, path: Path, text: str) -> None:
            """Write, and send the signal."""
            super().write(path, text)
            if text == "0":
                signal.raise_signal(number)
                self.done.append("signal")

    board = Interrupted(root)
    before = signal.signal(number, lambda *_: ended.append(len(board.done)))
    try:
        recover(root, board)
    finally:
        signal.signal(number, before)

    assert ["signal", f"1 > {USB}/authorized", "hci0 on"] == board.done[2:]
    assert [len(board.done)] == ended


def test_a_device_with_unreadable_interfaces_stays_connected(root: Path) -> None:
    """The USB device may be more than a Bluetooth adapter, so only the driver of the adapter is restarted."""
    give_a_driver(root, f"{USB}/1-1:1.0")
    (root / USB / "1-1:1.0/bInterfaceClass").unlink()
    (root / USB / "1-1:1.0/bInterfaceClass").mkdir()
    board = FakeSwitchboard(root)

    result, _ = recover(root, board)

    assert (True, "hci0 on") == (result, board.done[-1])
    assert any("unbind" in action for action in board.done)
    assert not any("authorized" in action for action in board.done)


def test_a_failure_in_between_leaves_the_adapter_on(root: Path) -> None:
    """If the adapter stayed off, nothing else would power it on again."""

    class Broken(FakeSwitchboard):
        """A machine that fails in an unexpected way."""

        def sleep(self, seconds: float) -> None:
            """Fail."""
            raise RuntimeError(seconds)

    board = Broken(root)
    with pytest.raises(RuntimeError):
        recover(root, board)

    assert ["hci0 off", "hci0 on"] == board.done


def test_an_adapter_that_somebody_has_powered_off_is_left_alone(root: Path) -> None:
    """After the exporter gave up, somebody may have powered off the adapter on purpose."""
    board = FakeSwitchboard(root)
    board.is_up = False

    assert (True, ["hci0: left alone: somebody has powered it off"]) == recover(root, board)
    assert [] == board.done


def test_an_adapter_that_a_reset_has_left_off_is_powered_on(root: Path) -> None:
    """The exporter's record says that a reset, not a user, has powered the adapter off."""
    board = FakeSwitchboard(root)
    board.is_up = False

    result, said = recover(root, board, may_power_on=True)

    assert (True, "hci0: powered on") == (result, said[-1])


def test_an_adapter_whose_power_is_unknown_is_not_touched(root: Path) -> None:
    """The adapter may be off on purpose; without privileges, for example, its power state can't be read."""
    board = FakeSwitchboard(root, info=errno.EPERM)

    result, said = recover(root, board)

    assert (False, 1, []) == (result, len(said), board.done)
