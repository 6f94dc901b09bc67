"""
A hook of MkDocs: lays out the documentation so that its links work in the site as they do in the repository.

The site has the pages, and the files that they link to, at the same relative places as the repository: the README is
the first page, and `../contrib/ble_exporter.service` in a page of docs/ leads to that file. A link to a folder leads to
its README, or to a list of its files. Headings have the anchors that git hosts give them.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\]\((?!\w+:)([^)#]*)(#[^)]*)?\)")
"""A link to another file; the file is empty in a link to a heading of the same page."""
_CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_TREE = ROOT / "build" / "docs"
_LIST = "FILES.md"
"""The name of the page that lists a folder's files; `not_in_nav` in mkdocs.yml must contain this name."""


def anchor(heading: str, separator: str = "-") -> str:
    """Return the anchor of a heading, as git hosts form it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def linked_from(page: Path) -> Iterator[Path]:
    """Yield the files and folders that a page links to, including missing ones."""
    text = _CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))
    for path, _ in LINK.findall(text):
        if path:
            yield (page.parent / path).resolve()


def published() -> list[Path]:
    """Return the README, all pages of docs/, and the files that they link to, directly or through other pages."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = {*pages, ROOT / "docs" / "site.css"}
    while pages:
        linked = [one for path in linked_from(pages.pop()) for one in (path.iterdir() if path.is_dir() else [path])]
        for path in linked:
            if path not in found and path.is_file() and path.is_relative_to(ROOT):
                found.add(path)
                pages += [path] if path.suffix == ".md" else []
    return sorted(found)


def title_of(page: Path) -> str:
    """Return the first heading of a page."""
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def on_config(config: "MkDocsConfig") -> None:
    """Copy the published files, and let MkDocs build the site from the copy."""
    shutil.rmtree(_TREE, ignore_errors=True)
    for path in published():
        copy = _TREE / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        if path.suffix == ".md":
            copy.write_text(_with_lists(path), encoding="utf-8")
    config.docs_dir = str(_TREE)
    config.nav = _expanded(config.nav)
    config.mdx_configs.setdefault("toc", {})["slugify"] = anchor


def _with_lists(page: Path) -> str:
    """Return a page's text, in which links to folders without a README lead to lists of files; write these lists."""

    def replaced(link: re.Match[str]) -> str:
        folder = (page.parent / link[1]).resolve()
        if not link[1] or not folder.is_dir() or (folder / "README.md").is_file():
            return link[0]
        files = sorted(path for path in folder.iterdir() if path.is_file())
        rows = (f"- [{title_of(one) if one.suffix == '.md' else one.name}]({one.name})" for one in files)
        listed = _TREE / folder.relative_to(ROOT)
        listed.mkdir(parents=True, exist_ok=True)
        text = [f"# {folder.relative_to(ROOT)}", "", *rows, ""]
        (listed / _LIST).write_text("\n".join(text), encoding="utf-8")
        return f"]({link[1].rstrip('/')}/{_LIST})"

    return LINK.sub(replaced, page.read_text(encoding="utf-8"))


def _expanded(nav: object) -> object:
    """Return the navigation, with each entry that names a folder (`docs/adr/`) replaced by the folder's pages."""
    if isinstance(nav, dict):
        return {title: _expanded(entry) for title, entry in nav.items()}
    if not isinstance(nav, list):
        return nav
    entries: list[object] = []
    for entry in nav:
        if isinstance(entry, str) and entry.endswith("/"):
            entries += [f"{entry}{page.name}" for page in sorted((_TREE / entry).glob("*.md")) if page.name != _LIST]
        else:
            entries.append(_expanded(entry))
    return entries
