"""The page's files, which are read when the program starts."""

import hashlib
import re
from pathlib import Path

from ble_exporter.exporter.page import files
from ble_exporter.exporter.page.files import FILES, HEADERS, PAGE, VENDORED
from ble_exporter.formats.registry import UNITS

FOLDER = Path(files.__file__).parent

# SHA-256 of the files dist/uPlot.iife.min.js, dist/uPlot.min.css and LICENSE of the package uplot 1.6.32 of npm.
UPLOT = {
    "uplot-1.6.32.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot-1.6.32.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uplot-LICENSE.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}


def test_every_file_of_the_folder_is_served() -> None:
    """A script that is missing from the list would not be served, and the page would not update."""
    in_folder = {path.name for path in FOLDER.iterdir() if path.is_file() and path.suffix != ".py"}

    assert in_folder == {*FILES, "page.html"}


def test_the_page_refers_to_files_that_are_served() -> None:
    """Only a browser would notice a misspelt name in the page or its scripts."""
    scripts = [file.body.decode() for name, file in FILES.items() if name.endswith(".js")]
    named = re.findall(r'(?:src|href)="([\w.]+\.\w+)"', PAGE.template)
    imported = [name for script in scripts for name in re.findall(r'from "\./([\w.]+)"', script)]

    assert named
    assert imported
    assert set() == {*named, *imported} - FILES.keys()


def test_the_page_has_these_placeholders() -> None:
    """`render` fills these placeholders; any other would cause a KeyError at each request."""
    assert {"version", "heard", "all", "scan", "warning", "reason", "headers", "rows", "metrics"} == set(
        re.findall(r"\$\{?(\w+)", PAGE.template)
    )


def test_every_unit_has_a_least_span_or_is_that_of_a_meter() -> None:
    """Without a least span for its unit, a line chart would show the noise of a value as peaks and valleys."""
    table = re.search(r"LEAST_SPAN = new Map\(\[(.*?)\]\);", FILES["line.js"].body.decode(), re.DOTALL)
    assert table is not None
    of_meters = {"kWh", "L", "m³", "mm", "s"}

    assert {*UNITS.values()} - of_meters == set(re.findall(r'\["([^"]*)", [\d.]+\]', table[1]))


def test_two_files_have_different_etags() -> None:
    """If the ETag did not depend on the content, a browser would keep an old file after an update."""
    assert len(FILES) == len({file.etag for file in FILES.values()})


def test_the_page_has_no_inline_script_or_style() -> None:
    """The policy allows only files, so that no name becomes a script; a browser would block inline code."""
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert [] == re.findall(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", PAGE.template)


def test_the_charting_library_is_unchanged() -> None:
    """Nobody reviews minified files, so they must be the published ones, byte for byte, beside their licence."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (FOLDER / "vendor").iterdir()}

    assert found == UPLOT


def test_the_chart_asks_for_the_files_that_are_served() -> None:
    """After an update of the library, wrong names would be noticed only in a browser."""
    (stem,) = re.findall(r'const UPLOT = "(.*)";', FILES["chart.js"].body.decode())

    assert {f"{stem}.js", f"{stem}.css"} == VENDORED.keys()


def test_a_vendored_file_is_read_in_small_pieces() -> None:
    """The event loop handles packets only between two pieces, so a large piece would delay them."""
    pieces = list(VENDORED["vendor/uplot-1.6.32.js"].pieces())

    assert max(map(len, pieces)) <= 8192
    assert UPLOT["uplot-1.6.32.js"] == hashlib.sha256(b"".join(pieces)).hexdigest()
