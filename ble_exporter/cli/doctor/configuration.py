"""The checks of `doctor` for the configuration: its validity, the permissions of its bindkeys, and its port."""

import errno
import http.client
import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Literal, NamedTuple

from ble_exporter.cli.doctor.check import CheckContext, CheckResult, own_name, this_program
from ble_exporter.cli.shell import quoted
from ble_exporter.config.app_config import load_config
from ble_exporter.config.devices import world_readable_warnings
from ble_exporter.errors import ConfigError
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.system.port import LISTEN_OPTION, SERVER_NAME, Endpoint, open_port
from ble_exporter.utils import number_of

_CREDENTIALS = "run/credentials/ble_exporter.service"
_INSTALLED_CONFIG = "etc/ble_exporter/config.yaml"

_FIRST_UNPRIVILEGED_PORT, _LAST_PORT = 1024, 65535
_PORTS_TRIED = 20

_MAX_STATUS_BYTES = 1_000_000
_MAX_VERSION_LENGTH = 40


def check_config(context: CheckContext) -> Iterator[CheckResult]:
    """Check that the configuration is valid, and that its bindkeys can be used."""
    path = context.config_path
    try:
        config = load_config(path)
    except ConfigError as error:
        for part in error.parts:
            command = _config_command(context, part)
            needs_bluetooth = command.startswith(this_program("discover"))
            yield CheckResult("fail", f"configuration: {part}", command, needs_bluetooth)
        return
    try:
        ciphers_of(config.keys)
    except ConfigError as error:
        # Install from the lock file in the checkout: an unpinned release might not work with the installed packages.
        pip = f"{quoted(sys.executable)} -m pip install --require-hashes --no-deps"
        yield CheckResult("fail", f"configuration: {error}", f"{pip} --requirement requirements-encryption.lock")
        return
    context.config = config
    devices = number_of(len(config.devices), "device")
    keys = f" ({len(config.keys)} with a key)" if config.keys else ""
    if config.backup:
        command = f"sudo cp {quoted(config.backup)} {quoted(path)}"
        problem = f"{path} is damaged, and {config.backup} is used instead"
        yield CheckResult("warn", f"configuration: {problem}: {devices}{keys}", command)
        return
    yield CheckResult("ok", f"configuration: {path} is valid: {devices}{keys}")


def _config_command(context: CheckContext, error: ConfigError) -> str:
    path = Path(context.config_path)
    for folder in reversed(path.absolute().parents):
        if os.access(folder, os.F_OK) and not os.access(folder, os.X_OK):
            # The configuration may be in this folder, so don't suggest a new one.
            return _access_command(folder, "x")
    # Unlike os.path.isdir and os.access, Path.is_dir and Path.exists raise an error if a name is too long.
    if os.path.isdir(path):  # noqa: PTH112
        inside = str(path / "config.yaml")
        if os.access(inside, os.F_OK):
            return this_program("doctor", "--config", inside)
        return this_program("discover", "--write", inside)
    if not os.access(path, os.F_OK):
        installed = context.root / _INSTALLED_CONFIG
        if os.access(installed, os.R_OK) and str(installed) != context.config_path:
            return this_program("doctor", "--config", str(installed))
        return this_program("discover", "--write", context.config_path)
    if not os.access(path, os.R_OK):
        return _access_command(path, "r")
    credentials = context.root / _CREDENTIALS
    if error.key == "bindkey_file" and os.access(credentials, os.F_OK):
        return f"sudo env CREDENTIALS_DIRECTORY={credentials} {this_program('doctor', '--config', str(path))}"
    return context.edit_command(line=error.line)


def _access_command(path: Path, right: Literal["r", "x"]) -> str:
    """Return the command that allows this user to read a file or enter a folder; the service's user keeps access."""
    status, file = path.stat(), quoted(str(path))
    if status.st_gid and status.st_mode & {"r": stat.S_IRGRP, "x": stat.S_IXGRP}[right]:
        return f"sudo usermod -a -G {status.st_gid} {quoted(own_name())}"
    return f"sudo chgrp {os.getegid()} {file} && sudo chmod g+{right} {file}"


