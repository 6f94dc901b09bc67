"""A fictitious machine on which the service is installed."""

import pwd
from pathlib import Path

import pytest

from ble_exporter.cli.service.place import Program
from ble_exporter.cli.service.steps import Machine
from ble_exporter.errors import ExporterError

PROGRAM = Program("/opt/ble_exporter/venv/bin/python", (Path("/usr"),))
"""A program that every user can read."""


class FakeMachine(Machine):
    """A machine in a folder, with root's rights, that records commands instead of running them."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.root = root
        self.ran: list[str] = []
        self.given: dict[str, str] = {}
        self.accounts: dict[str, pwd.struct_passwd] = {}
        self.missing: set[str] = set()
        self.fails = ""
        self.is_of_root = True
        (root / "run/systemd/system").mkdir(parents=True)

    def is_root(self) -> bool:
        """Return what the test has set."""
        return self.is_of_root

    def account(self, name: str) -> pwd.struct_passwd | None:
        """Return the account that a test has created."""
        return self.accounts.get(name)

    def add_user(self, uid: int = 998, home: str = "/", shell: str = "/usr/sbin/nologin") -> None:
        """Create the service's user, by default as systemd-sysusers does."""
        self.accounts["ble"] = pwd.struct_passwd(("ble", "x", uid, uid, "", home, shell))

    def has_command(self, name: str) -> bool:
        """Return whether the command is installed."""
        return name not in self.missing

    def run(self, *words: str) -> None:
        """Record the command; raise ExporterError instead if it contains `fails`."""
        line = " ".join(words)
        if self.fails and self.fails in line:
            raise ExporterError(f"{line}: exit status 1: no")
        self.ran.append(line)

    def give(self, path: Path, owner: str, group: str) -> None:
        """Record the owner and the group."""
        self.given[str(path.relative_to(self.root))] = f"{owner}:{group}"

    def write(self, path: str, text: str) -> None:
        """Write a file of the machine."""
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_text(text, encoding="utf-8")


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    """Return a machine with systemd and nothing else."""
    root = tmp_path / "root"
    root.mkdir()
    return FakeMachine(root)


@pytest.fixture
def home_yaml(tmp_path: Path) -> Path:
    """Return the path of a valid configuration."""
    path = tmp_path / "home.yaml"
    path.write_text(
        "scan_interval_seconds: 30\nscan_duration_seconds: 30\nlisten_port: 8000\n"
        'devices: {"A4:C1:38:00:00:01": kitchen}\n'
    )
    return path
