"""The configuration, its keys, and its port, judged. The remedies are tried on the rig: scenario doctor_elsewhere."""

import asyncio
import os
import pwd
import socket
import sys
from pathlib import Path

import pytest
from aiohttp import web

from ble_exporter import __version__
from ble_exporter.cli.doctor import configuration as checks
from ble_exporter.cli.doctor.check import Examination, Finding
from ble_exporter.config.app_config import load_config
from ble_exporter.exporter.app import create_app
from tests.cli.conftest import LIVING_ROOM, Write

KEY = "00112233445566778899aabbccddeeff"
SEALED = f'"{LIVING_ROOM}": {{name: living_room, bindkey: {KEY}}}'


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for who has the port to answer: here nobody does."""
    monkeypatch.setattr(checks, "_HTTP_TIMEOUT_S", 0.05)


def made(examination: Examination) -> Examination:
    """Take up its configuration, as the first check does."""
    examination.config = load_config(examination.config_path)
    return examination


def test_a_sound_configuration_is_taken_up(examination: Examination, write: Write) -> None:
    """The other checks need it."""
    path = write(SEALED)

    assert [Finding("ok", f"configuration: {path} is sound: 1 device (1 with a key)")] == list(
        checks.config(examination)
    )
    assert examination.config == load_config(str(path))


def test_a_mistake_is_opened_at_its_line(examination: Examination, write: Write) -> None:
    """Whoever sees this is in a shell."""
    path = write(scan_interval_seconds="often")
    (finding,) = checks.config(examination)

    assert finding.level == "fail"
    assert finding.text.startswith(f"configuration: {path}:1: scan_interval_seconds: ")
    assert f"nano +1 {path}" == finding.remedy
    assert examination.config is None


def test_a_mistake_of_the_whole_file_opens_it(examination: Examination) -> None:
    """There is no line to go to."""
    Path(examination.config_path).write_bytes(b"")
    (finding,) = checks.config(examination)

    assert f"nano {examination.config_path}" == finding.remedy


def test_a_file_that_is_not_there_may_be_where_the_service_has_it(examination: Examination, tmp_path: Path) -> None:
    """Who calls it without --config in any folder has no configuration there."""
    examination.config_path = str(tmp_path / "it's not.yaml")
    (nowhere,) = checks.config(examination)
    installed = examination.root / "etc/ble_exporter/config.yaml"
    installed.parent.mkdir(parents=True)
    installed.touch()
    (elsewhere,) = checks.config(examination)

    assert f"configuration: {tmp_path}/it's not.yaml: can't be read (No such file or directory)" in nowhere.text
    assert nowhere.remedy.endswith(f" discover --write '{tmp_path}/it'\"'\"'s not.yaml'")
    assert f"{sys.executable} -m ble_exporter doctor --config {installed}" == elsewhere.remedy


@pytest.mark.parametrize(
    ("mode", "remedy"),
    [(0o200, "sudo chgrp {group} {path} && sudo chmod g+r {path}"), (0o640, "sudo usermod -a -G {group} {me}")],
)
def test_a_file_that_this_user_may_not_read(
    examination: Examination, monkeypatch: pytest.MonkeyPatch, mode: int, remedy: str
) -> None:
    """It has keys, and its group is the service's: whoever joins it may read them, too. Root could read it anyway."""
    path = Path(examination.config_path)
    path.write_text("x")
    path.chmod(mode)
    group = os.getegid() if mode == 0o200 else 4_000_000
    real = path.stat()
    status = os.stat_result((*real[:5], group, *real[6:10]))
    monkeypatch.setattr(Path, "stat", lambda _path: status)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, kind: kind != os.R_OK and access(path, kind))
    (finding,) = checks.config(examination)

    me = pwd.getpwuid(os.geteuid()).pw_name
    assert remedy.format(group=group, path=path, me=me) == finding.remedy


@pytest.mark.parametrize(
    ("mode", "remedy"),
    [(0o700, "sudo chgrp {group} {path} && sudo chmod g+x {path}"), (0o750, "sudo usermod -a -G {group} {me}")],
)
def test_a_folder_that_this_user_may_not_enter(
    examination: Examination, monkeypatch: pytest.MonkeyPatch, mode: int, remedy: str
) -> None:
    """The configuration is in it, perhaps: to make another one would not work, or would hide it. Root enters any."""
    folder = Path(examination.config_path).parent / "closed"
    folder.mkdir()
    folder.chmod(mode)
    group = os.getegid() if mode == 0o700 else 4_000_000
    real = folder.stat()
    status = os.stat_result((*real[:5], group, *real[6:10]))
    examination.config_path = str(folder / "config.yaml")
    monkeypatch.setattr(Path, "stat", lambda _path: status)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, kind: (path, kind) != (folder, os.X_OK) and access(path, kind))
    (finding,) = checks.config(examination)

    me = pwd.getpwuid(os.geteuid()).pw_name
    assert (remedy.format(group=group, path=folder, me=me), False) == (finding.remedy, finding.takes_bluetooth)


def test_a_folder_in_the_place_of_the_file_may_have_it(examination: Examination, tmp_path: Path) -> None:
    """An editor can't open a folder."""
    examination.config_path = str(tmp_path)
    (there,) = checks.config(examination)
    (tmp_path / "config.yaml").unlink()
    (nowhere,) = checks.config(examination)

    assert f"{sys.executable} -m ble_exporter doctor --config {tmp_path}/config.yaml" == there.remedy
    assert f"{sys.executable} -m ble_exporter discover --write {tmp_path}/config.yaml" == nowhere.remedy
    assert (False, True) == (there.takes_bluetooth, nowhere.takes_bluetooth)


