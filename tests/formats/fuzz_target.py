"""
The fuzzer's process: libFuzzer, which atheris brings, feeds the targets and sees which of their branches are taken.

Started by tests/formats/fuzzing.py, with libFuzzer's own options; with files instead, it runs those. atheris
instruments what is imported, so nothing of the decoders may be imported before.
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

    # To merge, libFuzzer gives the shell its own name and other options.
    name = f"{shlex.quote(sys.executable)} -m tests.formats.fuzz_target"
    atheris.Setup([name, *sys.argv[1:]], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
