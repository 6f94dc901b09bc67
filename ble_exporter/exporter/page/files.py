"""The files of the page, in this module's folder. Importing the module reads all but those of other projects."""

import hashlib
from collections.abc import Iterator, Mapping
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


class VendoredFile(NamedTuple):
    """A file of another project, which is read from the disk for each request, because it is seldom needed."""

    content_type: str
    path: Path
    etag: str

    def pieces(self) -> Iterator[bytes]:
        """Yield the file in pieces; compressing one takes less than a millisecond."""
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


_PIECE = 8192


def _vendored(name: str, content_type: str) -> VendoredFile:
    path = _FOLDER / name
    # The name contains the version, so it also serves as the ETag.
    return VendoredFile(content_type, path, name.rpartition("/")[2])


_SCRIPTS = (
    "script.js", "cards.js", "chart.js", "comfort.js", "controls.js", "detail.js", "dom.js", "groups.js", "line.js",
    "loading.js", "settings.js", "sort.js", "state.js", "table.js", "words.js",
)  # fmt: skip
FILES: Mapping[str, PageFile] = {
    "style.css": _read("style.css", "text/css"),
    "detail.css": _read("detail.css", "text/css"),
    "icon.svg": _read("icon.svg", "image/svg+xml"),
    **{name: _read(name, "text/javascript") for name in _SCRIPTS},
}
"""The files that the page refers to, by name."""

VENDORED: Mapping[str, VendoredFile] = {
    "vendor/uplot-1.6.32.js": _vendored("vendor/uplot-1.6.32.js", "text/javascript"),
    "vendor/uplot-1.6.32.css": _vendored("vendor/uplot-1.6.32.css", "text/css"),
}
"""The files of the charting library, by name; the page loads them when a device is opened."""

PAGE = Template((_FOLDER / "page.html").read_text(encoding="utf-8"))
"""The page; its placeholders are the arguments of `substitute` in rows.py."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""With these headers, the page can load content only from its own server, and a script in a device name can't run."""
