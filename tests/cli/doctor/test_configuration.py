"""Tests of the checks of the configuration, its keys and its port; the rig's doctor_elsewhere runs the commands."""

import asyncio
import os
import pwd
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from ble_exporter import __version__
from ble_exporter.cli.doctor import configuration as checks
from ble_exporter.cli.doctor.check import CheckContext, CheckResult
from ble_exporter.config.app_config import load_config
from ble_exporter.exporter.app import create_app
from ble_exporter.system.port import Endpoint
from tests.cli.conftest import LIVING_ROOM, Write
from tests.service.house import text_of

KEY = "00112233445566778899aabbccddeeff"
ENCRYPTED = f'"{LIVING_ROOM}": {{name: living_room, bindkey: {KEY}}}'


def loaded(context: CheckContext) -> CheckContext:
    """Load the configuration, as the first check does; return the context."""
    context.config = load_config(context.config_path)
    return context


def test_a_valid_configuration_is_kept_for_later_checks(context: CheckContext, write: Write) -> None:
    """The later checks must use the configuration that this check reports as valid."""
    path = write(ENCRYPTED)

    assert [CheckResult("ok", f"configuration: {path} is valid: 1 device (1 with a key)")] == list(
        checks.check_config(context)
    )
    assert context.config == load_config(str(path))


def test_the_editor_opens_at_the_line_of_a_mistake(context: CheckContext, write: Write) -> None:
    """The user is in a shell, and can paste a command that opens an editor at the mistake."""
    path = write(scan_interval_seconds="often")
    (result,) = checks.check_config(context)

    assert "fail" == result.level
    assert result.text.startswith(f"configuration: {path}:1: scan_interval_seconds: ")
    assert f"nano +1 {path}" == result.command
    assert context.config is None


def test_a_mistake_without_a_line_opens_the_file(context: CheckContext) -> None:
    """An empty file has no faulty line, so the command has no line number."""
    Path(context.config_path).write_bytes(b"")
    (result,) = checks.check_config(context)

    assert f"nano {context.config_path}" == result.command


def test_a_damaged_file_is_not_called_valid(context: CheckContext, tmp_path: Path) -> None:
    """The service starts with the backup, so without the warning nobody would notice the damage."""
    path = tmp_path / "home.yaml"
    context.config_path = str(path)
    backup = tmp_path / "home.yaml.before-discover-x1"
    backup.write_text(text_of({"A4:C1:38:00:00:01": "kitchen"}))
    path.write_bytes(b"listen_port: 80\0\0")
    (result,) = checks.check_config(context)

    assert ("warn", f"sudo cp {backup} {path}") == (result.level, result.command)
    assert f"{path} is damaged, and {backup} is used instead" in result.text


def test_the_configuration_of_the_service_is_suggested(context: CheckContext, tmp_path: Path) -> None:
    """Users often run `doctor` in a directory without a configuration, and forget --config."""
    context.config_path = str(tmp_path / "it's not.yaml")
    (nowhere,) = checks.check_config(context)
    installed = context.root / "etc/ble_exporter/config.yaml"
    installed.parent.mkdir(parents=True)
    installed.touch()
    (elsewhere,) = checks.check_config(context)

    assert f"configuration: {tmp_path}/it's not.yaml: can't be read (No such file or directory)" in nowhere.text
    assert nowhere.command.endswith(f" discover --write '{tmp_path}/it'\"'\"'s not.yaml'")
    assert f"{sys.executable} -m ble_exporter doctor --config {installed}" == elsewhere.command


@pytest.mark.parametrize(
    ("mode", "command"),
    [(0o200, "sudo chgrp {group} {path} && sudo chmod g+r {path}"), (0o640, "sudo usermod -a -G {group} {me}")],
)
def test_an_unreadable_file_is_made_readable(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, mode: int, command: str
) -> None:
    """The file may contain bindkeys, so joining the service's group is safer than opening the file to everyone."""
    path = Path(context.config_path)
    path.write_text("x")
    path.chmod(mode)
    group = os.getegid() if mode == 0o200 else 4_000_000
    real = path.stat()
    status = os.stat_result((*real[:5], group, *real[6:10]))
    monkeypatch.setattr(Path, "stat", lambda _path: status)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, kind: kind != os.R_OK and access(path, kind))
    (result,) = checks.check_config(context)

    me = pwd.getpwuid(os.geteuid()).pw_name
    assert command.format(group=group, path=path, me=me) == result.command