def test_a_name_that_no_file_can_have_is_a_finding(examination: Examination) -> None:
    """And no check that broke."""
    examination.config_path = "x" * 300
    (finding,) = checks.config(examination)

    assert finding.remedy.endswith(f" discover --write {'x' * 300}")


def test_a_key_that_systemd_keeps_is_looked_for_there(examination: Examination, write: Write) -> None:
    """LoadCredential= puts it where only the service, and root, can read it."""
    path = write(f'"{LIVING_ROOM}": {{name: x, bindkey_file: room.key}}')
    credentials = examination.root / "run/credentials/ble_exporter.service"
    credentials.mkdir(parents=True)
    (finding,) = checks.config(examination)

    again = f"{sys.executable} -m ble_exporter doctor --config {path}"
    assert f"sudo env CREDENTIALS_DIRECTORY={credentials} {again}" == finding.remedy


def test_without_the_library_that_decrypts_a_key_is_of_no_use(
    examination: Examination, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is installed where this very program is."""
    write(SEALED)
    monkeypatch.setitem(sys.modules, "ble_exporter.formats.ccm", None)
    (finding,) = checks.config(examination)

    assert "the library that decrypts can't be loaded" in finding.text
    assert f"{sys.executable} -m pip install 'cryptography>=43.0'" == finding.remedy


def test_keys_that_others_can_read_are_a_warning(examination: Examination, write: Write) -> None:
    """Whoever has the key can send temperatures."""
    path = write(SEALED)
    path.chmod(0o644)
    (warning,) = checks.key_files(made(examination))
    path.chmod(0o640)
    (well,) = checks.key_files(examination)

    assert ("warn", f"chmod o-r {path}") == (warning.level, warning.remedy)
    assert Finding("ok", "keys: no other user of this machine can read them") == well


def test_where_there_is_no_key_nothing_is_said_of_keys(examination: Examination) -> None:
    """Most houses have none."""
    assert [] == list(checks.key_files(made(examination)))


def test_a_path_in_a_command_is_quoted(examination: Examination, write: Write, tmp_path: Path) -> None:
    """What is pasted must be right to the letter."""
    (tmp_path / "my key").write_text(KEY)
    (tmp_path / "my key").chmod(0o644)
    write(f'"{LIVING_ROOM}": {{name: x, bindkey_file: "my key"}}')
    (warning,) = checks.key_files(made(examination))

    assert ("warn", f"chmod o-r '{tmp_path}/my key'") == (warning.level, warning.remedy)


def test_a_free_port(examination: Examination) -> None:
    """As it should be."""
    number = made(examination).sound_config.listen_port

    assert [Finding("ok", f"port: {number} is free")] == list(checks.port(examination))


def test_a_port_of_another_program_is_exchanged(examination: Examination, hurry: None) -> None:
    """To end a program that one does not know is no remedy; the next free port is one."""
    number = made(examination).sound_config.listen_port
    with socket.create_server(("127.0.0.1", number)) as other:
        other.settimeout(1)
        (finding,) = checks.port(examination)

    begin, _, end = finding.remedy.partition("/listen_port: ")
    assert f"port: listen_port: port {number} is in use: end the program that uses it" in finding.text
    assert "sed -i 's/^listen_port:.*" == begin
    assert number < int(end.split("/")[0])
    assert end.endswith(f"/' {examination.config_path}")


def test_a_port_that_is_written_otherwise_is_looked_up(examination: Examination, hurry: None) -> None:
    """A command that changes nothing would be worse than none."""
    path = Path(examination.config_path)
    path.write_text(path.read_text().replace("listen_port:", '"listen_port":'))
    with socket.create_server(("127.0.0.1", made(examination).sound_config.listen_port)):
        (finding,) = checks.port(examination)

    assert f"nano +3 {path}" == finding.remedy


def test_the_last_port_has_no_next_one(examination: Examination, write: Write, hurry: None) -> None:
    """Ports end at 65535."""
    path = write(listen_port=65535)
    with socket.create_server(("127.0.0.1", 65535)):
        (finding,) = checks.port(made(examination))

    assert f"nano +3 {path}" == finding.remedy


def test_an_address_that_is_not_this_machine_s(examination: Examination, write: Write) -> None:
    """It is the address that is wrong, not the port."""
    path = write(listen_address="192.0.2.1")
    (finding,) = checks.port(made(examination))

    assert "port: listen_address: 192.0.2.1 is not an address of this machine" in finding.text
    assert f"nano +4 {path}" == finding.remedy


def test_the_exporter_itself_may_have_the_port(examination: Examination) -> None:
    """Most who ask have it running."""
    config = made(examination).sound_config

    async def ask() -> list[Finding]:
        runner = web.AppRunner(create_app(config))
        await runner.setup()
        await web.TCPSite(runner, config.listen_address, config.listen_port).start()
        try:
            return await asyncio.to_thread(lambda: list(checks.port(examination)))
        finally:
            await runner.cleanup()

    text = f"port: {config.listen_port} is served by the exporter itself, which runs (version {__version__})"
    assert [Finding("ok", text)] == asyncio.run(ask())
    assert examination.exporter_runs


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 200 OK\r\n\r\nok", b"\xff\x00garbage\r\n\r\n"])
def test_whatever_else_answers_there_is_not_the_exporter(examination: Examination, answer: bytes) -> None:
    """Many a program says ok; one that is no web server says anything."""
    config = made(examination).sound_config

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    async def ask() -> list[Finding]:
        async with await asyncio.start_server(serve, config.listen_address, config.listen_port):
            return await asyncio.to_thread(lambda: list(checks.port(examination)))

    (finding,) = asyncio.run(ask())
    assert "fail" == finding.level
    assert not examination.exporter_runs
