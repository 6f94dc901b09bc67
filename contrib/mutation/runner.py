"""Runs the tests on mutants in copies of the project, each run in its own process."""

import compileall
import gc
import os
import re
import resource
import shutil
import signal
import sys
from collections.abc import Container, Iterator, Sequence
from enum import Enum
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import pytest

from mutation.mutants import Identity, Mutant

FORMATS = Path("ble_exporter/formats")
# The tests against bthome-ble need Python 3.11, and take longer than all other tests together; test_new_format.py
# starts the program several times.
_LEFT_OUT = {"test_bthome_oracle.py", "test_bthome_differential.py", "test_new_format.py"}
_VECTORS = "tests/formats/test_vectors.py"
# The golden files of decode show the labels and notes of the fields.
_DECODE = [f"tests/cli/decode/test_{name}.py" for name in ("as_json", "as_text", "command", "explain", "guess")]
_OUTSIDE = ["tests/test_parser.py", "tests/metrics/test_families.py", *_DECODE]
# These options replace the project's addopts, which need the Hypothesis plugin that the first round does not load.
_OPTIONS = ["-o", "addopts=--import-mode=importlib", "-q", "-x", "--assert=plain", "-p", "no:cacheprovider"]
_WITHOUT_HYPOTHESIS = ["-p", "no:hypothesispytest"]  # the plugin reads all sources before the first test
_WITH_HYPOTHESIS = ["--hypothesis-profile=mutation"]
# Third-party modules that the tests import: imported once, then inherited by every run.
_PRELOADED = [
    "_hypothesis_pytestplugin", "asyncio", "cryptography.hazmat.primitives.ciphers.aead", "hypothesis.strategies",
    "prometheus_client", "unittest.mock", "yaml",
]  # fmt: skip
_UNMUTATED_LIMIT_S = 600
_LOWEST_LIMIT_S = 2
_MEMORY = 2 * 1024**3
_NO_TESTS = 5  # pytest's exit status
_OTHER_CODE = 97  # our own status: the tests imported a ble_exporter other than the copy's
_OVERRUN = {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGALRM}


class Outcome(Enum):
    """The result of the tests on a mutant."""

    SURVIVED = "survived"
    FAILED = "killed by a test"
    NOT_IMPORTED = "killed: the tests can't be imported"
    OVERRUN = "killed: takes too much time or memory"


class RunError(Exception):
    """The tests did not run, or failed without a mutation."""


def rounds(module: str) -> list[list[str]]:
    """
    Return pytest's arguments for each round of tests on a module's mutants.

    The first round, with the module's own tests (unless they use Hypothesis) and its format's vectors, kills most
    mutants in half a second. Only the surviving mutants need the second round, with all other tests.

    Args:
        module: File name in ble_exporter/formats.
    """
    tests = sorted(path for path in Path("tests/formats").glob("test_*.py") if path.name not in _LEFT_OUT)
    own = [str(path) for path in tests if path.name == f"test_{module}" and "hypothesis" not in path.read_text("utf-8")]
    others = [str(path) for path in tests if str(path) not in own]
    services = re.findall(r"0000(\w{4})-0000-1000", (FORMATS / module).read_text(encoding="utf-8"))
    of_format = ["-k", " or ".join([f"test_{Path(module).stem}", *services])] if services else []
    return [
        [*_OPTIONS, *_WITHOUT_HYPOTHESIS, *own, _VECTORS, *of_format],
        [*_OPTIONS, *_WITH_HYPOTHESIS, *others, *_OUTSIDE],
    ]


