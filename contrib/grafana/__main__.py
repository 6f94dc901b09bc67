"""Write the dashboard's JSON; with `--check`, only compare the committed file with the built JSON."""

import sys
from pathlib import Path

from grafana.dashboard import build

PATH = Path(__file__).with_name("ble_exporter.json")


def main(arguments: list[str]) -> int:
    """Write or compare the JSON; return the exit status, which is 1 if the committed file differs."""
    built = build()
    if arguments == ["--check"]:
        if PATH.read_text(encoding="utf-8") == built:
            return 0
        print(f"{PATH.name} differs from the built dashboard: run `make dashboard`, and commit it", file=sys.stderr)
        return 1
    PATH.write_text(built, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
