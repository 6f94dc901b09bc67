"""
`make fuzz`: search for inputs that make a decoder fail, guided by the branches that each input takes.

The search begins with the vectors, the kept inputs, and the inputs of earlier runs on this machine (.fuzz/corpus).

    python -m tests.formats.fuzzing             fuzz for FUZZ_SECONDS (60)
    python -m tests.formats.fuzzing --keep      write a small set of inputs that takes all branches into tests/corpus
    python -m tests.formats.fuzzing FILE …      run these inputs again
"""

import hashlib
import importlib.util
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.formats.corpus import Input, from_bytes, from_vectors, keep, kept

FOLDER = Path(".fuzz")
CORPUS = FOLDER / "corpus"
# Longer than an advertisement, because decoders must reject payloads that are too long.
_LONGEST = 300
# A decoder that takes longer than this counts as hanging.
_TIMEOUT_S = 2
_PROGRESS_S = 10.0

_STATE = re.compile(r"^#(\d+)\s.*cov: (\d+) ft: (\d+) corp: (\d+)/")


class State(NamedTuple):
    """
    The progress of the fuzzer, as libFuzzer prints it.

    Attributes:
        executions: The number of inputs that were run.
        coverage: The number of edges of the control-flow graph that were taken.
        features: The number of libFuzzer's features, such as an edge with a range of hit counts (1, 2, 3, 4 to 7, …).
        corpus: The number of inputs kept, each because it had a feature that no input before it had.
    """

    executions: int = 0
    coverage: int = 0
    features: int = 0
    corpus: int = 0

    def __str__(self) -> str:
        """Return the state as a line of progress."""
        return f"{self.executions:,} executions, {self.coverage} edges, {self.features} features, corpus {self.corpus}"


def _command(*options: str | Path) -> list[str]:
    fuzzer = [sys.executable, "-m", "tests.formats.fuzz_target"]
    return [*fuzzer, *map(str, options), f"-max_len={_LONGEST}", f"-timeout={_TIMEOUT_S}"]


def _write(inputs: Iterable[Input], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in inputs:
        data = one.to_bytes()
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


def _found() -> set[Path]:
    return {path for path in FOLDER.iterdir() if path.is_file()}


def fuzz(seconds: int) -> int:
    """
    Fuzz for the given number of seconds.

    Returns:
        The exit status: 1 if the fuzzer found a failure or failed itself, otherwise 0.
    """
    _write([*from_vectors(), *kept()], CORPUS)
    before, start = _found(), time.monotonic()
    # With the value profile, libFuzzer measures how near a value is to the one that a branch compares it with.
    command = _command(f"-max_total_time={seconds}", f"-artifact_prefix={FOLDER}/", "-use_value_profile=1", CORPUS)
    print(f"fuzzing for {seconds} s, from {len(list(CORPUS.iterdir()))} inputs", flush=True)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as fuzzer:
        first, last, report = _followed(fuzzer, start)
    took_s = time.monotonic() - start
    print(f"{took_s:.0f} s: {last}; {last.executions / took_s:,.0f} executions a second")
    print(f"since the start: {last.features - first.features:+} features, corpus {last.corpus - first.corpus:+}")
    found = _found() - before
    if fuzzer.returncode == 0 and not found:
        print("crashes: none")
        return 0
    print("\n".join(["", *report, ""]))
    for path in sorted(found):
        _print_failure(path)
    if not found:
        print(f"the fuzzer ended with status {fuzzer.returncode}")
    return 1


def _followed(fuzzer: "subprocess.Popen[str]", start: float) -> tuple[State, State, list[str]]:
    """Print the fuzzer's progress; return its first and last state, and the lines of its final report."""
    first = last = State()
    report: list[str] = []
    printed_at = start
    assert fuzzer.stdout is not None
    for line in fuzzer.stdout:
        state = _STATE.match(line)
        if state is None:
            # The report of a Python exception, or of libFuzzer itself, begins with one of these texts.
            if report or "Uncaught Python exception" in line or line.startswith("=="):
                report.append(line.rstrip())
            continue
        last = State(*map(int, state.groups()))
        if first.executions == 0 or " INITED " in line:
            first = last
        if time.monotonic() - printed_at >= _PROGRESS_S:
            printed_at = time.monotonic()
            print(f"{printed_at - start:4.0f} s: {last}", flush=True)
    return first, last, report


def _print_failure(path: Path) -> None:
    """Print an input that failed, the command to run it again, and its line for tests/corpus/formats.txt."""
    one = from_bytes(path.read_bytes())
    print(f"found: {path}, for the target {one.target}: {one.data.hex() or '(empty)'}")
    print(f"  again: make fuzz FUZZ_INPUT={path}")
    print(f"  once fixed, keep it with this line in tests/corpus/formats.txt: {one}")


def keep_what_is_needed() -> int:
    """Keep a small set of inputs that takes all branches taken so far; return libFuzzer's exit status."""
    _write([*from_vectors(), *kept()], CORPUS)
    with tempfile.TemporaryDirectory() as folder:
        status = subprocess.run(_command("-merge=1", folder, CORPUS), check=False).returncode
        if status == 0:
            keep(from_bytes(path.read_bytes()) for path in Path(folder).iterdir())
    return status


def main(arguments: list[str]) -> int:
    """Fuzz, keep inputs, or run files. Without atheris, print a message and skip the run; under CI, fail."""
    if importlib.util.find_spec("atheris") is None:
        here = f"Python {platform.python_version()} on {sys.platform}, {platform.machine()}"
        print(f"skipped: no atheris for {here}: make fuzz needs Python 3.10 to 3.13 on Linux, x86_64", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    FOLDER.mkdir(exist_ok=True)
    if arguments == ["--keep"]:
        return keep_what_is_needed()
    if arguments:
        return subprocess.run(_command(*arguments), check=False).returncode
    return fuzz(int(os.environ.get("FUZZ_SECONDS", "60")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