def outcomes(mutants: Sequence[Mutant], jobs: int, equivalent: Container[Identity] = ()) -> Iterator[Outcome]:
    """
    Yield the outcome of each mutant, in order.

    Args:
        mutants: The mutants.
        jobs: Number of mutants to test in parallel.
        equivalent: Mutants that no test can kill. Only the first round runs for them: the second one, which takes half
            a minute for a mutant that survives, would take longer than all the rest.

    Raises:
        RunError: The tests fail without a mutation, or found nothing to test.
    """
    for name in _PRELOADED:
        import_module(name)
    with TemporaryDirectory(prefix="mutants-") as directory:
        original = Path(directory, "original")
        shutil.copytree(".", original, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "dist"))
        # The modules to mutate are not compiled: Python would run the compiled original in place of a mutant that has
        # the same modification time, in seconds, and the same length.
        compileall.compile_dir(original, quiet=2, rx=re.compile(re.escape(str(FORMATS))))
        with get_context("fork").Pool(jobs, _move_to_copy, (original,)) as pool:
            limits_s = pool.apply(_limits_s)
            tasks = ((mutant, 1 if mutant.identity in equivalent else len(limits_s)) for mutant in mutants)
            yield from pool.imap(partial(_outcome, limits_s), tasks)


def _move_to_copy(original: Path) -> None:
    """Give this worker its own copy of the project as working directory and first import path."""
    sys.dont_write_bytecode = True
    project = str(Path.cwd())
    copy = mkdtemp(dir=original.parent)
    os.chdir(shutil.copytree(original, copy, dirs_exist_ok=True))
    sys.path[:] = [copy, *(entry for entry in sys.path if entry not in ("", project))]
    gc.freeze()  # pytest collects garbage when it ends, and should skip the objects that every run inherits


def _limits_s() -> list[int]:
    """Return each round's limit of processor time in seconds: four times that without a mutation, but at least 2."""
    limits_s = []
    for arguments in rounds("__init__.py"):
        outcome, cost_s = _run(arguments, _UNMUTATED_LIMIT_S)
        if outcome is not Outcome.SURVIVED:
            raise RunError(f"the tests fail without a mutation; run: python -m pytest {' '.join(arguments)}")
        limits_s.append(max(_LOWEST_LIMIT_S, round(4 * cost_s)))
    return limits_s


def _outcome(limits_s: list[int], task: tuple[Mutant, int]) -> Outcome:
    """Run a mutant's first rounds of tests, as many as the task says, until one of them kills it."""
    mutant, number_of_rounds = task
    path = FORMATS / mutant.identity.file
    original = path.read_text(encoding="utf-8")
    arguments = rounds(path.name)
    path.write_text(mutant.source, encoding="utf-8")
    try:
        runs = (_run(*run)[0] for run in list(zip(arguments, limits_s, strict=True))[:number_of_rounds])
        return next((outcome for outcome in runs if outcome is not Outcome.SURVIVED), Outcome.SURVIVED)
    finally:
        path.write_text(original, encoding="utf-8")


def _run(arguments: list[str], limit_s: int) -> tuple[Outcome, float]:
    """Run pytest in its own process; return the outcome, and the processor time in seconds."""
    child = os.fork()
    if not child:
        _run_and_exit(arguments, limit_s)
    _, wait_status, usage = os.wait4(child, 0)
    status = os.waitstatus_to_exitcode(wait_status)
    if status in (_NO_TESTS, _OTHER_CODE):
        raise RunError(f"pytest ended with status {status}: {' '.join(arguments)}")
    if status in (0, 1):
        outcome = Outcome.FAILED if status else Outcome.SURVIVED
    else:
        outcome = Outcome.OVERRUN if status in _OVERRUN else Outcome.NOT_IMPORTED
    return outcome, usage.ru_utime + usage.ru_stime


def _run_and_exit(arguments: list[str], limit_s: int) -> None:
    status = 3  # pytest's status for an internal error
    try:
        # The limit is for processor time, so that a busy machine kills no mutant. The alarm ends tests that only wait.
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        signal.alarm(30 * limit_s)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        status = int(pytest.main(arguments))
        loaded = getattr(sys.modules.get("ble_exporter"), "__file__", None)
        if loaded is not None and not Path(loaded).is_relative_to(Path.cwd()):
            status = _OTHER_CODE
    finally:
        os._exit(status)
