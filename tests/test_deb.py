"""The Debian package: its texts, its scripts and its refusals. `make test-deb` builds, installs and purges it."""

import itertools
import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
from deb import package, texts

from ble_exporter.config.app_config import load_config
from ble_exporter.logger import BACKUPS
from ble_exporter.scanner import reset_record
from ble_exporter.service import replay_state
from tests.conftest import HERE

ROOT = HERE.parent
FILES = ROOT / "contrib" / "deb" / "files"
RELEASED_AT = 1_790_000_000


@pytest.mark.parametrize("name", ["ble_exporter.service", "ble_exporter-recover.service"])
def test_the_package_s_units_start_the_package_s_program(name: str) -> None:
    """A unit with the paths of an installation by pip would not start, or would start another version."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.read_string(texts.adapted((ROOT / "contrib" / name).read_text(encoding="utf-8")))

    assert unit["Service"]["ExecStart"].startswith("/usr/bin/ble-exporter ")
    assert "/etc/ble_exporter" in "".join(unit["Service"].values())


def test_the_package_s_helper_starts_the_package_s_program() -> None:
    """Neither Debian's own libraries nor modules in the working directory may run with the helper's capability."""
    unit = texts.adapted((ROOT / "contrib/ble_exporter-monitor@.service").read_text(encoding="utf-8"))

    assert (
        "\nEnvironment=PYTHONPATH=/usr/lib/ble-exporter\n"
        "ExecStart=/usr/bin/python3 -PS -m ble_exporter.monitor_channel.helper\n"
    ) in unit


def test_the_package_s_unit_reads_the_package_s_configuration() -> None:
    """The unit must read the conffile, which users edit, and start in a folder where the service can write a log."""
    unit = ConfigParser(strict=False, interpolation=None)
    unit.read_string(texts.adapted((ROOT / "contrib/ble_exporter.service").read_text(encoding="utf-8")))
    service = unit["Service"]

    assert f"/usr/bin/ble-exporter --config /{package.CONFFILE}" == service["ExecStart"]
    assert f"/var/lib/{service['StateDirectory']}" == service["WorkingDirectory"]


def test_a_unit_with_an_unknown_path_is_refused() -> None:
    """The build can't know which path of the package replaces a new path in the unit."""
    with pytest.raises(ValueError, match="no replacement"):
        texts.adapted("ReadWritePaths=/opt/ble_exporter/new\n")


def test_the_package_s_configuration_is_valid_and_logs_to_the_journal() -> None:
    """The installation starts the service with this configuration."""
    config = load_config(str(FILES / "config.yaml"))

    assert ("-", 8000) == (config.log_file, config.listen_port)
    assert config.scan_interval_seconds == config.scan_duration_seconds


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.2.0", "0.2.0-1"),
        ("0.2.0rc1", "0.2.0~rc1-1"),
        ("0.2.0.dev0", "0.2.0~dev0-1"),
        ("0.2.0.dev0+g1a2b3c4", "0.2.0~dev0+20260921141320.g1a2b3c4-1"),
    ],
)
def test_a_version_has_debian_s_form(version: str, expected: str) -> None:
    """Debian sorts `~` before the end of a version; with `.dev`, a pre-release would sort after its release."""
    assert expected == texts.debian_version(version, RELEASED_AT)


@pytest.mark.program
@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is not installed")
def test_every_later_version_is_an_upgrade() -> None:
    """The hashes of commits have no order, but a package manager must recognise the newer of two versions."""
    order = [
        texts.debian_version("0.1.0", RELEASED_AT),
        texts.debian_version("0.2.0.dev0+gfffffff", RELEASED_AT),
        texts.debian_version("0.2.0.dev0+g0000000", RELEASED_AT + 1),
        texts.debian_version("0.2.0rc1", RELEASED_AT),
        texts.debian_version("0.2.0", RELEASED_AT),
    ]
    for older, newer in itertools.pairwise(order):
        subprocess.run(["dpkg", "--compare-versions", older, "lt", newer], check=True)


def test_the_build_backend_is_taken_from_a_lock() -> None:
    """The hash of the build backend must be checked, like those of the libraries."""
    entry = texts.entry_of((ROOT / "requirements-release.lock").read_text(encoding="utf-8"), "poetry-core")

    assert re.fullmatch(r"poetry-core==\S+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", entry)


def test_a_package_that_is_not_locked_is_an_error() -> None:
    """Without a hash, nothing may be installed."""
    with pytest.raises(ValueError, match="not locked"):
        texts.entry_of("poetry-core-more==1 \\\n    --hash=sha256:0\n", "poetry-core")


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT\nClassifier: License :: OSI Approved :: Apache Software License", "MIT"),
        ("License: BSD-3-Clause", "BSD-3-Clause"),
        ("License: a text\n        of many lines\nClassifier: License :: OSI Approved :: MIT License", "MIT License"),
        ("Summary: none of them", "see its folder"),
    ],
)
def test_the_copyright_file_names_the_licence_of_a_library(metadata: str, licence: str) -> None:
    """Debian's users look for the licences in this file; libraries state theirs in three ways."""
    assert f"thing 1: {licence}" == texts.licence_of(f"Name: thing\nVersion: 1\n{metadata}\n\nLicense: no field\n")


