"""The references in docs/ have everything that the program has, and nothing else."""

import argparse
import getopt
import re
import shlex
from collections.abc import Mapping
from dataclasses import MISSING, fields
from fnmatch import fnmatch
from pathlib import Path

import pytest
from manual import parsers

from ble_exporter.cli.recover.command import RECORD
from ble_exporter.cli.service.plan import UNIT_FILES
from ble_exporter.config import KEYS, AppConfig
from ble_exporter.config.app_config import DEFAULT_LOG_FILE
from ble_exporter.config.devices import KEYS as DEVICE_KEYS
from ble_exporter.exporter.answers import MOST_UNSENT
from ble_exporter.exporter.connection import ANSWER_S, IDLE_S, LARGEST_REQUEST, REQUEST_S
from ble_exporter.exporter.connections import MOST_CONNECTIONS, RESERVED_DESCRIPTORS
from ble_exporter.logger import BACKUPS
from ble_exporter.service.reload import NEEDS_RESTART
from ble_exporter.service.replay_state import FILE_NAME
from ble_exporter.status.liveness import MARGIN_PER_RADIO_S, MARGIN_S
from ble_exporter.system.port import MOST_REQUESTS
from tests.conftest import HERE

ROOT = HERE.parent
SOURCE = ROOT / "ble_exporter"


def page(name: str) -> str:
    """Return the text of a page of docs/."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows(text: str, head: str) -> list[list[str]]:
    """Return the cells of the tables whose first column has a heading, such as "key"."""
    tables = re.findall(rf"^\| {head} \|.*\n\|[-|: ]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [
        [cell.strip() for cell in re.split(r"\s\|(?=\s)", row.strip("|"))]
        for table in tables
        for row in table.splitlines()
    ]


def names(cell: str) -> list[str]:
    """Return the texts in backticks of a cell."""
    return re.findall("`([^`]+)`", cell)


def test_the_configuration_reference_has_every_key() -> None:
    """A reader can't find a key that the table lacks, and gets an error for a key that only the table has."""
    listed = [names(cells[0])[0] for cells in rows(page("configuration.md"), "key")]

    assert sorted(KEYS) == sorted(listed)


def test_the_configuration_reference_has_every_key_of_a_device() -> None:
    """A reader can't find a device's key that the table lacks, and gets an error for one that only the table has."""
    listed = [names(cells[0])[0] for cells in rows(page("configuration.md"), "key of a device")]

    assert sorted(DEVICE_KEYS) == sorted(listed)


def test_the_configuration_reference_has_the_defaults() -> None:
    """Readers leave out a key because its documented default suits them."""
    defaults = {field.name: field.default for field in fields(AppConfig) if field.default_factory is MISSING}
    defaults["adapter"] = defaults.pop("adapters")
    documented = {names(cells[0])[0]: cells[1] for cells in rows(page("configuration.md"), "key")}
    wrong = []
    for key in documented.keys() & defaults.keys():
        match defaults[key]:
            case None | ():
                expected = ""  # in words
            case bool() as value:
                expected = f"`{str(value).lower()}`"
            case str() | float() as value:
                expected = f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
            case _:
                expected = "mandatory"
        if expected not in documented[key] or (not expected and "`" in documented[key]):
            wrong.append((key, expected, documented[key]))

    assert [] == wrong
    assert {"scan_duration_seconds", "log_file", "on_silence", "adapter"} < documented.keys() & defaults.keys()


def test_the_reload_applies_the_documented_keys() -> None:
    """Somebody who edits a running exporter's file must know whether a restart is needed."""
    text = page("configuration.md")
    section = text[text.index("\n## Reload\n") : text.index("\n## The recommended")]
    (applied,) = re.findall(r"A reload applies (.*?);", section, re.DOTALL)

    assert set(KEYS) - set(NEEDS_RESTART) == set(names(applied)) & set(KEYS)


def test_the_limits_of_the_http_server_are_documented() -> None:
    """Whoever puts the exporter behind a proxy, or scrapes it often, plans with these numbers."""
    limits = [
        f"at most {LARGEST_REQUEST // 1024} kB",
        f"complete within {REQUEST_S:g} s; a connection may be idle for {IDLE_S:g} s",
        f"taken within {ANSWER_S:g} s",
        f"{MOST_CONNECTIONS} connections, or fewer",
        f"fewer than {MOST_CONNECTIONS + RESERVED_DESCRIPTORS} file descriptors",
        f"{MOST_REQUESTS} requests (or `--web.max-requests`)",
        f"{MOST_UNSENT / 1e6:g} MB of answers",
        f"+ {MARGIN_S:g} s after the previous one, plus {MARGIN_PER_RADIO_S:g} s for each",
    ]
    text = " ".join(page("http.md").split())

    assert [] == [words for words in limits if words not in text]


def section_of(command: str) -> str:
    """Return the section of docs/commands.md about a command; the part before all sections is about the service."""
    text = page("commands.md")
    start = text.index(f"\n## {command}\n") if command else 0
    return text[start : text.index("\n## ", start + 1)]


