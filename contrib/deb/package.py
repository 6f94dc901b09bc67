"""
Builds the Debian package: the program with its locked libraries, the units, and the other files of the service.

pip fetches the libraries by their hashes, and dpkg-deb packs them; nothing of the target's architecture runs. Two
builds of a commit are equal, byte for byte.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from deb import texts

NAME = "ble-exporter"
HOME = "usr/lib/ble-exporter"
CONFFILE = "etc/ble_exporter/config.yaml"
PYTHON = (3, 11)
"""The Python of Debian 12. pip resolves a lock only for the Python on which it runs, so the build needs Python 3.11."""
LOCKS = ("requirements-encryption.lock", "requirements-auth.lock")
"""Together, these locks contain all libraries that a user can install."""
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Each Debian architecture for which all locked libraries have wheels → its name in the wheels' file names."""
GLIBC = ("2014", "_2_17", "_2_26", "_2_27", "_2_28", "_2_31", "_2_34")
"""The manylinux platforms whose wheels run on Debian 12; its libc is 2.36."""
UNITS = (
    "ble_exporter.service",
    "ble_exporter-monitor.socket",
    "ble_exporter-monitor@.service",
    "ble_exporter-recover.service",
)
"""The units of contrib/ in the package."""
SCRIPTS = ("postinst", "prerm", "postrm")

_FILES = Path(__file__).with_name("files")


def missing(path: str | None = None, python: tuple[int, int] = sys.version_info[:2]) -> list[str]:
    """Return the requirements that this machine lacks, and how to get them; programs are searched for in `path`."""
    lacks = [f"{tool} (apt-get install {tool})" for tool in ("dpkg", "git") if not shutil.which(tool, path=path)]
    if python != PYTHON:
        lacks.append("Debian 12's Python 3.11 (there, make PYTHON=/usr/bin/python3 deb)")
    elif not importlib.util.find_spec("ensurepip"):
        lacks.append("ensurepip (apt-get install python3-venv)")
    return lacks