@pytest.mark.parametrize(
    ("mode", "command"),
    [(0o700, "sudo chgrp {group} {path} && sudo chmod g+x {path}"), (0o750, "sudo usermod -a -G {group} {me}")],
)
def test_an_inaccessible_folder_is_made_accessible(
    context: CheckContext, monkeypatch: pytest.MonkeyPatch, mode: int, command: str
) -> None:
    """The configuration may be inside the folder, so it would be wrong to suggest creating a configuration."""
    folder = Path(context.config_path).parent / "closed"
    folder.mkdir()
    folder.chmod(mode)
    group = os.getegid() if mode == 0o700 else 4_000_000
    real = folder.stat()
    status = os.stat_result((*real[:5], group, *real[6:10]))
    context.config_path = str(folder / "config.yaml")
    monkeypatch.setattr(Path, "stat", lambda _path: status)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, kind: (path, kind) != (folder, os.X_OK) and access(path, kind))
    (result,) = checks.check_config(context)

    me = pwd.getpwuid(os.geteuid()).pw_name
    assert (command.format(group=group, path=folder, me=me), False) == (result.command, result.needs_bluetooth)


def test_a_folder_as_configuration_suggests_the_file_inside(context: CheckContext, tmp_path: Path) -> None:
    """An editor can't open a folder, so `nano` would be the wrong command."""
    context.config_path = str(tmp_path)
    (there,) = checks.check_config(context)
    (tmp_path / "config.yaml").unlink()
    (nowhere,) = checks.check_config(context)

    assert f"{sys.executable} -m ble_exporter doctor --config {tmp_path}/config.yaml" == there.command
    assert f"{sys.executable} -m ble_exporter discover --write {tmp_path}/config.yaml" == nowhere.command
    assert (False, True) == (there.needs_bluetooth, nowhere.needs_bluetooth)


def test_an_impossible_file_name_is_a_failure(context: CheckContext) -> None:
    """A file name that the system rejects must not cause a traceback."""
    context.config_path = "x" * 300
    (result,) = checks.check_config(context)

    assert result.command.endswith(f" discover --write {'x' * 300}")


def test_a_key_from_a_systemd_credential_needs_root(context: CheckContext, write: Write) -> None:
    """Only the service and root can read a LoadCredential= key, so the command uses sudo."""
    path = write(f'"{LIVING_ROOM}": {{name: x, bindkey_file: room.key}}')
    credentials = context.root / "run/credentials/ble_exporter.service"
    credentials.mkdir(parents=True)
    (result,) = checks.check_config(context)

    again = f"{sys.executable} -m ble_exporter doctor --config {path}"
    assert f"sudo env CREDENTIALS_DIRECTORY={credentials} {again}" == result.command


@pytest.mark.usefixtures("_without_cryptography")
def test_a_missing_decryption_library_is_a_failure(context: CheckContext, write: Write) -> None:
    """The command must install the library for the interpreter that runs this program."""
    write(ENCRYPTED)
    (result,) = checks.check_config(context)

    assert "the library that decrypts can't be loaded" in result.text
    lock = "--require-hashes --no-deps --requirement requirements-encryption.lock"
    assert f"{sys.executable} -m pip install {lock}" == result.command


def test_keys_that_others_can_read_are_a_warning(context: CheckContext, write: Write) -> None:
    """Anyone with the bindkey can forge temperatures."""
    path = write(ENCRYPTED)
    path.chmod(0o644)
    (warning,) = checks.check_key_files(loaded(context))
    path.chmod(0o640)
    (well,) = checks.check_key_files(context)

    assert ("warn", f"chmod o-r {path}") == (warning.level, warning.command)
    assert CheckResult("ok", "keys: only the owner and the group of each file can read the bindkeys") == well


def test_without_keys_the_check_of_keys_has_no_result(context: CheckContext) -> None:
    """Most configurations have no keys, and a line about keys would only distract."""
    assert [] == list(checks.check_key_files(loaded(context)))


def test_a_path_in_a_command_is_quoted(context: CheckContext, write: Write, tmp_path: Path) -> None:
    """Users paste the command unchanged, and a path may contain a space."""
    (tmp_path / "my key").write_text(KEY)
    (tmp_path / "my key").chmod(0o644)
    write(f'"{LIVING_ROOM}": {{name: x, bindkey_file: "my key"}}')
    (warning,) = checks.check_key_files(loaded(context))

    assert ("warn", f"chmod o-r '{tmp_path}/my key'") == (warning.level, warning.command)


def test_a_free_port(context: CheckContext) -> None:
    """The user must learn that the exporter will be able to listen on its port."""
    number = loaded(context).valid_config.listen_port

    assert [CheckResult("ok", f"port: {number} is free")] == list(checks.check_port(context))


