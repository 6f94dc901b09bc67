"""Tests of the order of the documentation's pages, and of its site, which loads nothing from other servers."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from site_hook import anchor, linked_from, published

from tests.conftest import HERE
from tests.program import PATIENCE_S
from tests.test_manual import need

ROOT = HERE.parent


def listed(nav: object) -> list[str]:
    """Return the pages and folders in the navigation of mkdocs.yml."""
    if isinstance(nav, dict):
        return [page for entry in nav.values() for page in listed(entry)]
    return [page for entry in nav for page in listed(entry)] if isinstance(nav, list) else [str(nav)]


NAV = listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])


def test_every_page_is_in_the_navigation() -> None:
    """Nobody finds a page that the navigation lacks. The test names each page that mkdocs.yml must list."""
    folders = tuple(entry for entry in NAV if entry.endswith("/"))
    pages = [str(path.relative_to(ROOT)) for path in published() if path.suffix == ".md"]

    assert [] == [
        f"add this page to `nav` in mkdocs.yml: {page}"
        for page in pages
        if page not in [*NAV, *folders] and not page.startswith(folders)
    ]
    assert [] == [f"mkdocs.yml lists a page that is missing: {page}" for page in NAV if not (ROOT / page).exists()]


def test_the_index_has_the_order_of_the_site() -> None:
    """Readers of the repository and readers of the site must find the pages in the same order."""
    order = [str(path.relative_to(ROOT)) for path in linked_from(ROOT / "docs/index.md")]

    assert [page for page in NAV if page != "docs/index.md"] == [page + "/" * (page == "docs/adr") for page in order]


def test_a_heading_has_the_anchor_of_git_hosts() -> None:
    """The same link must lead to the same heading in the repository and on the site."""
    assert "readyz-answers-503" == anchor("/readyz answers 503")
    assert "start-memory--and-cpu-time" == anchor("Start, memory – and CPU time")


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout in a folder. With --quiet, MkDocs would count no warnings for --strict."""
    need(find_spec("mkdocs"), "MkDocs is missing: run `make docs`")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as MkDocs builds it."""
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT, folder)
    assert 0 == built.returncode, built.stderr
    return folder


@pytest.mark.docs
def test_each_fault_is_an_error(tmp_path: Path) -> None:
    """A check that can never fail is useless. The faults are in a copy of the published files."""
    faults = {
        "docs/start.md": "[lost](index.md#nowhere) [lost](#nowhere) [lost](nowhere.md)",
        "README.md": "[lost](contrib/nowhere.service)",
    }
    for path in [*published(), ROOT / "contrib/site_hook.py"]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    for page, text in faults.items():
        with (tmp_path / page).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")
    without_a_page = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").replace("- docs/upgrade.md", "")
    (tmp_path / "mkdocs.yml").write_text(without_a_page, encoding="utf-8")
    built = build(tmp_path, tmp_path / "site")

    assert 5 == built.stderr.count("WARNING ")
    assert 1 == built.returncode


@pytest.mark.docs
def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    """The whole site must be readable offline, and no other server may learn who reads it."""
    texts = {path: path.read_text("utf-8") for kind in ("html", "css", "js") for path in site.rglob(f"*.{kind}")}
    loads = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//|<link\b[^>]*\bhref=[\"']?(?:https?:)?//|url\([\"']?(?:https?:)?//|@import"
    )

    assert len(texts) > 50
    assert [] == [path.name for path, text in texts.items() if loads.search(text)]


@pytest.mark.docs
def test_links_to_files_work(site: Path) -> None:
    """Pages link to the unit, the sample configuration and the schemas, and readers must be able to open them."""
    for name in ("config.yaml", "contrib/ble_exporter.service", "docs/status.schema.json", "docs/adr/FILES.html"):
        assert (site / name).is_file()
