"""The files of the page, in the folder of this module: read when the program starts, and served unchanged."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import NamedTuple

# importlib.resources would take 0.7 MB of memory to support packages in archives, but wheels are installed as files.
_FOLDER = Path(__file__).parent


class PageFile(NamedTuple):
    """A file of the page; `etag` is a digest of the body, without the quotes that the ETag header has."""

    content_type: str
    body: bytes
    etag: str


def _read(name: str, content_type: str) -> PageFile:
    body = (_FOLDER / name).read_bytes()
    return PageFile(content_type, body, hashlib.sha256(body).hexdigest()[:16])


_SCRIPTS = (
    "script.js", "cards.js", "comfort.js", "controls.js", "dom.js", "groups.js", "line.js", "settings.js", "sort.js",
    "state.js", "table.js", "words.js",
)  # fmt: skip
FILES: Mapping[str, PageFile] = {
    "style.css": _read("style.css", "text/css"),
    "icon.svg": _read("icon.svg", "image/svg+xml"),
    **{name: _read(name, "text/javascript") for name in _SCRIPTS},
}
"""The files that the page refers to, by name."""

PAGE = Template((_FOLDER / "page.html").read_text(encoding="utf-8"))
"""The page, with the placeholders `version`, `heard`, `all`, `scan`, `warning`, `reason`, `headers` and `rows`."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""With these headers, the page can load content only from its own server, and a script in a device name can't run."""
