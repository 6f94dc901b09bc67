"""The routes of the page's files; tests/exporter/test_app.py tests those that are kept in memory."""

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ble_exporter.config.app_config import AppConfig
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.page.files import HEADERS, VENDORED, VendoredFile


def get(config: AppConfig, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the body, decompressed, of an answer."""

    async def ask() -> tuple[int, dict[str, str], bytes]:
        async with TestClient(TestServer(create_app(config))) as client, client.get(path, headers=headers) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read()

    return asyncio.run(ask())


@pytest.mark.parametrize(("name", "file"), VENDORED.items())
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_vendored_file_is_served(app_config: AppConfig, name: str, file: VendoredFile, encoding: str) -> None:
    """The browser runs the library only with the right media type, and under the policy of the page."""
    status, headers, body = get(app_config, f"/{name}", {"Accept-Encoding": encoding})

    assert (200, file.path.read_bytes()) == (status, body)
    assert f"{file.content_type}; charset=utf-8" == headers["content-type"]
    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= headers.items()
    assert (encoding == "gzip") == ("content-encoding" in headers)


def test_a_browser_keeps_a_vendored_file(app_config: AppConfig) -> None:
    """A phone must not load the library each time that a device is opened."""
    _, headers, _ = get(app_config, "/vendor/uplot-1.6.32.js", {})
    status, again, body = get(app_config, "/vendor/uplot-1.6.32.js", {"If-None-Match": headers["etag"]})

    assert (304, b"", headers["etag"], "no-cache") == (status, body, again["etag"], again["cache-control"])