@pytest.mark.parametrize("command", parsers())
def test_the_options_are_in_one_table(command: str) -> None:
    """The table is where users look up an option. --help is in no table, because everybody knows it."""
    head = "option" if command else "option of the service"
    listed = [call for cells in rows(section_of(command), head) for call in names(cells[0])]
    actions = [action for action in parsers()[command]._actions if action.option_strings]
    options = [option for action in actions for option in action.option_strings if option not in ("-h", "--help")]

    assert sorted(options) == sorted(call.split()[0] for call in listed)
    assert [] == [call for action in actions for call in calls_without_value(action, listed)]


def calls_without_value(action: argparse.Action, listed: list[str]) -> list[str]:
    """Return the documented calls of an option that lack its value, or have one although it takes none."""
    return [
        call for call in listed if call.split()[0] in action.option_strings and (action.nargs == 0) == (" " in call)
    ]


def commands_of(text: str) -> list[str]:
    """Return the commands of the `sh` blocks, without `sudo`."""
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    return [re.sub(r"^sudo |  +#.*", "", command) for line in lines for command in line.split(" && ")]


def test_an_upgrade_repeats_the_installation() -> None:
    """If an upgrade lacked or changed a command of the installation, a part of the old version would stay."""
    readme = commands_of((ROOT / "README.md").read_text(encoding="utf-8"))
    update = [command for command in readme if "/opt/ble_exporter/venv/bin/pip" in command]
    text = page("upgrade.md")
    upgrade = commands_of(text[: text.index("\n## Roll back")])

    assert update == [command for command in upgrade if command in update]
    assert "git pull" == upgrade[0]
    assert "/opt/ble_exporter/venv/bin/ble-exporter service install --replace --apply" == upgrade[-1]


def created_by(command: str) -> set[str]:
    """Return the files and folders outside of the checkout that an `install` or `ln` creates."""
    words = shlex.split(command)
    if words[0] not in ("install", "ln"):
        return set()
    options, operands = getopt.gnu_getopt(words[1:], "dDsg:m:o:t:")
    chosen = dict(options)
    if "-d" in chosen:
        return set(operands)
    target = f"{chosen['-t']}/" if "-t" in chosen else operands.pop()
    sources = [file for operand in operands for file in sorted(ROOT.glob(operand.lstrip("/"))) or [Path(operand)]]
    return {target + source.name * target.endswith("/") for source in sources}


OF_DEBIAN = {"/etc/prometheus/alertmanager.yml", "/etc/prometheus/prometheus.yml"}
"""Configurations of Debian's packages: the user changes them back, or removes the packages."""


def test_an_uninstallation_removes_everything() -> None:
    """The documented uninstallation must remove every file that the documented installation creates."""
    texts = [path.read_text("utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]]
    created = set().union(*(created_by(command) for text in texts for command in commands_of(text)))
    uninstall = commands_of(page("upgrade.md").partition("## Uninstall")[2])
    removed = [*UNIT_FILES]
    removed += [word for command in uninstall if command.startswith("rm ") for word in command.split()[2:]]
    left = [path for path in created if not any(fnmatch(path, word) or path.startswith(f"{word}/") for word in removed)]

    assert {"/usr/local/bin/ble-exporter", "/usr/local/share/man/man1/ble-exporter-doctor.1"} <= created
    assert sorted(OF_DEBIAN) == sorted(left)
    assert "ble-exporter service uninstall --apply" == uninstall[0]


WRITERS: Mapping[str, str] = {
    "cli/capture/recording.py": ".part-",
    "cli/recover/recovery.py": "/sys",
    "cli/service/steps.py": "/etc/sysusers.d/ble_exporter.conf",
    "config/in_place.py": ".before-discover-",
    "logger/handlers.py": f".{BACKUPS}` at the end",
    "scanner/reset_record.py": str(RECORD),
    "service/replay_state.py": f"/var/lib/ble_exporter/{FILE_NAME}",
    "system/files.py": "ble_exporter.log",  # shortens the log
}
"""Module that writes files → the words of docs/upgrade.md for them."""


def test_every_file_that_the_program_writes_is_named() -> None:
    """To uninstall the program, or to back up its files, an administrator needs the names of all of them."""
    writes = re.compile(
        r"O_WRONLY|O_RDWR|O_CREAT|_APPEND\b|write_text|write_bytes|mkstemp|\br\+b\b|open\([^)]*[\"'][wax]b?[\"']"
    )
    writers = {
        str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if writes.search(path.read_text("utf-8"))
    } - {"system/streams.py"}  # /dev/null, and streams that are open already

    assert sorted(WRITERS) == sorted(writers)
    assert [] == [words for words in WRITERS.values() if words not in page("upgrade.md")]
    assert f"/opt/ble_exporter/{DEFAULT_LOG_FILE.removeprefix('./')}" in page("upgrade.md")
