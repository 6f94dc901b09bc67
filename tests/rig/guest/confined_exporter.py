"""
Run the exporter unchanged, as its systemd unit confines it.

    python -m rig.guest.confined_exporter --config …
"""

from __future__ import annotations

from .confinement import run_confined

if __name__ == "__main__":
    run_confined("ble_exporter.service", __spec__.name)
