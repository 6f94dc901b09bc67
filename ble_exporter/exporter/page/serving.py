"""Serves the files of the page. Browsers keep each file, and ask before each use whether it has changed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aiohttp import web

from ble_exporter.exporter.answers import Answers
from ble_exporter.exporter.page.files import FILES, HEADERS, VENDORED, PageFile, VendoredFile

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler


def file_routes(answers: Answers) -> Iterator[web.RouteDef]:
    """Yield the routes of all files of the page."""
    for name, file in FILES.items():
        yield web.get(f"/{name}", _serve(file))
    for name, vendored in VENDORED.items():
        yield web.get(f"/{name}", _serve_vendored(vendored, answers))


def _serve(file: PageFile) -> "Handler":
    headers = {**HEADERS, "Cache-Control": "no-cache", "ETag": f'"{file.etag}"'}

    async def serve(request: web.Request) -> web.Response:
        if _has(request, file.etag):
            return web.Response(status=304, headers=headers)
        return web.Response(body=file.body, content_type=file.content_type, charset="utf-8", headers=headers)

    return serve


def _serve_vendored(file: VendoredFile, answers: Answers) -> "Handler":
    """Return the handler for a file that is read for each request; `answers` limits and compresses its answers."""
    headers = {**HEADERS, "Cache-Control": "no-cache", "ETag": f'"{file.etag}"', "Vary": "Accept-Encoding"}

    async def serve(request: web.Request) -> web.StreamResponse:
        if _has(request, file.etag):
            return web.Response(status=304, headers=headers)
        content_type = {"Content-Type": f"{file.content_type}; charset=utf-8"}
        return await answers.send(request, file.etag, file.pieces, {**headers, **content_type})

    return serve


def _has(request: web.Request, etag: str) -> bool:
    """Return whether the browser has this version of the file."""
    return any(one.value in (etag, "*") for one in request.if_none_match or ())
