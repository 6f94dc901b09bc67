"""The page's files: they stand beside this one, are read when the program starts, and served as they are."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import NamedTuple

# Not importlib.resources: 0.7 MB of memory more, for packages that are no files. A wheel is installed as files.
_FOLDER = Path(__file__).parent


class PageFile(NamedTuple):
    """
    A file of the page.

    Attributes:
        content_type: Its media type.
        body: Its bytes.
        etag: What tells this version from every other, without the quotes.
    """

    content_type: str
    body: bytes
    etag: str


def _read(name: str, content_type: str) -> PageFile:
    body = (_FOLDER / name).read_bytes()
    return PageFile(content_type, body, hashlib.sha256(body).hexdigest()[:16])


_SCRIPTS = ("script.js", "table.js", "line.js", "dom.js", "words.js")
FILES: Mapping[str, PageFile] = {
    "style.css": _read("style.css", "text/css"),
    "icon.svg": _read("icon.svg", "image/svg+xml"),
    **{name: _read(name, "text/javascript") for name in _SCRIPTS},
}
"""File name to file: what a browser asks for beside the page."""

PAGE = Template((_FOLDER / "page.html").read_text(encoding="utf-8"))
"""The page, with a place for what differs: version, heard, rows."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What the page may do: nothing but fetch from where it came. Whatever a name holds, none of it runs."""
