"""Tests of the check that the service can run the program from the folder where it is installed."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

from ble_exporter.cli.service.place import Program, problem_of, this_program


def problem_with(path: Path | str) -> str:
    """Return the problem with a program that needs this file or folder; empty if there is none."""
    problem = problem_of(Program("/opt/venv/bin/python", (Path(path),)))
    return problem.text if problem else ""


@pytest.mark.parametrize(
    ("path", "directive"),
    [
        ("/home/pi/checkout/venv", "hides /home (with ProtectHome="),
        ("/root/venv", "hides /root (with ProtectHome="),
        ("/tmp/venv", "hides /tmp (with PrivateTmp="),  # noqa: S108 - compared, not used
    ],
)
def test_a_place_that_the_unit_hides_is_refused(path: str, directive: str) -> None:
    """Users often create the virtual environment in their home, and systemd would report only 203/EXEC."""
    assert directive in problem_with(path)


def test_the_program_of_the_debian_package_is_refused() -> None:
    """A second unit would override the package's unit, and could not start the package's program."""
    assert "Debian package" in problem_with("/usr/lib/ble-exporter/ble_exporter")


def test_a_place_that_everybody_can_read_is_accepted() -> None:
    """If a usable place were refused, the service could not be installed."""
    assert "" == problem_with("/usr/bin/env")


def test_the_target_of_a_link_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter of a virtual environment may be a link to one below /root, which the service can't run."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)

    assert f"the program needs {tmp_path.resolve()}, and" in problem_with("/proc/self/cwd")


@pytest.mark.parametrize(("mode", "is_refused"), [(0o750, True), (0o754, True), (0o751, True), (0o755, False)])
def test_a_folder_of_one_user_alone_is_refused(mode: int, is_refused: bool) -> None:
    """If root has a umask of 077, nobody else can read what root installs."""
    place = Path("/srv") if os.access("/srv", os.W_OK) else None
    if place is None:
        pytest.skip("only root can create a folder outside /home and /tmp")
    folder = Path(tempfile.mkdtemp(dir=place))
    try:
        folder.chmod(mode)
        assert is_refused == ("only some users can read" in problem_with(folder))
    finally:
        folder.rmdir()


def test_a_missing_file_is_refused() -> None:
    """The service must not be installed from a virtual environment that is partly removed."""
    assert "No such file or directory" in problem_with("/usr/no/such/file")


@pytest.mark.parametrize("python", ["/opt/my env/bin/python", "/opt/100%/python", "/opt/x\n/python"])
def test_a_name_that_a_unit_can_not_have_is_refused(python: str) -> None:
    """In a unit, blanks and line breaks end a word, and a percent sign begins a specifier."""
    problem = problem_of(Program(python, ()))

    assert problem is not None
    assert "a unit can't name" in problem.text


def test_this_program_is_its_interpreter_and_package() -> None:
    """The unit must start the installation that wrote it."""
    program = this_program()

    assert Path(sys.prefix) in (Path(program.python).parents[1], Path(sys.base_prefix))
    assert Path(program.python).resolve() == Path(sys.executable).resolve()
    assert [path for path in program.needs if path.name == "ble_exporter" and path.is_dir()]
