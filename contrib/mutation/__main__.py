"""
`make mutants`: mutate ble_exporter/formats, and report the changes that its tests do not notice.

Fails if fewer than 95 % of all mutants are killed (not checked if modules are named), if a mutant survives that is not
in tests/formats/survivors.json, or if that file lists a mutant that is killed or no longer exists.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections import Counter
from pathlib import Path

from mutation import standard, tables
from mutation.mutants import Identity, Module, Mutant
from mutation.runner import FORMATS, Outcome, RunError, outcomes, rounds

_SURVIVORS = Path("tests/formats/survivors.json")
_WANTED_PERCENT = 95
_PROGRESS_EVERY = 100


def main() -> int:
    """Run the mutation tests; return the exit status."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="modules of ble_exporter/formats, without .py; all by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    start = time.monotonic()
    paths = [FORMATS / f"{name}.py" for name in options.modules] or sorted(FORMATS.glob("*.py"))
    mutants = [mutant for path in paths for mutant in _mutants(path)]
    print(f"{len(mutants)} mutants of {len(paths)} modules, made in {time.monotonic() - start:.0f} s")
    print(f"The tests run in two rounds, the second for the mutants that survive the first. For {paths[-1].name}:")
    for arguments in rounds(paths[-1].name):
        print(f"  python -m pytest {shlex.join(arguments)}", flush=True)
    listed = _listed({path.name for path in paths})
    try:
        survivors = _survivors(mutants, options.jobs, listed)
    except RunError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    killed = len(mutants) - len(survivors)
    percent = 100 * killed / max(len(mutants), 1)
    print(f"{(time.monotonic() - start) / 60:.1f} minutes, {options.jobs} in parallel")
    print(f"{len(mutants)} mutants: {killed} killed, {len(survivors)} survived, {percent:.2f} % killed")
    agrees = _agrees_with_list(survivors, listed)
    if options.modules or percent >= _WANTED_PERCENT:
        return 0 if agrees else 1
    print(f"At least {_WANTED_PERCENT} % must be killed")
    return 1


def _mutants(path: Path) -> list[Mutant]:
    module = Module(path)
    return list(module.mutants([*tables.edits(module), *standard.edits(module)]))


def _listed(files: set[str]) -> set[Identity]:
    """Return the mutants of these files, and of files that no longer exist, that are listed as equivalent."""
    groups = json.loads(_SURVIVORS.read_text(encoding="utf-8"))
    listed = {Identity(**row) for group in groups for row in group["mutants"]}
    return {name for name in listed if name.file in files or not (FORMATS / name.file).exists()}


def _survivors(mutants: list[Mutant], jobs: int, listed: set[Identity]) -> set[Identity]:
    """Test the mutants, print the progress and a summary, and return the mutants that survive."""
    counts: Counter[Outcome] = Counter()
    per_file: Counter[str] = Counter()
    survivors = set()
    for mutant, outcome in zip(mutants, outcomes(mutants, jobs, listed), strict=True):
        name = mutant.identity
        counts[outcome] += 1
        if outcome is Outcome.SURVIVED:
            survivors.add(name)
            per_file[name.file] += 1
        if outcome is Outcome.SURVIVED and name not in listed:
            print(f"  survived: {name.file}:{mutant.line} {name.function} ({mutant.operator})")
            print(f"    - {name.before}\n    + {name.after}", flush=True)
        if counts.total() % _PROGRESS_EVERY == 0:
            print(f"{counts.total()} of {len(mutants)}, {counts[Outcome.SURVIVED]} survived", flush=True)
    for file, total in Counter(mutant.identity.file for mutant in mutants).items():
        print(f"  {file:20} {total:5} mutants {per_file[file]:4} survived")
    for outcome in Outcome:
        print(f"{counts[outcome]:6} {outcome.value}")
    return survivors


def _agrees_with_list(survivors: set[Identity], listed: set[Identity]) -> bool:
    """Return whether the survivors are those listed; print each difference."""
    for name in sorted(survivors - listed):
        print(f"not in {_SURVIVORS}: {json.dumps(name._asdict(), ensure_ascii=False)}")
    for name in sorted(listed - survivors):
        print(f"in {_SURVIVORS}, but does not survive: {json.dumps(name._asdict(), ensure_ascii=False)}")
    return survivors == listed


if __name__ == "__main__":
    sys.exit(main())
