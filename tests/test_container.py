"""The container's files agree with the project, and are safe. These tests need no container engine."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ble_exporter.config.app_config import load_config
from tests.conftest import HERE
from tests.program import PATIENCE_S, running, write_config

FOLDER = HERE.parent / "contrib" / "container"
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))


def test_every_image_is_pinned_by_its_digest() -> None:
    """A tag can be moved to another image."""
    images = [*re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)]
    images += [service["image"] for service in COMPOSE["services"].values() if "image" in service]

    assert 5 == len(images)
    assert [] == [image for image in images if not re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", image)]


def test_the_context_contains_what_the_dockerfile_copies_and_nothing_else() -> None:
    """A configuration with keys, or the git history, must not get into an image by accident."""
    copied = {
        name.removesuffix("/")
        for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE)
        for name in line.split()
    }
    lines = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()

    assert "*" in lines
    assert copied == {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert all((HERE.parent / name).exists() for name in copied)


def test_the_exporter_has_no_rights_that_it_does_not_need() -> None:
    """An attacker who controls the exporter must not gain control of the host."""
    exporter = COMPOSE["services"]["exporter"]

    assert exporter["read_only"] is True
    assert ["ALL"] == exporter["cap_drop"]
    assert "no-new-privileges" in exporter["security_opt"]
    assert "privileged" not in exporter
    assert re.search(r"^USER 65532:65532$", DOCKERFILE, re.MULTILINE)


def test_every_mounted_file_exists() -> None:
    """If the host lacks a mounted file, an engine creates a folder instead, and the program's error misleads."""
    volumes = [volume for service in COMPOSE["services"].values() for volume in service.get("volumes", [])]
    files = [Path(FOLDER, volume.split(":")[0]) for volume in volumes if volume.startswith(".")]

    assert 8 == len(files)
    assert [] == [str(path) for path in files if not path.resolve().is_file()]


def test_the_container_s_configuration_is_valid() -> None:
    """The root file system is read-only, so the log can't be a file. The ear must be one that needs no capability."""
    config = load_config(str(FOLDER / "config.yaml"))

    assert ("-", "bluez", 8000) == (config.log_file, config.ear, config.listen_port)


@pytest.mark.program
def test_the_health_check_is_healthy_only_while_the_exporter_is_ready(tmp_path: Path) -> None:
    """Docker must not report a dead exporter as healthy, nor a working one as unhealthy."""
    command = json.loads(re.findall(r"(?s)HEALTHCHECK.*?CMD \\\n\s*(\[.*?\])", DOCKERFILE)[0])
    config = write_config(tmp_path, {"scan_interval_seconds": 1, "scan_duration_seconds": 1})
    check = [sys.executable, "-c", command[-1].replace("8000", str(load_config(str(config)).listen_port))]

    def health() -> int:
        return subprocess.run(check, check=False, capture_output=True).returncode

    assert ["python", "-c"] == command[:2]
    with running("--config", str(config), "--mock") as process:
        while health():
            assert process.poll() is None
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert 1 == health()
