"""Tests of the commands that `capture`, `discover` and `service` tell the user to type next."""

from pathlib import Path

import pytest

from ble_exporter.cli.invocation import typed_command


@pytest.mark.parametrize(
    ("typed", "argv", "command"),
    [
        (
            ["/v/bin/python3", "venv/bin/ble-exporter", "discover"],
            ["venv/bin/ble-exporter", "discover"],
            "venv/bin/ble-exporter",
        ),
        (["/v/bin/python3", "/opt/x y/ble-exporter"], ["/opt/x y/ble-exporter"], "'/opt/x y/ble-exporter'"),
        (
            ["python", "-m", "ble_exporter", "discover"],
            ["/x/ble_exporter/__main__.py", "discover"],
            "python -m ble_exporter",
        ),
        (
            ["venv/bin/python", "-X", "dev", "-m", "ble_exporter.main", "discover", "--mock"],
            ["/x/ble_exporter/main.py", "discover", "--mock"],
            "venv/bin/python -X dev -m ble_exporter.main",
        ),
        (["python", "-m", "pytest", "tests"], ["/x/pytest/__main__.py", "tests"], "ble-exporter"),
    ],
)
def test_the_command_works_where_the_user_typed_the_last_one(typed: list[str], argv: list[str], command: str) -> None:
    """A new user copies the command, and a shell finds the bare name only if the program is in PATH."""
    shown = typed_command("--config", "my home.yaml", argv=argv, orig_argv=typed, find="/elsewhere/ble-exporter")

    assert f"{command} --config 'my home.yaml'" == shown


def test_a_program_in_path_keeps_its_short_name(tmp_path: Path) -> None:
    """The shell passes the full path, perhaps that of a symbolic link, but the user typed only the name."""
    (tmp_path / "real").touch()
    script = tmp_path / "ble-exporter"
    script.symlink_to(tmp_path / "real")
    argv = [str(script), "discover"]

    assert "ble-exporter --mock" == typed_command("--mock", argv=argv, orig_argv=["python", *argv], find=str(script))
