"""The checks of `doctor` on the configuration: whether it is sound, whether others can read its keys, its port."""

import asyncio
import errno
import http.client
import os
import re
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ble_exporter.cli.doctor.check import Examination, Finding, this_program, user_name
from ble_exporter.config.app_config import load_config
from ble_exporter.config.devices import world_readable_warnings
from ble_exporter.errors import ConfigError
from ble_exporter.formats.ciphers import ciphers_of
from ble_exporter.utils import number_of

_CREDENTIALS = "run/credentials/ble_exporter.service"
_INSTALLED_CONFIG = "etc/ble_exporter/config.yaml"

_FIRST_FREE_PORT = 1024
_PORTS_TRIED = 20

_HTTP_TIMEOUT_S = 2.0
_MOST_OF_PAGE = 4096
_PAGE = re.compile(r"<title>BLE Sensor Prometheus Exporter</title>.*?<p>Version ([0-9A-Za-z.+-]{1,40})\.", re.DOTALL)


def config(examination: Examination) -> Iterator[Finding]:
    """Whether the configuration is sound, and its keys can be used."""
    path = examination.config_path
    try:
        sound = load_config(path)
    except ConfigError as error:
        remedy = _config_remedy(examination, error)
        finds_sensors = remedy.startswith(this_program("discover"))
        yield Finding("fail", f"configuration: {error}", remedy, takes_bluetooth=finds_sensors)
        return
    examination.config = sound
    try:
        ciphers_of(sound.keys)
    except ConfigError as error:
        pip = f"{shlex.quote(sys.executable)} -m pip install 'cryptography>=43.0'"
        examination.config = None
        yield Finding("fail", f"configuration: {error}", pip)
        return
    devices = number_of(len(sound.devices), "device")
    keys = f" ({len(sound.keys)} with a key)" if sound.keys else ""
    yield Finding("ok", f"configuration: {path} is sound: {devices}{keys}")


def _config_remedy(examination: Examination, error: ConfigError) -> str:
    path = Path(examination.config_path)
    closed = next((folder for folder in reversed(path.absolute().parents) if _is_closed(folder)), None)
    if closed is not None:
        # What is in it, nobody knows: another configuration is not what is missing.
        return _access_remedy(closed, "x")
    # Not Path.is_dir and Path.exists, which raise where a name is too long, for one.
    if os.path.isdir(path):  # noqa: PTH112
        inside = str(path / "config.yaml")
        return this_program("doctor", "--config", inside) if os.access(inside, os.F_OK) else _discovery(inside)
    if not os.access(path, os.F_OK):
        installed = examination.root / _INSTALLED_CONFIG
        is_other = os.access(installed, os.R_OK) and str(installed) != examination.config_path
        if is_other:
            return this_program("doctor", "--config", str(installed))
        return _discovery(examination.config_path)
    if not os.access(path, os.R_OK):
        return _access_remedy(path, "r")
    credentials = examination.root / _CREDENTIALS
    if error.key == "bindkey_file" and os.access(credentials, os.F_OK):
        return f"sudo env CREDENTIALS_DIRECTORY={credentials} {this_program('doctor', '--config', str(path))}"
    return examination.edit(line=error.line)


def _discovery(path: str) -> str:
    return this_program("discover", "--write", path)


def _is_closed(folder: Path) -> bool:
    return os.access(folder, os.F_OK) and not os.access(folder, os.X_OK)


def _access_remedy(path: Path, right: Literal["r", "x"]) -> str:
    """Return how this user may read a file, or enter a folder, that the service's user must go on to use."""
    status, me, quoted = path.stat(), user_name(os.geteuid()) or str(os.geteuid()), shlex.quote(str(path))
    if status.st_gid and status.st_mode & {"r": stat.S_IRGRP, "x": stat.S_IXGRP}[right]:
        return f"sudo usermod -a -G {status.st_gid} {shlex.quote(me)}"
    return f"sudo chgrp {os.getegid()} {quoted} && sudo chmod g+{right} {quoted}"


def key_files(examination: Examination) -> Iterator[Finding]:
    """Whether others can read the keys. Nothing to say where there is none."""
    files = examination.sound_config.key_files
    is_open = False
    for path in files:
        for warning in world_readable_warnings([path]):
            is_open = True
            rights = "" if Path(path).stat().st_uid == os.geteuid() else "sudo "
            yield Finding("warn", f"keys: {warning}", f"{rights}chmod o-r {shlex.quote(path)}")
    if files and not is_open:
        yield Finding("ok", "keys: no other user of this machine can read them")


def port(examination: Examination) -> Iterator[Finding]:
    """Whether the port is free, or the exporter's own."""
    address, number = examination.sound_config.listen_address, examination.sound_config.listen_port
    try:
        asyncio.run(_bind(address, number))
    except OSError as error:
        version = _exporter_on(address, number) if error.errno == errno.EADDRINUSE else None
        if version is not None:
            examination.exporter_runs = True
            yield Finding("ok", f"port: {number} is served by the exporter itself, which runs (version {version})")
            return
        # Imported here: aiohttp takes most of a second on a Pi.
        from ble_exporter.service import listen_problem

        yield Finding("fail", f"port: {listen_problem(error, address, number)}", _port_remedy(examination, error))
        return
    yield Finding("ok", f"port: {number} is free")


def _port_remedy(examination: Examination, error: OSError) -> str:
    if error.errno not in (errno.EADDRINUSE, errno.EACCES):
        return examination.edit("listen_address")
    address, number = examination.sound_config.listen_address, examination.sound_config.listen_port
    first = max(number + 1, _FIRST_FREE_PORT)
    free = next((other for other in range(first, first + _PORTS_TRIED) if _is_free(address, other)), None)
    path = Path(examination.config_path)
    has_line = re.search(r"^listen_port:", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if free is None or not has_line:
        return examination.edit("listen_port")
    rights = "" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "sudo "
    return f"{rights}sed -i 's/^listen_port:.*/listen_port: {free}/' {shlex.quote(str(path))}"


def _is_free(address: str | None, port: int) -> bool:
    try:
        asyncio.run(_bind(address, port))
    except (OSError, OverflowError):
        return False
    return True


async def _bind(address: str | None, port: int) -> None:
    # As aiohttp does it, so that it fails where the exporter would.
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, address, port, start_serving=False)
    server.close()
    await server.wait_closed()


def _exporter_on(address: str | None, port: int) -> str | None:
    """Return the version of the exporter that answers there; None where none does."""
    host = {None: "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - asked, not bound
    try:
        pages = [_get(str(host), port, path) for path in ("/healthz", "/")]
    except (OSError, http.client.HTTPException):
        return None
    page = _PAGE.search(pages[1])
    return page[1] if pages[0] == "ok" and page else None


def _get(host: str, port: int, path: str) -> str:
    connection = http.client.HTTPConnection(host, port, timeout=_HTTP_TIMEOUT_S)
    try:
        connection.request("GET", path)
        # One read: whoever else listens there may send without end.
        return connection.getresponse().read1(_MOST_OF_PAGE).decode(errors="replace")
    finally:
        connection.close()