def build(project: Path, architecture: str, into: Path) -> Path:
    """
    Build the package of a checkout into a folder, and return its path.

    Raises:
        ValueError: Not all libraries have wheels for the architecture.
        CalledProcessError: A tool has failed, and has written the reason to standard error.
    """
    check_architecture(architecture)
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _commit_time(project))
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root, wheels = Path(folder, "root"), Path(folder, "wheels")
        python = _environment(project, Path(folder))
        own = _build_wheel(project, python, wheels)
        _download(project, python, architecture, wheels)
        for wheel in sorted(wheels.iterdir()):
            shutil.unpack_archive(wheel, root / HOME, "zip")
        # pip would move the files in such a folder to other places; this build does not.
        assert not list((root / HOME).glob("*.data")), "a wheel has files that belong elsewhere"
        version = texts.debian_version(own.name.split("-")[1], epoch)
        _add_service(project, root)
        _add_documents(project, root, version, epoch)
        _add_control(root, version, architecture)
        for path in (root, *root.rglob("*")):
            path.chmod(mode(path.relative_to(root).as_posix(), is_folder=path.is_dir()))
            os.utime(path, (epoch, epoch))
        target = into / f"{NAME}_{version}_{architecture}.deb"
        # More threads would split the archive into blocks, and so change its bytes.
        pack = ["dpkg-deb", "--root-owner-group", "--threads-max=1", "-Zxz", "--build", str(root), str(target)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
        subprocess.run(pack, env=environment, stdout=subprocess.DEVNULL, check=True)
    return target


def check_architecture(architecture: str) -> None:
    """Raise a ValueError, with a hint, if no package can be built for the architecture."""
    for name, machine in MACHINES.items():
        if architecture == machine:
            raise ValueError(f"no package for {architecture}: Debian's name for it is {name}")
    if architecture not in MACHINES:
        raise ValueError(
            f"no package for {architecture}: not all libraries are published as wheels for it, as they are for the "
            f"64-bit systems {' and '.join(MACHINES)}. Use one of these, or let pip compile the libraries "
            "(docs/troubleshooting.md, A 32-bit system)"
        )


def mode(path: str, *, is_folder: bool) -> int:
    """Return the mode of a file or folder of the package, whatever this machine's umask is."""
    if path == CONFFILE:
        return 0o640  # it may contain keys
    is_program = is_folder or path in {f"usr/bin/{NAME}", *(f"DEBIAN/{name}" for name in SCRIPTS)}
    return 0o755 if is_program else 0o644


def _commit_time(project: Path) -> str:
    command = ["git", "-c", "safe.directory=*", "log", "-1", "--format=%ct"]
    return subprocess.run(command, cwd=project, stdout=subprocess.PIPE, text=True, check=True).stdout


def _environment(project: Path, folder: Path) -> Path:
    """Create a virtual environment with pip and the locked build backend; return its Python."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv/bin/python"
    lock = (project / "requirements-release.lock").read_text(encoding="utf-8")
    (folder / "backend.lock").write_text(texts.entry_of(lock, "poetry-core"), encoding="utf-8")
    _pip(python, "install", "--require-hashes", "--no-deps", "--requirement", str(folder / "backend.lock"))
    return python


def _build_wheel(project: Path, python: Path, into: Path) -> Path:
    into.mkdir()
    code = "import sys, build_backend; build_backend.build_wheel(sys.argv[1])"
    environment = {**os.environ, "PYTHONPATH": str(project / "contrib")}
    subprocess.run([str(python), "-c", code, str(into)], cwd=project, env=environment, check=True)
    [wheel] = into.iterdir()
    return wheel


def _download(project: Path, python: Path, architecture: str, into: Path) -> None:
    platforms = [f"--platform=manylinux{version}_{MACHINES[architecture]}" for version in GLIBC]
    target = ["--only-binary=:all:", "--implementation=cp", f"--python-version={'.'.join(map(str, PYTHON))}"]
    for lock in LOCKS:
        locked = ["--require-hashes", "--no-deps", "--requirement", str(project / lock)]
        _pip(python, "download", "--dest", str(into), *target, *platforms, *locked)


def _pip(python: Path, *arguments: str) -> None:
    subprocess.run([str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def _add_service(project: Path, root: Path) -> None:
    _copy(_FILES / NAME, root / "usr/bin" / NAME)
    for name in UNITS:
        unit = (project / "contrib" / name).read_text(encoding="utf-8")
        _write(root / "lib/systemd/system" / name, texts.adapted(unit).encode())
    _copy(project / "contrib/ble_exporter.sysusers", root / "usr/lib/sysusers.d/ble_exporter.conf")
    _copy(_FILES / "config.yaml", root / CONFFILE)
    completion, share = project / "contrib/completion", root / "usr/share"
    _copy(completion / "ble-exporter.bash", share / "bash-completion/completions/ble-exporter")
    _copy(completion / "_ble-exporter", share / "zsh/vendor-completions/_ble-exporter")
    _copy(completion / "ble-exporter.fish", share / "fish/vendor_completions.d/ble-exporter.fish")


def _add_documents(project: Path, root: Path, version: str, epoch: int) -> None:
    share = root / "usr/share"
    documents = share / "doc" / NAME
    for page in sorted((project / "contrib/man").glob("*.1")):
        _write(share / f"man/man1/{page.name}.gz", texts.compressed(page.read_bytes()))
    _write(documents / "changelog.gz", texts.compressed((project / "CHANGELOG.md").read_bytes()))
    control = (_FILES / "control").read_text(encoding="utf-8")
    entry = texts.changelog_entry(NAME, version, texts.maintainer_of(control), epoch)
    _write(documents / "changelog.Debian.gz", texts.compressed(entry.encode()))
    found = sorted((root / HOME).glob("*.dist-info/METADATA"))
    metadata = [path.read_text(encoding="utf-8") for path in found if not path.parent.name.startswith("ble_sensor_")]
    licence = (project / "LICENSE").read_text(encoding="utf-8")
    template = (_FILES / "copyright").read_text(encoding="utf-8")
    _write(documents / "copyright", texts.copyright_of(template, licence, metadata).encode())
    _copy(_FILES / "lintian-overrides", share / "lintian/overrides" / NAME)


def _add_control(root: Path, version: str, architecture: str) -> None:
    contents = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    sums = [
        f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}  {path}\n"  # dpkg's format has no other hash
        for path, content in sorted(contents.items())
        if path != CONFFILE
    ]
    size = sum(-(-len(content) // 1024) for content in contents.values())
    control = (_FILES / "control").read_text(encoding="utf-8")
    fields = {"version": version, "architecture": architecture, "size": str(size)}
    _write(root / "DEBIAN/control", control.format(**fields).encode())
    _write(root / "DEBIAN/md5sums", "".join(sums).encode())
    _write(root / "DEBIAN/conffiles", f"/{CONFFILE}\n".encode())
    for name in SCRIPTS:
        _copy(_FILES / name, root / "DEBIAN" / name)


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _copy(source: Path, target: Path) -> None:
    _write(target, source.read_bytes())
