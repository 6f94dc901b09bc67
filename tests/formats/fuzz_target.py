"""
The fuzzer's process: libFuzzer, as packaged by atheris, feeds the targets and measures the branches that they take.

tests/formats/fuzzing.py starts this program with libFuzzer's options, or with files to run. Atheris instruments modules
while they are imported, so no decoder may be imported before `main` runs.
"""

import importlib
import shlex
import sys
from typing import Any


def main() -> None:
    """Run libFuzzer, which ends the process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["ble_exporter.formats", "ble_exporter.parser"]):
        corpus = importlib.import_module("tests.formats.corpus")

    def one_input(data: bytes) -> None:
        corpus.from_bytes(data).check()

    # For a merge, libFuzzer runs its own command line again in a shell, with other options.
    name = f"{shlex.quote(sys.executable)} -m tests.formats.fuzz_target"
    atheris.Setup([name, *sys.argv[1:]], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