def check_key_files(context: CheckContext) -> Iterator[CheckResult]:
    """Check that no file with a bindkey is world-readable. Yield no result if there are no bindkeys."""
    files = context.valid_config.key_files
    warnings = [(path, warning) for path in files for warning in world_readable_warnings([path])]
    for path, warning in warnings:
        sudo = "" if Path(path).stat().st_uid == os.geteuid() else "sudo "
        yield CheckResult("warn", f"keys: {warning}", f"{sudo}chmod o-r {quoted(path)}")
    if files and not warnings:
        yield CheckResult("ok", "keys: only the owner and the group of each file can read the bindkeys")


def check_port(context: CheckContext) -> Iterator[CheckResult]:
    """Check that each port is free, or used by a running exporter."""
    config = context.valid_config
    for endpoint in context.endpoints or [Endpoint(config.listen_address, config.listen_port)]:
        yield _check_endpoint(context, endpoint)


def _check_endpoint(context: CheckContext, endpoint: Endpoint) -> CheckResult:
    address, port = endpoint
    problem = _port_problem(address, port, LISTEN_OPTION if context.endpoints else "")
    if problem is None:
        return CheckResult("ok", f"port: {port} is free")
    in_use = isinstance(problem.__cause__, OSError) and problem.__cause__.errno == errno.EADDRINUSE
    exporter = _running_exporter(address, port, context.http_timeout_s) if in_use else None
    if exporter is not None:
        context.exporter_is_running = True
        return CheckResult("ok", f"port: {port} is used by the running exporter ({exporter})")
    # No command can correct a port that comes from an option: the option is in the unit, or the user has typed it.
    return CheckResult("fail", f"port: {problem}", "" if context.endpoints else _port_command(context, problem))


def _port_command(context: CheckContext, problem: ConfigError) -> str:
    if problem.key == "listen_address":
        return context.edit_command("listen_address")
    address, port = context.valid_config.listen_address, context.valid_config.listen_port
    first = max(port + 1, _FIRST_UNPRIVILEGED_PORT)
    others = range(first, min(first + _PORTS_TRIED, _LAST_PORT + 1))
    free = next((other for other in others if _port_problem(address, other) is None), None)
    path = Path(context.config_path)
    has_line = re.search(r"^listen_port:", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if free is None or not has_line:
        return context.edit_command("listen_port")
    sudo = "" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "sudo "
    return f"{sudo}sed -i 's/^listen_port:.*/listen_port: {free}/' {quoted(str(path))}"


def _port_problem(address: str | None, port: int, option: str = "") -> ConfigError | None:
    """Open a port as the exporter does, and close it; return the error, or None if the exporter could open it too."""
    try:
        open_port(address, port, option).close()
    except ConfigError as error:
        return error
    return None


def _running_exporter(address: str | None, port: int, timeout_s: float) -> str | None:
    """Return the version of the exporter on a port, or why the version is hidden; None if no exporter answers."""
    host = {None: "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - not bound
    try:
        answer = _get_status(str(host), port, timeout_s)
        if answer.status == HTTPStatus.BAD_REQUEST and answer.server == SERVER_NAME:
            return "it requires TLS"
        if answer.status == HTTPStatus.UNAUTHORIZED and f'"{SERVER_NAME}"' in answer.authenticate:
            return "it requires a password"
        status = json.loads(answer.body)
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return None
    if not isinstance(status, dict) or "scan_interval_seconds" not in status:
        return None
    version = status.get("version")
    return f"version {version}" if isinstance(version, str) and len(version) <= _MAX_VERSION_LENGTH else None


class _Answer(NamedTuple):
    status: int
    server: str
    authenticate: str
    body: bytes


def _get_status(host: str, port: int, timeout_s: float) -> _Answer:
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    deadline = time.monotonic() + timeout_s
    try:
        connection.request("GET", "/status")
        response = connection.getresponse()
        body = b""
        # Limit size and time, because the port may belong to another program, whose response may never end.
        while len(body) < _MAX_STATUS_BYTES and time.monotonic() < deadline and (part := response.read1(65536)):
            body += part
        headers = response.headers
        return _Answer(response.status, headers.get("Server", ""), headers.get("WWW-Authenticate", ""), body)
    finally:
        connection.close()
