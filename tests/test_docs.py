"""The documentation agrees with the program."""

import inspect
import re
from pathlib import Path

import pytest
import yaml
from site_hook import anchor

from ble_exporter import __version__
from ble_exporter.config import KEYS
from ble_exporter.config.app_config import AppConfig, load_config
from ble_exporter.config.web_config import load_web_config
from ble_exporter.device.glitch import LARGEST_STEPS
from ble_exporter.device.pace import COUNTS_AT_ONCE, COUNTS_PER_S, LEAST_HOLD_S
from ble_exporter.device.replay import HOLD_S, LOW, QUIET_S, SPAN_S, STEPS, TRUST_S
from ble_exporter.errors import REJECT_REASONS
from ble_exporter.exporter.app import create_app
from ble_exporter.exporter.page.files import FILES, VENDORED
from ble_exporter.formats.registry import FORMATS, UNITS
from ble_exporter.main import main
from ble_exporter.metrics.families import FAMILIES
from ble_exporter.metrics.self_metrics import SelfMetrics
from ble_exporter.service.replay_state import FIRST_SAVE_S, SAVE_EVERY_S
from ble_exporter.system.files import ReadFiles
from tests.certificates import write_certificates
from tests.conftest import HERE

ROOT = HERE.parent
YAML_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MANDATORY = {
    "scan_interval_seconds": "30",
    "scan_duration_seconds": "30",
    "listen_port": "8000",
    "devices": '{"A4:C1:38:00:00:01": "living_room"}',
}


def _page(name: str) -> str:
    """Return the text of a page of the documentation."""
    return (ROOT / name).read_text(encoding="utf-8")


def _blocks() -> list[object]:
    """Return a test case for each YAML block of the README and of docs/; its id contains the page's name."""
    return [
        pytest.param(block, id=f"{page.name}-{number}")
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
        for number, block in enumerate(YAML_BLOCK.findall(page.read_text(encoding="utf-8")))
    ]


def test_every_metric_of_a_sensor_is_in_the_list() -> None:
    """An author of a dashboard looks up the metrics in this list."""
    rows = re.findall(r"^\| `(ble_sensor_\w+)` \| (.*) \|$", _page("docs/metrics.md"), re.MULTILINE)

    assert [(family.metric, family.help) for family in FAMILIES.values()] == rows


def test_every_metric_of_the_exporter_is_in_the_list() -> None:
    """An operator can't interpret a metric that no page describes."""
    names = {sample.name for family in SelfMetrics().collect() for sample in family.samples}

    assert [] == [name for name in names if f"| `{name}` |" not in _page("docs/metrics.md")]


@pytest.mark.parametrize("page", ["docs/metrics.md", "docs/troubleshooting.md"])
def test_every_reason_of_a_rejection_is_explained(page: str) -> None:
    """Users look up the reason that they have found in a log; authors of alerts look up the label's values."""
    assert [] == [reason for reason in REJECT_REASONS if f"`{reason}`" not in _page(page)]


def test_every_key_of_the_configuration_is_in_the_list() -> None:
    """Users can find a key only if this list contains it."""
    assert [] == [key for key in KEYS if f"| `{key}` |" not in _page("docs/configuration.md")]


def test_the_steps_of_the_glitch_filter_are_those_of_the_documentation() -> None:
    """Users decide by this table whether the filter suits their sensors."""
    rows = re.findall(r"^\| ([a-z, ]+) \| (\d+) (°C|%|hPa) \|$", _page("docs/configuration.md"), re.MULTILINE)
    documented = {
        name.replace(" ", "_"): (float(step), unit) for names, step, unit in rows for name in names.split(", ")
    }

    assert {name: (step, UNITS[name]) for name, step in LARGEST_STEPS.items()} == documented


def test_every_path_is_in_the_list() -> None:
    """Probes and dashboards rely on documented paths."""
    config = AppConfig(30, 30, 8000, {})
    paths = {route.resource.canonical for route in create_app(config).router.routes() if route.resource}
    of_the_page = {f"/{file}" for file in (*FILES, *VENDORED)}

    assert [] == sorted(path for path in paths - of_the_page if f"| `{path}` |" not in _page("docs/http.md"))


@pytest.mark.parametrize("block", _blocks())
def test_every_yaml_block_can_be_used(block: str, tmp_path: Path) -> None:
    """Readers copy these blocks, and must not get an error. If a block lacks mandatory keys, the test adds them."""
    copied = yaml.safe_load(block)
    if "tls_server_config" in copied:
        write_certificates(tmp_path)
        (tmp_path / "web.yml").write_text(block, encoding="utf-8")
        assert load_web_config(str(tmp_path / "web.yml"), ReadFiles()).tls
    elif "scrape_configs" not in copied:
        (tmp_path / "cellar.key").write_text("00112233445566778899aabbccddeeff", encoding="utf-8")
        missing = "".join(f"{key}: {value}\n" for key, value in MANDATORY.items() if key not in copied)
        (tmp_path / "config.yaml").write_text(block + missing, encoding="utf-8")
        config = load_config(str(tmp_path / "config.yaml"))
        assert copied.get("scan_interval_seconds", 30) == config.scan_interval_seconds


def test_the_rule_against_replays_has_the_documented_numbers() -> None:
    """Readers judge the protection against replays by these numbers, which must be those of the code."""
    security = " ".join(_page("docs/security.md").split())
    rule = [
        f"**{HOLD_S:g} s** at most after its first packet",
        f"at least **{LEAST_HOLD_S:g} s** and at most two hours",
        f"at most {COUNTS_AT_ONCE}, plus {COUNTS_PER_S:g} for each second",
        f"has received **{STEPS}** counters",
        f"over **{SPAN_S:g} s** or more",
        f"each below **{LOW}**",
        f"accepted from the sensor for **{QUIET_S:g} s**",
        f"in the first {TRUST_S / 60:g} minutes",
        f"writes the file {FIRST_SAVE_S:g} s after the start, every {SAVE_EVERY_S / 60:g} minutes",
    ]

    assert [] == [words for words in rule if words not in security]


