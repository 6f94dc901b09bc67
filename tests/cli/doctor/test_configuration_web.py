"""Tests of `doctor` while the running exporter requires TLS or a password, which `doctor` can't supply."""

import asyncio
import logging
from pathlib import Path

import bcrypt
import pytest

from ble_exporter.cli.doctor import configuration as checks
from ble_exporter.cli.doctor.check import CheckContext, CheckResult
from ble_exporter.config.app_config import load_config
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.connections import HttpServer
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.exporter.web_file import WebFile
from tests.certificates import Authority

TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
USERS = f"basic_auth_users:\n  alice: {bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}\n"


@pytest.mark.parametrize(
    ("text", "why"), [(TLS, "it requires TLS"), (USERS, "it requires a password")], ids=["tls", "users"]
)
def test_a_protected_exporter_is_recognised(context: CheckContext, tmp_path: Path, text: str, why: str) -> None:
    """The exporter's port must not be reported as a failure, nor its scan as that of another program."""
    context.config = config = load_config(context.config_path)
    context.http_timeout_s = 5.0
    Authority(tmp_path).issue("server")
    path = tmp_path / "web.yml"
    path.write_text(text, encoding="utf-8")

    async def ask() -> list[CheckResult]:
        web_file = WebFile(str(path), logging.getLogger("test"))
        server = HttpServer(create_app(config, web_file=web_file), HttpErrors(), 0.2, web_file=web_file)
        await server.listen(config.listen_address, config.listen_port)
        try:
            return await asyncio.to_thread(lambda: list(checks.check_port(context)))
        finally:
            await server.close()

    expected = CheckResult("ok", f"port: {config.listen_port} is used by the running exporter ({why})")
    assert [expected] == asyncio.run(ask())
    assert context.exporter_is_running
