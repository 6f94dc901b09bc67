"""The documentation is true."""

import re
from pathlib import Path

import pytest

from ble_exporter import __version__
from ble_exporter.config import KEYS
from ble_exporter.device.replay import HOLD_S, LOW, QUIET_S, SPAN_S, STEPS, TRUST_S
from ble_exporter.errors import REJECT_REASONS
from ble_exporter.main import main
from ble_exporter.metrics.families import FAMILIES
from ble_exporter.metrics.self_metrics import SelfMetrics
from tests.conftest import HERE

ROOT = HERE.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_metric_of_a_sensor_is_in_the_list() -> None:
    """Who writes a dashboard looks there."""
    rows = re.findall(
        r"^\| `(ble_sensor_\w+)` \| (.*) \|$", (ROOT / "docs/metrics.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert [(family.metric, family.help) for family in FAMILIES.values()] == rows


def test_every_metric_of_the_exporter_is_in_the_readme() -> None:
    """And so is every reason of a rejection."""
    names = {sample.name for family in SelfMetrics().collect() for sample in family.samples}
    names.discard("ble_exporter_last_scan_duration_seconds")  # there as `…_duration_seconds`

    assert [] == [name for name in names if f"`{name}`" not in README]
    assert [] == [reason for reason in REJECT_REASONS if f"`{reason}`" not in README]


def test_every_key_of_the_configuration_is_in_the_readme() -> None:
    """A key that nobody finds does not exist."""
    assert [] == [key for key in KEYS if f"| `{key}` |" not in README]


def test_the_rule_against_replays_has_the_documented_numbers() -> None:
    """Who judges the rule reads them there."""
    security = " ".join((ROOT / "docs/security.md").read_text(encoding="utf-8").split())
    rule = [
        f"**{HOLD_S:g} s** at most after its first packet",
        f"three counters (**{STEPS}**)",
        f"over **{SPAN_S:g} s** or more",
        f"each below **{LOW}**",
        f"accepted from the sensor for **{QUIET_S:g} s**",
        f"in the first {TRUST_S / 60:g} minutes",
    ]

    assert [] == [words for words in rule if words not in security]


def test_every_room_is_in_the_design() -> None:
    """A stranger orders the rooms by that page."""
    design = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = [path.name for path in (ROOT / "ble_exporter").rglob("*.py") if path.name != "__init__.py"]

    assert [] == [room for room in rooms if f" {room} " not in design]


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _leads_somewhere(page: Path, link: str) -> bool:
    """Return whether a link's file exists and, where the link has an anchor, a heading of that file makes it."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def test_every_link_leads_somewhere() -> None:
    """A reader follows a link to the heading that answers the question, not only to a file."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text("utf-8"))
    ]

    assert [] == [(page.name, link) for page, link in links if not _leads_somewhere(page, link)]


def test_every_page_that_the_code_names_exists() -> None:
    """A comment or message that sends its reader to a missing page costs more than it gives."""
    files = [path for folder in ("ble_exporter", "tests", "contrib") for path in (ROOT / folder).rglob("*.py")]
    named = {page for file in files for page in re.findall(r"\bdocs/[\w/.-]+\.(?:md|json)", file.read_text("utf-8"))}

    assert named
    assert [] == sorted(page for page in named if not (ROOT / page).exists())


def test_the_explained_packet_in_the_readme_is_explained_so(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the first that a reader tries."""
    call, said = re.findall(r"^\$ ble-exporter (decode .*)\n((?:.*\n)*?)```$", README, re.MULTILINE)[0]

    assert main(call.split()) == 1
    assert re.sub(r"^ble-exporter \S+", f"ble-exporter {__version__}", said) == capsys.readouterr().out
