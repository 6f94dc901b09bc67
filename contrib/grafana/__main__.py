"""Write the dashboard's JSON, or check with `--check` that the committed one is what the code builds."""

import sys
from pathlib import Path

from grafana.dashboard import build

PATH = Path(__file__).with_name("ble_exporter.json")


def main(arguments: list[str]) -> int:
    """Return the exit status: 1 if the committed JSON differs from what the code builds."""
    built = build()
    if arguments == ["--check"]:
        if PATH.read_text(encoding="utf-8") == built:
            return 0
        print(f"{PATH.name} is not what the code builds: run `make dashboard`, and commit the file", file=sys.stderr)
        return 1
    PATH.write_text(built, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