def test_a_port_in_use_is_replaced(context: CheckContext) -> None:
    """The program that uses the port may be important, so the command changes the exporter's port."""
    number = loaded(context).valid_config.listen_port
    with socket.create_server(("127.0.0.1", number)) as other:
        other.settimeout(1)
        (result,) = checks.check_port(context)

    begin, _, end = result.command.partition("/listen_port: ")
    assert f"port: listen_port: port {number} is in use; end the program that uses it" in result.text
    assert "sed -i 's/^listen_port:.*" == begin
    assert number < int(end.split("/")[0])
    assert end.endswith(f"/' {context.config_path}")


def test_the_ports_of_the_options_are_checked_in_place_of_the_configured_one(context: CheckContext) -> None:
    """The service that is started with these options does not listen on the configured port."""
    first, second = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    with first, second:
        ports = [one.getsockname()[1] for one in (first, second)]
        second.close()
        first.settimeout(1)
        context.endpoints = [Endpoint("127.0.0.1", port) for port in ports]
        in_use, free = checks.check_port(loaded(context))

    assert f"port: --web.listen-address: port {ports[0]} is in use; end the program that uses it" in in_use.text
    assert ("fail", "") == (in_use.level, in_use.command)
    assert CheckResult("ok", f"port: {ports[1]} is free") == free


def test_the_running_exporter_is_found_on_the_port_of_the_option(context: CheckContext) -> None:
    """If the running exporter were not found, its scan would be reported as that of another program."""
    config = loaded(context).valid_config
    context.http_timeout_s = 5.0

    async def ask() -> list[CheckResult]:
        runner = web.AppRunner(create_app(config))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        context.endpoints = [Endpoint("127.0.0.1", runner.addresses[0][1])]
        try:
            return await asyncio.to_thread(lambda: list(checks.check_port(context)))
        finally:
            await runner.cleanup()

    assert ["ok"] == [result.level for result in asyncio.run(ask())]
    assert context.exporter_is_running


def test_a_port_that_sed_can_not_find_is_edited_by_hand(context: CheckContext) -> None:
    """A sed command that changes nothing would mislead the user."""
    path = Path(context.config_path)
    path.write_text(path.read_text().replace("listen_port:", '"listen_port":'))
    with socket.create_server(("127.0.0.1", loaded(context).valid_config.listen_port)):
        (result,) = checks.check_port(context)

    assert f"nano +3 {path}" == result.command


def test_the_last_port_has_no_next_one(context: CheckContext, write: Write) -> None:
    """After 65535 there is no port to suggest, so the user must choose one."""
    path = write(listen_port=65535)
    with socket.create_server(("127.0.0.1", 65535)):
        (result,) = checks.check_port(loaded(context))

    assert f"nano +3 {path}" == result.command


def test_for_an_address_of_another_machine_the_editor_opens(context: CheckContext, write: Write) -> None:
    """The address is wrong, so another port would not help."""
    path = write(listen_address="192.0.2.1")
    (result,) = checks.check_port(loaded(context))

    assert "port: listen_address: 192.0.2.1 is not an address of this machine" in result.text
    assert f"nano +4 {path}" == result.command


def test_the_exporter_itself_may_use_the_port(context: CheckContext) -> None:
    """Users often run `doctor` while the exporter runs, and must not be told that its port is in use."""
    config = loaded(context).valid_config
    context.http_timeout_s = 5.0

    async def ask() -> list[CheckResult]:
        runner = web.AppRunner(create_app(config))
        await runner.setup()
        await web.TCPSite(runner, config.listen_address, config.listen_port).start()
        try:
            return await asyncio.to_thread(lambda: list(checks.check_port(context)))
        finally:
            await runner.cleanup()

    text = f"port: {config.listen_port} is used by the running exporter (version {__version__})"
    assert [CheckResult("ok", text)] == asyncio.run(ask())
    assert context.exporter_is_running


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b'HTTP/1.0 200 OK\r\n\r\n{"version": "1.0"}',
        b'HTTP/1.0 200 OK\r\n\r\n{"scan_interval_seconds": 30, "version": 1}',
        b"HTTP/1.0 200 OK\r\n\r\n" + b"[" * 100_000,
        b"\xff\x00garbage\r\n\r\n",
    ],
)
def test_another_server_on_the_port_is_not_the_exporter(context: CheckContext, answer: bytes) -> None:
    """Any program may use the port, so only the exporter's own answer identifies the exporter."""
    config = loaded(context).valid_config

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()
        # The client may close the connection before it has read a long answer.
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def ask() -> list[CheckResult]:
        async with await asyncio.start_server(serve, config.listen_address, config.listen_port):
            return await asyncio.to_thread(lambda: list(checks.check_port(context)))

    (result,) = asyncio.run(ask())
    assert "fail" == result.level
    assert not context.exporter_is_running
