"""
`make mutants`: mutate ble_exporter/formats, and judge its tests by what they notice.

Fails when less than 95 % of all mutants are killed (not asked of modules that are named), when one survives
that is not in tests/formats/survivors.json, or when one is there that is killed, or is no more.
"""

import argparse
import json
import os
import shlex
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from mutation import standard, tables
from mutation.mutants import Identity, Module, Mutant
from mutation.running import FORMATS, Outcome, RunError, Runner, rounds

_SURVIVORS = Path("tests/formats/survivors.json")
_WANTED = 95
_EVERY = 100


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="of ble_exporter/formats, without .py; all by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    paths = [FORMATS / f"{name}.py" for name in given.modules] or sorted(FORMATS.glob("*.py"))
    start = time.monotonic()
    mutants = [mutant for path in paths for mutant in _mutants(path)]
    print(f"{len(mutants)} mutants of {len(paths)} modules, made in {time.monotonic() - start:.0f} s")
    for path in paths[-1:]:
        print(f"Each is tested as those of {path.name}, each round only if it passed the one before:")
        for tests in rounds(path.name):
            print(f"  python -m pytest {shlex.join(tests)}", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="mutants-") as copies:
            found = _tested(mutants, Runner(Path(copies), given.jobs))
    except RunError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    print(f"\n{(time.monotonic() - start) / 60:.1f} minutes, {given.jobs} at once")
    return _judged(found, {path.name for path in paths}, 0 if given.modules else _WANTED)


def _mutants(path: Path) -> list[Mutant]:
    module = Module(path)
    return list(module.mutants([*tables.edits(module), *standard.edits(module)]))


def _tested(mutants: list[Mutant], runner: Runner) -> list[tuple[Mutant, Outcome]]:
    print(f"The tests pass without a mutation, in {runner.check_unmutated():.1f} s of processor time", flush=True)
    found: list[tuple[Mutant, Outcome]] = []
    for mutant, outcome in runner.outcomes(mutants):
        found.append((mutant, outcome))
        if outcome is Outcome.SURVIVED:
            name = mutant.identity
            print(f"  survived: {name.file}:{mutant.line} {name.place} ({mutant.operator})")
            print(f"    - {name.before}\n    + {name.after}", flush=True)
        if len(found) % _EVERY == 0 or len(found) == len(mutants):
            survived = sum(outcome is Outcome.SURVIVED for _, outcome in found)
            print(f"{len(found)} of {len(mutants)}, {survived} survived", flush=True)
    return found


def _judged(found: list[tuple[Mutant, Outcome]], files: set[str], wanted: int) -> int:
    for file in sorted(files):
        outcomes = Counter(outcome for mutant, outcome in found if mutant.identity.file == file)
        print(f"  {file:20} {outcomes.total():5} mutants {outcomes[Outcome.SURVIVED]:4} survived")
    outcomes = Counter(outcome for _, outcome in found)
    print("\n" + "\n".join(f"{outcomes[outcome]:6} {outcome.value}" for outcome in Outcome))
    killed = outcomes.total() - outcomes[Outcome.SURVIVED]
    percent = 100 * killed / max(outcomes.total(), 1)
    print(f"{outcomes.total()} mutants: {killed} killed, {outcomes[Outcome.SURVIVED]} survived, {percent:.2f} % killed")

    survivors = {mutant.identity for mutant, outcome in found if outcome is Outcome.SURVIVED}
    listed = {
        Identity(row["file"], row["in"], row["from"], row["to"])
        for group in json.loads(_SURVIVORS.read_text(encoding="utf-8"))
        for row in group["mutants"]
        if row["file"] in files
    }
    for name in sorted(survivors - listed):
        row = {"file": name.file, "in": name.place, "from": name.before, "to": name.after}
        print(f"not in {_SURVIVORS}: {json.dumps(row, ensure_ascii=False)}")
    for name in sorted(listed - survivors):
        print(f"in {_SURVIVORS}, but survives no more: {name}")
    if percent < wanted:
        print(f"{wanted} % are asked for")
    return int(survivors != listed or percent < wanted)


if __name__ == "__main__":
    sys.exit(main())
