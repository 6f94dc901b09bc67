"""
The manual pages and the completions of the shells have all options of the program, and work.

The tests with the mark `docs` need shells, man, or packages that a developer may lack.
"""

import argparse
import os
import pty
import re
import select
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import manual
import pytest
from manual import COMPLETIONS, parsers

from tests.conftest import HERE
from tests.program import PATIENCE_S

ROOT = HERE.parent
PAGES = sorted((ROOT / "contrib/man").glob("*.1"))
BASH, ZSH, FISH = (ROOT / "contrib/completion" / COMPLETIONS[shell] for shell in ("bash", "zsh", "fish"))


def need(is_there: object, hint: str) -> None:
    """Skip the test if a requirement is missing; fail under CI, where everything must be installed."""
    if not is_there:
        if os.environ.get("CI"):
            pytest.fail(hint, pytrace=False)
        pytest.skip(hint)


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """Return what a command prints on standard output; fail if it prints an error."""
    # Plain text, whatever terminal the tests run on.
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "TERM": "dumb", "HOME": str(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert "" == done.stderr
    return done.stdout


def actions_of(command: str) -> list[argparse.Action]:
    """Return the options and arguments of a command."""
    return parsers()[command]._actions


def text_of(command: str) -> str:
    """Return the words of a manual page, without their markup."""
    page = (ROOT / "contrib/man" / f"ble-exporter-{command}.1".replace("-.", ".")).read_text(encoding="utf-8")
    plain = re.sub(r"\\f[BIR]|\\[,/]|^\.[A-Z]+ ?", "", page, flags=re.MULTILINE)
    return " ".join(plain.replace(r"\-", "-").replace(r"\(aq", "'").replace(r"\e", "\\").split())


@pytest.mark.parametrize("command", parsers())
def test_the_manual_page_has_every_option_and_its_help(command: str) -> None:
    """A changed option must be noticed even without the packages of `make docs`. If this fails, run `make manual`."""
    text = text_of(command)
    formatter = argparse.HelpFormatter("ble-exporter")
    # A manual page does not list --help.
    actions = [action for action in actions_of(command) if "--help" not in action.option_strings]
    helps = [" ".join(formatter._expand_help(action).split()) for action in actions]

    assert [] == [option for action in actions for option in action.option_strings if option not in text.split()]
    assert [] == [words for words in helps if words not in text]


@pytest.mark.parametrize("file", [BASH, ZSH, FISH], ids=["bash", "zsh", "fish"])
@pytest.mark.parametrize("command", parsers())
def test_the_completion_has_every_option(command: str, file: Path) -> None:
    """A new option that the shells do not offer stays unknown. If this fails, run `make manual`."""
    text = file.read_text(encoding="utf-8")
    options = {option for action in actions_of(command) for option in action.option_strings}
    named = set(re.findall(r"(?<![\w.-])--?[\w.-]+", text)) | {
        f"--{long}" for long in re.findall(r" -l ['\"]?([\w.-]+)", text)
    }

    assert set() == {option for option in options if option.startswith("--")} - named


def completed(folder: Path, *words: str) -> list[str]:
    """Return what bash offers for the last word of a command line."""
    script = (
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
        '"$(complete -p ble-exporter | sed "s/.*-F \\([^ ]*\\) .*/\\1/")"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    offered = run("bash", "--norc", "-c", script, "bash", BASH, "ble-exporter", *words, folder=folder)
    return sorted(offered.split())


@pytest.mark.program
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["d"], ["decode", "discover", "doctor"]),
        (["doc"], ["doctor"]),
        (["--config."], ["--config.check", "--config.file"]),
        (["--log.format", ""], ["json", "logfmt", "text"]),
        (["--log.format", "j"], ["json"]),
        (["--config", "home.y"], ["home.yaml"]),
        (["discover", "--w"], ["--write"]),
        (["discover", "--write", ""], ["home.btsnoop", "home.yaml"]),
        (["recover", "--dr"], ["--dry-run"]),
        (["service", "un"], ["uninstall"]),
        (["decode", "--capture", "home.b"], ["home.btsnoop"]),
        (["capture", "home"], ["home.btsnoop", "home.yaml"]),
    ],
)
def test_bash_completes(words: list[str], offered: list[str], tmp_path: Path) -> None:
    """A user presses Tab for a command, an option, its value, or a file."""
    for name in ("home.yaml", "home.btsnoop"):
        (tmp_path / name).touch()

    assert offered == completed(tmp_path, *words)


