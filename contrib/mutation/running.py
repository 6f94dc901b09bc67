"""Runs the tests on mutants, each in a process of its own, on a copy of the project."""

import gc
import os
import queue
import re
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from multiprocessing import get_context
from pathlib import Path

import pytest

from mutation.mutants import Mutant

FORMATS = Path("ble_exporter/formats")
# The oracle's library needs Python 3.11, and takes longer than all others together: it judges our vectors, and they the
# mutants.
_NOT_NEEDED = {"test_bthome_oracle.py", "test_bthome_differential.py"}
_VECTORS = "tests/formats/test_vectors.py"
_ALSO = ["tests/test_parser.py", "tests/test_families.py"]
# Not the project's own addopts: the first round has no plugin that knows all of them.
_OPTIONS = ["-o", "addopts=--import-mode=importlib", "-q", "-x", "--assert=plain", "-p", "no:cacheprovider"]
_WITHOUT_HYPOTHESIS = ["-p", "no:hypothesispytest"]  # it reads all sources before the first test
_WITH_HYPOTHESIS = ["--hypothesis-profile=mutation"]
# What the tests import, and no part of the project: read once, for all mutants.
_PRELOADED = [
    "mutation.running", "pytest", "hypothesis.strategies", "_hypothesis_pytestplugin", "unittest.mock", "asyncio",
    "cryptography.hazmat.primitives.ciphers.aead", "prometheus_client", "yaml",
]  # fmt: skip
_FIRST_CPU_S = 600  # before it is known how long the tests take
_LEAST_CPU_S = 2
_COST = "cpu_s"  # the file in which a copy's unmutated run tells that
_MEMORY = 2 * 1024**3
_NO_TESTS = 5
_OTHER_CODE = 97  # the exit status when it was not the copy that was tested


class Outcome(Enum):
    """What became of a mutant."""

    SURVIVED = "survived"
    FAILED = "killed by a test"
    NOT_IMPORTED = "killed: the tests can't be imported"
    TIMED_OUT = "killed: takes too much processor time or memory"


class RunError(Exception):
    """The tests did not run, so they say nothing."""


def rounds(module: str, project: Path = Path()) -> list[list[str]]:
    """
    Return pytest's arguments for the mutants of a module: first its tests and its format's vectors, then all others.

    Args:
        module: Its file's name.
        project: The project, or a copy: a test file that it does not have would be an error, and so a mutant killed.
    """
    tests = {path.name for path in (project / "tests/formats").glob("test_*.py")} - _NOT_NEEDED
    paths = sorted(f"tests/formats/{name}" for name in tests)
    without = [path for path in paths if "hypothesis" not in (project / path).read_text(encoding="utf-8")]
    own = [path for path in (f"tests/formats/test_{module}",) if path in without]
    services = re.findall(r"0000(\w{4})-0000-1000", (project / FORMATS / module).read_text(encoding="utf-8"))
    of_format = ["-k", " or ".join([f"test_{Path(module).stem}", *services])] if services else []
    others = [path for path in paths if path not in own]
    return [
        [*_OPTIONS, *_WITHOUT_HYPOTHESIS, *own, _VECTORS, *of_format],
        [*_OPTIONS, *_WITH_HYPOTHESIS, *others, *_ALSO],
    ]


class Runner:
    """
    Runs the tests in a number of copies at once.

    Args:
        copies: Directory for them; it is the caller's to remove.
        count: How many.
    """

    def __init__(self, copies: Path, count: int) -> None:
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)
        self._limits_s = [_FIRST_CPU_S] * len(rounds("values.py"))
        self._free: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self.count = count
        for number in range(count):
            copy = copies / str(number)
            for name in ("ble_exporter", "tests"):
                shutil.copytree(name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy("pyproject.toml", copy)
            self._free.put(copy)

    def check_unmutated(self) -> float:
        """
        Run the tests in each copy as it is; return the processor time of the slowest run in seconds.

        Raises:
            RunError: They fail.
        """
        costs_s = [[0.0] for _ in self._limits_s]
        for _ in range(self.count):
            copy = self._free.get()
            for number, tests in enumerate(rounds("values.py", copy)):
                if self._round(copy, tests, _FIRST_CPU_S, write_bytecode=True) is not Outcome.SURVIVED:
                    raise RunError(f"the tests fail on the unmutated modules; run: python -m pytest {' '.join(tests)}")
                costs_s[number].append(float((copy / _COST).read_text(encoding="ascii")))
            # A mutant of the same second and the same length would be taken for what was compiled.
            shutil.rmtree(copy / FORMATS / "__pycache__")
            self._free.put(copy)
        self._limits_s = [max(_LEAST_CPU_S, round(4 * max(cost_s))) for cost_s in costs_s]
        return sum(max(cost_s) for cost_s in costs_s)

    def outcomes(self, mutants: Iterable[Mutant]) -> Iterator[tuple[Mutant, Outcome]]:
        """Yield each mutant with what became of it, in their order."""
        with ThreadPoolExecutor(self.count) as pool:
            yield from pool.map(self._test, mutants)

    def _test(self, mutant: Mutant) -> tuple[Mutant, Outcome]:
        copy = self._free.get()
        path = copy / FORMATS / mutant.identity.file
        original = path.read_text(encoding="utf-8")
        tests = rounds(mutant.identity.file, copy)
        try:
            path.write_text(mutant.source, encoding="utf-8")
            return mutant, self._outcome(copy, tests)
        finally:
            path.write_text(original, encoding="utf-8")
            self._free.put(copy)

    def _outcome(self, copy: Path, tests: list[list[str]]) -> Outcome:
        runs = zip(tests, self._limits_s, strict=True)
        outcomes = (self._round(copy, arguments, limit_s) for arguments, limit_s in runs)
        return next((outcome for outcome in outcomes if outcome is not Outcome.SURVIVED), Outcome.SURVIVED)

    def _round(self, copy: Path, tests: list[str], limit_s: int, *, write_bytecode: bool = False) -> Outcome:
        process = self._context.Process(target=_run, args=(str(copy), tests, limit_s, write_bytecode))
        process.start()
        # The limit is one of processor time: a busy machine kills no mutant. What sleeps takes none.
        process.join(30 * limit_s)
        if process.is_alive():
            process.kill()
            process.join()
            return Outcome.TIMED_OUT
        status = process.exitcode
        if status in (_NO_TESTS, _OTHER_CODE):
            raise RunError(f"pytest ended with status {status}: {' '.join(tests)}")
        if status in (0, 1):
            return Outcome.FAILED if status else Outcome.SURVIVED
        return Outcome.TIMED_OUT if status in (-signal.SIGXCPU, -signal.SIGKILL) else Outcome.NOT_IMPORTED


def _run(copy: str, tests: list[str], limit_s: int, write_bytecode: bool) -> None:
    """Run pytest as `python -m pytest` does in the copy, and exit with its status."""
    gc.freeze()  # pytest collects garbage at its end: not what was there before
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    sys.dont_write_bytecode = not write_bytecode
    project = str(Path.cwd())
    os.chdir(copy)
    sys.path[:] = [copy, *(entry for entry in sys.path if entry not in ("", project))]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    status = int(pytest.main(tests))
    loaded = getattr(sys.modules.get("ble_exporter"), "__file__", None)
    if loaded is not None and not loaded.startswith(copy):
        status = _OTHER_CODE
    if write_bytecode:
        Path(_COST).write_text(str(time.process_time()), encoding="ascii")
    os._exit(status)