def test_the_copyright_file_has_the_terms_of_the_project() -> None:
    """An empty line would end the field of the licence, so a dot must replace it."""
    text = texts.copyright_of("{libraries}\n{licence}", "Title\n\nCopyright\n\nMay be\nused.\n\nNo warranty.\n", [])

    assert "\n May be\n used.\n .\n No warranty." == text


@pytest.mark.parametrize("architecture", ["armhf", "armel", "i386", "../amd64"])
def test_an_architecture_without_wheels_is_refused_with_the_way_out(architecture: str) -> None:
    """A package that lacked some of its libraries could be installed, but its program would not start."""
    with pytest.raises(ValueError, match=f"no package for {re.escape(architecture)}.*64-bit.*docs/troubleshooting.md"):
        package.check_architecture(architecture)


@pytest.mark.parametrize(("machine", "name"), [("x86_64", "amd64"), ("aarch64", "arm64")])
def test_the_name_that_uname_prints_is_answered_with_the_name_of_debian(machine: str, name: str) -> None:
    """A user who types the name that `uname -m` prints does have a 64-bit system."""
    with pytest.raises(ValueError, match=f"^no package for {machine}: Debian's name for it is {name}$"):
        package.check_architecture(machine)


def test_what_a_build_lacks_is_named_with_the_way_to_get_it() -> None:
    """A developer must learn which programs to install, and which Python the build requires."""
    lacks = " ".join(package.missing(path="/nowhere", python=(3, 10)))

    assert "apt-get install dpkg" in lacks
    assert "apt-get install git" in lacks
    assert "Python 3.11" in lacks


@pytest.mark.parametrize(
    ("path", "is_folder", "mode"),
    [
        (package.CONFFILE, False, 0o640),
        ("usr/bin/ble-exporter", False, 0o755),
        ("DEBIAN/postinst", False, 0o755),
        ("DEBIAN/control", False, 0o644),
        ("usr/lib/ble-exporter/aiohttp", True, 0o755),
        ("usr/lib/ble-exporter/yaml/_yaml.so", False, 0o644),
    ],
)
def test_modes_do_not_depend_on_the_builder(path: str, is_folder: bool, mode: int) -> None:
    """With the builder's umask, two builds could differ, or the service could be unable to read its program."""
    assert mode == package.mode(path, is_folder=is_folder)


def test_compressed_files_have_no_time() -> None:
    """A timestamp in a compressed file would make each build different."""
    assert b"\0\0\0\0" == texts.compressed(b"text")[4:8]


def test_the_program_runs_with_the_package_s_libraries_alone() -> None:
    """Debian's own aiohttp or bleak, in untested versions, must not be imported in place of the package's."""
    first, *lines = (FILES / "ble-exporter").read_text(encoding="utf-8").splitlines()

    assert "#!/usr/bin/python3 -PS" == first
    assert f'sys.path.insert(0, "/{package.HOME}")' in lines


def test_a_purge_removes_exactly_what_the_service_writes() -> None:
    """A user's own file in these folders must stay; a file that the service left behind must not."""
    script = (FILES / "postrm").read_text(encoding="utf-8")
    state, resets = replay_state.FILE_NAME, reset_record.FILE_NAME
    removed = {path for line in re.findall(r"rm -f (.*?) \|\| true", script) for path in line.split()}

    assert {
        f"/var/lib/ble_exporter/{state}",
        f"/var/lib/ble_exporter/{state.replace('.json', '.tmp')}",
        f"/run/ble_exporter/{resets}",
        f"/run/ble_exporter/{resets.replace('.json', '.new')}",
        '"/var/log/ble_exporter/ble_exporter.log$number"',
    } == removed
    assert f"for number in '' {' '.join(f'.{number}' for number in range(BACKUPS + 1))}; do" in script
    assert "rm -r" not in script


@pytest.mark.program
def test_a_purge_succeeds_whatever_is_in_the_way(tmp_path: Path) -> None:
    """A failed purge blocks apt, and fails again; the service owns the folders, and can create anything in them."""
    script = (FILES / "postrm").read_text(encoding="utf-8")
    script = re.sub(r"/(var/lib|var/log|run)/ble_exporter", rf"{tmp_path}/\1", script)
    script = script.replace("deb-systemd-helper", "no-such-command")
    (tmp_path / "var/lib/replay_state.json").mkdir(parents=True)
    (tmp_path / "disk").mkdir()
    (tmp_path / "var/log").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/ble_exporter.log.0").touch()

    done = subprocess.run(["sh", "-c", script, "postrm", "purge"], stderr=subprocess.DEVNULL, check=False)

    assert 0 == done.returncode
    assert [] == list((tmp_path / "disk").iterdir())


@pytest.mark.program
@pytest.mark.parametrize("name", package.SCRIPTS)
def test_the_maintainer_scripts_are_valid(name: str) -> None:
    """A script that fails leaves the package half installed, a state that few users can repair."""
    script = FILES / name

    assert script.read_text(encoding="utf-8").startswith("#!/bin/sh\nset -e\n")
    subprocess.run(["sh", "-n", str(script)], check=True)


def test_every_lintian_override_has_its_reason() -> None:
    """An override without a reason may hide a fault."""
    lines = (FILES / "lintian-overrides").read_text(encoding="utf-8").splitlines()

    assert lines[0].startswith("# ")
    assert all(re.match(r"# .*\.$|ble-exporter: [a-z]", line) for line in lines)