def _files_in_the_tree() -> list[str]:
    """Return the paths of the Python files that the architecture page lists."""
    (tree,) = re.findall(r"^```\n(ble_exporter/\n.*?)^```$", _page("docs/architecture.md"), re.MULTILINE | re.DOTALL)
    folders: list[tuple[int, str]] = []
    files = []
    for line in tree.splitlines():
        indentation, name = len(line) - len(line.lstrip()), line.split()[0]
        while folders and folders[-1][0] >= indentation:
            folders.pop()
        path = (folders[-1][1] if folders else "") + name
        if name.endswith("/"):
            folders.append((indentation, path))
        elif name.endswith(".py"):
            files.append(path)
    return files


def test_the_tree_lists_every_file_and_no_other() -> None:
    """New contributors use this page to find the place for a change."""
    files = [path.relative_to(ROOT) for path in (ROOT / "ble_exporter").rglob("*.py") if path.name != "__init__.py"]

    assert sorted(map(str, files)) == sorted(_files_in_the_tree())


def test_the_layers_are_those_that_import_linter_checks() -> None:
    """Layers that are documented but not checked would soon be wrong."""
    (layers,) = re.findall(r"^layers = \[\n(.*?)^\]$", _page("pyproject.toml"), re.MULTILINE | re.DOTALL)
    lines = "".join(f"{layer}\n" for layer in re.findall(r'"(.+)"', layers))

    assert f"```\n{lines}```" in _page("docs/architecture.md")


def test_every_message_in_troubleshooting_is_the_program_s() -> None:
    """Users search for the text of a message: when a message is reworded, the documentation must change, too."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ble_exporter").rglob("*.py"))
    source = re.sub(r'"\s*\n\s*f?"', "", source)
    tables = re.findall(r"^\| message \|.*\n\|[-|]+\n((?:\|.*\n)+)", _page("docs/troubleshooting.md"), re.MULTILINE)
    messages = [
        text for table in tables for row in table.splitlines() for text in re.findall("`(.+?)`", row.split("|")[1])
    ]

    assert messages
    assert [] == [message for message in messages if message not in source]


def test_every_decision_is_dated() -> None:
    """Readers need the date to judge a decision by the knowledge of its time."""
    head = re.compile(r"# (\d+)\. .+\n\n\*\*Status:\*\* \w+.*\n+\*\*Date:\*\* \d{4}-\d\d-\d\d\n\n\*\*Context\.\*\* ")
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    found = [(record, head.match(record.read_text(encoding="utf-8"))) for record in records]

    assert [] == [record.name for record, match in found if not match or f"{int(match[1]):04}" != record.name[:4]]


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub generates them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {anchor(heading) for heading in headings}


def _leads_somewhere(page: Path, link: str) -> bool:
    """Return whether a link's file exists, and has the heading that the link names, if any."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def test_every_link_leads_somewhere() -> None:
    """A link must lead to the heading that answers the reader's question, and not only to a file."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text("utf-8"))
    ]

    assert [] == [(page.name, link) for page, link in links if not _leads_somewhere(page, link)]


def test_every_page_that_the_code_names_exists() -> None:
    """A comment or message must not send its reader to a page that does not exist."""
    files = [path for folder in ("ble_exporter", "tests", "contrib") for path in (ROOT / folder).rglob("*.py")]
    named = {page for file in files for page in re.findall(r"\bdocs/[\w/.-]+\.(?:md|json)", file.read_text("utf-8"))}

    assert named
    assert [] == sorted(page for page in named if not (ROOT / page).exists())


def test_each_decision_has_its_own_number() -> None:
    """Other documents and commits refer to a decision by its number, so no two may share one."""
    pages = sorted((ROOT / "docs/adr").glob("*.md"))
    titles = [re.match(r"# (\d+)\. ", page.read_text(encoding="utf-8")) for page in pages]

    assert list(range(1, len(pages) + 1)) == [int(page.name[:4]) for page in pages]
    assert [int(page.name[:4]) for page in pages] == [int(title[1]) if title else 0 for title in titles]


def test_the_explained_packet_is_explained_so(capsys: pytest.CaptureFixture[str]) -> None:
    """A new user who tries this command compares the output."""
    call, said = re.findall(r"^\$ ble-exporter (decode .*)\n((?:.*\n)*?)```$", _page("docs/commands.md"), re.MULTILINE)[
        0
    ]

    assert 1 == main(call.split())
    assert re.sub(r"^ble-exporter \S+", f"ble-exporter {__version__}", said) == capsys.readouterr().out


def test_every_format_is_in_the_list_in_order() -> None:
    """The list tells users whether a sensor is supported; its order decides the positions of repeated values."""
    page = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| 0x(\w{4}) \| (.*) \| `formats/(\w+\.py)` \|$", page, re.MULTILINE)
    modules = [inspect.getfile(row.fields).rpartition("/")[2] for row in FORMATS.values()]

    assert [row.short_uuid.upper() for row in FORMATS.values()] == [uuid for uuid, _, _ in rows]
    assert modules == [file for _, _, file in rows]
    assert [] == [name for row, (_, name, _) in zip(FORMATS.values(), rows, strict=True) if row.short_name not in name]
