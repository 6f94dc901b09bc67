"""Checks the Host headers of requests and, if the web configuration has users, passwords; adds headers to answers."""

import base64
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

from aiohttp import web

from ble_exporter.exporter.hosts import Hosts
from ble_exporter.exporter.http_errors import HttpErrors
from ble_exporter.exporter.request_handler import NOSNIFF
from ble_exporter.system.port import SERVER_NAME
from ble_exporter.utils import one_line

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from ble_exporter.exporter.passwords import Passwords
    from ble_exporter.exporter.web_file import WebFile

Prepare = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


def host_check(hosts: Hosts, errors: HttpErrors, open_to_any_host: Collection[str]) -> "Middleware":
    """Return a middleware that refuses requests to foreign hosts, except on the paths in `open_to_any_host`."""

    @web.middleware
    async def check(request: web.Request, handler: "Handler") -> web.StreamResponse:
        if request.path in open_to_any_host:
            return await handler(request)
        # If the request target is in absolute form (GET http://host/path), `request.host` is the host in the target,
        # which overrides the header (RFC 9112, section 3.2.2).
        claimed = [request.host, *request.headers.getall("Host")] if "Host" in request.headers else []
        foreign = next((host for host in claimed if not hosts.is_ours(host)), None)
        if foreign is not None:
            name = one_line(foreign)[:100]
            errors.note("foreign_host", f'"{name}" is not a name of this machine; see allowed_hosts')
            raise web.HTTPMisdirectedRequest(
                text=f'"{name}" is not a name of this machine: add it to `allowed_hosts` in the configuration, or use '
                "the machine's address"
            )
        return await handler(request)

    return check


def password_check(web_file: "WebFile", errors: HttpErrors, passwords: "Passwords | None" = None) -> "Middleware":
    """Return a middleware that requires a password on every path, if the web configuration has users."""
    from ble_exporter.exporter.passwords import Passwords, TooManyChecksError  # noqa: PLC0415 - most need no password

    passwords = passwords or Passwords()

    @web.middleware
    async def check(request: web.Request, handler: "Handler") -> web.StreamResponse:
        users = web_file.latest().config.users
        if users:
            given = credentials(request.headers.get("Authorization", ""))
            try:
                is_right = given is not None and await passwords.is_right(users, *given, request.remote or "")
            except TooManyChecksError:
                errors.note("too_many_passwords", f"from {request.remote}")
                raise web.HTTPServiceUnavailable(headers={"Retry-After": "1"}) from None
            if not is_right:
                # A browser sends its first request without a password, because it does not know yet that one is needed.
                if given is not None:
                    errors.note("unauthorized", f"from {request.remote}")
                raise web.HTTPUnauthorized(
                    headers={"WWW-Authenticate": f'Basic realm="{SERVER_NAME}", charset="UTF-8"'}
                )
        return await handler(request)

    return check


def credentials(header: str) -> tuple[bytes, bytes] | None:
    """Return the user and the password in an Authorization header; None if it does not contain both."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except ValueError:
        return None
    return (user, password) if colon else None


def add_headers(web_file: "WebFile | None") -> Prepare:
    """Return a signal handler that adds the headers of the web configuration, and `nosniff`, to each answer."""

    async def prepare(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(NOSNIFF)
        for name, value in web_file.config.headers.items() if web_file else ():
            # The page keeps its own Content-Security-Policy, which is as strict as possible.
            response.headers.setdefault(name, value)

    return prepare