@pytest.mark.docs
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ble-exporter d", {"decode", "discover", "doctor"}),
        ("ble-exporter discover --wr", {"--write"}),
        ("ble-exporter --log.format ", {"json", "logfmt", "text"}),
        ("ble-exporter discover --write ho", {"home.yaml"}),
    ],
)
def test_fish_completes(line: str, offered: set[str], tmp_path: Path) -> None:
    """Users of fish expect the same completions as those of bash."""
    need(shutil.which("fish"), "fish is missing: apt-get install fish")
    (tmp_path / "home.yaml").touch()
    said = run("fish", "--no-config", "-c", f"source {FISH}; complete -C '{line}'", folder=tmp_path)

    assert offered <= {row.split("\t")[0] for row in said.splitlines()}


def typed_in_zsh(line: str, expected: str, folder: Path) -> None:
    """Type a line and Tab in an interactive zsh; wait until the line is the expected one, or fail."""
    prepare = f"fpath=({ZSH.parent} $fpath); autoload -U compinit; compinit -D -u; echo rea''dy\n"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb"}
    terminal, shells = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=shells, stdout=shells, stderr=shells, cwd=folder, env=environment
    )
    os.close(shells)
    try:
        for typed, awaited in ((prepare, "ready\r"), (f"{line}\t", expected)):
            os.write(terminal, typed.encode())
            shown = ""
            while awaited not in shown:
                assert select.select([terminal], [], [], PATIENCE_S)[0], shown
                shown += os.read(terminal, 1000).decode(errors="replace")
    finally:
        shell.kill()
        shell.wait(PATIENCE_S)
        os.close(terminal)


@pytest.mark.docs
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ble-exporter disc", "ble-exporter discover "),
        ("ble-exporter discover --wr", "ble-exporter discover --write "),
        ("ble-exporter --log.format j", "ble-exporter --log.format json "),
        ("ble-exporter discover --write ho", "ble-exporter discover --write home.yaml "),
    ],
)
def test_zsh_completes(line: str, expected: str, tmp_path: Path) -> None:
    """Zsh runs parts of a completion only when they are needed, so a test must press Tab."""
    need(shutil.which("zsh"), "zsh is missing: apt-get install zsh")
    (tmp_path / "home.yaml").touch()

    typed_in_zsh(line, expected, tmp_path)


@pytest.mark.docs
@pytest.mark.parametrize(("shell", "file"), [("bash", BASH), ("zsh", ZSH), ("fish", FISH)])
def test_the_shell_can_read_its_completion(shell: str, file: Path) -> None:
    """With a syntax error, the shell would print the error instead of completing a word."""
    need(shutil.which(shell), f"{shell} is missing: apt-get install {shell}")

    assert "" == run(shell, "-n", file)


@pytest.mark.docs
@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_man_shows_the_page_without_warnings(page: Path) -> None:
    """A fault in the markup would hide a part of the page."""
    need(shutil.which("man"), "man is missing: apt-get install man-db")
    shown = run("man", "--warnings", "-l", page)

    assert ["NAME", "SYNOPSIS"] == re.findall(r"^[A-Z ]+$", shown, re.MULTILINE)[:2]


@pytest.mark.docs
def test_the_files_are_those_of_the_parsers() -> None:
    """Users install these files from the repository. If this fails, run `make manual`."""
    need(find_spec("shtab") and find_spec("argparse_manpage"), "the libraries are missing: run `make docs`")
    written = {
        path: path.read_text(encoding="utf-8")
        for folder in ("man", "completion")
        for path in (ROOT / "contrib" / folder).iterdir()
    }

    assert sorted(manual.files()) == sorted(written)
    assert [] == [path.name for path, text in manual.files().items() if text != written[path]]
