"""
`make fuzz`: look for bytes that a decoder does not stand, guided by the branches that they take.

It begins with the vectors, the inputs that are kept, and those that earlier runs have found here (.fuzz/corpus).

    python -m tests.formats.fuzzing             fuzz for FUZZ_SECONDS (60)
    python -m tests.formats.fuzzing --keep      write the inputs that are needed for all branches into tests/corpus
    python -m tests.formats.fuzzing FILE …      run what was found again
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
# More than an advertisement holds: what is too long is to be rejected.
_LONGEST = 300
# A decoder that needs so long is one that hangs.
_TIMEOUT_S = 2
_PROGRESS_S = 10.0

_STATE = re.compile(r"^#(\d+)\s.*cov: (\d+) ft: (\d+) corp: (\d+)/")


class State(NamedTuple):
    """
    How far the fuzzer is, as libFuzzer says it.

    Attributes:
        executions: Inputs that were run.
        coverage: Edges between branches that were taken.
        features: The same, told apart by how often they were.
        corpus: Inputs that take one that no other takes.
    """

    executions: int = 0
    coverage: int = 0
    features: int = 0
    corpus: int = 0

    def __str__(self) -> str:
        """Return it as a line of progress has it."""
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
    Fuzz.

    Returns:
        The exit status: 1 where something was found.
    """
    _write([*from_vectors(), *kept()], CORPUS)
    before, start = _found(), time.monotonic()
    # By the value profile it sees how near an id is to the one that a branch compares it with.
    command = _command(f"-max_total_time={seconds}", f"-artifact_prefix={FOLDER}/", "-use_value_profile=1", CORPUS)
    print(f"fuzzing for {seconds} s, from {len(list(CORPUS.iterdir()))} inputs", flush=True)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as fuzzer:
        first, last, said = _followed(fuzzer, start)
    took_s = time.monotonic() - start
    print(f"{took_s:.0f} s: {last}; {last.executions / took_s:,.0f} executions a second")
    print(f"since the start: {last.features - first.features:+} features, corpus {last.corpus - first.corpus:+}")
    found = _found() - before
    if fuzzer.returncode == 0 and not found:
        print("crashes: none")
        return 0
    print("\n".join(["", *said, ""]))
    for path in sorted(found):
        _tell(path)
    if not found:
        print(f"the fuzzer ended with status {fuzzer.returncode}")
    return 1


def _followed(fuzzer: "subprocess.Popen[str]", start: float) -> tuple[State, State, list[str]]:
    """Print how far the fuzzer is; return how far it was at first and at last, and what else it said in the end."""
    first = last = State()
    said: list[str] = []
    told_at = start
    assert fuzzer.stdout is not None
    for line in fuzzer.stdout:
        state = _STATE.match(line)
        if state is None:
            # What a Python exception and libFuzzer's report have to say begins with one of these.
            if said or "Uncaught Python exception" in line or line.startswith("=="):
                said.append(line.rstrip())
            continue
        last = State(*map(int, state.groups()))
        if first.executions == 0 or " INITED " in line:
            first = last
        if time.monotonic() - told_at >= _PROGRESS_S:
            told_at = time.monotonic()
            print(f"{told_at - start:4.0f} s: {last}", flush=True)
    return first, last, said


def _tell(path: Path) -> None:
    """Print what was found, how to see it again, and how to keep it."""
    one = from_bytes(path.read_bytes())
    print(f"found: {path}, for the target {one.target}: {one.data.hex() or '(empty)'}")
    print(f"  again: make fuzz FUZZ_INPUT={path}")
    print(f"  when it is mended, so that it stays so, a line in tests/corpus/formats.txt: {one}")


def keep_what_is_needed() -> int:
    """Write the fewest inputs found that take all branches which any takes; return libFuzzer's exit status."""
    _write([*from_vectors(), *kept()], CORPUS)
    with tempfile.TemporaryDirectory() as folder:
        status = subprocess.run(_command("-merge=1", folder, CORPUS), check=False).returncode
        if status == 0:
            keep(from_bytes(path.read_bytes()) for path in Path(folder).iterdir())
    return status


def main(arguments: list[str]) -> int:
    """Do what the arguments say; without atheris skip it, or fail under CI, where everything has to be there."""
    if importlib.util.find_spec("atheris") is None:
        here = f"Python {platform.python_version()} on {sys.platform}, {platform.machine()}"
        print(f"skipped: no atheris for {here}: make fuzz takes Python 3.10 to 3.13 on Linux, x86_64", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    FOLDER.mkdir(exist_ok=True)
    if arguments == ["--keep"]:
        return keep_what_is_needed()
    if arguments:
        return subprocess.run(_command(*arguments), check=False).returncode
    return fuzz(int(os.environ.get("FUZZ_SECONDS", "60")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
