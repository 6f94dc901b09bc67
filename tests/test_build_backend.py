"""A build records its commit, and leaves the checkout unchanged."""

import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import build_backend
import pytest

from tests.conftest import HERE

pytestmark = pytest.mark.program

ROOT = HERE.parent
COMMIT = "89abcdef0123456789abcdef0123456789abcdef"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the sources of a build; it is also the working directory."""
    folder = tmp_path / "project"
    for source in build_backend.SOURCES:
        build_backend._copy_one(ROOT / source, folder / source)
    version = folder / build_backend.VERSION
    text = version.read_text(encoding="utf-8").splitlines(keepends=True)
    # Use the line of a checkout, even if these tests run in an unpacked archive.
    lines = ['COMMIT = "$Format:%H$"\n' if line.startswith("COMMIT = ") else line for line in text]
    version.write_text("".join(lines).replace(f'NUMBER = "{build_number(folder)}"', 'NUMBER = "7.0.0.dev0"'))
    pyproject = folder / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace(f'"{build_number(folder)}"', '"7.0.0.dev0"'))
    monkeypatch.chdir(folder)
    return folder


def build_number(folder: Path) -> str:
    """Return the version number in pyproject.toml."""
    lines = (folder / "pyproject.toml").read_text().splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("version = "))


def on_a_commit(project: Path) -> None:
    """Make a .git folder with a detached HEAD: enough to determine the version."""
    (project / ".git").mkdir()
    (project / ".git" / "HEAD").write_text(COMMIT)


def as_an_archive(project: Path) -> None:
    """Fill in the commit as `git archive` does."""
    version = project / build_backend.VERSION
    version.write_text(version.read_text().replace("$Format:%H$", COMMIT))


def without_a_commit(project: Path) -> None:
    """Leave the project as it is: the commit is unknown."""


def files_of(project: Path) -> dict[Path, bytes]:
    """Return the content of every file in the project."""
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("kind", "version", "commit"),
    [
        (on_a_commit, "7.0.0.dev0+g89abcde", COMMIT),
        (as_an_archive, "7.0.0.dev0+g89abcde", COMMIT),
        (without_a_commit, "7.0.0.dev0", ""),
    ],
)
def test_a_wheel_has_the_commit(
    project: Path, tmp_path: Path, kind: Callable[[Path], None], version: str, commit: str
) -> None:
    """Pip reads the commit from the file name, and the program from the package; the sources must not change."""
    kind(project)
    before = files_of(project)

    name = build_backend.build_wheel(str(tmp_path))

    assert f"ble_sensor_prometheus_exporter-{version}-py3-none-any.whl" == name
    with zipfile.ZipFile(tmp_path / name) as wheel:
        assert f'\nCOMMIT = "{commit}"\n' in wheel.read("ble_exporter/__init__.py").decode()
        assert "ble_exporter/py.typed" in wheel.namelist()
        assert not [path for path in wheel.namelist() if path.startswith("contrib")]
    assert files_of(project) == before
    assert Path.cwd() == project


def test_a_wheel_from_the_source_distribution_has_the_same_version(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source distribution has no repository, and must contain everything that a build needs."""
    on_a_commit(project)
    name = build_backend.build_sdist(str(tmp_path))
    # tarfile can't be used: Debian 12's Python 3.11.2 has no extraction filters, and Python 3.12 warns without one.
    subprocess.run(["tar", "-xzf", name], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path / name.removesuffix(".tar.gz"))

    assert "ble_sensor_prometheus_exporter-7.0.0.dev0+g89abcde.tar.gz" == name
    assert "ble_sensor_prometheus_exporter-7.0.0.dev0+g89abcde-py3-none-any.whl" == build_backend.build_wheel(
        str(tmp_path)
    )


def test_a_release_has_its_number_alone(project: Path, tmp_path: Path) -> None:
    """Public package indexes accept no version number that includes a commit."""
    on_a_commit(project)
    for path in (project / "pyproject.toml", project / build_backend.VERSION):
        path.write_text(path.read_text().replace("7.0.0.dev0", "7.0.0"))

    assert "ble_sensor_prometheus_exporter-7.0.0-py3-none-any.whl" == build_backend.build_wheel(str(tmp_path))


def test_a_build_that_fails_leaves_the_folder(project: Path, tmp_path: Path) -> None:
    """A failed build must not change the caller's working directory."""
    (project / "pyproject.toml").write_text("[project]\n")

    with pytest.raises(RuntimeError):
        build_backend.build_wheel(str(tmp_path))
    assert Path.cwd() == project


def test_the_backend_is_the_release_that_the_tests_have() -> None:
    """The tests build with the locked poetry-core, so they show nothing about users' builds with another release."""
    (named,) = re.findall(r'^requires = \["(poetry-core==\S+)"\]$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

    assert f"\n{named} \\\n" in (ROOT / "requirements-dev.lock").read_text()
