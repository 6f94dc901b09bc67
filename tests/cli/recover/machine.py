"""A fictitious machine for the tests of `recover`: a fake /sys, and a record of the changes to it."""

from pathlib import Path

from ble_exporter.cli.recover.recovery import Recovery, Switchboard

USB = "sys/devices/pci0/usb1/1-1"


class FakeSwitchboard(Switchboard):
    """
    A switchboard that records the actions, and changes the files.

    Args:
        root: The folder that contains /sys.
        refused: The actions that fail, each with its error number.
    """

    def __init__(self, root: Path, **refused: int) -> None:
        self.done: list[str] = []
        self.slept_s = 0.0
        self.is_up = True
        self._root = root
        self._refused = refused

    def power(self, number: int, *, is_on: bool) -> None:
        """Record a change of power."""
        self._do(f"hci{number} {'on' if is_on else 'off'}", "on" if is_on else "off")

    def is_on(self, number: int) -> bool:
        """Return `is_up` for every adapter, or fail if the action `info` is refused."""
        if "info" in self._refused:
            raise OSError(self._refused["info"], f"refused for {number}")
        return self.is_up

    def write(self, path: Path, text: str) -> None:
        """Write to a file of the fake /sys, and record that."""
        self._do(f"{text} > {path.relative_to(self._root)}", path.name)
        super().write(path, text)

    def sleep(self, seconds: float) -> None:
        """Add up the time that would have passed."""
        self.slept_s += seconds

    def _do(self, what: str, name: str) -> None:
        self.done.append(what)
        if name in self._refused:
            raise OSError(self._refused[name], "refused")


def recover(root: Path, board: FakeSwitchboard, adapter: str = "hci0", **options: bool) -> tuple[bool, list[str]]:
    """Recover an adapter; return the result, and the lines that were printed."""
    said: list[str] = []
    return Recovery(adapter, board, said.append, root=root, **options).run(), said


def block(root: Path, device: str, kind: str = "soft") -> None:
    """Let rfkill block an adapter."""
    switch = root / "sys/class/rfkill/rfkill0"
    switch.mkdir(parents=True)
    for name, text in (("type", "bluetooth"), ("name", device), ("soft", "0"), ("hard", "0"), (kind, "1")):
        (switch / name).write_text(text)


def give_a_driver(root: Path, device: str) -> None:
    """Give the device of hci0 a driver."""
    driver = root / "sys/bus/x/drivers/hci_x"
    driver.mkdir(parents=True)
    (root / device / "driver").symlink_to(driver)
